/* SPDX-License-Identifier: MIT */
/* heap.h - things by when they are due: a binary heap, the earliest on top.
 * Not in the order they came when two are due at the same time. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct heap_item {
    uint64_t due;
    void *thing;
};

struct heap { /* all zero: empty */
    struct heap_item *items;
    size_t count;
    size_t capacity;
};

void heap_push(struct heap *h, uint64_t due, void *thing);
/* NULL when it is empty. */
const struct heap_item *heap_top(const struct heap *h);
/* Takes the top one out; NULL when it is empty. */
void *heap_pop(struct heap *h);
/* Takes out the item at this place of items. */
void *heap_remove(struct heap *h, size_t index);
/* Frees the memory, not the things. */
void heap_done(struct heap *h);
