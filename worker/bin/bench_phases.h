/* SPDX-License-Identifier: MIT */
/* bench_phases.h - the measurements, one function each. */
#pragma once

#include <stdint.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "bin/bench_report.h"
#include "wire/config.h"

struct bench_spec {
    const char *program;     /* path of the no-op */
    struct view bytes;       /* what is in it */
    const char *box_program; /* run by path, in a box and bare */
    const struct config *config;
    uint64_t samples; /* of each kind, for latencies */
    uint64_t rounds;  /* of baseline and measurement, for rates */
    uint64_t jobs;    /* for the growth of memory */
    uint64_t idle_ms;
};

/* box_*. First: it forks launchers, and the others start threads. */
int bench_phases_box(const struct bench_spec *spec, struct bench_report *report,
                     struct err *e) MUST_USE;
/* peer_*, box_over_best_peer: other sandboxes, those that are installed. */
int bench_phases_peers(const struct bench_spec *spec,
                       struct bench_report *report, struct err *e) MUST_USE;
/* echo_*, job_*, box_over_spawn, and then the idle engine. */
int bench_phases_latency(const struct bench_spec *spec,
                         struct bench_report *report, struct err *e) MUST_USE;
int bench_phases_throughput(const struct bench_spec *spec,
                            struct bench_report *report,
                            struct err *e) MUST_USE;
int bench_phases_memory(const struct bench_spec *spec,
                        struct bench_report *report, struct err *e) MUST_USE;
