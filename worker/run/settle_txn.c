/* SPDX-License-Identifier: MIT */
/* settle_txn.c - what jobs leave behind, and the offsets that this finishes,
 * in one transaction: see settle.h.
 *
 * A job is marked as finished when its records go into a transaction, before
 * they are acknowledged. That is safe because offsets are committed nowhere
 * else, and because each transaction has all records that wait: when one is
 * aborted, the next one has its records again, and then its marks as well. */
#include "run/settle_impl.h"

#include <utlist.h>

#include "base/log.h"
#include "base/mem.h"

static void on_ready(void *arg)
{
    settle_txn_cycle(arg);
}

/* --- how it ended -----------------------------------------------------------
 */

static void took_all(struct settle *s)
{
    while (s->waiting) {
        struct parcel *parcel = s->waiting;

        DL_DELETE(s->waiting, parcel);
        parcel->prev = NULL;
        settle_took(s, parcel);
    }
}

/* All of it again, before what came meanwhile. */
static void keep_all(struct settle *s)
{
    const struct kafka_txn_fate *fate = s->fates;
    struct parcel *parcel = NULL;

    DL_FOREACH(s->waiting, parcel)
    {
        if (fate->error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE &&
            parcel->kind == PARCEL_RESULT) {
            settle_shrink(s, parcel->work);
        }
        fate++;
        meter_resent(s->spec.meter);
    }
    DL_CONCAT(s->waiting, s->unsent);
    s->unsent = s->waiting;
    s->waiting = NULL;
}

static void on_end(rd_kafka_resp_err_t error, void *arg)
{
    struct settle *s = arg;

    kafka_in_commit_end(s->in, error);
    if (error) {
        keep_all(s);
    } else {
        took_all(s);
    }
    free(s->fates);
    s->fates = NULL;
}

/* --- one of them ------------------------------------------------------------
 */

/* Whoever has the partition now runs it, and has its result. */
static void drop_others(struct settle *s)
{
    struct parcel *parcel = s->unsent;

    while (parcel) {
        if (kafka_in_is_ours(&parcel->work->msg)) {
            parcel = parcel->next;
            continue;
        }
        log_info("result not sent: its partition has gone", "job_id=%.*s",
                 VIEW_ARG(parcel->work->identity.job_id));
        settle_give_up(s, parcel->work);
        parcel = s->unsent; /* there may be more of the same */
    }
}

static int send_all(struct settle *s, struct err *e)
{
    struct parcel *parcel = NULL;
    size_t count = 0;
    int rc = 0;

    DL_COUNT(s->unsent, parcel, count);
    s->fates = xcalloc(count + 1, sizeof(*s->fates));
    count = 0;
    DL_FOREACH(s->unsent, parcel)
    {
        struct kafka_record record;
        struct envelope envelope;

        if (rc == 0) {
            settle_make_record(s, parcel, &envelope, &record);
            rc = kafka_txn_send(s->txn, &record, &s->fates[count], e);
            envelope_done(&envelope);
        }
        count++;
    }
    s->waiting = s->unsent;
    s->unsent = NULL;
    return rc;
}

static void mark_all(struct settle *s)
{
    struct parcel *parcel = NULL;

    DL_FOREACH(s->unsent, parcel)
    {
        kafka_in_finish(s->in, &parcel->work->msg);
    }
}

void settle_txn_cycle(struct settle *s)
{
    rd_kafka_topic_partition_list_t *offsets = NULL;
    rd_kafka_consumer_group_metadata_t *member = NULL;
    struct err e = {0};

    if (!s->in || !kafka_txn_is_idle(s->txn)) {
        return;
    }
    drop_others(s);
    mark_all(s);
    if (!kafka_in_commit_begin(s->in, &offsets, &member)) {
        return;
    }
    if (kafka_txn_begin(s->txn, &e) < 0) {
        log_warn("no transaction", "error=%s", e.msg);
        kafka_in_commit_end(s->in, RD_KAFKA_RESP_ERR__RETRY);
        rd_kafka_topic_partition_list_destroy(offsets);
        rd_kafka_consumer_group_metadata_destroy(member);
        return;
    }
    if (send_all(s, &e) < 0) {
        log_warn("record not queued", "error=%s", e.msg);
        rd_kafka_topic_partition_list_destroy(offsets);
        rd_kafka_consumer_group_metadata_destroy(member);
        kafka_txn_abort(s->txn);
        return;
    }
    kafka_txn_commit(s->txn, offsets, member);
}

/* --- its life ----------------------------------------------------------------
 */

/* A worker with the same id that comes after us ends what we leave open, at
 * once; otherwise it takes the transaction's timeout. */
static void make_id(struct settle *s)
{
    (void)snprintf(s->txn_id, sizeof(s->txn_id), "%s.%s",
                   s->spec.config->topics_group, s->spec.worker->id);
}

int settle_txn_open(struct settle *s, struct err *e)
{
    const struct kafka_txn_callbacks callbacks = {on_ready, on_end, s};
    bool is_wanted = false;

    if (kafka_txn_is_wanted(s->spec.config, &is_wanted, e) < 0) {
        return -1;
    }
    if (!is_wanted) {
        return 0;
    }
    make_id(s);
    return kafka_txn_open(s->spec.config, s->txn_id, s->spec.loop, &callbacks,
                          &s->txn, e);
}
