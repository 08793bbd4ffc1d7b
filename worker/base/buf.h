/* SPDX-License-Identifier: MIT */
/* buf.h - a growing byte buffer born with a maximum, and views into bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"

/* Bytes somebody else owns; not terminated. data == NULL means absent, which
 * differs from an empty view. */
struct view {
    const char *data;
    size_t len;
};

struct view view_of(const char *s); /* NULL gives the absent view */
bool view_is(struct view v, const char *s);
bool view_eq(struct view a, struct view b);
/* Copy on the heap, terminated; NULL for the absent view. */
char *view_dup(struct view v);
/* True when the bytes are valid UTF-8 without NUL. */
bool view_is_text(struct view v);
/* Bytes of its first character; 0 when those are no UTF-8, or a NUL. */
size_t view_char_len(struct view v);
/* For "%.*s": VIEW_ARG(v) gives the two arguments. */
#define VIEW_ARG(v) (int)(v).len, ((v).data ? (v).data : "")

struct buf {
    uint8_t *data;
    size_t len;
    size_t cap;
    size_t max;
};

void buf_init(struct buf *b, size_t max_bytes);
void buf_done(struct buf *b);  /* frees; the buffer may be init'ed again */
void buf_clear(struct buf *b); /* length 0, memory and maximum kept */
/* ERR_LIMIT when max_bytes would be passed; then nothing was appended. */
int buf_append(struct buf *b, const void *data, size_t len,
               struct err *e) MUST_USE;
int buf_printf(struct buf *b, struct err *e, const char *fmt, ...) MUST_USE
    PRINTF_LIKE(3, 4);
struct view buf_view(const struct buf *b);
#define AUTO_BUF __attribute__((cleanup(buf_done)))
