/* SPDX-License-Identifier: MIT */
/* kafka_in_commit.c - what is finished is told to the broker: see kafka_in.h.
 * One commit at a time. */
#include "svc/kafka_in_impl.h"

#include "base/clock.h"
#include "base/log.h"

/* Bounds the revoke callback, inside max.poll.interval.ms. */
#define COMMIT_TIMEOUT_MS 5000

static void on_committed(rd_kafka_t *rk, rd_kafka_resp_err_t error,
                         rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct kafka_in *in = opaque;

    (void)rk;
    in->is_committing = false;
    *(error ? &in->counts.not_committed : &in->counts.committed) += 1;
    if (error) {
        /* Still dirty: the next tick tries again. A rebalance under way is
         * the usual reason. */
        log_info("commit refused", "error=%s", rd_kafka_err2name(error));
        kafka_ends_error(in->ends, error, rd_kafka_err2str(error));
    }
    if (list) {
        kafka_parts_committed(&in->parts, list, error);
    }
}

/* One commit in flight, so that a late answer never overtakes a newer one. */
void kafka_in_commit_start(struct kafka_in *in,
                           const rd_kafka_topic_partition_list_t *only)
{
    rd_kafka_topic_partition_list_t *list = NULL;
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;

    if (in->is_committing || in->commits_elsewhere) {
        return;
    }
    list = kafka_parts_dirty(&in->parts, only);
    if (!list) {
        return;
    }
    error =
        rd_kafka_commit_queue(in->rk, list, in->commit_queue, on_committed, in);
    in->is_committing = error == RD_KAFKA_RESP_ERR_NO_ERROR;
    /* A list kept would hang the destruction of the client. */
    rd_kafka_topic_partition_list_destroy(list);
}

static void commit_wait(struct kafka_in *in, uint64_t deadline_ms)
{
    uint64_t now_ms = clock_mono_ms();

    while (in->is_committing && now_ms < deadline_ms) {
        (void)rd_kafka_queue_poll_callback(in->commit_queue,
                                           (int)(deadline_ms - now_ms));
        now_ms = clock_mono_ms();
    }
}

/* Everything finished is committed when this returns, or time is up. */
void kafka_in_commit_now(struct kafka_in *in,
                         const rd_kafka_topic_partition_list_t *only)
{
    uint64_t deadline_ms = clock_mono_ms() + COMMIT_TIMEOUT_MS;

    commit_wait(in, deadline_ms);
    kafka_in_commit_start(in, only);
    commit_wait(in, deadline_ms);
}

/* --- in a transaction ------------------------------------------------------
 */

void kafka_in_finish(struct kafka_in *in, const struct kafka_in_msg *msg)
{
    struct kafka_loan *loan = msg->handle;

    (void)in;
    (void)offsets_mark_done(&loan->part->offsets, loan->ticket);
}

bool kafka_in_commit_begin(struct kafka_in *in,
                           rd_kafka_topic_partition_list_t **out_offsets,
                           rd_kafka_consumer_group_metadata_t **out_member)
{
    rd_kafka_topic_partition_list_t *list =
        in->rk ? kafka_parts_dirty(&in->parts, NULL) : NULL;

    if (!list) {
        return false;
    }
    in->sent = rd_kafka_topic_partition_list_copy(list);
    *out_offsets = list;
    *out_member = rd_kafka_consumer_group_metadata(in->rk);
    return true;
}

void kafka_in_commit_end(struct kafka_in *in, int error)
{
    rd_kafka_topic_partition_list_t *list = in->sent;

    *(error ? &in->counts.not_committed : &in->counts.committed) += 1;
    if (error) {
        kafka_ends_error(in->ends, (rd_kafka_resp_err_t)error,
                         rd_kafka_err2str((rd_kafka_resp_err_t)error));
    }
    in->sent = NULL;
    kafka_parts_committed(&in->parts, list, (rd_kafka_resp_err_t)error);
    rd_kafka_topic_partition_list_destroy(list);
    kafka_wake_fire(in->wake); /* marks may be told now */
}

bool kafka_in_is_dirty(const struct kafka_in *in)
{
    return kafka_parts_is_dirty(&in->parts, false);
}
