/* SPDX-License-Identifier: MIT */
/* kafka_parts.h - the partitions this worker owns, and which one is next.
 *
 * A lane is one queue of jobs (one topic) with a weight; its partitions each
 * have a librdkafka queue of their own. Lanes are chosen by smooth weighted
 * round-robin among those that have something, partitions of a lane in turn.
 *
 * Happy path: _add on assignment, _take / _done / _drop per record, _remove on
 * revoke.
 * Failures: a log that was cut or made anew is followed back to where it goes
 * on; records on loan from beyond that come back without effect.
 * On close: a partition struct lives until its last record is given back. */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "svc/kafka_conf.h"
#include "svc/kafka_wake.h"
#include "wire/config.h"
#include "wire/offsets.h"

struct kafka_part {
    struct kafka_lane *lane;
    int32_t partition;
    rd_kafka_queue_t *queue;  /* NULL when the partition is not ours */
    rd_kafka_message_t *held; /* read, but beyond what may be tracked */
    struct offsets offsets;
    bool is_stopped;   /* no room for what may finish; said once */
    bool is_leaving;   /* another worker is to have it: nothing is taken */
    size_t loans;      /* records not given back yet */
    int64_t end;       /* kafka_ends.h: of the log; -1: not known */
    size_t text_len;   /* metadata of the last commit */
    uint64_t empty_at; /* kafka_parts.round when found empty */
    uint64_t skipped;  /* records that the owner before us had finished */
    struct kafka_wake *wake;
    struct kafka_part *prev, *next;
};

struct kafka_lane {
    char *queue;
    char *topic;
    uint32_t weight;
    int64_t credit;           /* of the smooth weighted round-robin */
    struct kafka_part *parts; /* list; its head is asked first, next time */
};

struct kafka_parts {
    struct kafka_lane *lanes;
    size_t lane_count;
    size_t count;    /* partitions owned */
    uint64_t round;  /* see kafka_parts_look_again() */
    size_t text_max; /* characters of metadata the broker takes */
};

/* One record on loan. */
struct kafka_loan {
    rd_kafka_message_t *message;
    struct kafka_part *part;
    struct offsets_ticket ticket;
    bool is_begun; /* at most once, by an owner before us */
};

/* A lane for each queue: its topic is topics.prefix, stem and name. */
void kafka_parts_init(struct kafka_parts *parts, const struct config *config,
                      const char *stem, const struct kafka_conf_queue *queues,
                      size_t count);
void kafka_parts_free(struct kafka_parts *parts); /* no loans may be out */

struct kafka_lane *kafka_parts_lane(struct kafka_parts *parts,
                                    const char *topic);
struct kafka_part *kafka_parts_find(struct kafka_parts *parts,
                                    const char *topic, int32_t partition);

/* Before rd_kafka_incremental_assign(): records must find the queue already
 * taken out of the main one. committed: what the group knows of it. */
void kafka_parts_add(struct kafka_parts *parts, rd_kafka_t *rk,
                     struct kafka_wake *wake,
                     const rd_kafka_topic_partition_t *committed);
void kafka_parts_remove(struct kafka_parts *parts, struct kafka_part *part);
/* Nothing more is taken from these. */
void kafka_parts_leave(struct kafka_parts *parts,
                       const rd_kafka_topic_partition_list_t *list);
/* Records of those that leave that are not given back. */
size_t kafka_parts_leaving(const struct kafka_parts *parts);
/* Would a commit tell something new, of any or of those that leave? */
bool kafka_parts_is_dirty(const struct kafka_parts *parts, bool only_leaving);
void kafka_parts_remove_all(struct kafka_parts *parts);

/* Queues found empty are not asked again before this is called: on every
 * wake-up, because that is how librdkafka says they are not empty any more. */
void kafka_parts_look_again(struct kafka_parts *parts);
/* NULL when nothing is waiting that may be taken. */
struct kafka_loan *kafka_parts_take(struct kafka_parts *parts);
/* The loan's job has begun. */
void kafka_parts_started(struct kafka_parts *parts,
                         const struct kafka_loan *loan);
/* Both free the loan. A mark (offsets.h) of one that was not started goes. */
void kafka_parts_done(struct kafka_parts *parts, struct kafka_loan *loan);
void kafka_parts_drop(struct kafka_parts *parts, struct kafka_loan *loan);
/* How one partition fares. */
struct kafka_part_figures {
    const char *topic;
    int32_t partition;
    int64_t unfinished; /* records, taken or not; -1: not known */
    size_t in_flight;
    uint64_t span;
    uint64_t age_ms; /* of what holds the watermark; 0: nothing does */
    size_t metadata_bytes;
};
typedef void (*kafka_part_visit_fn)(const struct kafka_part_figures *figures,
                                    void *arg);
void kafka_parts_visit(const struct kafka_parts *parts, uint64_t now_ms,
                       kafka_part_visit_fn visit, void *arg);
/* Records fetched and not taken, over all partitions. */
size_t kafka_parts_waiting(const struct kafka_parts *parts);

/* What is finished and the broker does not know: a list to commit, or NULL. A
 * row's opaque is NULL when it tells of nothing finished, of marks only.
 * only: restrict to these partitions, or NULL for all. One such commit at a
 * time. */
rd_kafka_topic_partition_list_t *
kafka_parts_dirty(struct kafka_parts *parts,
                  const rd_kafka_topic_partition_list_t *only);
/* The answer to it. */
void kafka_parts_committed(struct kafka_parts *parts,
                           const rd_kafka_topic_partition_list_t *list,
                           rd_kafka_resp_err_t error);
