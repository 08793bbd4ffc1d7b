/* SPDX-License-Identifier: MIT */
/* roundtrip.h - what every decoder must survive: any bytes; and what it takes,
 * the encoder writes so that it reads the same again. */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "wire/record.h"

/* As large as the largest message a worker takes by default. */
enum { ROUNDTRIP_MAX_BYTES = 8 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void roundtrip_stop(const char *what, const struct err *e)
{
    fprintf(stderr, "%s: %s\n", what, e->msg);
    abort();
}

static inline void roundtrip_again(const struct record *record,
                                   const struct buf *first)
{
    AUTO_FREE void *out = xcalloc(1, record->size);
    struct arena arena;
    struct buf second;
    struct err e = {.msg = ""};

    arena_init(&arena, ROUNDTRIP_MAX_BYTES);
    buf_init(&second, ROUNDTRIP_MAX_BYTES);
    if (record_decode(record, first->data, first->len, &arena, out, &e) < 0) {
        roundtrip_stop("what was encoded does not decode", &e);
    }
    if (record_encode(record, out, &second, &e) < 0) {
        roundtrip_stop("what was decoded does not encode", &e);
    }
    if (second.len != first->len ||
        memcmp(second.data, first->data, first->len) != 0) {
        roundtrip_stop("the second encoding differs", &e);
    }
    buf_done(&second);
    arena_done(&arena);
}

/* in: what the message's own decoder made. */
static inline void roundtrip(const struct record *record, const void *in)
{
    struct buf first;
    struct err e = {.msg = ""};

    buf_init(&first, ROUNDTRIP_MAX_BYTES);
    if (record_encode(record, in, &first, &e) == 0) {
        roundtrip_again(record, &first);
    } else if (e.kind != ERR_LIMIT) {
        /* Raw values nested too deep may be read and not written. */
        roundtrip_stop("what was decoded does not encode", &e);
    }
    buf_done(&first);
}

/* An error without words, or words without an error. */
static inline void roundtrip_check_error(int rc, const struct err *e)
{
    if ((rc < 0) != (e->msg[0] != '\0') || (rc < 0) != (e->kind != ERR_NONE) ||
        e->kind == ERR_BUG) {
        roundtrip_stop("the error does not fit", e);
    }
}
