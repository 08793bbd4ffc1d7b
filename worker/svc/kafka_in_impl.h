/* SPDX-License-Identifier: MIT */
/* kafka_in_impl.h - what the files of kafka_in share: kafka_in.c (its life and
 * its records), kafka_in_commit.c, kafka_in_group.c. For nobody else. */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/base.h"
#include "svc/kafka_ends.h"
#include "svc/kafka_in.h"
#include "svc/kafka_once.h"
#include "svc/kafka_parts.h"
#include "svc/kafka_start.h"
#include "svc/kafka_wake.h"
#include "wire/config.h"

/* Between a failure for good and the next client; doubled each time. */
#define KAFKA_IN_RENEW_FIRST_MS 1000

struct kafka_in {
    const struct config *config;
    const char *group;
    bool is_patient;
    rd_kafka_t *rk;
    struct kafka_wake *wake;
    rd_kafka_queue_t *main_queue;
    rd_kafka_queue_t *commit_queue;
    struct kafka_start *start;
    int64_t start_without; /* offset where the group has none: see config */
    uv_timer_t *commit_timer;
    uv_timer_t *tick_timer;
    struct kafka_in_callbacks callbacks;
    struct kafka_parts parts;
    struct kafka_ends *ends;
    struct kafka_in_counts counts;
    struct kafka_once *once;
    rd_kafka_topic_partition_list_t *leaving; /* NULL: none is */
    uint64_t leave_at_ms;                     /* at the latest */
    size_t loans;
    uint64_t renew_ms;                     /* to wait next time */
    uint64_t renew_at_ms;                  /* 0: the client is well */
    bool commits_elsewhere;                /* in a transaction */
    rd_kafka_topic_partition_list_t *sent; /* there; NULL: nothing is */
    bool is_paused;
    bool is_closing;
    bool is_committing;
    bool has_failed;
};

/* --- kafka_in_commit.c --- */

/* Of what is finished, for these partitions or (NULL) all; the answer comes
 * with the loop. */
void kafka_in_commit_start(struct kafka_in *in,
                           const rd_kafka_topic_partition_list_t *only);
/* Everything finished is committed when this returns, or time is up. */
void kafka_in_commit_now(struct kafka_in *in,
                         const rd_kafka_topic_partition_list_t *only);

/* --- kafka_in_group.c --- */

void kafka_in_on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                           rd_kafka_topic_partition_list_t *list, void *opaque);
/* Where assigned partitions begin: see kafka_start.h. */
void kafka_in_on_start_known(rd_kafka_topic_partition_list_t *committed,
                             void *arg);
void kafka_in_assign(struct kafka_in *in,
                     rd_kafka_topic_partition_list_t *list);
/* Partitions that leave: are their jobs over, or is their time? */
void kafka_in_leave_if_over(struct kafka_in *in);
/* Frees it; NULL is none. */
void kafka_in_log_error(const char *what, rd_kafka_error_t *error);
