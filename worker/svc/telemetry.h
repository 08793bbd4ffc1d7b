/* SPDX-License-Identifier: MIT */
/* telemetry.h - events to the telemetry topic. Runs in the engine.
 *
 * Happy path: telemetry_emit() encodes and hands over; nobody waits.
 * Failures: an event that cannot be queued or delivered is counted as lost;
 * telemetry never delays or fails a job.
 * On close: waits a bounded time for what is queued. */
#pragma once

#include <uv.h>

#include "base/base.h"
#include "base/err.h"
#include "wire/config.h"
#include "wire/event.h"

struct kafka_out;
struct telemetry;

/* worker_id is borrowed. With events.telemetry off, emit does nothing. */
int telemetry_open(const struct config *config, uv_loop_t *loop,
                   const char *worker_id, struct telemetry **out,
                   struct err *e) MUST_USE;
/* Fills v, event_id, seq, time stamp and worker_id of *event. */
void telemetry_emit(struct telemetry *t, struct event *event,
                    const struct event_attribute *attributes, size_t count);
/* NULL when switched off. */
const struct kafka_out *telemetry_producer(const struct telemetry *t);
uint64_t telemetry_lost(const struct telemetry *t);
void telemetry_close(struct telemetry *t, int timeout_ms);
