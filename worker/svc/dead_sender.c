/* SPDX-License-Identifier: MIT */
/* dead_sender.c - see dead_sender.h. */
#include "svc/dead_sender.h"

#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "svc/kafka_conf.h"
#include "svc/kafka_trouble.h"

#define POLL_MS 100
/* Dead letters hold jobs that were over job.max_bytes, too. What a topic takes
 * is the broker's decision; this is the most that librdkafka sends. */
#define MESSAGE_MAX_BYTES 1000000000U
#define JOBS              "jobs."

struct dead_sender {
    const struct config *config;
    dead_sender_failed_fn on_failed;
    void *arg;
    rd_kafka_t *rk;
    size_t under_way;
    size_t delivered;
    size_t failed;
};

static const struct kafka_conf_row rows[] = {
    {"enable.idempotence", "true"},
    {"acks", "all"},
    {"partitioner", "murmur2_random"},
    {"message.timeout.ms", "30000"},
    /* a topic that is missing is told soon */
    {"topic.metadata.propagation.max.ms", "5000"},
    /* however many letters there are; 1 GiB by default */
    {"queue.buffering.max.kbytes", "65536"},
    {NULL, NULL},
};

/* A producer that has failed for good says that of each, and not why. */
static rd_kafka_resp_err_t cause_of(rd_kafka_t *rk, rd_kafka_resp_err_t code)
{
    char words[256];
    rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(rk, words, sizeof(words));

    return fatal ? fatal : code;
}

/* What it is, and what to do about it. */
static void explain(rd_kafka_resp_err_t code, const char *topic, char *out,
                    size_t size)
{
    enum kafka_trouble_kind kind = kafka_trouble_kind_of(code);

    if (kind == KAFKA_TROUBLE_TOPIC_RIGHT ||
        kind == KAFKA_TROUBLE_CLUSTER_RIGHT) {
        (void)snprintf(out, size,
                       "%s: %s; Write is needed: forkyard acls apply "
                       "--principal operator=User:NAME",
                       topic, rd_kafka_err2str(code));
        return;
    }
    (void)snprintf(out, size, "%s: %s; %s", topic, rd_kafka_err2str(code),
                   kafka_trouble_remedy(kind));
}

static void failed(struct dead_sender *sender, struct dead_position at,
                   const char *topic, rd_kafka_resp_err_t code)
{
    char why[500];

    sender->failed++;
    explain(cause_of(sender->rk, code), topic, why, sizeof(why));
    sender->on_failed(at, why, sender->arg);
}

static void on_delivered(rd_kafka_t *rk, const rd_kafka_message_t *m,
                         void *opaque)
{
    struct dead_sender *sender = opaque;
    AUTO_FREE struct dead_position *at = m->_private;

    (void)rk;
    sender->under_way--;
    if (m->err) {
        failed(sender, *at, rd_kafka_topic_name(m->rkt), m->err);
    } else {
        sender->delivered++;
    }
}

int dead_sender_open(const struct config *config,
                     dead_sender_failed_fn on_failed, void *arg,
                     struct dead_sender **out, struct err *e)
{
    struct dead_sender *sender = xcalloc(1, sizeof(*sender));
    rd_kafka_conf_t *conf = NULL;

    sender->config = config;
    sender->on_failed = on_failed;
    sender->arg = arg;
    if (kafka_conf_new(config, rows, &conf, e) < 0) {
        dead_sender_close(sender);
        return -1;
    }
    if (kafka_conf_number(conf, config, "message.max.bytes", MESSAGE_MAX_BYTES,
                          e) < 0) {
        rd_kafka_conf_destroy(conf);
        dead_sender_close(sender);
        return -1;
    }
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivered);
    if (kafka_conf_client(conf, RD_KAFKA_PRODUCER, sender, &sender->rk, e) <
        0) {
        dead_sender_close(sender);
        return -1;
    }
    *out = sender;
    return 0;
}

static rd_kafka_headers_t *make_headers(const struct dead_letter *letter)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(8);
    const char *name = NULL;
    struct view value;
    char from[48];

    for (size_t i = 0; dead_letter_header(letter, i, &name, &value); i++) {
        if (letter_keeps(name)) {
            (void)rd_kafka_header_add(headers, name, -1, value.data,
                                      (ssize_t)value.len);
        }
    }
    (void)snprintf(from, sizeof(from), "%" PRId32 ":%" PRId64,
                   letter->partition, letter->offset);
    (void)rd_kafka_header_add(headers, LETTER_REDRIVEN, -1, from, -1);
    return headers;
}

int dead_sender_topic(const struct config *config,
                      const struct dead_letter *letter, const char *queue,
                      char **out, struct err *e)
{
    AUTO_FREE char *jobs = kafka_conf_topic(config, JOBS);
    struct view topic = letter->says.topic;
    size_t size = strlen(jobs) + (queue ? strlen(queue) : 0) + 1;

    if (queue) {
        *out = xmalloc(size);
        (void)snprintf(*out, size, "%s%s", jobs, queue);
        return 0;
    }
    if (!topic.data) {
        return err_set(e, ERR_INPUT,
                       "it does not tell where it came from; --queue NAME says "
                       "where to");
    }
    if (!letter_is_of_jobs(&letter->says, jobs)) {
        return err_set(e, ERR_INPUT,
                       "it came from '%.*s', which is no topic of jobs (%s...);"
                       " --queue NAME says where to",
                       VIEW_ARG(topic), jobs);
    }
    *out = view_dup(topic);
    return 0;
}

static rd_kafka_resp_err_t produce(const struct dead_sender *sender,
                                   const struct dead_letter *letter,
                                   const char *topic,
                                   rd_kafka_headers_t *headers,
                                   struct dead_position *at)
{
    return rd_kafka_producev(
        sender->rk, RD_KAFKA_V_TOPIC(topic),
        RD_KAFKA_V_KEY((void *)(uintptr_t)letter->key.data, letter->key.len),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)letter->value.data,
                         letter->value.len),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_HEADERS(headers),
        RD_KAFKA_V_OPAQUE(at), RD_KAFKA_V_END);
}

int dead_sender_send(struct dead_sender *sender,
                     const struct dead_letter *letter, const char *queue,
                     struct err *e)
{
    AUTO_FREE char *topic = NULL;
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_headers_t *headers = NULL;
    struct dead_position *at = NULL;

    if (dead_sender_topic(sender->config, letter, queue, &topic, e) < 0) {
        return -1;
    }
    headers = make_headers(letter);
    at = xcalloc(1, sizeof(*at));
    *at = (struct dead_position){letter->partition, letter->offset};
    while ((error = produce(sender, letter, topic, headers, at)) ==
           RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        (void)rd_kafka_poll(sender->rk, POLL_MS);
    }
    if (error) {
        rd_kafka_headers_destroy(headers);
        failed(sender, *at, topic, error);
        free(at);
        return 0;
    }
    sender->under_way++;
    (void)rd_kafka_poll(sender->rk, 0);
    return 0;
}

/* message.timeout.ms ends it. */
void dead_sender_wait(struct dead_sender *sender)
{
    while (sender->under_way > 0) {
        (void)rd_kafka_poll(sender->rk, POLL_MS);
    }
}

size_t dead_sender_delivered(const struct dead_sender *sender)
{
    return sender->delivered;
}

size_t dead_sender_failed(const struct dead_sender *sender)
{
    return sender->failed;
}

void dead_sender_close(struct dead_sender *sender)
{
    if (sender) {
        if (sender->rk) {
            dead_sender_wait(sender); /* each has a position of ours */
            kafka_conf_destroy(sender->rk);
        }
        free(sender);
    }
}
