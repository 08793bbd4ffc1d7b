/* SPDX-License-Identifier: MIT */
/* kafka_txn.h - records and offsets in one transaction, one after the other.
 * Runs in the engine; what blocks runs in a thread of libuv's pool.
 *
 * Happy path: on_ready; _begin, _send for each record, _commit with the offsets
 * that these finish; on_end tells how it ended, and the next may begin.
 *
 * Failures: what can be aborted is; on_end tells it, and everything has to be
 * sent again. A producer that was fenced, timed out or failed for good is made
 * anew: that settles the transaction before it, one way or the other, and the
 * group's committed offsets tell which. on_end comes when it is known, however
 * long that takes.
 *
 * On close: waits for the thread; a transaction that is open is aborted. */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/base.h"
#include "base/err.h"
#include "svc/kafka_out.h"
#include "svc/kafka_trouble.h"
#include "wire/config.h"

struct kafka_txn;

struct kafka_txn_callbacks {
    void (*on_ready)(void *arg); /* the first may begin */
    /* error: 0, it is committed; else it is not, and why. */
    void (*on_end)(rd_kafka_resp_err_t error, void *arg);
    void *arg;
};

/* Of one record: why it was not taken; 0 when it was. Read after on_end. */
struct kafka_txn_fate {
    rd_kafka_resp_err_t error;
};

/* topics.delivery: exactly-once? ERR_INPUT: it is something else again. */
int kafka_txn_is_wanted(const struct config *config, bool *out,
                        struct err *e) MUST_USE;

/* id: the transactional.id. Both it and config are borrowed until the close. */
int kafka_txn_open(const struct config *config, const char *id, uv_loop_t *loop,
                   const struct kafka_txn_callbacks *callbacks,
                   struct kafka_txn **out, struct err *e) MUST_USE;
/* No transaction is under way, and one may begin. */
bool kafka_txn_is_idle(const struct kafka_txn *txn);
int kafka_txn_begin(struct kafka_txn *txn, struct err *e) MUST_USE;
/* Copies the record; its on_ack is not looked at. */
int kafka_txn_send(struct kafka_txn *txn, const struct kafka_record *record,
                   struct kafka_txn_fate *fate, struct err *e) MUST_USE;
/* Takes over both. */
void kafka_txn_commit(struct kafka_txn *txn,
                      rd_kafka_topic_partition_list_t *offsets,
                      rd_kafka_consumer_group_metadata_t *member);
void kafka_txn_abort(struct kafka_txn *txn);

struct kafka_txn_counts {
    uint64_t committed;
    uint64_t aborted;
    uint64_t renewed; /* producers made anew */
};
const struct kafka_txn_counts *kafka_txn_counts(const struct kafka_txn *txn);
const struct kafka_trouble *kafka_txn_troubles(const struct kafka_txn *txn);
/* Runs the loop while the thread is busy. Accepts NULL. */
void kafka_txn_close(struct kafka_txn *txn);
