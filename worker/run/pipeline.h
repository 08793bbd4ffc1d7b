/* SPDX-License-Identifier: MIT */
/* pipeline.h - the life of a job, from message to committed offset. Runs in
 * the engine; the code in pipeline.c reads in the order of that life. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/base.h"
#include "base/err.h"
#include "run/boxes.h"
#include "run/health.h"
#include "run/meter.h"
#include "run/report.h"
#include "svc/audit_log.h"
#include "svc/kafka_in.h"
#include "svc/kafka_out.h"
#include "svc/telemetry.h"
#include "wire/config.h"

struct pipeline;

/* All borrowed. */
struct pipeline_spec {
    const struct config *config;
    uv_loop_t *loop;
    struct boxes *boxes;
    unsigned slots;
    struct kafka_out *out;
    struct audit_log *audit;
    struct telemetry *telemetry;
    struct health *health;
    struct meter *meter; /* NULL: nobody counts */
    const struct report_worker *worker;
    /* Nothing runs and nothing waits for an acknowledgement any more. */
    void (*on_idle)(void *arg);
    void *arg;
};

struct pipeline_counts {
    uint64_t received;
    uint64_t finished; /* with a result or a dead letter acknowledged */
    uint64_t succeeded;
    uint64_t dead;
    unsigned running;
    unsigned unpublished;     /* ended, not yet acknowledged */
    unsigned unpublished_max; /* no jobs are taken from there on */
};

int pipeline_open(const struct pipeline_spec *spec, struct pipeline **out,
                  struct err *e) MUST_USE;
/* The source of messages; set once, before the first pump. */
void pipeline_attach(struct pipeline *p, struct kafka_in *in);
/* Takes messages while there are free slots and the host is well. Called when
 * messages may be waiting, and by itself when a slot comes free. */
void pipeline_pump(struct pipeline *p);
void pipeline_on_ended(struct pipeline *p, const struct launch_ended *ended);
/* No new jobs. on_idle follows when the last one is published; at once when
 * there is none. */
void pipeline_drain(struct pipeline *p);
/* Partitions are to go to another worker: what has not begun of them is given
 * back. */
void pipeline_leaving(struct pipeline *p);
/* They have gone: what runs of them is killed, with topics.kill_revoked. */
void pipeline_left(struct pipeline *p);
/* What still runs is killed and given back for redelivery: no result. */
void pipeline_abandon(struct pipeline *p);
void pipeline_counts(const struct pipeline *p, struct pipeline_counts *out);
/* The launcher is gone, boxes with it: what ran goes back for redelivery. */
void pipeline_lost(struct pipeline *p);
/* Of transactions; NULL: there are none. */
const struct kafka_trouble *pipeline_troubles(const struct pipeline *p);
/* Waits for what is on its way, at most so long, where that goes in
 * transactions. Runs the loop. */
void pipeline_flush(struct pipeline *p, uint64_t timeout_ms);
/* After the producer was closed: what is not published is given back. */
void pipeline_close(struct pipeline *p);
