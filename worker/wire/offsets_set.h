/* SPDX-License-Identifier: MIT */
/* offsets_set.h - the finished records beyond a committed offset, as the text
 * that travels in the commit's metadata, and back. Pure.
 *
 *   text     "fy1." then base64 of: kind, low, epoch, later, runs, CRC-32
 *   kind     a byte: 1 = run lengths, 2 = bitmap
 *   low      the committed offset itself; another one's text is not believed
 *   epoch    leader epoch of the oldest record meant + 1; 0: not known
 *   later    what the newest one's leader epoch is above that
 *   runs     1: lengths in turn of unfinished and finished runs from low on,
 *            the last one finished, the first one may be 0
 *            2: a bit per offset from low on, lowest bit first; set = finished
 *   CRC-32   zlib's, four bytes, highest first, over all bytes before it
 *
 * Numbers are LEB128. Offsets past the last run are unfinished. What is not
 * understood is ignored by the reader: the jobs run again. The format is
 * argued in doc/decisions/2026-11-26-finished-set-in-metadata.md. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"

/* A broker's offset.metadata.max.bytes, unless it was told otherwise. */
#define OFFSETS_TEXT_MAX 4096
/* From the watermark to the newest record: what a restart reads again in order
 * to skip it. A day of 190 jobs a second in one partition. */
#define OFFSETS_SPAN_MAX 16777216

/* Before and after the set of what has begun and may not begin again, which
 * goes before that of what is finished (offsets.h). In neither's alphabet. */
#define OFFSETS_BEGUN_MARK '!'

/* Finished offsets [from, to). */
struct offsets_run {
    int64_t from;
    int64_t to;
};

struct offsets_set {
    int64_t low;
    int32_t epoch_first; /* of the oldest and the newest record that the set */
    int32_t epoch_last;  /* speaks of; -1: not known */
    struct offsets_run *runs; /* ascending, with room between them */
    size_t count;
};

/* Its length; 0 when the set is empty or its text would pass `max`. */
size_t offsets_set_encode(const struct offsets_set *set, size_t max,
                          char text[OFFSETS_TEXT_MAX + 1]);

/* ERR_INPUT says why the text cannot be believed; then there is no set. low:
 * the offset it was committed with. An empty text is an empty set. */
int offsets_set_decode(const char *text, size_t len, int64_t low,
                       struct offsets_set *out, struct err *e) MUST_USE;
void offsets_set_done(struct offsets_set *set); /* may be done twice */

/* Would any set fit into `max` characters that leaves `open` offsets of `span`
 * unfinished, whichever of them? True also for all that have fewer of them or
 * a shorter span: who takes records only while it is true can always commit. */
bool offsets_set_fits(uint64_t span, uint64_t open, size_t max);
