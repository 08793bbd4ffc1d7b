/* SPDX-License-Identifier: MIT */
/* bench_fleet.h - what is measured: a fleet as `forkyard dev` starts it, or a
 * broker of the same kind with an echo behind it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/base.h"
#include "base/err.h"
#include "bin/bench_child.h"

#define BENCH_FLEET_WORKERS_MAX 8

struct bench_fleet {
    struct bench_child broker; /* echo only; dev has its own */
    struct bench_child main;   /* dev, or the echo */
    char kafka[128];
    pid_t engines[BENCH_FLEET_WORKERS_MAX]; /* workers, or the echo */
    size_t engine_count;
};

/* setting: one "name=value" for the workers, or NULL. */
int bench_fleet_start(struct bench_fleet *fleet, unsigned workers,
                      const char *setting, struct err *e) MUST_USE;
int bench_fleet_start_echo(struct bench_fleet *fleet, struct err *e) MUST_USE;
void bench_fleet_stop(struct bench_fleet *fleet);

/* The launcher of an engine: its only child. 0: none found. */
pid_t bench_fleet_launcher(pid_t engine);
/* Resident memory now; 0 when the process is gone. */
double bench_fleet_rss_kb(pid_t pid);
/* Of it, what is no file's: a kernel that reclaims takes file pages away and
 * gives them back, whatever the process does. */
double bench_fleet_anonymous_kb(pid_t pid);
/* CPU time of all its threads so far; also_children: and of the children it
 * has reaped. */
double bench_fleet_cpu_ms(pid_t pid, bool also_children);
