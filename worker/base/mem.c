/* SPDX-License-Identifier: MIT */
/* mem.c - allocation that aborts instead of failing, and an arena. Every
 * process uses it; never in a child between clone and exec. */
#include "base/mem.h"

#include <stdint.h>
#include <string.h>

#define ARENA_ALIGN 16U
/* A block holds a typical decoded job; larger requests get their own. */
#define ARENA_BLOCK_BYTES (16U * 1024U - 64U)

struct arena_block {
    struct arena_block *next;
    size_t cap;
    size_t used;
    _Alignas(ARENA_ALIGN) uint8_t data[];
};

static NORETURN void out_of_memory(void)
{
    static const char text[] = "forkyard: out of memory\n";

    /* No stdio: it could want memory. Nothing to do when this fails. */
    if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0) {
        abort();
    }
    abort();
}

static void *check(void *p)
{
    if (p == NULL) {
        out_of_memory();
    }
    return p;
}

void *xmalloc(size_t size)
{
    return check(malloc(size > 0 ? size : 1));
}

void *xcalloc(size_t count, size_t size)
{
    if (count == 0 || size == 0) {
        count = 1;
        size = 1;
    }
    return check(calloc(count, size));
}

void *xrealloc(void *p, size_t size)
{
    return check(realloc(p, size > 0 ? size : 1));
}

char *xstrdup(const char *s)
{
    return xstrndup(s, strlen(s));
}

char *xstrndup(const char *s, size_t len)
{
    size_t n = len > 0 ? strnlen(s, len) : 0;
    char *copy = xmalloc(n + 1);

    if (n > 0) {
        memcpy(copy, s, n);
    }
    copy[n] = '\0';
    return copy;
}

void arena_init(struct arena *a, size_t max_bytes)
{
    a->head = NULL;
    a->used = 0;
    a->max = max_bytes;
}

static struct arena_block *add_block(struct arena *a, size_t size)
{
    size_t cap = size > ARENA_BLOCK_BYTES ? size : ARENA_BLOCK_BYTES;
    struct arena_block *block;

    /* calloc: zeroed as promised, and untouched pages cost nothing. */
    block = calloc(1, sizeof(*block) + cap);
    if (block == NULL) {
        if (a->max == 0) {
            out_of_memory();
        }
        return NULL;
    }
    block->cap = cap;
    block->next = a->head;
    a->head = block;
    return block;
}

void *arena_alloc(struct arena *a, size_t size)
{
    struct arena_block *block = a->head;
    size_t rounded;
    void *p;

    if (size > SIZE_MAX / 2) {
        return NULL;
    }
    rounded =
        ((size > 0 ? size : 1) + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (a->max > 0 && (a->used > a->max || rounded > a->max - a->used)) {
        return NULL;
    }
    if (block == NULL || rounded > block->cap - block->used) {
        block = add_block(a, rounded);
        if (block == NULL) {
            return NULL;
        }
    }
    p = block->data + block->used;
    block->used += rounded;
    a->used += rounded;
    return p;
}

void arena_done(struct arena *a)
{
    struct arena_block *block = a->head;

    while (block != NULL) {
        struct arena_block *next = block->next;

        free(block);
        block = next;
    }
    a->head = NULL;
    a->used = 0;
}
