/* SPDX-License-Identifier: MIT */
/* str.c - strict parsing of numbers and their units, and text for people.
 * Pure; used by every process; never guesses at half a number. */
#include "base/str.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

struct unit {
    const char *suffix;
    uint64_t factor;
};

static const struct unit duration_units[] = {
    {"", 1},          {"ms", 1},           {"s", 1000},
    {"m", 60 * 1000}, {"h", 3600 * 1000L}, {"d", 24 * 3600 * 1000L},
};

#define KIB 1024ULL
static const struct unit size_units[] = {
    {"", 1},
    {"B", 1},
    {"K", KIB},
    {"KB", KIB},
    {"KiB", KIB},
    {"M", KIB *KIB},
    {"MB", KIB *KIB},
    {"MiB", KIB *KIB},
    {"G", KIB *KIB *KIB},
    {"GB", KIB *KIB *KIB},
    {"GiB", KIB *KIB *KIB},
    {"T", KIB *KIB *KIB *KIB},
    {"TB", KIB *KIB *KIB *KIB},
    {"TiB", KIB *KIB *KIB *KIB},
};

/* Reads the leading digits; *end points behind them. -1: none, or over 2^64. */
static int read_digits(const char *s, const char **end, uint64_t *out)
{
    uint64_t value = 0;
    const char *p = s;

    while (*p >= '0' && *p <= '9') {
        if (__builtin_mul_overflow(value, 10U, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value)) {
            return -1;
        }
        p++;
    }
    if (p == s) {
        return -1;
    }
    *end = p;
    *out = value;
    return 0;
}

int str_parse_u64(const char *s, uint64_t *out, struct err *e)
{
    const char *end;
    uint64_t value;

    if (read_digits(s, &end, &value) < 0 || *end != '\0') {
        return err_set(e, ERR_INPUT, "'%.60s' is not a whole number from 0", s);
    }
    *out = value;
    return 0;
}

int str_parse_i64(const char *s, int64_t *out, struct err *e)
{
    bool negative = s[0] == '-';
    const char *end;
    uint64_t value;

    if (read_digits(s + (negative ? 1 : 0), &end, &value) < 0 || *end != '\0' ||
        value > (uint64_t)INT64_MAX + (negative ? 1 : 0)) {
        return err_set(e, ERR_INPUT, "'%.60s' is not a whole number", s);
    }
    /* Negated as unsigned: -INT64_MIN does not exist. */
    *out = (int64_t)(negative ? 0 - value : value);
    return 0;
}

static int parse_with_unit(const char *s, const struct unit *units,
                           size_t unit_count, uint64_t *out)
{
    const char *end;
    uint64_t value;

    if (read_digits(s, &end, &value) < 0) {
        return -1;
    }
    while (*end == ' ') {
        end++;
    }
    for (size_t i = 0; i < unit_count; i++) {
        if (strcasecmp(end, units[i].suffix) == 0) {
            return __builtin_mul_overflow(value, units[i].factor, out) ? -1 : 0;
        }
    }
    return -1;
}

int str_parse_duration_ms(const char *s, uint64_t *out, struct err *e)
{
    uint64_t value;

    if (parse_with_unit(s, duration_units, ARRAY_LEN(duration_units), &value) <
        0) {
        return err_set(e, ERR_INPUT,
                       "'%.60s' is not a duration such as 1500, 250ms, 30s, "
                       "5m or 2h",
                       s);
    }
    *out = value;
    return 0;
}

int str_parse_size(const char *s, uint64_t *out, struct err *e)
{
    uint64_t value;

    if (parse_with_unit(s, size_units, ARRAY_LEN(size_units), &value) < 0) {
        return err_set(e, ERR_INPUT,
                       "'%.60s' is not a size such as 4096, 64KiB or 512MiB",
                       s);
    }
    *out = value;
    return 0;
}

int str_parse_bool(const char *s, bool *out, struct err *e)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {
        {"true", true}, {"false", false}, {"yes", true}, {"no", false},
        {"on", true},   {"off", false},   {"1", true},   {"0", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcasecmp(s, words[i].word) == 0) {
            *out = words[i].value;
            return 0;
        }
    }
    return err_set(e, ERR_INPUT, "'%.60s' is neither true nor false", s);
}

bool str_copy(char *dst, size_t dst_size, const char *src)
{
    size_t len = strlen(src);
    bool fits = len < dst_size;

    if (dst_size == 0) {
        return false;
    }
    if (!fits) {
        len = dst_size - 1;
    }
    memcpy(dst, src, len);
    dst[len] = '\0';
    return fits;
}

bool str_starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

void str_format_size(uint64_t bytes, char *dst, size_t dst_size)
{
    static const char *const names[] = {"KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes / 1024.0;
    size_t i = 0;

    if (bytes < 1024) {
        (void)snprintf(dst, dst_size, "%u B", (unsigned)bytes);
        return;
    }
    /* 1023.95 and not 1024: "1024.0 KiB" would be printed below it. */
    while (value >= 1023.95 && i + 1 < ARRAY_LEN(names)) {
        value /= 1024.0;
        i++;
    }
    (void)snprintf(dst, dst_size, "%.1f %s", value, names[i]);
}

void str_format_us(uint64_t us, char *dst, size_t dst_size)
{
    if (us < 1000) {
        (void)snprintf(dst, dst_size, "%u us", (unsigned)us);
    } else if (us < 1000 * 1000) {
        (void)snprintf(dst, dst_size, "%u ms", (unsigned)(us / 1000));
    } else {
        (void)snprintf(dst, dst_size, "%.1f s", (double)us / 1e6);
    }
}
