/* SPDX-License-Identifier: MIT */
/* bench_load.h - sends no-op jobs and sees their results. Blocking. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"

struct bench_load;

/* QUICK: for round trips. BULK: jobs and results in batches, so that the load
 * generator and the broker's work for it take little of the cores. */
enum bench_load_kind { BENCH_LOAD_QUICK, BENCH_LOAD_BULK };

/* Borrows program: the bytes of an executable. */
int bench_load_open(const char *kafka, enum bench_load_kind kind,
                    struct view program, struct bench_load **out,
                    struct err *e) MUST_USE;
void bench_load_close(struct bench_load *load); /* accepts NULL */

/* Job numbers count from 1. */
int bench_load_send(struct bench_load *load, uint64_t *out_number,
                    struct err *e) MUST_USE;
/* 1 with a result (or an echo), valid until the next call; 0 at the
 * timeout. A result that is no success is an error. */
int bench_load_next(struct bench_load *load, int timeout_ms,
                    uint64_t *out_number, struct view *out_value,
                    struct err *e) MUST_USE;
/* Sends one and waits for its result. */
int bench_load_round_trip(struct bench_load *load, double *out_ms,
                          struct view *out_value, struct err *e) MUST_USE;

/* Keeps `window` jobs on their way for so many results or so long, whichever
 * comes first (0: no bound); then waits for the rest. */
struct bench_load_run {
    unsigned window;
    uint64_t warm_up; /* results before the clock starts */
    uint64_t jobs;
    uint64_t ms;
    /* Called after every `every` results, warm-up included; may be NULL. */
    void (*on_count)(uint64_t results, void *arg);
    uint64_t every;
    void *arg;
};
int bench_load_run(struct bench_load *load, const struct bench_load_run *run,
                   double *out_per_s, struct err *e) MUST_USE;
