/* SPDX-License-Identifier: MIT */
/* health.h - how the host and this worker fare, and whether jobs are taken:
 * the last measurement, and the guard's judgement of it. Runs in the engine.
 *
 * Happy path: health_measure() once per guard.interval; everybody else reads
 * what it found, which costs no system call.
 * Failures: none; what cannot be measured is absent.
 * On close: nothing is said any more. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/base.h"
#include "run/guard.h"
#include "run/launch_proto.h"
#include "svc/telemetry.h"
#include "wire/config.h"
#include "wire/result.h"
#include "wire/snapshot.h"

struct health;

/* All borrowed. */
struct health_spec {
    const struct config *config;
    const struct launch_ready *host; /* what the launcher has of cgroups */
    pid_t launcher;
    struct telemetry *telemetry;
};

struct health *health_new(const struct health_spec *spec);
void health_free(struct health *h);
/* Reads the host, judges, and tells log and telemetry what has changed. True
 * when jobs may be taken that could not be before. */
bool health_measure(struct health *h);
bool health_takes_jobs(const struct health *h);

/* The last measurement and its judgement; for a health page and heartbeats. */
const struct snapshot_host *health_host(const struct health *h);
const struct guard *health_guard(const struct health *h);

/* ---- a job's snapshots ------------------------------------------------- */

struct health_snapshot {
    struct snapshot_host host;
    struct snapshot_process process;
};

/* The last measurement, with what is so right now. */
void health_snapshot(const struct health *h, unsigned jobs_running,
                     struct health_snapshot *out);
/* Puts what was before the run, and what is so now, into the result, unless
 * result.snapshots is off. Its views are good until the next call. */
void health_add_snapshots(struct health *h,
                          const struct health_snapshot *before,
                          unsigned jobs_running,
                          const struct launch_ended *ended,
                          struct result *result);
