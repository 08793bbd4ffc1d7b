/* SPDX-License-Identifier: MIT */
/* kafka_out.c - records to topics, with an answer for each: see kafka_out.h.
 *
 * Runs in the engine and in the command line tools. It never blocks, except
 * kafka_out_poll() and kafka_out_close(), and never retries by itself what
 * librdkafka gave up. */
#include "svc/kafka_out.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "svc/kafka_conf.h"
#include "svc/kafka_hold.h"
#include "svc/kafka_out_conf.h"
#include "svc/kafka_rights.h"
#include "svc/kafka_wake.h"

/* After the flush: how long purged records may take to come back. */
#define PURGE_TIMEOUT_MS 1000
/* Between a failure for good and the next client; doubled each time. */
#define RENEW_FIRST_MS 1000
#define RENEW_MAX_MS   10000
#define RENEW_POLL_MS  50
/* One that has not failed after so long is well. */
#define TRIAL_MS 2000
/* Between two questions about a topic that was refused. */
#define ASK_MS         2000
#define ASK_TIMEOUT_MS 1500

struct kafka_out {
    const struct config *config;
    rd_kafka_t *rk;
    struct kafka_wake *wake; /* NULL: no loop */
    uint64_t renew_ms; /* until the next client, when this one has failed */
    uint64_t renew_at_ms;
    uint64_t trial_end_ms;     /* 0: not on trial */
    rd_kafka_queue_t *answers; /* about the topic that was refused last */
    char refused[250];
    uint64_t ask_at_ms; /* 0: none is */
    bool is_renewing;
    struct kafka_hold hold;
    rd_kafka_queue_t *main_queue;
    enum kafka_out_class class;
    struct kafka_out_figures figures;
    uint64_t lost;
    uint64_t answered;
    struct kafka_trouble troubles;
    char trouble[256];
};

static const char *const class_names[] = {
    [KAFKA_OUT_RELIABLE] = "results",
    [KAFKA_OUT_BATCHED] = "audit",
    [KAFKA_OUT_FAST] = "telemetry",
};

/* Who waits for a record. */
struct waiter {
    kafka_out_ack_fn on_ack;
    void *arg;
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

static void note(struct kafka_out *out, const char *topic,
                 rd_kafka_resp_err_t error)
{
    char text[sizeof(out->troubles.rows[0].text)];

    (void)snprintf(text, sizeof(text), "%s: %s", topic,
                   rd_kafka_err2str(error));
    kafka_trouble_note(&out->troubles, error, text);
}

static bool is_topic_refused(const struct kafka_out *out)
{
    return out->troubles.rows[KAFKA_TROUBLE_TOPIC_RIGHT].is_on ||
           out->troubles.rows[KAFKA_TROUBLE_TOPIC_UNKNOWN].is_on;
}

static void ask_later(struct kafka_out *out, const char *topic)
{
    if (!out->wake || !is_topic_refused(out)) {
        return;
    }
    (void)str_copy(out->refused, sizeof(out->refused), topic);
    if (out->ask_at_ms == 0) {
        out->ask_at_ms = clock_mono_ms() + ASK_MS;
        kafka_wake_fire(out->wake);
    }
}

static void note_delivery(struct kafka_out *out, const rd_kafka_message_t *m)
{
    static const rd_kafka_resp_err_t ours[] = {
        RD_KAFKA_RESP_ERR__PURGE_QUEUE, RD_KAFKA_RESP_ERR__PURGE_INFLIGHT};

    if (!m->err) {
        kafka_trouble_all_over(&out->troubles);
        out->renew_ms = RENEW_FIRST_MS;
        kafka_hold_answered(&out->hold, rd_kafka_topic_name(m->rkt),
                            m->partition);
    } else if (m->err != ours[0] && m->err != ours[1] && !out->is_renewing) {
        note(out, rd_kafka_topic_name(m->rkt), m->err);
        ask_later(out, rd_kafka_topic_name(m->rkt));
    }
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m,
                        void *opaque)
{
    struct kafka_out *out = opaque;
    struct waiter *waiter = m->_private;
    struct err why = {0};

    (void)rk;
    out->answered++;
    out->figures.messages--;
    out->figures.bytes -= m->len + m->key_len;
    *(m->err ? &out->figures.failed : &out->figures.sent) += 1;
    note_delivery(out, m);
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

static void purge(struct kafka_out *out)
{
    (void)rd_kafka_purge(out->rk, RD_KAFKA_PURGE_F_QUEUE |
                                      RD_KAFKA_PURGE_F_INFLIGHT |
                                      RD_KAFKA_PURGE_F_NON_BLOCKING);
}

static void renew_later(struct kafka_out *out)
{
    if (!out->wake || out->is_renewing) {
        return;
    }
    out->is_renewing = true;
    out->trial_end_ms = 0;
    purge(out); /* whoever waits learns it now */
    out->renew_at_ms = clock_mono_ms() + out->renew_ms;
    kafka_wake_fire(out->wake);
    out->renew_ms *= 2;
    if (out->renew_ms > RENEW_MAX_MS) {
        out->renew_ms = RENEW_MAX_MS;
    }
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
        kafka_trouble_note(&out->troubles,
                           rd_kafka_fatal_error(rk, why, sizeof(why)), why);
        renew_later(out);
        return;
    }
    kafka_trouble_note(&out->troubles, (rd_kafka_resp_err_t)code, text);
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

static struct kafka_hold_client client_of(const struct kafka_out *out)
{
    return (struct kafka_hold_client){
        .rk = out->rk,
        .waiting = out->figures.messages,
        .answered = out->answered,
        .is_reachable = !out->troubles.rows[KAFKA_TROUBLE_UNREACHABLE].is_on,
    };
}

static void note_sent(struct kafka_out *out, const struct kafka_record *record)
{
    struct kafka_hold_client client = {0};

    out->figures.messages++;
    out->figures.bytes += record->key.len + record->value.len;
    if (!out->wake || out->class == KAFKA_OUT_FAST) {
        return; /* nobody would look again; or it does not spin */
    }
    client = client_of(out);
    if (kafka_hold_sent(&out->hold, &client, clock_mono_ms())) {
        kafka_wake_fire(out->wake);
    }
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
        note_sent(out, record);
        return 0;
    }
    free(waiter);
    out->figures.failed++;
    if (!out->is_renewing && error != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        note(out, record->topic, error);
        ask_later(out, record->topic);
    }
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

bool kafka_out_is_refused(const struct kafka_out *out)
{
    return is_topic_refused(out) || kafka_out_has_failed(out) ||
           out->troubles.rows[KAFKA_TROUBLE_CLUSTER_RIGHT].is_on;
}

const struct kafka_trouble *kafka_out_troubles(const struct kafka_out *out)
{
    return &out->troubles;
}

bool kafka_out_has_failed(const struct kafka_out *out)
{
    char why[256];

    return rd_kafka_fatal_error(out->rk, why, sizeof(why)) !=
           RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* --- open and close ------------------------------------------------------ */

static void close_client(struct kafka_out *out)
{
    if (out->answers) {
        kafka_wake_unwatch(out->answers);
        rd_kafka_queue_destroy(out->answers);
    }
    if (out->main_queue) {
        kafka_wake_unwatch(out->main_queue);
        rd_kafka_queue_destroy(out->main_queue);
    }
    kafka_conf_destroy(out->rk);
    kafka_hold_done(&out->hold);
    out->answers = NULL;
    out->main_queue = NULL;
    out->rk = NULL;
}

static void release(struct kafka_out *out)
{
    close_client(out);
    kafka_wake_close(out->wake);
    free(out);
}

size_t kafka_out_close(struct kafka_out *out, int timeout_ms)
{
    size_t unanswered = 0;

    if (!out) {
        return 0;
    }
    kafka_hold_end(&out->hold, out->rk);
    (void)rd_kafka_flush(out->rk, timeout_ms);
    unanswered = out->figures.messages;
    if (unanswered) {
        /* Every waiter gets its answer, also without a broker. */
        purge(out);
        (void)rd_kafka_flush(out->rk, PURGE_TIMEOUT_MS);
    }
    release(out);
    return unanswered;
}

static int make_client(struct kafka_out *out, rd_kafka_t **rk, struct err *e)
{
    rd_kafka_conf_t *conf = NULL;

    if (kafka_out_conf(out->config, out->class, &conf, e) < 0) {
        return -1;
    }
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_error_cb(conf, on_error);
    kafka_conf_quiet(conf);
    return kafka_conf_client(conf, RD_KAFKA_PRODUCER, out, rk, e);
}

static void watch(struct kafka_out *out)
{
    out->main_queue = rd_kafka_queue_get_main(out->rk);
    kafka_wake_watch(out->wake, out->main_queue);
    out->answers = rd_kafka_queue_new(out->rk);
    kafka_wake_watch(out->wake, out->answers);
}

/* The old one is kept until there is another. */
static void renew(struct kafka_out *out)
{
    rd_kafka_t *rk = NULL;
    struct err e = {0};

    if (out->figures.messages > 0) { /* of the old one: not answered yet */
        out->renew_at_ms = clock_mono_ms() + RENEW_POLL_MS;
        return;
    }
    if (make_client(out, &rk, &e) < 0) {
        log_error("no new kafka producer", "error=%s", e.msg);
        out->renew_at_ms = clock_mono_ms() + RENEW_MAX_MS;
        return;
    }
    close_client(out);
    out->rk = rk;
    out->is_renewing = false;
    out->trial_end_ms = clock_mono_ms() + TRIAL_MS;
    watch(out);
}

static void take_answers(struct kafka_out *out)
{
    rd_kafka_event_t *event = NULL;

    while ((event = rd_kafka_queue_poll(out->answers, 0)) != NULL) {
        const rd_kafka_DescribeTopics_result_t *result =
            rd_kafka_event_DescribeTopics_result(event);

        if (result && !rd_kafka_event_error(event)) {
            kafka_rights_take(result, RD_KAFKA_ACL_OPERATION_WRITE,
                              &out->troubles);
        }
        rd_kafka_event_destroy(event);
    }
}

static void end_trial(struct kafka_out *out)
{
    out->trial_end_ms = 0;
    kafka_trouble_over(&out->troubles, KAFKA_TROUBLE_CLUSTER_RIGHT);
}

static void ask(struct kafka_out *out)
{
    const char *topic = out->refused;

    out->ask_at_ms = 0;
    if (!out->is_renewing && is_topic_refused(out)) {
        kafka_rights_ask(out->rk, &topic, 1, ASK_TIMEOUT_MS, out->answers);
        out->ask_at_ms = clock_mono_ms() + ASK_MS;
    }
}

static void hold(struct kafka_out *out)
{
    struct kafka_hold_client client = client_of(out);

    kafka_hold_serve(&out->hold, &client, clock_mono_ms());
}

/* What is due, or when it will be: a timer may be early by the clock. */
static void look_after(struct kafka_out *out)
{
    const struct {
        uint64_t at_ms;
        void (*act)(struct kafka_out *out);
    } rows[] = {
        {out->is_renewing ? out->renew_at_ms : 0, renew},
        {out->trial_end_ms, end_trial},
        {out->ask_at_ms, ask},
        {out->hold.at_ms, hold},
    };
    uint64_t now_ms = clock_mono_ms();
    uint64_t next_ms = UINT64_MAX;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].at_ms > now_ms) {
            next_ms = rows[i].at_ms < next_ms ? rows[i].at_ms : next_ms;
        } else if (rows[i].at_ms > 0) {
            rows[i].act(out);
            next_ms = now_ms + 1; /* and see what is due then */
        }
    }
    if (next_ms != UINT64_MAX) {
        kafka_wake_after(out->wake, next_ms - now_ms);
    }
}

static void on_wake(void *arg)
{
    struct kafka_out *out = arg;

    (void)rd_kafka_poll(out->rk, 0);
    take_answers(out);
    if (out->hold.is_on) {
        hold(out); /* there may have been an answer */
    }
    look_after(out);
}

static int open_client(struct kafka_out *out, uv_loop_t *loop, struct err *e)
{
    if (make_client(out, &out->rk, e) < 0) {
        return -1;
    }
    if (!loop) {
        return 0;
    }
    if (kafka_wake_open(loop, on_wake, out, &out->wake, e) < 0) {
        return -1;
    }
    out->renew_ms = RENEW_FIRST_MS;
    watch(out);
    return 0;
}

int kafka_out_open(const struct config *config, enum kafka_out_class class,
                   uv_loop_t *loop, struct kafka_out **out_out, struct err *e)
{
    struct kafka_out *out = xcalloc(1, sizeof(*out));

    out->config = config;
    out->class = class;
    out->troubles.client = loop ? class_names[class] : "producer";
    if (open_client(out, loop, e) < 0) {
        release(out);
        return -1;
    }
    *out_out = out;
    return 0;
}
