/* SPDX-License-Identifier: MIT */
/* kafka_tail.c - every partition of a topic, without a group: see
 * kafka_tail.h.
 *
 * Runs in the command line tools. It commits nothing and contacts no group
 * coordinator, so that a reader needs no right but to read the topic. A
 * partition added later is not seen. */
#include "svc/kafka_tail.h"

#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "svc/kafka_conf.h"
#include "svc/kafka_trouble.h"

#define QUERY_TIMEOUT_MS 10000
#define ASK_AGAIN_MS     100

/* What one partition still has to show. */
struct position {
    int64_t low; /* at open, the oldest there was */
    int64_t start;
    int64_t end; /* at open */
    bool is_started;
    bool is_at_end;
};

struct topic {
    rd_kafka_topic_t *handle;
    struct position *positions;
    int32_t count;
};

struct kafka_tail {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    rd_kafka_message_t *message; /* on loan until the next call */
    struct topic topics[KAFKA_TAIL_TOPICS_MAX];
    size_t topic_count;
    size_t last_topic; /* of the last message */
    int32_t behind;    /* partitions not yet at their end */
    bool all_started;
    bool is_later; /* the last message */
    rd_kafka_resp_err_t refusal;
    char trouble[256];
};

static const struct kafka_conf_row tail_rows[] = {
    {"enable.auto.commit", "false"},
    {"isolation.level", "read_committed"},
    /* a log cut under us: what is left, from the start */
    {"auto.offset.reset", "earliest"},
    /* the end is known by this, also behind transaction markers */
    {"enable.partition.eof", "true"},
    {"fetch.queue.backoff.ms", "5"},
    {"fetch.wait.max.ms", "50"},
    /* of each partition, 64 MiB by default: a tool reads as fast with less */
    {"queued.max.messages.kbytes", "4096"},
    {"fetch.max.bytes", "8388608"},
    {NULL, NULL},
};

static void on_error(rd_kafka_t *rk, int code, const char *text, void *opaque)
{
    struct kafka_tail *tail = opaque;

    (void)rk;
    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        /* that one gives no reason, and comes after those that do */
        (void)str_copy(tail->trouble, sizeof(tail->trouble), text);
    }
    kafka_conf_log_error(code, text);
}

/* --- open ---------------------------------------------------------------- */

/* Who may read which, as in broker-config/acls.yaml. */
static const char *role_of(const char *topic)
{
    const char *dot = strrchr(topic, '.');

    return !strcmp(dot ? dot + 1 : topic, "dead") ? "operator" : "reader";
}

/* What it says, and what to do about it. */
static int refuse(const struct topic *topic, rd_kafka_resp_err_t code,
                  struct err *e)
{
    const char *name = rd_kafka_topic_name(topic->handle);
    enum kafka_trouble_kind kind = kafka_trouble_kind_of(code);

    if (kind == KAFKA_TROUBLE_TOPIC_RIGHT) {
        return err_set(e, ERR_INPUT,
                       "kafka topic %s: %s; Read is needed: forkyard acls "
                       "apply --principal %s=User:NAME, or see topics.prefix",
                       name, rd_kafka_err2str(code), role_of(name));
    }
    return err_set(e, ERR_INPUT, "kafka topic %s: %s; %s", name,
                   rd_kafka_err2str(code), kafka_trouble_remedy(kind));
}

static int count_partitions(struct kafka_tail *tail, struct topic *topic,
                            struct err *e)
{
    const rd_kafka_metadata_t *metadata = NULL;
    const char *name = rd_kafka_topic_name(topic->handle);
    rd_kafka_resp_err_t error = rd_kafka_metadata(tail->rk, 0, topic->handle,
                                                  &metadata, QUERY_TIMEOUT_MS);

    if (error) {
        return err_set(e, ERR_RETRY, "kafka topic %s: %s", name,
                       rd_kafka_err2str(error));
    }
    error = metadata->topic_cnt == 1 ? metadata->topics[0].err
                                     : RD_KAFKA_RESP_ERR_UNKNOWN;
    topic->count = error ? 0 : metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    if (topic->count == 0) {
        return refuse(topic, error, e);
    }
    topic->positions = xcalloc((size_t)topic->count, sizeof(*topic->positions));
    return 0;
}

/* A partition that is there, and has no leader for a moment, is unknown to
 * librdkafka until it has heard of one. */
static rd_kafka_resp_err_t ask_range(struct kafka_tail *tail,
                                     const struct topic *topic,
                                     int32_t partition,
                                     struct position *position)
{
    const char *name = rd_kafka_topic_name(topic->handle);
    const struct timespec moment = {.tv_nsec = ASK_AGAIN_MS * 1000000};
    uint64_t deadline_ms = clock_mono_ms() + QUERY_TIMEOUT_MS;
    const rd_kafka_metadata_t *metadata = NULL;
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;

    for (;;) {
        error = rd_kafka_query_watermark_offsets(tail->rk, name, partition,
                                                 &position->low, &position->end,
                                                 QUERY_TIMEOUT_MS);
        if ((error != RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION &&
             error != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE &&
             error != RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION) ||
            clock_mono_ms() >= deadline_ms) {
            break;
        }
        (void)nanosleep(&moment, NULL);
        if (!rd_kafka_metadata(tail->rk, 0, topic->handle, &metadata,
                               QUERY_TIMEOUT_MS)) {
            rd_kafka_metadata_destroy(metadata);
        }
    }
    return error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION
               ? RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE
               : error;
}

static int fix_position(struct kafka_tail *tail, const struct topic *topic,
                        int32_t partition, enum kafka_tail_start start,
                        struct err *e)
{
    struct position *position = &topic->positions[partition];
    rd_kafka_resp_err_t error = ask_range(tail, topic, partition, position);

    if (error) {
        return err_set(e, ERR_RETRY, "kafka topic %s partition %" PRId32 ": %s",
                       rd_kafka_topic_name(topic->handle), partition,
                       rd_kafka_err2str(error));
    }
    position->start = start == KAFKA_TAIL_END ? position->end : position->low;
    position->is_at_end = position->start >= position->end;
    return 0;
}

static void stop_topic(struct topic *topic)
{
    for (int32_t i = 0; i < topic->count; i++) {
        if (topic->positions[i].is_started) {
            (void)rd_kafka_consume_stop(topic->handle, i);
        }
    }
    free(topic->positions);
    if (topic->handle) {
        rd_kafka_topic_destroy(topic->handle);
    }
    *topic = (struct topic){0};
}

static int fix_positions(struct kafka_tail *tail, struct topic *topic,
                         enum kafka_tail_start start, struct err *e)
{
    if (count_partitions(tail, topic, e) < 0) {
        return -1;
    }
    for (int32_t i = 0; i < topic->count; i++) {
        if (fix_position(tail, topic, i, start, e) < 0) {
            return -1;
        }
    }
    return 0;
}

int kafka_tail_add(struct kafka_tail *tail, const char *name,
                   enum kafka_tail_start start, struct err *e)
{
    struct topic *topic = &tail->topics[tail->topic_count];

    if (tail->topic_count == KAFKA_TAIL_TOPICS_MAX) {
        return err_set(e, ERR_LIMIT, "kafka topic %s: at most %d topics", name,
                       KAFKA_TAIL_TOPICS_MAX);
    }
    topic->handle = rd_kafka_topic_new(tail->rk, name, NULL);
    if (!topic->handle) {
        return err_set(e, ERR_INPUT, "kafka topic %s: %s", name,
                       rd_kafka_err2str(rd_kafka_last_error()));
    }
    if (fix_positions(tail, topic, start, e) < 0) {
        stop_topic(topic);
        return -1;
    }
    for (int32_t i = 0; i < topic->count; i++) {
        tail->behind += !topic->positions[i].is_at_end;
    }
    tail->topic_count++;
    tail->all_started = false;
    return 0;
}

static int open_client(struct kafka_tail *tail, const struct config *config,
                       struct err *e)
{
    rd_kafka_conf_t *conf = NULL;

    if (kafka_conf_new(config, tail_rows, &conf, e) < 0) {
        return -1;
    }
    rd_kafka_conf_set_error_cb(conf, on_error);
    if (kafka_conf_client(conf, RD_KAFKA_CONSUMER, tail, &tail->rk, e) < 0) {
        return -1;
    }
    tail->queue = rd_kafka_queue_new(tail->rk);
    return 0;
}

/* "Broker transport failure" has a reason, which came another way. */
static void add_trouble(struct kafka_tail *tail, struct err *e)
{
    if (tail->rk) {
        (void)rd_kafka_poll(tail->rk, 0);
    }
    if (tail->trouble[0] && e && e->kind == ERR_RETRY) {
        (void)err_wrap(e, "%s", tail->trouble);
    }
}

int kafka_tail_open(const struct config *config, const char *topic,
                    enum kafka_tail_start start, struct kafka_tail **out,
                    struct err *e)
{
    struct kafka_tail *tail = xcalloc(1, sizeof(*tail));

    if (open_client(tail, config, e) < 0 ||
        kafka_tail_add(tail, topic, start, e) < 0) {
        add_trouble(tail, e);
        kafka_tail_close(tail);
        return -1;
    }
    *out = tail;
    return 0;
}

static int no_record(const struct topic *topic, int32_t partition,
                     int64_t offset, struct err *e)
{
    const struct position *position = &topic->positions[partition];
    const char *name = rd_kafka_topic_name(topic->handle);

    if (position->low >= position->end) {
        return err_set(e, ERR_INPUT,
                       "%s has no record %" PRId32 ":%" PRId64
                       "; partition %" PRId32 " is empty",
                       name, partition, offset, partition);
    }
    return err_set(e, ERR_INPUT,
                   "%s has no record %" PRId32 ":%" PRId64
                   "; partition %" PRId32 " has %" PRId64 " to %" PRId64,
                   name, partition, offset, partition, position->low,
                   position->end - 1);
}

int kafka_tail_from(struct kafka_tail *tail, int32_t partition, int64_t offset,
                    struct err *e)
{
    struct topic *topic = &tail->topics[0];
    const char *name = rd_kafka_topic_name(topic->handle);
    struct position *position = NULL;

    if (partition < 0 || partition >= topic->count) {
        return err_set(e, ERR_INPUT, "%s has partitions 0 to %" PRId32, name,
                       topic->count - 1);
    }
    position = &topic->positions[partition];
    if (offset < position->low || offset >= position->end) {
        return no_record(topic, partition, offset, e);
    }
    tail->behind += position->is_at_end;
    position->is_at_end = false;
    position->start = offset;
    return 0;
}

int32_t kafka_tail_partitions(const struct kafka_tail *tail)
{
    return tail->topics[0].count;
}

void kafka_tail_range(const struct kafka_tail *tail, int32_t partition,
                      int64_t *out_low, int64_t *out_end)
{
    *out_low = tail->topics[0].positions[partition].low;
    *out_end = tail->topics[0].positions[partition].end;
}

bool kafka_tail_is_later(const struct kafka_tail *tail)
{
    return tail->is_later;
}

int kafka_tail_refusal(const struct kafka_tail *tail, struct err *e)
{
    return tail->refusal ? refuse(&tail->topics[0], tail->refusal, e) : 0;
}

const struct rd_kafka_message_s *
kafka_tail_message(const struct kafka_tail *tail)
{
    return tail->message;
}

/* --- reading ------------------------------------------------------------- */

static void reached(struct kafka_tail *tail, struct position *position)
{
    if (!position->is_at_end) {
        position->is_at_end = true;
        tail->behind--;
    }
}

/* By name: a message's handle need not be the one we made. */
static struct topic *topic_of(struct kafka_tail *tail,
                              const rd_kafka_message_t *m)
{
    const char *name = rd_kafka_topic_name(m->rkt);

    for (size_t i = 0; i < tail->topic_count; i++) {
        if (!strcmp(name, rd_kafka_topic_name(tail->topics[i].handle))) {
            return &tail->topics[i];
        }
    }
    return NULL;
}

static void forget_message(struct kafka_tail *tail)
{
    if (tail->message) {
        rd_kafka_message_destroy(tail->message);
        tail->message = NULL;
    }
}

/* Other complaints may be over in a moment. */
static void note_refusal(struct kafka_tail *tail, rd_kafka_resp_err_t code)
{
    if (kafka_trouble_kind_of(code) == KAFKA_TROUBLE_TOPIC_RIGHT) {
        tail->refusal = code;
    }
}

/* 1: a record is in tail->message; 0: something else was handled. */
static int look_at_message(struct kafka_tail *tail, struct err *e)
{
    const rd_kafka_message_t *m = tail->message;
    struct topic *topic = m->rkt ? topic_of(tail, m) : NULL;
    char why[256];

    if (m->err == RD_KAFKA_RESP_ERR__FATAL &&
        rd_kafka_fatal_error(tail->rk, why, sizeof(why))) {
        return err_set(e, ERR_SYSTEM, "kafka: %s", why);
    }
    if (!topic) {
        return 0;
    }
    if (!m->err) {
        if (m->offset + 1 >= topic->positions[m->partition].end) {
            reached(tail, &topic->positions[m->partition]);
        }
        tail->is_later = m->offset >= topic->positions[m->partition].end;
        tail->refusal = RD_KAFKA_RESP_ERR_NO_ERROR;
        tail->last_topic = (size_t)(topic - tail->topics);
        return 1;
    }
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        reached(tail, &topic->positions[m->partition]);
        return 0;
    }
    (void)str_copy(tail->trouble, sizeof(tail->trouble),
                   rd_kafka_message_errstr(m));
    note_refusal(tail, m->err);
    log_warn("cannot read", "topic=%s partition=%" PRId32 " error=%s",
             rd_kafka_topic_name(topic->handle), m->partition,
             rd_kafka_message_errstr(m));
    return 0;
}

static int start_topic(struct kafka_tail *tail, struct topic *topic,
                       struct err *e)
{
    for (int32_t i = 0; i < topic->count; i++) {
        struct position *position = &topic->positions[i];

        if (position->is_started) {
            continue;
        }
        if (rd_kafka_consume_start_queue(topic->handle, i, position->start,
                                         tail->queue) < 0) {
            return err_set(e, ERR_SYSTEM,
                           "kafka topic %s partition %" PRId32 ": %s",
                           rd_kafka_topic_name(topic->handle), i,
                           rd_kafka_err2str(rd_kafka_last_error()));
        }
        position->is_started = true;
    }
    return 0;
}

/* Not at open: a fetch that waits for data would keep a question about the next
 * topic's positions waiting behind it. */
static int start_all(struct kafka_tail *tail, struct err *e)
{
    for (size_t i = 0; !tail->all_started && i < tail->topic_count; i++) {
        if (start_topic(tail, &tail->topics[i], e) < 0) {
            return -1;
        }
    }
    tail->all_started = true;
    return 0;
}

int kafka_tail_next(struct kafka_tail *tail, int timeout_ms,
                    struct view *out_key, struct view *out_value, bool *at_end,
                    struct err *e)
{
    uint64_t now_ms = clock_mono_ms();
    uint64_t deadline_ms = now_ms + (uint64_t)timeout_ms;
    int rc = 0;

    if (start_all(tail, e) < 0) {
        return -1;
    }
    do {
        forget_message(tail);
        (void)rd_kafka_poll(tail->rk, 0); /* errors */
        tail->message =
            rd_kafka_consume_queue(tail->queue, (int)(deadline_ms - now_ms));
        rc = tail->message ? look_at_message(tail, e) : 0;
        now_ms = clock_mono_ms();
        /* Being at the end is news too: the caller may be waiting for it. */
    } while (rc == 0 && now_ms < deadline_ms && !(at_end && tail->behind == 0));
    if (at_end) {
        *at_end = tail->behind == 0;
    }
    if (rc == 1) {
        *out_key = (struct view){tail->message->key, tail->message->key_len};
        *out_value = (struct view){tail->message->payload, tail->message->len};
    }
    return rc;
}

size_t kafka_tail_topic(const struct kafka_tail *tail)
{
    return tail->last_topic;
}

const char *kafka_tail_trouble(const struct kafka_tail *tail)
{
    return tail->trouble;
}

void kafka_tail_close(struct kafka_tail *tail)
{
    if (!tail) {
        return;
    }
    forget_message(tail);
    for (size_t i = 0; i < tail->topic_count; i++) {
        stop_topic(&tail->topics[i]);
    }
    if (tail->queue) {
        rd_kafka_queue_destroy(tail->queue);
    }
    kafka_conf_destroy(tail->rk);
    free(tail);
}
