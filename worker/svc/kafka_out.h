/* SPDX-License-Identifier: MIT */
/* kafka_out.h - records to topics, with an answer for each. Runs in the engine
 * and in the command line tools.
 *
 * Happy path: kafka_out_send() copies the record into librdkafka's queue; when
 * the broker has acknowledged it (acks=all, idempotent) on_ack is called from
 * the loop with ok.
 *
 * Failures: a full local queue is ERR_RETRY from kafka_out_send(), nothing was
 * taken; a record that could not be delivered within message.timeout.ms calls
 * on_ack with the error. Fire-and-forget records (on_ack NULL) that fail are
 * counted. A client that gave up for good (it may not write, or was fenced)
 * answers everybody and is made anew, where there is a loop: at once there is
 * nothing that can be sent, later there may be.
 *
 * On close: waits up to timeout_ms for what is queued, then frees; records
 * still unacknowledged get on_ack with ERR_RETRY. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "svc/kafka_trouble.h"
#include "wire/config.h"

struct kafka_out;

/* RELIABLE: acks=all, idempotent, linger 0: results, dead letters, output.
 * BATCHED: the same, but records wait up to 10 ms for company: audit, four
 * records a job that nobody waits for one by one.
 * FAST: acks=1, linger 50 ms, lz4, never delays the others: telemetry. */
enum kafka_out_class { KAFKA_OUT_RELIABLE, KAFKA_OUT_BATCHED, KAFKA_OUT_FAST };

struct kafka_header {
    const char *name;
    struct view value;
};

typedef void (*kafka_out_ack_fn)(const struct err *failure_or_null, void *arg);

struct kafka_record {
    const char *topic; /* full name, with prefix */
    struct view key;
    struct view value;
    const struct kafka_header *headers;
    size_t header_count;
    kafka_out_ack_fn on_ack; /* NULL: nobody waits */
    void *arg;
};

/* loop NULL: no loop; the caller calls kafka_out_poll() itself. config is
 * borrowed until the close. */
int kafka_out_open(const struct config *config, enum kafka_out_class class,
                   uv_loop_t *loop, struct kafka_out **out,
                   struct err *e) MUST_USE;
/* Copies topic, key, value and headers. */
int kafka_out_send(struct kafka_out *out, const struct kafka_record *record,
                   struct err *e) MUST_USE;
/* Serves acknowledgements for at most timeout_ms. */
void kafka_out_poll(struct kafka_out *out, int timeout_ms);
size_t kafka_out_pending(const struct kafka_out *out);
struct kafka_out_figures {
    uint64_t messages; /* not acknowledged yet, */
    uint64_t bytes;    /* and their keys and values */
    uint64_t sent;     /* acknowledged */
    uint64_t failed;   /* not delivered, or not even queued */
};
const struct kafka_out_figures *kafka_out_figures(const struct kafka_out *out);
uint64_t kafka_out_lost(const struct kafka_out *out); /* fire-and-forget */
/* What a connection last complained about, "" when none did: the reason behind
 * a record that timed out. Known after a poll. */
const char *kafka_out_trouble(const struct kafka_out *out);
/* The client has given up, e.g. fenced: nothing goes out by it. With a loop
 * there will be another soon. */
bool kafka_out_has_failed(const struct kafka_out *out);
/* The last records were refused, for their topic or altogether, and the next
 * ones would be. Where there is a loop, that it is over is noticed without one.
 */
bool kafka_out_is_refused(const struct kafka_out *out);
const struct kafka_trouble *kafka_out_troubles(const struct kafka_out *out);
/* Returns the number of records that were not acknowledged. */
size_t kafka_out_close(struct kafka_out *out, int timeout_ms);
