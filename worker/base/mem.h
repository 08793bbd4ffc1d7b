/* SPDX-License-Identifier: MIT */
/* mem.h - memory that is there or the process ends.
 *
 * For small sizes we choose ourselves. Anything sized by outside input goes
 * through buf.h with a maximum, or through an arena with one. */
#pragma once

#include <stddef.h>

#include "base/base.h"

void *xmalloc(size_t size) MUST_USE;
void *xcalloc(size_t count, size_t size) MUST_USE;
void *xrealloc(void *p, size_t size) MUST_USE;
char *xstrdup(const char *s) MUST_USE;
char *xstrndup(const char *s, size_t len) MUST_USE; /* always terminated */

/* Bump allocator: everything is freed at once. Zeroed memory, 16-aligned. */
struct arena {
    struct arena_block *head;
    size_t used; /* bytes handed out so far */
    size_t max;  /* 0 = no bound */
};

void arena_init(struct arena *a, size_t max_bytes);
/* NULL when max_bytes would be passed. */
void *arena_alloc(struct arena *a, size_t size) MUST_USE;
void arena_done(struct arena *a); /* frees all; may be init'ed again */
