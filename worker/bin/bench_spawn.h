/* SPDX-License-Identifier: MIT */
/* bench_spawn.h - the baseline: posix_spawn and wait, with nothing around. */
#pragma once

#include "base/base.h"
#include "base/err.h"

/* One run of the program; microseconds from before the spawn until reaped. */
int bench_spawn_once(const char *program, double *out_us,
                     struct err *e) MUST_USE;
/* CPU time of one run, ours and the program's, over so many runs. */
int bench_spawn_cpu(const char *program, unsigned runs, double *out_us,
                    struct err *e) MUST_USE;
/* Runs per second of that many loops at once, each a process of its own. */
int bench_spawn_rate(const char *program, unsigned loops, unsigned ms,
                     double *out_per_s, struct err *e) MUST_USE;
/* `forkyard bench-spawn PROGRAM MS`: one loop; prints runs per second. */
int bench_spawn_main(int argc, char **argv);
