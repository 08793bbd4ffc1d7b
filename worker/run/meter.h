/* SPDX-License-Identifier: MIT */
/* meter.h - counts what happens to jobs, for metrics. Runs in the engine,
 * called by the pipeline at each step of a job's life; an addition each time.
 * Everything takes NULL for a meter, and does nothing then. */
#pragma once

#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "run/executor.h"
#include "svc/metrics.h"
#include "wire/config.h"
#include "wire/job.h"
#include "wire/result.h"

struct meter;

/* Tells metrics the statuses, limits and so on, and the queues of
 * topics.queues. Borrows metrics. */
int meter_open(const struct config *config, struct metrics *metrics,
               struct meter **out, struct err *e) MUST_USE;
void meter_close(struct meter *m);

/* queue: the message's, from kafka_in. */
void meter_taken(struct meter *m, const char *queue);
void meter_given_back(struct meter *m, const char *queue);
/* Its result is made, not yet sent. */
void meter_reported(struct meter *m, const char *queue,
                    const struct result *result);
void meter_box_ended(struct meter *m, const struct launch_ended *ended);
/* The broker has acknowledged. received_ns: as in the result. */
void meter_finished(struct meter *m, const char *queue, enum status status,
                    uint64_t received_ns);
/* why: as in the dead letter. */
void meter_buried(struct meter *m, const char *queue, const char *why);
/* It waits for another attempt because of that status, or for its time. */
void meter_retried(struct meter *m, const char *queue, enum status status);
void meter_deferred(struct meter *m, const char *queue);
void meter_resent(struct meter *m);
