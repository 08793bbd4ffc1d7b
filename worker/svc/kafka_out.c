/* SPDX-License-Identifier: MIT */
/* kafka_out.c - records to topics, with an answer for each: see kafka_out.h.
 *
 * Runs in the engine and in the command line tools. It never blocks, except
 * kafka_out_poll() and kafka_out_close(), and never retries by itself what
 * librdkafka gave up. */
#include "svc/kafka_out.h"

#include <librdkafka/rdkafka.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "svc/kafka_conf.h"
#include "svc/kafka_wake.h"

/* After the flush: how long purged records may take to come back. */
#define PURGE_TIMEOUT_MS  1000
#define MESSAGE_MAX_BYTES 1000000000 /* librdkafka's maximum */

struct kafka_out {
    rd_kafka_t *rk;
    struct kafka_wake *wake;
    rd_kafka_queue_t *main_queue;
    enum kafka_out_class class;
    struct kafka_out_figures figures;
    uint64_t lost;
    char trouble[256];
};

/* Who waits for a record. */
struct waiter {
    kafka_out_ack_fn on_ack;
    void *arg;
};

/* Murmur2 like the Java and JavaScript clients: all producers of one
 * session's jobs must agree on its partition. */
#define PARTITIONER                                                            \
    {                                                                          \
        "partitioner", "murmur2_random"                                        \
    }

static const struct kafka_conf_row reliable_rows[] = {
    PARTITIONER,
    {"enable.idempotence", "true"},
    {"acks", "all"},
    {"linger.ms", "0"},
    {"message.timeout.ms", "30000"},
    {"queue.buffering.max.messages", "100000"},
    {NULL, NULL},
};

static const struct kafka_conf_row batched_rows[] = {
    PARTITIONER,
    {"enable.idempotence", "true"},
    {"acks", "all"},
    {"linger.ms", "10"},
    /* nobody sends them again: keep trying for long */
    {"message.timeout.ms", "300000"},
    {"queue.buffering.max.messages", "100000"},
    {"queue.buffering.max.kbytes", "65536"},
    {NULL, NULL},
};

static const struct kafka_conf_row fast_rows[] = {
    PARTITIONER,
    {"acks", "1"},
    {"linger.ms", "50"},
    {"compression.type", "lz4"},
    {"message.timeout.ms", "30000"},
    {"queue.buffering.max.messages", "20000"},
    {"queue.buffering.max.kbytes", "16384"},
    {NULL, NULL},
};

/* --- answers ------------------------------------------------------------- */

static enum err_kind kind_of(rd_kafka_resp_err_t error)
{
    static const rd_kafka_resp_err_t never_fits[] = {
        RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
        RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE,
    };
    static const rd_kafka_resp_err_t never_allowed[] = {
        RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
        RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION,
        RD_KAFKA_RESP_ERR_INVALID_RECORD,
        RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC,
    };

    for (size_t i = 0; i < ARRAY_LEN(never_fits); i++) {
        if (error == never_fits[i]) {
            return ERR_LIMIT;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(never_allowed); i++) {
        if (error == never_allowed[i]) {
            return ERR_INPUT;
        }
    }
    return ERR_RETRY;
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m,
                        void *opaque)
{
    struct kafka_out *out = opaque;
    struct waiter *waiter = m->_private;
    struct err why = {0};

    (void)rk;
    out->figures.messages--;
    out->figures.bytes -= m->len + m->key_len;
    *(m->err ? &out->figures.failed : &out->figures.sent) += 1;
    if (!waiter) {
        out->lost += m->err ? 1 : 0;
        return;
    }
    if (m->err) {
        (void)err_set(&why, kind_of(m->err), "%s: %s",
                      rd_kafka_topic_name(m->rkt), rd_kafka_err2str(m->err));
    }
    waiter->on_ack(m->err ? &why : NULL, waiter->arg);
    free(waiter);
}

static void on_error(rd_kafka_t *rk, int code, const char *text, void *opaque)
{
    struct kafka_out *out = opaque;
    char why[256];

    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        /* that one gives no reason, and comes after those that do */
        (void)str_copy(out->trouble, sizeof(out->trouble), text);
    }
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        /* every further record is answered with this error */
        (void)rd_kafka_fatal_error(rk, why, sizeof(why));
        log_error("kafka producer failed", "text=%s", why);
        return;
    }
    kafka_conf_log_error(code, text);
}

static void on_wake(void *arg)
{
    struct kafka_out *out = arg;

    (void)rd_kafka_poll(out->rk, 0);
}

/* --- send ---------------------------------------------------------------- */

static rd_kafka_headers_t *copy_headers(const struct kafka_record *record)
{
    rd_kafka_headers_t *headers = NULL;

    if (record->header_count == 0) {
        return NULL;
    }
    headers = rd_kafka_headers_new(record->header_count);
    for (size_t i = 0; i < record->header_count; i++) {
        const struct kafka_header *header = &record->headers[i];

        (void)rd_kafka_header_add(headers, header->name, -1, header->value.data,
                                  (ssize_t)header->value.len);
    }
    return headers;
}

/* librdkafka's produce calls take the payload without const, and only copy. */
static void *unconst(const void *p)
{
    return (void *)(uintptr_t)p;
}

static rd_kafka_resp_err_t produce(struct kafka_out *out,
                                   const struct kafka_record *record,
                                   struct waiter *waiter)
{
    rd_kafka_headers_t *headers = copy_headers(record);
    rd_kafka_resp_err_t error = rd_kafka_producev(
        out->rk, RD_KAFKA_V_TOPIC(record->topic),
        RD_KAFKA_V_KEY(unconst(record->key.data), record->key.len),
        RD_KAFKA_V_VALUE(unconst(record->value.data), record->value.len),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(waiter),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);

    if (error && headers) {
        rd_kafka_headers_destroy(headers); /* taken on success only */
    }
    return error;
}

int kafka_out_send(struct kafka_out *out, const struct kafka_record *record,
                   struct err *e)
{
    struct waiter *waiter = NULL;
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;

    if (record->on_ack) {
        waiter = xmalloc(sizeof(*waiter));
        waiter->on_ack = record->on_ack;
        waiter->arg = record->arg;
    }
    error = produce(out, record, waiter);
    if (!error) {
        out->figures.messages++;
        out->figures.bytes += record->key.len + record->value.len;
        return 0;
    }
    free(waiter);
    out->figures.failed++;
    if (out->class == KAFKA_OUT_FAST && !record->on_ack &&
        error == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        /* Telemetry that nobody waits for is dropped rather than kept. */
        out->lost++;
        return 0;
    }
    return err_set(e, kind_of(error), "%s: %s", record->topic,
                   rd_kafka_err2str(error));
}

void kafka_out_poll(struct kafka_out *out, int timeout_ms)
{
    (void)rd_kafka_poll(out->rk, timeout_ms);
}

size_t kafka_out_pending(const struct kafka_out *out)
{
    return out->figures.messages;
}

const struct kafka_out_figures *kafka_out_figures(const struct kafka_out *out)
{
    return &out->figures;
}

uint64_t kafka_out_lost(const struct kafka_out *out)
{
    return out->lost;
}

const char *kafka_out_trouble(const struct kafka_out *out)
{
    return out->trouble;
}

bool kafka_out_has_failed(const struct kafka_out *out)
{
    char why[256];

    return rd_kafka_fatal_error(out->rk, why, sizeof(why)) !=
           RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* --- open and close ------------------------------------------------------ */

static void release(struct kafka_out *out)
{
    if (out->main_queue) {
        kafka_wake_unwatch(out->main_queue);
        rd_kafka_queue_destroy(out->main_queue);
    }
    kafka_conf_destroy(out->rk);
    kafka_wake_close(out->wake);
    free(out);
}

size_t kafka_out_close(struct kafka_out *out, int timeout_ms)
{
    size_t unanswered = 0;

    if (!out) {
        return 0;
    }
    (void)rd_kafka_flush(out->rk, timeout_ms);
    unanswered = out->figures.messages;
    if (unanswered) {
        /* Every waiter gets its answer, also without a broker. */
        (void)rd_kafka_purge(out->rk, RD_KAFKA_PURGE_F_QUEUE |
                                          RD_KAFKA_PURGE_F_INFLIGHT |
                                          RD_KAFKA_PURGE_F_NON_BLOCKING);
        (void)rd_kafka_flush(out->rk, PURGE_TIMEOUT_MS);
    }
    release(out);
    return unanswered;
}

static uint64_t record_max_bytes(const struct config *config)
{
    uint64_t largest = config->job_max_bytes > config->result_max_bytes
                           ? config->job_max_bytes
                           : config->result_max_bytes;

    /* Twice: a job over the limit must still fit into the dead letters, with
     * its reason. What a topic takes is the broker's decision. */
    largest = 2 * largest + KAFKA_CONF_OVERHEAD_BYTES;
    return largest < MESSAGE_MAX_BYTES ? largest : MESSAGE_MAX_BYTES;
}

static const struct kafka_conf_row *const class_rows[] = {
    [KAFKA_OUT_RELIABLE] = reliable_rows,
    [KAFKA_OUT_BATCHED] = batched_rows,
    [KAFKA_OUT_FAST] = fast_rows,
};

static int open_client(struct kafka_out *out, const struct config *config,
                       uv_loop_t *loop, struct err *e)
{
    rd_kafka_conf_t *conf = NULL;

    if (kafka_conf_new(config, class_rows[out->class], &conf, e) < 0) {
        return -1;
    }
    if (kafka_conf_number(conf, config, "message.max.bytes",
                          record_max_bytes(config), e) < 0) {
        rd_kafka_conf_destroy(conf);
        return -1;
    }
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_error_cb(conf, on_error);
    if (kafka_conf_client(conf, RD_KAFKA_PRODUCER, out, &out->rk, e) < 0) {
        return -1;
    }
    if (!loop) {
        return 0;
    }
    if (kafka_wake_open(loop, on_wake, out, &out->wake, e) < 0) {
        return -1;
    }
    out->main_queue = rd_kafka_queue_get_main(out->rk);
    kafka_wake_watch(out->wake, out->main_queue);
    return 0;
}

int kafka_out_open(const struct config *config, enum kafka_out_class class,
                   uv_loop_t *loop, struct kafka_out **out_out, struct err *e)
{
    struct kafka_out *out = xcalloc(1, sizeof(*out));

    out->class = class;
    if (open_client(out, config, loop, e) < 0) {
        release(out);
        return -1;
    }
    *out_out = out;
    return 0;
}
