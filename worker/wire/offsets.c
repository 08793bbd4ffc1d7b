/* SPDX-License-Identifier: MIT */
/* offsets.c - the finished records of one partition. Runs in the engine, for
 * every assigned partition. It never talks to a broker and never reads a
 * clock; who owns a partition, and since when, is kafka_parts' business. */
#include "wire/offsets.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"

#define CAPACITY_FIRST 256 /* 32 bytes; most partitions never need more */

void offsets_init(struct offsets *o)
{
    memset(o, 0, sizeof(*o));
    o->low = -1;
    o->high = -1;
    o->committed = -1;
}

void offsets_free(struct offsets *o)
{
    free(o->bits);
    offsets_init(o);
}

static uint64_t *word_of(const struct offsets *o, int64_t offset)
{
    return &o->bits[((uint64_t)offset & (o->capacity - 1)) / 64];
}

static uint64_t mask_of(int64_t offset)
{
    return UINT64_C(1) << ((uint64_t)offset & 63);
}

static bool is_finished(const struct offsets *o, int64_t offset)
{
    return (*word_of(o, offset) & mask_of(offset)) != 0;
}

static void set_finished(const struct offsets *o, int64_t offset)
{
    *word_of(o, offset) |= mask_of(offset);
}

static void clear_finished(const struct offsets *o, int64_t offset)
{
    *word_of(o, offset) &= ~mask_of(offset);
}

/* Room for `span` offsets. The ring's places depend on its size, so growing
 * copies bit by bit; doubling keeps that rare. */
static void grow_to(struct offsets *o, uint64_t span)
{
    struct offsets bigger = *o;

    if (span <= o->capacity) {
        return;
    }
    bigger.capacity = o->capacity ? o->capacity : CAPACITY_FIRST;
    while (bigger.capacity < span) {
        bigger.capacity *= 2;
    }
    bigger.bits = xcalloc(bigger.capacity / 64, sizeof(uint64_t));
    for (int64_t at = o->low; at < o->high; at++) {
        if (is_finished(o, at)) {
            set_finished(&bigger, at);
        }
    }
    free(o->bits);
    *o = bigger;
}

/* Cleared bits behind low are what lets the ring be used again. */
static void advance(struct offsets *o)
{
    while (o->low < o->high && is_finished(o, o->low)) {
        clear_finished(o, o->low);
        o->low++;
    }
}

static void begin_at(struct offsets *o, int64_t offset)
{
    o->low = offset;
    o->high = offset;
    /* The group stands here already, or has no offset and would start here
     * again: nothing to tell the broker before a record is finished. */
    o->committed = offset;
}

int offsets_deliver(struct offsets *o, int64_t offset, struct err *e)
{
    uint64_t span = 0;

    if (o->low < 0) {
        begin_at(o, offset);
    }
    if (offset < o->high) {
        return err_set(e, ERR_INPUT, "offset %" PRId64 " comes after %" PRId64,
                       offset, o->high - 1);
    }
    if (o->low == o->high) {
        /* Nothing is in flight: a gap of any width is simply passed. */
        o->low = offset;
        o->high = offset;
    }
    span = (uint64_t)(offset - o->low) + 1;
    if (span > OFFSETS_SPAN_MAX) {
        return err_set(e, ERR_LIMIT,
                       "offset %" PRId64 " is %" PRIu64 " past the oldest "
                       "unfinished one, at most %d are tracked",
                       offset, span, OFFSETS_SPAN_MAX);
    }
    grow_to(o, span);
    for (; o->high < offset; o->high++) {
        set_finished(o, o->high);
    }
    o->high = offset + 1;
    o->in_flight++;
    return 0;
}

bool offsets_done(struct offsets *o, int64_t offset)
{
    if (offset < o->low || offset >= o->high || is_finished(o, offset)) {
        return false;
    }
    set_finished(o, offset);
    o->in_flight--;
    advance(o);
    return true;
}

int64_t offsets_low(const struct offsets *o)
{
    return o->low;
}

size_t offsets_in_flight(const struct offsets *o)
{
    return o->in_flight;
}

size_t offsets_span(const struct offsets *o)
{
    return (size_t)(o->high - o->low);
}

bool offsets_is_dirty(const struct offsets *o)
{
    return o->low >= 0 && o->low != o->committed;
}

void offsets_set_committed(struct offsets *o, int64_t offset)
{
    o->committed = offset;
}
