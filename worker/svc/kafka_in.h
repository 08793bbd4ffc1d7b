/* SPDX-License-Identifier: MIT */
/* kafka_in.h - the jobs this worker is given. Runs in the engine.
 *
 * Happy path: partitions are assigned, each with a queue of its own that is
 * not forwarded, so that backpressure is "do not take". kafka_in_take() picks
 * the next message by queue weight; when its job has a published result the
 * caller says kafka_in_done(). Offsets are committed by a timer when they
 * moved, and synchronously on revoke and close; a partition's committed
 * offset passes only finished messages.
 *
 * A partition that another worker is to have is given away when the jobs that
 * run of it have ended, or when their time is up; see on_leaving.
 *
 * Failures: a lost partition is never committed; a message of an assignment
 * that has ended is forgotten by kafka_in_done(). A client that has failed for
 * good is made anew when all messages have been given back, with backoff: see
 * kafka_in_troubles(). What cannot be mended is reported once by on_fatal.
 *
 * On close: commits what is done, leaves the group, frees everything. All
 * messages must have been given back with kafka_in_done/_drop before.
 *
 * Nothing here blocks, except kafka_in_close and the revoke callback (bounded
 * by COMMIT_TIMEOUT_MS). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "svc/kafka_conf.h"
#include "svc/kafka_ends.h"
#include "svc/kafka_parts.h"
#include "wire/config.h"

struct kafka_in;

struct kafka_in_callbacks {
    /* Messages may be waiting: call kafka_in_take() until it says no. */
    void (*on_ready)(void *arg);
    /* Called after the assignment changed (for logs, telemetry, health). */
    void (*on_assigned)(size_t partitions, void *arg);
    void (*on_fatal)(const struct err *why, void *arg);
    /* Some partitions are to go to another worker: give back what has not
     * begun of them, kafka_in_is_leaving(), and soon the rest. They go when
     * all is given back, or after topics.revoke_grace. NULL: at once. */
    void (*on_leaving)(void *arg);
    /* They have gone, given away or lost: of what is still on loan some is
     * not ours any more, kafka_in_is_ours(). Not from the close. May be NULL.
     */
    void (*on_left)(void *arg);
    void *arg;
};

/* One message on loan. Views hold until kafka_in_done() or _drop(). */
struct kafka_in_msg {
    const char *topic; /* interned: valid as long as the kafka_in */
    const char *queue; /* "high", "default", ... ; interned */
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms; /* the record's, -1 when it has none */
    struct view key;
    struct view value; /* data NULL for a tombstone */
    bool is_begun;     /* kafka_in_begin_once() by who had it before us */
    void *handle;      /* private */
};

/* Headers of a message in order; false when index is past the end. */
bool kafka_in_header(const struct kafka_in_msg *msg, size_t index,
                     const char **out_name, struct view *out_value);

/* What is read, by which group. */
struct kafka_in_source {
    const char *name; /* for the log */
    const char *group;
    const char *stem; /* of the topics, between topics.prefix and the name */
    const struct kafka_conf_queue *queues;
    size_t queue_count;
    bool is_patient;        /* nobody waits: the broker is asked less often */
    bool commits_elsewhere; /* kafka_in_commit_begin(), and not by itself */
};

/* config, and name and group of the source, are borrowed until the close. */
int kafka_in_open(const struct config *config,
                  const struct kafka_in_source *source, uv_loop_t *loop,
                  const struct kafka_in_callbacks *callbacks,
                  struct kafka_in **out, struct err *e) MUST_USE;
/* The jobs of topics.queues. */
int kafka_in_open_jobs(const struct config *config, uv_loop_t *loop,
                       const struct kafka_in_callbacks *callbacks,
                       struct kafka_in **out, struct err *e) MUST_USE;

/* Takes the next message, 1; or 0 when none is waiting here. */
int kafka_in_take(struct kafka_in *in, struct kafka_in_msg *out);
/* Its job runs now: for whoever asks what holds up the others. */
void kafka_in_started(struct kafka_in *in, const struct kafka_in_msg *msg);
/* For a job that may run at most once: tells the broker that it begins, so that
 * nobody begins it again, whatever becomes of us. on_told from the loop, once:
 * whether it may. Not when its partition is not ours any more, and not when
 * the broker takes no metadata. */
enum kafka_in_told {
    KAFKA_IN_TOLD,
    KAFKA_IN_NOT_OURS,
    KAFKA_IN_CANNOT_TELL,
};
typedef void (*kafka_in_told_fn)(enum kafka_in_told told, void *arg);
void kafka_in_begin_once(struct kafka_in *in, const struct kafka_in_msg *msg,
                         kafka_in_told_fn on_told, void *arg);
/* All of them that wait: KAFKA_IN_NOT_OURS, now. */
void kafka_in_begin_none(struct kafka_in *in);
/* Its partition is ours, and is to stay so. */
bool kafka_in_is_ours(const struct kafka_in_msg *msg);
bool kafka_in_is_leaving(const struct kafka_in_msg *msg);
/* Give the message back: done = finished and its result is durable; dropped =
 * not finished, it will be delivered again (to us only after a restart or a
 * reassignment). */
void kafka_in_done(struct kafka_in *in, struct kafka_in_msg *msg);
void kafka_in_drop(struct kafka_in *in, struct kafka_in_msg *msg);

/* For who commits in a transaction of its own. The message's job is finished as
 * of the next commit; the message stays on loan until _done. */
void kafka_in_finish(struct kafka_in *in, const struct kafka_in_msg *msg);
/* False: there is nothing to tell. The caller owns what it gets. One at a
 * time; _end with what became of it, 0 or an error of Kafka. */
struct rd_kafka_topic_partition_list_s;
struct rd_kafka_consumer_group_metadata_s;
bool kafka_in_commit_begin(
    struct kafka_in *in, struct rd_kafka_topic_partition_list_s **out_offsets,
    struct rd_kafka_consumer_group_metadata_s **out_member) MUST_USE;
void kafka_in_commit_end(struct kafka_in *in, int error);
/* Would a commit tell something new? */
bool kafka_in_is_dirty(const struct kafka_in *in);

/* on_ready again soon: who takes stopped before there was nothing more. */
void kafka_in_look_again(struct kafka_in *in);
/* Stop taking new messages but stay in the group (drain): take() says 0. */
void kafka_in_pause(struct kafka_in *in);
size_t kafka_in_assigned(const struct kafka_in *in);
/* Records fetched and not taken yet. */
size_t kafka_in_waiting(const struct kafka_in *in);
/* Since it was opened. */
struct kafka_in_counts {
    uint64_t assigned; /* rebalances: partitions came, */
    uint64_t revoked;  /* went, */
    uint64_t lost;     /* or had gone before we were asked */
    uint64_t committed;
    uint64_t not_committed; /* refused; tried again */
};
const struct kafka_in_counts *kafka_in_counts(const struct kafka_in *in);
/* Is it a member of its group, with or without partitions? */
bool kafka_in_is_member(const struct kafka_in *in);
const struct kafka_ends_state *kafka_in_broker(const struct kafka_in *in);
const struct kafka_trouble *kafka_in_troubles(const struct kafka_in *in);
void kafka_in_visit(const struct kafka_in *in, kafka_part_visit_fn visit,
                    void *arg);
/* Not from one of the callbacks. The loop must run once more afterwards to
 * release what it holds. */
void kafka_in_close(struct kafka_in *in); /* accepts NULL */
