/* SPDX-License-Identifier: MIT */
/* timed.c - see timed.h. */
#include "run/timed.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/heap.h"
#include "base/mem.h"

#define NS_PER_MS 1000000U
/* The loop's timers do not hear of a clock that is set. */
#define LOOK_MS 1000U

struct timed {
    uv_timer_t timer;
    struct heap heap;
    void (*on_due)(void *thing, void *arg);
    void *arg;
};

static void on_timer(uv_timer_t *timer);

static uint64_t now_ms(void)
{
    return clock_unix_ns() / NS_PER_MS;
}

static void set_timer(struct timed *t)
{
    const struct heap_item *top = heap_top(&t->heap);
    uint64_t now = now_ms();
    uint64_t wait = 0;

    if (!top) {
        (void)uv_timer_stop(&t->timer);
        return;
    }
    wait = top->due > now ? top->due - now : 0;
    (void)uv_timer_start(&t->timer, on_timer, wait < LOOK_MS ? wait : LOOK_MS,
                         0);
}

/* Those that are due at this moment: what on_due adds has its turn later. */
static void on_timer(uv_timer_t *timer)
{
    struct timed *t = timer->data;
    uint64_t now = now_ms();
    size_t most = t->heap.count;

    for (size_t i = 0; i < most; i++) {
        const struct heap_item *top = heap_top(&t->heap);

        if (!top || top->due > now) {
            break;
        }
        t->on_due(heap_pop(&t->heap), t->arg);
    }
    set_timer(t);
}

struct timed *timed_open(uv_loop_t *loop,
                         void (*on_due)(void *thing, void *arg), void *arg)
{
    struct timed *t = xcalloc(1, sizeof(*t));

    (void)uv_timer_init(loop, &t->timer);
    t->timer.data = t;
    t->on_due = on_due;
    t->arg = arg;
    return t;
}

void timed_add(struct timed *t, uint64_t due_unix_ms, void *thing)
{
    heap_push(&t->heap, due_unix_ms, thing);
    set_timer(t);
}

size_t timed_count(const struct timed *t)
{
    return t->heap.count;
}

void *timed_take(struct timed *t, bool (*is_meant)(const void *thing))
{
    for (size_t i = 0; i < t->heap.count; i++) {
        if (!is_meant || is_meant(t->heap.items[i].thing)) {
            return heap_remove(&t->heap, i);
        }
    }
    return NULL;
}

static void on_closed(uv_handle_t *handle)
{
    struct timed *t = handle->data;

    heap_done(&t->heap);
    free(t);
}

void timed_close(struct timed *t)
{
    if (t) {
        uv_close((uv_handle_t *)&t->timer, on_closed);
    }
}
