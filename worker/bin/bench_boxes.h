/* SPDX-License-Identifier: MIT */
/* bench_boxes.h - boxed runs of one program: the launcher and the engine's
 * own code in front of it (boxes.h, executor.h), without Kafka. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/base.h"
#include "base/err.h"
#include "wire/config.h"

struct bench_boxes;

/* Forks a launcher of its own with so many slots, and waits until it is at
 * rest. The program is run where it is when a box sees it there (below /usr),
 * else as the job's own file. Not in a process with threads. */
int bench_boxes_open(const struct config *config, unsigned slots,
                     const char *program, struct bench_boxes **out,
                     struct err *e) MUST_USE;
/* Accepts NULL. Waits for the launcher's end. */
void bench_boxes_close(struct bench_boxes *b);

/* One run with both outputs captured; microseconds from before the start
 * until its end is told and the output is there. */
int bench_boxes_run(struct bench_boxes *b, double *out_us,
                    struct err *e) MUST_USE;
/* Runs per second with so many at once, for so long. */
int bench_boxes_rate(struct bench_boxes *b, unsigned at_once, unsigned ms,
                     double *out_per_s, struct err *e) MUST_USE;
/* What is made ready ahead of the next run is ready: the launcher and its
 * boxes all sleep. */
int bench_boxes_settle(struct bench_boxes *b, struct err *e) MUST_USE;

pid_t bench_boxes_launcher(const struct bench_boxes *b);
/* "cgroup v1", "cgroup v2" or "no cgroup". */
const char *bench_boxes_cgroup(const struct bench_boxes *b);

/* `forkyard bench-box PROGRAM RUNS [SLOTS]`: so many boxed runs, one after the
 * other, and nothing else, for a profiler to look at; prints the mean. */
int bench_boxes_main(int argc, char **argv);
