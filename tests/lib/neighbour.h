/* SPDX-License-Identifier: MIT */
/* neighbour.h - for tests: the box beside. One small job (probe/neighbour.c)
 * after the other in a slot of a boxpair, each with the same answer; how fast
 * they were in a stretch of time says what they noticed of it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct neighbour_figures {
    double jobs; /* the part of each that lies in the time asked for */
    double seconds;
    double cpu_seconds;
    uint64_t longest_us;
};

/* From here on, until stopped. The pair is open. */
void neighbour_begin(void);
void neighbour_stop(void);
/* Returns when a job that began later than this has ended, so that all
 * figures up to there are known. */
void neighbour_wait_past(uint64_t us);
/* Adds what happened between two moments (monotonic). Jobs that ask for what
 * is scarce are left out, and their time. */
void neighbour_add(uint64_t from_us, uint64_t to_us,
                   struct neighbour_figures *io);
/* Jobs that ended otherwise than well, or with another answer. */
unsigned neighbour_wrong(void);
/* How the first of them ended, or "". */
const char *neighbour_complaint(void);
/* What the kernel refused to a job of this time, the longest list; or "". */
void neighbour_refused(uint64_t from_us, uint64_t to_us, char *out,
                       size_t size);
