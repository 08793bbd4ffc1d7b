/* SPDX-License-Identifier: MIT */
/* kafka_wake.h - librdkafka queues as an event of the loop.
 *
 * librdkafka writes to an eventfd when a watched queue goes from empty to
 * non-empty, and not again before it was emptied: on_wake must drain what it
 * wants to hear of again. One eventfd serves any number of queues. */
#pragma once

#include <librdkafka/rdkafka.h>
#include <uv.h>

#include "base/base.h"
#include "base/err.h"

struct kafka_wake;

int kafka_wake_open(uv_loop_t *loop, void (*on_wake)(void *arg), void *arg,
                    struct kafka_wake **out, struct err *e) MUST_USE;
void kafka_wake_watch(struct kafka_wake *wake, rd_kafka_queue_t *queue);
/* Before the last reference to a watched queue is destroyed. */
void kafka_wake_unwatch(rd_kafka_queue_t *queue);
/* on_wake is called in the next round of the loop. */
void kafka_wake_fire(struct kafka_wake *wake);
/* The same, once, after so long; the last call counts. */
void kafka_wake_after(struct kafka_wake *wake, uint64_t delay_ms);
/* The client of the watched queues must be gone. Memory and descriptor are
 * released by the loop's next round. Accepts NULL. */
void kafka_wake_close(struct kafka_wake *wake);
