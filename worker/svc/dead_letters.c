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

#define POLL_MS   500
#define QUIET_MAX 60 /* polls without a record: 30 s */
#define ANY_SIZE  UINT64_C(0xffffffff)
#define DEAD      "dead"

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
