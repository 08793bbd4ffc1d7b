/* SPDX-License-Identifier: MIT */
/* log.c - one line per event on stderr. Every process that lives longer than
 * a moment uses it; a child between clone and exec does not. Never fails,
 * never allocates, never writes half a line. */
#include "base/log.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"

/* PIPE_BUF: up to here a write to a pipe is never mixed with another one. */
#define LINE_MAX_BYTES   4096U
#define FIELDS_MAX_BYTES 3072U
#define FIELD_MAX        32U

static enum log_level current_level = LOG_INFO;
static bool is_json;
static char worker_name[64];

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug",
    [LOG_INFO] = "info",
    [LOG_WARN] = "warn",
    [LOG_ERROR] = "error",
};

/* The line under construction. A piece that does not fit is left out whole,
 * and is_full says so. */
struct line {
    char text[LINE_MAX_BYTES];
    size_t len;
    bool is_full;
};

/* Kept for the end of the line: brace and newline. */
#define TAIL_BYTES 2U

/* One key=value pair, inside the formatted fields. */
struct field {
    const char *key;
    size_t key_len;
    const char *value;
    size_t value_len;
    bool is_number;
};

void log_set_level(enum log_level level)
{
    current_level = level;
}

void log_set_json(bool on)
{
    is_json = on;
}

void log_set_name(const char *name)
{
    (void)str_copy(worker_name, sizeof(worker_name), name);
}

bool log_enabled(enum log_level level)
{
    return level >= current_level;
}

int log_level_parse(const char *s, enum log_level *out, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (strcasecmp(s, level_names[i]) == 0) {
            *out = (enum log_level)i;
            return 0;
        }
    }
    return err_set(e, ERR_INPUT,
                   "'%.60s' is no log level: debug, info, warn or error", s);
}

static void put(struct line *l, const char *s, size_t len)
{
    if (len > sizeof(l->text) - TAIL_BYTES - l->len) {
        l->is_full = true;
        return;
    }
    memcpy(l->text + l->len, s, len);
    l->len += len;
}

static void put_text(struct line *l, const char *s)
{
    put(l, s, strlen(s));
}

static void put_escaped(struct line *l, const char *s, size_t len)
{
    static const char hex[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        char esc[7] = {'\\', (char)c, 0};
        size_t n = 2;

        if (c == '\n' || c == '\t' || c == '\r') {
            esc[1] = c == '\n' ? 'n' : c == '\t' ? 't' : 'r';
        } else if (c < 0x20 || c == 0x7f) {
            memcpy(esc, "\\u00", 4);
            esc[4] = hex[c >> 4];
            esc[5] = hex[c & 15];
            n = 6;
        } else if (c != '"' && c != '\\') {
            esc[0] = (char)c;
            n = 1;
        }
        /* Cut here, while the closing quote still fits. */
        if (l->len + n + 1 > sizeof(l->text) - TAIL_BYTES) {
            return;
        }
        put(l, esc, n);
    }
}

/* Bytes that are no UTF-8 come from outside and must not spoil the line for a
 * JSON parser: they become '?', all of those over 0x7f in the value. */
static void put_quoted(struct line *l, const char *s, size_t len)
{
    char ascii[FIELDS_MAX_BYTES];

    if (len > sizeof(ascii)) {
        len = sizeof(ascii);
    }
    if (!view_is_text((struct view){.data = s, .len = len})) {
        for (size_t i = 0; i < len; i++) {
            ascii[i] = (unsigned char)s[i] > 0x7f ? '?' : s[i];
        }
        s = ascii;
    }
    put_text(l, "\"");
    put_escaped(l, s, len);
    put_text(l, "\"");
}

static bool needs_quotes(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];

        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f) {
            return true;
        }
    }
    return len == 0 || !view_is_text((struct view){.data = s, .len = len});
}

static void put_field(struct line *l, const struct field *f)
{
    size_t mark = l->len;

    if (is_json) {
        put_text(l, ",\"");
        put_escaped(l, f->key, f->key_len);
        put_text(l, "\":");
    } else {
        put_text(l, " ");
        put(l, f->key, f->key_len);
        put_text(l, "=");
    }
    if (is_json ? !f->is_number : needs_quotes(f->value, f->value_len)) {
        put_quoted(l, f->value, f->value_len);
    } else {
        put(l, f->value, f->value_len);
    }
    if (l->is_full) {
        l->len = mark; /* half a field would spoil the line for a parser */
        l->is_full = false;
    }
}

/* Length of the leading "key" in "key=...", 0 when there is none. */
static size_t key_length(const char *s)
{
    size_t n = 0;

    while (isalnum((unsigned char)s[n]) || s[n] == '_' || s[n] == '.') {
        n++;
    }
    return s[n] == '=' ? n : 0;
}

/* Where the pair starting at fmt ends: at the next " key=" or the end. */
static size_t pair_length(const char *fmt)
{
    size_t n = 0;

    while (fmt[n] != '\0' && !(fmt[n] == ' ' && key_length(fmt + n + 1) > 0)) {
        n++;
    }
    return n;
}

/* "%u" alone is a number in JSON, unless the value turns out as nan or inf. */
static bool is_numeric(const char *fmt_value, const char *fmt_end,
                       const char *value, size_t len)
{
    return fmt_value < fmt_end && fmt_value[0] == '%' &&
           strchr("diuf", fmt_end[-1]) != NULL &&
           memchr(fmt_value + 1, '%', (size_t)(fmt_end - fmt_value - 1)) ==
               NULL &&
           len > 0 && isdigit((unsigned char)value[len - 1]);
}

/* Formats ever longer beginnings of the format to learn where each value
 * ends. Splitting the finished text instead would let a value that contains
 * " status=ok" forge a field. */
static void put_fields(struct line *l, const char *fmt, va_list ap)
{
    char head[512];
    char text[FIELDS_MAX_BYTES];
    size_t start = 0;
    size_t end = 0;

    for (size_t i = 0; i < FIELD_MAX && fmt[end] != '\0'; i++) {
        size_t pair = end + (end > 0 ? 1 : 0);
        size_t key_len = key_length(fmt + pair);
        struct field f;
        va_list copy;
        int n;

        end = pair + pair_length(fmt + pair);
        if (end >= sizeof(head)) {
            return;
        }
        memcpy(head, fmt, end);
        head[end] = '\0';
        va_copy(copy, ap);
        n = vsnprintf(text, sizeof(text), head, copy);
        va_end(copy);
        if (n < 0 || start >= sizeof(text)) {
            return;
        }
        if ((size_t)n >= sizeof(text)) {
            n = (int)sizeof(text) - 1;
        }
        f.key = key_len > 0 ? fmt + pair : "text";
        f.key_len = key_len > 0 ? key_len : 4;
        start += (pair > 0 ? 1 : 0) + (key_len > 0 ? key_len + 1 : 0);
        if (start > (size_t)n) {
            return;
        }
        f.value = text + start;
        f.value_len = (size_t)n - start;
        f.is_number = is_numeric(fmt + pair + (key_len > 0 ? key_len + 1 : 0),
                                 fmt + end, f.value, f.value_len);
        put_field(l, &f);
        start = (size_t)n;
    }
}

static void put_stamp(struct line *l)
{
    uint64_t now_ns = clock_unix_ns();
    time_t seconds = (time_t)(now_ns / 1000000000U);
    unsigned ms = (unsigned)(now_ns / 1000000U % 1000U);
    char stamp[32] = "";
    char tail[8];
    struct tm tm;

    if (gmtime_r(&seconds, &tm) != NULL) {
        (void)strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
    }
    (void)snprintf(tail, sizeof(tail), ".%03uZ", ms);
    put_text(l, stamp);
    put_text(l, tail);
}

static void put_head(struct line *l, enum log_level level, const char *event)
{
    const struct field worker = {
        .key = "worker",
        .key_len = strlen("worker"),
        .value = worker_name,
        .value_len = strlen(worker_name),
    };

    if (is_json) {
        put_text(l, "{\"time\":\"");
        put_stamp(l);
        put_text(l, "\",\"level\":\"");
        put_text(l, level_names[level]);
        put_text(l, "\",\"event\":");
        put_quoted(l, event, strlen(event));
    } else {
        put_stamp(l);
        /* Padded, so that events stand below each other. */
        put_text(l, " ");
        put_text(l, level_names[level]);
        put_text(l, strlen(level_names[level]) < 5 ? "  " : " ");
        put_text(l, event);
    }
    if (worker_name[0] != '\0') {
        put_field(l, &worker);
    }
}

void log_line(enum log_level level, const char *event, const char *fields, ...)
{
    int saved = errno;
    struct line l;
    va_list ap;

    if (!log_enabled(level)) {
        return;
    }
    l.len = 0;
    l.is_full = false;
    put_head(&l, level, event);
    if (fields != NULL) {
        va_start(ap, fields);
        put_fields(&l, fields, ap);
        va_end(ap);
    }
    if (is_json) {
        l.text[l.len++] = '}';
    }
    l.text[l.len++] = '\n';
    while (write(STDERR_FILENO, l.text, l.len) < 0 && errno == EINTR) {
    }
    errno = saved;
}
