/* SPDX-License-Identifier: MIT */
/* offsets.h - which records of one partition are finished.
 *
 * Records are delivered in order and finished in any order. low is the next
 * offset to commit: everything below it is finished. Beyond it a ring bitmap
 * holds what is finished already. Pure: no clock, no Kafka. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"

/* Offsets between the oldest unfinished record and the newest delivered one.
 * One stuck job may hold up this many finished ones behind it; the bitmap is
 * then 32 KiB. */
#define OFFSETS_SPAN_MAX 262144

struct offsets {
    int64_t low;       /* next offset to commit; -1 before the first record */
    int64_t high;      /* highest delivered + 1 */
    int64_t committed; /* what the broker is known to have; -1: unknown */
    uint64_t *bits;    /* ring over [low, high): set = finished */
    size_t capacity;   /* bits in the ring: a power of two, or 0 */
    size_t in_flight;  /* delivered and not finished */
};

void offsets_init(struct offsets *o);
void offsets_free(struct offsets *o); /* may be init'ed again */

/* A record was read. Offsets never delivered between two records (transaction
 * markers, compaction) count as finished.
 * ERR_LIMIT: the span would pass OFFSETS_SPAN_MAX, nothing changed: keep the
 * record and stop reading until older ones finish.
 * ERR_INPUT: the offset lies before one already delivered: the log was cut or
 * made anew; begin again with a fresh tracker. */
int offsets_deliver(struct offsets *o, int64_t offset, struct err *e) MUST_USE;

/* The record is finished. False (and no effect) when it was not in flight. */
bool offsets_done(struct offsets *o, int64_t offset);

int64_t offsets_low(const struct offsets *o);
size_t offsets_in_flight(const struct offsets *o);
size_t offsets_span(const struct offsets *o); /* high - low */

/* Is there something the broker does not know yet? */
bool offsets_is_dirty(const struct offsets *o);
void offsets_set_committed(struct offsets *o, int64_t offset);
