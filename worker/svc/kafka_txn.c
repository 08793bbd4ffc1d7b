/* SPDX-License-Identifier: MIT */
/* kafka_txn.c - see kafka_txn.h. Functions named in_pool_* run in the pool's
 * thread, and nobody touches the struct meanwhile but for its state. */
#include "svc/kafka_txn.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "svc/kafka_conf.h"
#include "svc/kafka_in_conf.h"

#define INIT_TIMEOUT_MS    10000
#define OFFSETS_TIMEOUT_MS 10000
#define END_TIMEOUT_MS     15000
#define ASK_TIMEOUT_MS     5000
#define RETRY_MS           1000

enum state {
    STARTING, /* in the pool: a producer is made */
    RESTING,  /* that failed; soon again */
    IDLE,
    OPEN,
    ENDING, /* in the pool */
};

struct kafka_txn {
    const struct config *config;
    const char *id;
    uv_loop_t *loop;
    struct kafka_txn_callbacks callbacks;
    rd_kafka_t *rk;
    enum state state;
    uv_work_t work;
    uv_timer_t timer;
    rd_kafka_topic_partition_list_t *offsets; /* NULL: it is to be aborted */
    rd_kafka_consumer_group_metadata_t *member;
    bool has_ended;   /* somebody is to be told of error */
    bool is_doubtful; /* committed or not? */
    bool is_spent;    /* the producer is of no more use */
    bool has_started; /* the last work in the pool went well */
    bool is_closing;
    rd_kafka_resp_err_t error;
    char text[512]; /* of the last failure */
    struct kafka_txn_counts counts;
    struct kafka_trouble troubles;
};

int kafka_txn_is_wanted(const struct config *config, bool *out, struct err *e)
{
    const char *delivery = config->topics_delivery;

    *out = !strcmp(delivery, "exactly-once");
    if (!*out && strcmp(delivery, "at-least-once") != 0) {
        return err_set(e, ERR_INPUT,
                       "topics.delivery: '%s' is neither at-least-once nor "
                       "exactly-once",
                       delivery);
    }
    return 0;
}

/* --- in the pool: a producer -----------------------------------------------
 */

static void on_delivered(rd_kafka_t *rk, const rd_kafka_message_t *m,
                         void *opaque)
{
    struct kafka_txn_fate *fate = m->_private;

    (void)rk;
    (void)opaque;
    fate->error = m->err;
}

static bool note_error(struct kafka_txn *txn, rd_kafka_error_t *error)
{
    if (!error) {
        return true;
    }
    txn->error = rd_kafka_error_code(error);
    (void)snprintf(txn->text, sizeof(txn->text), "%s",
                   rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return false;
}

static bool in_pool_make(struct kafka_txn *txn)
{
    static const struct kafka_conf_row rows[] = {
        {"enable.idempotence", "true"},
        {"acks", "all"},
        {"linger.ms", "5"},
        {"partitioner", "murmur2_random"},
        /* Who died in the middle of one holds up the readers and the next
         * owner of its partitions for so long. */
        {"transaction.timeout.ms", "10000"},
        {"topic.metadata.refresh.interval.ms", "10000"},
        {NULL, NULL},
    };
    rd_kafka_conf_t *conf = NULL;
    struct err e;

    if (txn->rk) {
        txn->counts.renewed++;
        rd_kafka_destroy(txn->rk);
        txn->rk = NULL;
    }
    if (kafka_conf_new(txn->config, rows, &conf, &e) < 0) {
        (void)snprintf(txn->text, sizeof(txn->text), "%s", e.msg);
        return false;
    }
    (void)rd_kafka_conf_set(conf, "transactional.id", txn->id, NULL, 0);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivered);
    kafka_conf_quiet(conf);
    if (kafka_conf_client(conf, RD_KAFKA_PRODUCER, txn, &txn->rk, &e) < 0) {
        (void)snprintf(txn->text, sizeof(txn->text), "%s", e.msg);
        return false;
    }
    return note_error(txn,
                      rd_kafka_init_transactions(txn->rk, INIT_TIMEOUT_MS));
}

static bool is_same(const rd_kafka_topic_partition_t *a,
                    const rd_kafka_topic_partition_t *b)
{
    return a->offset == b->offset && a->metadata_size == b->metadata_size &&
           (a->metadata_size == 0 ||
            !memcmp(a->metadata, b->metadata, a->metadata_size));
}

/* The new producer has settled the old one's transaction: the offsets in it are
 * the group's, or not. One partition is enough, because they went together;
 * another one's may be a new owner's by now. 0 or 1; -1: not known. */
static int in_pool_ask(struct kafka_txn *txn)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_copy(txn->offsets);
    rd_kafka_conf_t *conf = NULL;
    rd_kafka_t *consumer = NULL;
    struct err e;
    int answer = -1;

    if (kafka_in_conf(txn->config, txn->config->topics_group, false, &conf,
                      &e) == 0 &&
        kafka_conf_client(conf, RD_KAFKA_CONSUMER, NULL, &consumer, &e) == 0) {
        rd_kafka_resp_err_t error =
            rd_kafka_committed(consumer, list, ASK_TIMEOUT_MS);

        answer = error ? -1 : 0;
        for (int i = 0; !error && i < list->cnt; i++) {
            const rd_kafka_topic_partition_t *sent = &txn->offsets->elems[i];

            /* without anything finished it may be what was there before */
            answer |= sent->opaque && is_same(&list->elems[i], sent);
        }
        rd_kafka_destroy(consumer);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return answer;
}

static void in_pool_start(uv_work_t *work)
{
    struct kafka_txn *txn = work->data;
    rd_kafka_resp_err_t error = txn->error;
    int answer = 0;

    txn->has_started = in_pool_make(txn);
    if (!txn->has_started || !txn->is_doubtful) {
        txn->error = error;
        return;
    }
    answer = in_pool_ask(txn);
    txn->has_started = answer >= 0;
    txn->is_doubtful = answer < 0;
    txn->error = answer == 1 ? RD_KAFKA_RESP_ERR_NO_ERROR : error;
}

/* --- in the pool: the end of a transaction ---------------------------------
 */

static void in_pool_abort(struct kafka_txn *txn)
{
    rd_kafka_resp_err_t error = txn->error;
    rd_kafka_error_t *failure =
        rd_kafka_abort_transaction(txn->rk, END_TIMEOUT_MS);

    /* A new producer aborts it, then. */
    txn->is_spent = failure != NULL;
    if (failure) {
        rd_kafka_error_destroy(failure);
    }
    txn->error = error ? error : RD_KAFKA_RESP_ERR__RETRY;
}

/* After a failure: is there a way back with this producer? */
static void in_pool_recover(struct kafka_txn *txn, rd_kafka_error_t *failure,
                            bool may_be_committed)
{
    bool can_abort = rd_kafka_error_txn_requires_abort(failure);

    (void)note_error(txn, failure);
    if (can_abort) {
        in_pool_abort(txn);
    } else {
        txn->is_spent = true;
        txn->is_doubtful = may_be_committed;
    }
}

/* librdkafka goes on where it was when one that may be repeated is. */
static rd_kafka_error_t *in_pool_commit(struct kafka_txn *txn)
{
    uint64_t deadline_ms = clock_mono_ms() + END_TIMEOUT_MS;
    rd_kafka_error_t *failure = NULL;

    for (;;) {
        failure = rd_kafka_commit_transaction(txn->rk, END_TIMEOUT_MS);
        if (!failure || !rd_kafka_error_is_retriable(failure) ||
            clock_mono_ms() >= deadline_ms) {
            return failure;
        }
        rd_kafka_error_destroy(failure);
    }
}

static void in_pool_end(uv_work_t *work)
{
    struct kafka_txn *txn = work->data;
    rd_kafka_error_t *failure = NULL;

    txn->error = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (!txn->offsets) {
        in_pool_abort(txn);
        return;
    }
    failure = rd_kafka_send_offsets_to_transaction(
        txn->rk, txn->offsets, txn->member, OFFSETS_TIMEOUT_MS);
    if (failure && rd_kafka_error_is_retriable(failure)) {
        (void)note_error(txn, failure);
        in_pool_abort(txn);
        return;
    }
    if (failure) {
        in_pool_recover(txn, failure, false);
        return;
    }
    failure = in_pool_commit(txn);
    if (failure) {
        in_pool_recover(txn, failure, true);
    }
}

/* --- in the loop ------------------------------------------------------------
 */

static void after_start(uv_work_t *work, int status);
static void after_end(uv_work_t *work, int status);

static void start(struct kafka_txn *txn)
{
    txn->state = STARTING;
    (void)uv_queue_work(txn->loop, &txn->work, in_pool_start, after_start);
}

static void on_timer(uv_timer_t *timer)
{
    start(timer->data);
}

static void forget_offsets(struct kafka_txn *txn)
{
    if (txn->offsets) {
        rd_kafka_topic_partition_list_destroy(txn->offsets);
        rd_kafka_consumer_group_metadata_destroy(txn->member);
    }
    txn->offsets = NULL;
    txn->member = NULL;
}

static void tell_end(struct kafka_txn *txn)
{
    rd_kafka_resp_err_t error = txn->error;

    txn->has_ended = false;
    txn->error = RD_KAFKA_RESP_ERR_NO_ERROR;
    *(error ? &txn->counts.aborted : &txn->counts.committed) += 1;
    forget_offsets(txn);
    if (error) {
        log_info("transaction aborted", "error=%s text=\"%s\"",
                 rd_kafka_err2name(error), txn->text);
    }
    txn->callbacks.on_end(error, txn->callbacks.arg);
}

static void after_start(uv_work_t *work, int status)
{
    struct kafka_txn *txn = work->data;

    (void)status;
    if (!txn->has_started) {
        txn->state = RESTING;
        kafka_trouble_note(
            &txn->troubles,
            txn->error ? txn->error : RD_KAFKA_RESP_ERR__TRANSPORT, txn->text);
        if (!txn->is_closing) {
            (void)uv_timer_start(&txn->timer, on_timer, RETRY_MS, 0);
        }
        return;
    }
    kafka_trouble_all_over(&txn->troubles);
    txn->state = IDLE;
    txn->is_spent = false;
    if (txn->has_ended) {
        tell_end(txn);
    } else {
        txn->callbacks.on_ready(txn->callbacks.arg);
    }
}

static void after_end(uv_work_t *work, int status)
{
    struct kafka_txn *txn = work->data;

    (void)status;
    txn->has_ended = true;
    if (txn->is_spent) {
        log_warn("transactional producer made anew", "error=\"%s\"", txn->text);
        if (txn->is_closing) {
            txn->state = RESTING;
        } else {
            start(txn);
        }
        return;
    }
    txn->state = IDLE;
    tell_end(txn);
}

bool kafka_txn_is_idle(const struct kafka_txn *txn)
{
    return txn->state == IDLE && !txn->is_closing;
}

int kafka_txn_begin(struct kafka_txn *txn, struct err *e)
{
    rd_kafka_error_t *error = rd_kafka_begin_transaction(txn->rk);

    if (!error) {
        txn->state = OPEN;
        return 0;
    }
    (void)err_set(e, ERR_RETRY, "%s", rd_kafka_error_string(error));
    (void)note_error(txn, error);
    txn->error = RD_KAFKA_RESP_ERR_NO_ERROR;
    start(txn);
    return -1;
}

int kafka_txn_send(struct kafka_txn *txn, const struct kafka_record *record,
                   struct kafka_txn_fate *fate, struct err *e)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(record->header_count);

    fate->error = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (size_t i = 0; i < record->header_count; i++) {
        const struct kafka_header *header = &record->headers[i];

        (void)rd_kafka_header_add(headers, header->name, -1, header->value.data,
                                  (ssize_t)header->value.len);
    }
    fate->error = rd_kafka_producev(
        txn->rk, RD_KAFKA_V_TOPIC(record->topic),
        RD_KAFKA_V_KEY((void *)(uintptr_t)record->key.data, record->key.len),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)record->value.data,
                         record->value.len),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(fate),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    if (fate->error) {
        rd_kafka_headers_destroy(headers);
        return err_set(e, ERR_RETRY, "%s: %s", record->topic,
                       rd_kafka_err2str(fate->error));
    }
    return 0;
}

static void end(struct kafka_txn *txn)
{
    txn->state = ENDING;
    txn->text[0] = '\0';
    (void)uv_queue_work(txn->loop, &txn->work, in_pool_end, after_end);
}

void kafka_txn_commit(struct kafka_txn *txn,
                      rd_kafka_topic_partition_list_t *offsets,
                      rd_kafka_consumer_group_metadata_t *member)
{
    txn->offsets = offsets;
    txn->member = member;
    end(txn);
}

void kafka_txn_abort(struct kafka_txn *txn)
{
    end(txn);
}

/* --- its life ---------------------------------------------------------------
 */

int kafka_txn_open(const struct config *config, const char *id, uv_loop_t *loop,
                   const struct kafka_txn_callbacks *callbacks,
                   struct kafka_txn **out, struct err *e)
{
    struct kafka_txn *txn = xcalloc(1, sizeof(*txn));

    (void)e;
    txn->config = config;
    txn->id = id;
    txn->loop = loop;
    txn->callbacks = *callbacks;
    txn->troubles.client = "results";
    txn->work.data = txn;
    (void)uv_timer_init(loop, &txn->timer);
    txn->timer.data = txn;
    start(txn);
    *out = txn;
    return 0;
}

const struct kafka_txn_counts *kafka_txn_counts(const struct kafka_txn *txn)
{
    return &txn->counts;
}

const struct kafka_trouble *kafka_txn_troubles(const struct kafka_txn *txn)
{
    return &txn->troubles;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void kafka_txn_close(struct kafka_txn *txn)
{
    if (!txn) {
        return;
    }
    txn->is_closing = true;
    (void)uv_timer_stop(&txn->timer);
    if (txn->state == OPEN) {
        kafka_txn_abort(txn);
    }
    while (txn->state == STARTING || txn->state == ENDING) {
        (void)uv_run(txn->loop, UV_RUN_ONCE);
    }
    forget_offsets(txn);
    if (txn->rk) {
        kafka_conf_destroy(txn->rk);
    }
    uv_close((uv_handle_t *)&txn->timer, on_closed);
}
