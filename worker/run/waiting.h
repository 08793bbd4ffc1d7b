/* SPDX-License-Identifier: MIT */
/* waiting.h - brings jobs that wait for their time back to their queue when it
 * has come. Runs in the engine, beside the pipeline.
 *
 * Jobs that are tried again wait in the topics retry.*, those that came too
 * early in `deferred`. One consumer group for all workers of a cluster reads
 * them, whatever queues the workers serve: each record is brought back once,
 * to the jobs topic that its header names, with its bytes as they are.
 *
 * Happy path: a record is taken and held until it is due; then sent, and when
 * that is acknowledged it is done. Some of what is held may be finished before
 * older ones: the commit's metadata tells (wire/offsets.h).
 *
 * Failures: a record that does not say when or where goes to the dead letters.
 * What is not acknowledged is sent again. Where much is held already, records
 * that are due late go to the topic of a longer wait instead of memory.
 *
 * On close: what is held is left to the other workers. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/base.h"
#include "base/err.h"
#include "run/meter.h"
#include "svc/kafka_out.h"
#include "svc/kafka_trouble.h"
#include "wire/config.h"

struct waiting;

/* All borrowed. */
struct waiting_spec {
    const struct config *config;
    uv_loop_t *loop;
    struct kafka_out *out;
    struct meter *meter;
    const char *worker_id;
    void (*on_fatal)(const struct err *why, void *arg);
    void *arg;
};

int waiting_open(const struct waiting_spec *spec, struct waiting **out,
                 struct err *e) MUST_USE;
struct waiting_counts {
    size_t held;
    uint64_t returned; /* acknowledged */
};
void waiting_counts(const struct waiting *w, struct waiting_counts *out);
/* Of its consumer; NULL when w is. */
const struct kafka_trouble *waiting_troubles(const struct waiting *w);
/* Takes nothing more, and gives back what it holds. What is on its way to the
 * broker goes on. */
void waiting_stop(struct waiting *w);
/* After the producer was closed. Blocks as kafka_in_close() does; the loop must
 * run once more. Accepts NULL. */
void waiting_close(struct waiting *w);
