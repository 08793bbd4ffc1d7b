/* SPDX-License-Identifier: MIT */
/* times.c - see times.h. */
#include "base/times.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include "base/str.h"

/* A text that is read from the left; at is NULL once it was wrong. */
struct reading {
    const char *at;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int take_number(struct reading *r, size_t digits, int min, int max)
{
    int value = 0;

    for (size_t i = 0; r->at && i < digits; i++) {
        if (!is_digit(*r->at)) {
            r->at = NULL;
            return 0;
        }
        value = value * 10 + (*r->at++ - '0');
    }
    if (value < min || value > max) {
        r->at = NULL;
    }
    return value;
}

/* One of these; 0: none of them. */
static char take_char(struct reading *r, const char *any)
{
    char c = r->at ? *r->at : '\0';

    if (c == '\0' || !strchr(any, c)) {
        r->at = NULL;
        return '\0';
    }
    r->at++;
    return c;
}

static uint64_t take_fraction_ms(struct reading *r)
{
    uint64_t value = 0;
    unsigned weight = 100;

    if (!r->at || *r->at != '.') {
        return 0;
    }
    r->at++;
    if (!is_digit(*r->at)) {
        r->at = NULL;
        return 0;
    }
    for (; is_digit(*r->at); r->at++, weight /= 10) {
        value += (unsigned)(*r->at - '0') * weight;
    }
    return value;
}

static int take_offset_s(struct reading *r)
{
    char sign = take_char(r, "Zz+-");
    int seconds = 0;

    if (!sign || sign == 'Z' || sign == 'z') {
        return 0;
    }
    seconds = take_number(r, 2, 0, 23) * 3600;
    (void)take_char(r, ":");
    seconds += take_number(r, 2, 0, 59) * 60;
    return sign == '-' ? -seconds : seconds;
}

static int days_of(const struct tm *tm)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = tm->tm_year + 1900;
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days[tm->tm_mon] + (is_leap && tm->tm_mon == 1);
}

static void take_day(struct reading *r, struct tm *tm)
{
    tm->tm_year = take_number(r, 4, 1970, 9999) - 1900;
    (void)take_char(r, "-");
    tm->tm_mon = take_number(r, 2, 1, 12) - 1;
    (void)take_char(r, "-");
    if (r->at) {
        tm->tm_mday = take_number(r, 2, 1, days_of(tm));
    }
}

int times_parse(const char *text, uint64_t *out_unix_ms, struct err *e)
{
    struct reading r = {text};
    struct tm tm = {0};
    uint64_t fraction_ms = 0;
    int64_t seconds = 0;

    take_day(&r, &tm);
    (void)take_char(&r, "Tt ");
    tm.tm_hour = take_number(&r, 2, 0, 23);
    (void)take_char(&r, ":");
    tm.tm_min = take_number(&r, 2, 0, 59);
    (void)take_char(&r, ":");
    tm.tm_sec = take_number(&r, 2, 0, 60); /* 60: a leap second */
    fraction_ms = take_fraction_ms(&r);
    seconds = -take_offset_s(&r);
    seconds += timegm(&tm);
    if (!r.at || *r.at || seconds < 0) {
        return err_set(e, ERR_INPUT,
                       "'%.60s' is no time such as 2026-01-31T14:05:00Z", text);
    }
    *out_unix_ms = (uint64_t)seconds * 1000 + fraction_ms;
    return 0;
}

int times_parse_past(const char *text, uint64_t now_unix_ms,
                     uint64_t *out_unix_ms, struct err *e)
{
    uint64_t ago_ms = 0;

    if (times_parse(text, out_unix_ms, NULL) == 0) {
        return 0;
    }
    if (str_parse_duration_ms(text, &ago_ms, NULL) < 0) {
        return err_set(e, ERR_INPUT,
                       "'%.60s' is neither a duration such as 90m or 7d nor a "
                       "time such as 2026-01-31T14:05:00Z",
                       text);
    }
    *out_unix_ms = ago_ms < now_unix_ms ? now_unix_ms - ago_ms : 0;
    return 0;
}

const char *times_format(int64_t unix_ms, char out[TIMES_SIZE])
{
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm tm;

    if (unix_ms < 0 || !gmtime_r(&seconds, &tm) || tm.tm_year > 9999 - 1900 ||
        strftime(out, TIMES_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
        (void)str_copy(out, TIMES_SIZE, "-");
    }
    return out;
}
