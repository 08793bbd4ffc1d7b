/* SPDX-License-Identifier: MIT */
/* buf.c - bounded byte buffers and views. Used by every process for anything
 * whose size comes from outside; never grows past its maximum and never ends
 * the process when memory is gone. */
#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define FIRST_CAP 256U

struct view view_of(const char *s)
{
    return (struct view){.data = s, .len = s != NULL ? strlen(s) : 0};
}

bool view_is(struct view v, const char *s)
{
    return view_eq(v, view_of(s));
}

bool view_eq(struct view a, struct view b)
{
    if (a.data == NULL || b.data == NULL) {
        return a.data == b.data;
    }
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

char *view_dup(struct view v)
{
    char *copy;

    if (v.data == NULL) {
        return NULL;
    }
    /* Not xstrndup: the bytes may hold NUL. */
    copy = xmalloc(v.len + 1);
    if (v.len > 0) {
        memcpy(copy, v.data, v.len);
    }
    copy[v.len] = '\0';
    return copy;
}

/* Length of the well-formed UTF-8 sequence at p (Unicode table 3-7: no
 * overlong forms, no surrogates, nothing over U+10FFFF), 0 when malformed. */
static size_t utf8_step(const uint8_t *p, size_t left)
{
    static const struct {
        uint8_t first_lo, first_hi, second_lo, second_hi, len;
    } rows[] = {
        {0x01, 0x7f, 0x00, 0x00, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2},
        {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
        {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (p[0] < rows[i].first_lo || p[0] > rows[i].first_hi) {
            continue;
        }
        if (rows[i].len > left) {
            return 0;
        }
        if (rows[i].len > 1 &&
            (p[1] < rows[i].second_lo || p[1] > rows[i].second_hi)) {
            return 0;
        }
        for (size_t k = 2; k < rows[i].len; k++) {
            if ((p[k] & 0xc0) != 0x80) {
                return 0;
            }
        }
        return rows[i].len;
    }
    return 0;
}

size_t view_char_len(struct view v)
{
    return v.len > 0 ? utf8_step((const uint8_t *)v.data, v.len) : 0;
}

bool view_is_text(struct view v)
{
    const uint8_t *p = (const uint8_t *)v.data;
    size_t left = v.len;

    while (left > 0) {
        size_t n = utf8_step(p, left);

        if (n == 0) {
            return false;
        }
        p += n;
        left -= n;
    }
    return true;
}

void buf_init(struct buf *b, size_t max_bytes)
{
    b->data = NULL;
    b->len = 0;
    b->cap = 0;
    b->max = max_bytes;
}

void buf_done(struct buf *b)
{
    int saved = errno;

    free(b->data);
    b->data = NULL;
    b->len = 0;
    b->cap = 0;
    errno = saved;
}

void buf_clear(struct buf *b)
{
    b->len = 0;
}

/* Room for `more` further bytes and one NUL that is not counted. */
static int reserve(struct buf *b, size_t more, struct err *e)
{
    size_t want;
    size_t cap = b->cap > 0 ? b->cap : FIRST_CAP;
    uint8_t *grown;

    if (b->len > b->max || more > b->max - b->len) {
        return err_set(e, ERR_LIMIT, "%zu bytes more than the maximum of %zu",
                       more - (b->max - b->len), b->max);
    }
    want = b->len + more;
    if (b->data != NULL && want <= b->cap) {
        return 0;
    }
    while (cap < want) {
        cap = cap > SIZE_MAX / 4 ? want : cap * 2;
    }
    if (cap > b->max) {
        cap = b->max;
    }
    grown = realloc(b->data, cap + 1);
    if (grown == NULL) {
        return err_set(e, ERR_LIMIT, "no memory for %zu bytes", cap);
    }
    b->data = grown;
    b->cap = cap;
    return 0;
}

int buf_append(struct buf *b, const void *data, size_t len, struct err *e)
{
    if (reserve(b, len, e) < 0) {
        return -1;
    }
    if (len > 0) {
        memcpy(b->data + b->len, data, len);
        b->len += len;
    }
    return 0;
}

int buf_printf(struct buf *b, struct err *e, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0) {
        return err_set(e, ERR_BUG, "unprintable format '%s'", fmt);
    }
    if (reserve(b, (size_t)n, e) < 0) {
        return -1;
    }
    va_start(ap, fmt);
    (void)vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t)n;
    return 0;
}

struct view buf_view(const struct buf *b)
{
    /* Empty, not absent, before the first byte. */
    return (struct view){
        .data = b->data != NULL ? (const char *)b->data : "",
        .len = b->len,
    };
}
