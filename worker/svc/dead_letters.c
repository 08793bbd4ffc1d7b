/* SPDX-License-Identifier: MIT */
/* dead_letters.c - see dead_letters.h. */
#include "svc/dead_letters.h"

#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "svc/kafka_conf.h"
#include "svc/kafka_tail.h"

#define POLL_MS        500
#define QUIET_MAX      60 /* polls without a record: 30 s */
#define SEND_WAIT_MS   60000
#define DELETE_WAIT_MS 30000
#define ANY_SIZE       UINT64_C(0xffffffff)
#define DEAD           "dead"
#define JOBS           "jobs."

/* --- reading -------------------------------------------------------------- */

struct dead_reader {
    struct kafka_tail *tail;
    struct dead_position *only; /* those not found yet */
    size_t count;
    bool is_all;
    bool is_at_end;
};

static int by_place(const void *a, const void *b)
{
    const struct dead_position *left = a;
    const struct dead_position *right = b;

    if (left->partition != right->partition) {
        return left->partition < right->partition ? -1 : 1;
    }
    return (left->offset > right->offset) - (left->offset < right->offset);
}

/* In order, each once. */
static void take_positions(struct dead_reader *reader,
                           const struct dead_position *only, size_t count)
{
    reader->only = xcalloc(count + 1, sizeof(*reader->only));
    if (count > 0) {
        memcpy(reader->only, only, count * sizeof(*only));
        qsort(reader->only, count, sizeof(*only), by_place);
    }
    for (size_t i = 0; i < count; i++) {
        if (reader->count == 0 ||
            by_place(&reader->only[reader->count - 1], &reader->only[i])) {
            reader->only[reader->count++] = reader->only[i];
        }
    }
}

int dead_reader_open(const struct config *config,
                     const struct dead_position *only, size_t count,
                     struct dead_reader **out, struct err *e)
{
    AUTO_FREE char *topic = kafka_conf_topic(config, DEAD);
    struct dead_reader *reader = xcalloc(1, sizeof(*reader));

    reader->is_all = count == 0;
    take_positions(reader, only, count);
    if (kafka_tail_open(config, topic,
                        count > 0 ? KAFKA_TAIL_END : KAFKA_TAIL_BEGINNING,
                        &reader->tail, e) < 0) {
        dead_reader_close(reader);
        return -1;
    }
    /* From the highest to the lowest of a partition: the last call counts. */
    for (size_t i = reader->count; i-- > 0;) {
        if (kafka_tail_from(reader->tail, reader->only[i].partition,
                            reader->only[i].offset, e) < 0) {
            dead_reader_close(reader);
            return -1;
        }
    }
    *out = reader;
    return 0;
}

/* What came after the beginning is not read: a job that is sent again while
 * this goes on may well be back before the end. */
static bool is_wanted(struct dead_reader *reader, const rd_kafka_message_t *m)
{
    for (size_t i = 0; i < reader->count; i++) {
        if (reader->only[i].partition == m->partition &&
            reader->only[i].offset == m->offset) {
            memmove(&reader->only[i], &reader->only[i + 1],
                    (reader->count - i - 1) * sizeof(*reader->only));
            reader->count--;
            return true;
        }
    }
    return reader->is_all && !kafka_tail_is_later(reader->tail);
}

bool dead_letter_header(const struct dead_letter *letter, size_t index,
                        const char **out_name, struct view *out_value)
{
    rd_kafka_headers_t *headers = NULL;
    const void *value = NULL;
    size_t size = 0;

    if (rd_kafka_message_headers(letter->message, &headers) ||
        rd_kafka_header_get_all(headers, index, out_name, &value, &size)) {
        return false;
    }
    *out_value = (struct view){.data = value, .len = size};
    return true;
}

static void read_letter(const rd_kafka_message_t *m, struct dead_letter *out)
{
    const struct job_decode_opts opts = {.max_bytes = ANY_SIZE};
    enum job_reject_reason reason = JOB_REJECT_NONE;
    const char *name = NULL;
    struct view value;
    struct err e;

    *out = (struct dead_letter){
        .partition = m->partition,
        .offset = m->offset,
        .timestamp_ms = rd_kafka_message_timestamp(m, NULL),
        .key = {m->key, m->key_len},
        .value = {m->payload, m->len},
        .message = m,
    };
    letter_init(&out->says);
    for (size_t i = 0; dead_letter_header(out, i, &name, &value); i++) {
        letter_take(&out->says, name, value);
    }
    /* What is no job has no names, and no more need be said. */
    (void)!job_identify(out->value.data, out->value.len, &opts, &out->identity,
                        &reason, &e);
}

int dead_reader_next(struct dead_reader *reader, struct dead_letter *out,
                     struct err *e)
{
    unsigned quiet = 0;

    while (!reader->is_at_end && (reader->is_all || reader->count > 0)) {
        struct view key;
        struct view value;
        int got = kafka_tail_next(reader->tail, POLL_MS, &key, &value,
                                  &reader->is_at_end, e);

        if (got < 0) {
            return -1;
        }
        quiet = got > 0 ? 0 : quiet + 1;
        if (got > 0 && is_wanted(reader, kafka_tail_message(reader->tail))) {
            read_letter(kafka_tail_message(reader->tail), out);
            return 1;
        }
        if (got == 0 && kafka_tail_refusal(reader->tail, e) < 0) {
            return -1;
        }
        if (quiet > QUIET_MAX) {
            return err_set(e, ERR_RETRY, "the dead letters do not come: %s",
                           kafka_tail_trouble(reader->tail));
        }
    }
    if (reader->count > 0) {
        return err_set(e, ERR_INPUT,
                       "no letter is at %" PRId32 ":%" PRId64 ": a mark of a "
                       "transaction, or deleted meanwhile",
                       reader->only[0].partition, reader->only[0].offset);
    }
    return 0;
}

void dead_reader_close(struct dead_reader *reader)
{
    if (reader) {
        kafka_tail_close(reader->tail);
        free(reader->only);
        free(reader);
    }
}

/* --- sending again -------------------------------------------------------- */

struct dead_sender {
    const struct config *config;
    rd_kafka_t *rk;
    char *jobs; /* what the name of every topic of jobs begins with */
    size_t sent;
    size_t delivered;
    char failure[256]; /* the first one's; "": there was none */
};

static void on_delivered(rd_kafka_t *rk, const rd_kafka_message_t *m,
                         void *opaque)
{
    struct dead_sender *sender = opaque;

    (void)rk;
    if (!m->err) {
        sender->delivered++;
    } else if (!sender->failure[0]) {
        (void)str_copy(sender->failure, sizeof(sender->failure),
                       rd_kafka_err2str(m->err));
    }
}

int dead_sender_open(const struct config *config, struct dead_sender **out,
                     struct err *e)
{
    static const struct kafka_conf_row rows[] = {
        {"enable.idempotence", "true"},
        {"acks", "all"},
        {"partitioner", "murmur2_random"},
        {"message.timeout.ms", "30000"},
        {NULL, NULL},
    };
    struct dead_sender *sender = xcalloc(1, sizeof(*sender));
    rd_kafka_conf_t *conf = NULL;

    sender->config = config;
    sender->jobs = kafka_conf_topic(config, JOBS);
    if (kafka_conf_new(config, rows, &conf, e) < 0) {
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

/* On the heap; NULL: it came from no topic of jobs. */
static char *target_of(const struct dead_sender *sender,
                       const struct dead_letter *letter, const char *queue)
{
    size_t stem = strlen(sender->jobs);
    char *topic = NULL;

    if (queue) {
        size_t size = stem + strlen(queue) + 1;

        topic = xmalloc(size);
        (void)snprintf(topic, size, "%s%s", sender->jobs, queue);
        return topic;
    }
    topic = view_dup(letter->says.topic);
    if (topic && (strncmp(topic, sender->jobs, stem) != 0 || !topic[stem])) {
        free(topic);
        topic = NULL;
    }
    return topic;
}

int dead_sender_send(struct dead_sender *sender,
                     const struct dead_letter *letter, const char *queue,
                     struct err *e)
{
    AUTO_FREE char *topic = target_of(sender, letter, queue);
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_headers_t *headers = NULL;

    if (!topic) {
        return err_set(e, ERR_INPUT,
                       "%" PRId32 ":%" PRId64 " came from '%.*s', which is no "
                       "topic of jobs (%s...); --queue NAME says where to",
                       letter->partition, letter->offset,
                       VIEW_ARG(letter->says.topic), sender->jobs);
    }
    headers = make_headers(letter);
    do {
        error = rd_kafka_producev(
            sender->rk, RD_KAFKA_V_TOPIC(topic),
            RD_KAFKA_V_KEY((void *)(uintptr_t)letter->key.data,
                           letter->key.len),
            RD_KAFKA_V_VALUE((void *)(uintptr_t)letter->value.data,
                             letter->value.len),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
        (void)rd_kafka_poll(
            sender->rk, error == RD_KAFKA_RESP_ERR__QUEUE_FULL ? POLL_MS : 0);
    } while (error == RD_KAFKA_RESP_ERR__QUEUE_FULL);
    if (error) {
        rd_kafka_headers_destroy(headers);
        return err_set(e, ERR_RETRY, "%" PRId32 ":%" PRId64 " to %s: %s",
                       letter->partition, letter->offset, topic,
                       rd_kafka_err2str(error));
    }
    sender->sent++;
    return 0;
}

int dead_sender_wait(struct dead_sender *sender, struct err *e)
{
    (void)rd_kafka_flush(sender->rk, SEND_WAIT_MS);
    if (sender->delivered < sender->sent) {
        return err_set(e, ERR_RETRY, "%zu of %zu were not taken: %s",
                       sender->sent - sender->delivered, sender->sent,
                       sender->failure[0] ? sender->failure
                                          : "no answer of the broker");
    }
    return 0;
}

size_t dead_sender_delivered(const struct dead_sender *sender)
{
    return sender->delivered;
}

void dead_sender_close(struct dead_sender *sender)
{
    if (sender) {
        if (sender->rk) {
            kafka_conf_destroy(sender->rk);
        }
        free(sender->jobs);
        free(sender);
    }
}

/* --- deleting --------------------------------------------------------------
 */

/* -1 with the first partition's failure. */
static int look_at_answer(rd_kafka_event_t *event, struct err *e)
{
    const rd_kafka_topic_partition_list_t *list = NULL;

    if (!event) {
        return err_set(e, ERR_RETRY, "no answer of the broker");
    }
    if (rd_kafka_event_error(event)) {
        return err_set(e, ERR_RETRY, "%s", rd_kafka_event_error_string(event));
    }
    list = rd_kafka_DeleteRecords_result_offsets(
        rd_kafka_event_DeleteRecords_result(event));
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *row = &list->elems[i];

        if (row->err) {
            return err_set(
                e, ERR_INPUT, "%s partition %" PRId32 ": %s%s", row->topic,
                row->partition, rd_kafka_err2str(row->err),
                row->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED
                    ? "; Delete on the topic is needed: forkyard "
                      "acls apply --principal operator=User:NAME"
                    : "");
        }
    }
    return 0;
}

int dead_delete(const struct config *config, const struct dead_position *before,
                size_t count, struct err *e)
{
    static const struct kafka_conf_row none[] = {{NULL, NULL}};
    AUTO_FREE char *topic = kafka_conf_topic(config, DEAD);
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)count);
    rd_kafka_DeleteRecords_t *request = NULL;
    rd_kafka_conf_t *conf = NULL;
    rd_kafka_t *rk = NULL;
    int rc = -1;

    for (size_t i = 0; i < count; i++) {
        rd_kafka_topic_partition_list_add(list, topic, before[i].partition)
            ->offset = before[i].offset;
    }
    request = rd_kafka_DeleteRecords_new(list);
    rd_kafka_topic_partition_list_destroy(list);
    if (kafka_conf_new(config, none, &conf, e) == 0 &&
        kafka_conf_client(conf, RD_KAFKA_PRODUCER, NULL, &rk, e) == 0) {
        rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
        rd_kafka_event_t *event = NULL;

        rd_kafka_DeleteRecords(rk, &request, 1, NULL, queue);
        event = rd_kafka_queue_poll(queue, DELETE_WAIT_MS);
        rc = look_at_answer(event, e);
        if (event) {
            rd_kafka_event_destroy(event);
        }
        rd_kafka_queue_destroy(queue);
        kafka_conf_destroy(rk);
    }
    rd_kafka_DeleteRecords_destroy(request);
    return rc;
}
