/* SPDX-License-Identifier: MIT */
/* settle.h - the records that a job leaves behind (its result, a dead letter,
 * itself for another time), until the broker has them. Runs in the engine.
 *
 * Happy path: settle_send() for each kind, in one go; when the last of them is
 * acknowledged on_settled is called, and the job's message may be done.
 *
 * With topics.delivery: exactly-once all records that wait go in a transaction
 * with the offsets that they finish, several times a second. A work whose
 * partition has gone meanwhile is given to on_unsettled: others run it.
 *
 * Failures: a record that cannot be queued or delivered is sent again until it
 * is. A result that the broker finds too large loses output each time.
 *
 * On close: works with records not acknowledged are given to on_unsettled. */
#pragma once

#include <uv.h>

#include "base/base.h"
#include "base/err.h"
#include "run/meter.h"
#include "run/work.h"
#include "svc/kafka_out.h"

struct settle;

/* All borrowed. The functions are called from the loop, never from within
 * settle_send(). */
struct settle_spec {
    const struct config *config;
    uv_loop_t *loop;
    struct kafka_out *out;
    struct meter *meter;
    const struct report_worker *worker;
    void (*on_settled)(struct work *w);
    void (*on_unsettled)(struct work *w);
};

int settle_open(const struct settle_spec *spec, struct settle **out,
                struct err *e) MUST_USE;
/* Whose messages the works are; before the first record. */
void settle_attach(struct settle *settle, struct kafka_in *in);
/* Borrows the work until on_settled or on_unsettled. */
void settle_send(struct settle *settle, struct work *w, enum parcel_kind kind);
/* Works with records not acknowledged. */
unsigned settle_count(const struct settle *settle);
/* Of its transactions; NULL: there are none. */
const struct kafka_trouble *settle_troubles(const struct settle *settle);
/* Waits for transactions, at most so long; runs the loop. */
void settle_flush(struct settle *settle, uint64_t timeout_ms);
/* After the producer was closed. The loop must run once more. */
void settle_close(struct settle *settle);
