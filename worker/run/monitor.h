/* SPDX-License-Identifier: MIT */
/* monitor.h - a worker for others to look at: GET /metrics, /healthz, /readyz.
 * Runs in the engine, on its loop.
 *
 * Happy path: jobs are counted as they go by (meter.h); all other figures are
 * read where they are when somebody asks. Readiness is judged once a second,
 * so that "since" is known when nobody asked.
 *
 * Failures: an address that cannot be listened on ends the worker at its
 * start, with the remedy. Without http.listen nothing listens.
 *
 * On close: _hush first, while what it reads from is still there. */
#pragma once

#include <uv.h>

#include "base/base.h"
#include "base/err.h"
#include "run/boxes.h"
#include "run/health.h"
#include "run/meter.h"
#include "run/pipeline.h"
#include "run/waiting.h"
#include "svc/audit_log.h"
#include "svc/kafka_in.h"
#include "svc/kafka_out.h"
#include "svc/telemetry.h"
#include "wire/config.h"

struct monitor;

/* What it reads from; all borrowed. */
struct monitor_parts {
    unsigned slots;
    const struct boxes *boxes;
    const struct kafka_in *in;
    const struct kafka_out *out;
    const struct audit_log *audit;
    const struct telemetry *telemetry;
    const struct health *health;
    const struct pipeline *pipeline;
    const struct waiting *waiting; /* or NULL */
    const bool *is_draining;
};

int monitor_open(const struct config *config, uv_loop_t *loop,
                 struct monitor **out, struct err *e) MUST_USE;
/* For the pipeline. */
struct meter *monitor_meter(struct monitor *m);
/* Before this, /readyz says no and /metrics has nothing to tell. */
void monitor_attach(struct monitor *m, const struct monitor_parts *parts);
/* Where it listens; NULL: nowhere. */
const char *monitor_name(const struct monitor *m);
/* Once a second. */
void monitor_look(struct monitor *m);
/* Nobody is answered any more. */
void monitor_hush(struct monitor *m);
void monitor_close(struct monitor *m); /* accepts NULL */
