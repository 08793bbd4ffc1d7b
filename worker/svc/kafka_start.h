/* SPDX-License-Identifier: MIT */
/* kafka_start.h - where newly assigned partitions begin: the group's committed
 * offsets with their metadata, asked of the coordinator without waiting.
 *
 * librdkafka would look the offsets up by itself, but keeps the metadata to
 * itself too, and with it which jobs behind an unfinished one are finished.
 * Its rd_kafka_committed() gives both, and blocks: it is called in a thread
 * that does nothing else, and the assignment waits instead of the loop. The
 * group is kept waiting no longer than for librdkafka's own look-up, which is
 * saved in turn. The admin call that would need no thread must not be used:
 * see doc/decisions/2026-11-26-offsets-asked-in-a-thread.md.
 *
 * Happy path: _ask with the assigned partitions, on_known with the same list
 * and what is committed for each, RD_KAFKA_OFFSET_INVALID where nothing is.
 * Failures: asked again at the next _tick, for as long as it takes: partitions
 * whose start is not known are not read.
 * On close: what was asked for is not answered any more. */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

#include "svc/kafka_wake.h"

/* Of one question; the coordinator is looked for within it. */
#define KAFKA_START_TRY_MS 5000

struct kafka_start;

/* The list is the callee's to change, and freed afterwards. */
typedef void (*kafka_start_fn)(rd_kafka_topic_partition_list_t *list,
                               void *arg);

struct kafka_start *kafka_start_open(rd_kafka_t *rk, const char *group,
                                     struct kafka_wake *wake,
                                     kafka_start_fn on_known, void *arg);
/* One question at a time: not before the one before was answered. */
void kafka_start_ask(struct kafka_start *start,
                     const rd_kafka_topic_partition_list_t *list);
bool kafka_start_is_asking(const struct kafka_start *start);
/* A thread is asking: _close would wait for it. */
bool kafka_start_is_waiting(const struct kafka_start *start);
void kafka_start_serve(struct kafka_start *start); /* on a wake-up */
void kafka_start_tick(struct kafka_start *start);  /* now and then */
/* What was asked for, to be freed by the caller, or NULL. */
rd_kafka_topic_partition_list_t *kafka_start_forget(struct kafka_start *start);
/* Before the client is destroyed. Blocks until the thread has ended, for
 * KAFKA_START_TRY_MS at most. Accepts NULL. */
void kafka_start_close(struct kafka_start *start);
