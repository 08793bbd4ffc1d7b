/* SPDX-License-Identifier: MIT */
/* heap.c - see heap.h. */
#include "base/heap.h"

#include <stdlib.h>

#include "base/mem.h"

#define CAPACITY_FIRST 16

static void swap(struct heap *h, size_t a, size_t b)
{
    struct heap_item item = h->items[a];

    h->items[a] = h->items[b];
    h->items[b] = item;
}

static void rise(struct heap *h, size_t i)
{
    while (i > 0 && h->items[(i - 1) / 2].due > h->items[i].due) {
        swap(h, i, (i - 1) / 2);
        i = (i - 1) / 2;
    }
}

void heap_push(struct heap *h, uint64_t due, void *thing)
{
    size_t i = h->count;

    if (h->count == h->capacity) {
        h->capacity = h->capacity ? h->capacity * 2 : CAPACITY_FIRST;
        h->items = xrealloc(h->items, h->capacity * sizeof(*h->items));
    }
    h->items[h->count++] = (struct heap_item){due, thing};
    rise(h, i);
}

const struct heap_item *heap_top(const struct heap *h)
{
    return h->count > 0 ? &h->items[0] : NULL;
}

static size_t earlier_child(const struct heap *h, size_t i)
{
    size_t left = 2 * i + 1;
    size_t right = left + 1;

    return right < h->count && h->items[right].due < h->items[left].due ? right
                                                                        : left;
}

static void sink(struct heap *h, size_t i)
{
    while (2 * i + 1 < h->count) {
        size_t child = earlier_child(h, i);

        if (h->items[child].due >= h->items[i].due) {
            break;
        }
        swap(h, i, child);
        i = child;
    }
}

void *heap_remove(struct heap *h, size_t index)
{
    void *thing = h->items[index].thing;

    h->items[index] = h->items[--h->count];
    if (index < h->count) {
        rise(h, index);
        sink(h, index);
    }
    return thing;
}

void *heap_pop(struct heap *h)
{
    return h->count > 0 ? heap_remove(h, 0) : NULL;
}

void heap_done(struct heap *h)
{
    free(h->items);
    *h = (struct heap){0};
}
