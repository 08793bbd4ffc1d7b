/* SPDX-License-Identifier: MIT */
/* packed.h - messages for tests, written as JSON with single quotes. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <jansson.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "wire/mpk_json.h"

/* A message, the arena its decoding uses, and the error it gave. */
struct packed {
    struct buf bytes;
    struct arena arena;
    struct err e;
};

static inline void packed_init(struct packed *p)
{
    buf_init(&p->bytes, 64U << 20);
    arena_init(&p->arena, 0);
    memset(&p->e, 0, sizeof(p->e));
}

static inline void packed_done(struct packed *p)
{
    buf_done(&p->bytes);
    arena_done(&p->arena);
}

/* "{'a': 1}" for {"a": 1}; {'base64': '...'} for bytes. */
static inline void packed_json(struct packed *p, const char *quoted)
{
    char *text = xstrdup(quoted);
    json_error_t why;
    json_t *json;

    for (char *c = text; *c != '\0'; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    json = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
    if (json == NULL) {
        fail_msg("%s: %s", text, why.text);
    }
    packed_init(p);
    assert_int_equal(mpk_json_to(json, &p->bytes, &p->e), 0);
    json_decref(json);
    free(text);
}

static inline void assert_view(struct view v, const char *expected)
{
    if (!view_is(v, expected)) {
        fail_msg("\"%.*s\" is not \"%s\"", VIEW_ARG(v), expected);
    }
}

static inline void assert_says(const struct err *e, const char *part)
{
    if (strstr(e->msg, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", e->msg, part);
    }
}
