/* SPDX-License-Identifier: MIT */
/* stream.c - see stream.h. */
#include "run/stream.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

/* What a pipe holds, and one read of it. */
#define DATA_MAX_BYTES (64u << 10)
/* The rest is the frame. */
#define CHUNK_MAX_BYTES (2 * DATA_MAX_BYTES)

/* Lives until the last acknowledgement, which may be after the job. */
struct stream_flow {
    struct stream *owner; /* NULL: the job is over */
    size_t in_flight;
    struct buf waiting[2];
    enum chunk_stream first; /* of the two, which waits longer */
};

static void on_ack(const struct err *failure_or_null, void *arg);

static int send_chunk(struct stream *s, struct chunk *chunk, struct err *e)
{
    static const struct kafka_header headers[] = {
        {"content-type", {"application/vnd.msgpack", 23}},
        {"forkyard-schema", {"chunk/1", 7}},
    };
    AUTO_BUF struct buf bytes;

    chunk->job_id = s->job_id;
    chunk->attempt = s->attempt;
    chunk->seq = s->seq;
    chunk->timestamp_unix_nano = clock_unix_ns();
    buf_init(&bytes, CHUNK_MAX_BYTES);
    if (chunk_encode(chunk, &bytes, e) < 0) {
        return -1;
    }
    const struct kafka_record record = {
        .topic = s->topic,
        .key = s->job_id,
        .value = buf_view(&bytes),
        .headers = headers,
        .header_count = ARRAY_LEN(headers),
        .on_ack = on_ack,
        .arg = s->flow,
    };
    if (kafka_out_send(s->out, &record, e) < 0) {
        return -1;
    }
    s->seq++;
    s->flow->in_flight++;
    return 0;
}

static void send_or_skip(struct stream *s, struct chunk *chunk)
{
    struct err e;

    if (send_chunk(s, chunk, &e) < 0) {
        log_warn("output chunk left out", "job_id=%.*s error=%s",
                 VIEW_ARG(s->job_id), e.msg);
    }
}

static void send_bytes(struct stream *s, enum chunk_stream which,
                       struct view data)
{
    struct chunk chunk;

    chunk_init(&chunk);
    chunk.stream = (int)which;
    chunk.data = data;
    chunk.offset = s->offsets[which];
    s->offsets[which] += data.len;
    send_or_skip(s, &chunk);
}

static void send_waiting(struct stream *s)
{
    enum chunk_stream first = s->flow->first;
    const enum chunk_stream order[] = {
        first, first == CHUNK_STDOUT ? CHUNK_STDERR : CHUNK_STDOUT};

    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        struct buf *waiting = &s->flow->waiting[order[i]];

        if (waiting->len > 0) {
            send_bytes(s, order[i], buf_view(waiting));
            buf_clear(waiting);
        }
    }
}

/* After a failure the next bytes, or the end, try again. */
static void on_ack(const struct err *failure_or_null, void *arg)
{
    struct stream_flow *flow = arg;

    flow->in_flight--;
    if (flow->in_flight > 0) {
        return;
    }
    if (!flow->owner) {
        free(flow);
    } else if (!failure_or_null) {
        send_waiting(flow->owner);
    }
}

static void need_flow(struct stream *s)
{
    if (s->flow) {
        return;
    }
    s->flow = xcalloc(1, sizeof(*s->flow));
    s->flow->owner = s;
    for (size_t i = 0; i < ARRAY_LEN(s->flow->waiting); i++) {
        buf_init(&s->flow->waiting[i], DATA_MAX_BYTES);
    }
}

void stream_send(struct stream *s, enum chunk_stream which, const void *data,
                 size_t len)
{
    struct buf *waiting;

    if (!s->out) {
        return;
    }
    need_flow(s);
    waiting = &s->flow->waiting[which];
    if (s->flow->in_flight == 0 || waiting->len + len > DATA_MAX_BYTES) {
        send_waiting(s);
    }
    /* Now either nothing waits, or there is room. */
    if (s->flow->in_flight == 0 || len > DATA_MAX_BYTES) {
        send_bytes(s, which, (struct view){data, len});
        return;
    }
    if (s->flow->waiting[0].len + s->flow->waiting[1].len == 0) {
        s->flow->first = which;
    }
    (void)!buf_append(waiting, data, len, NULL);
}

void stream_end(struct stream *s)
{
    struct chunk chunk;

    if (!s->out) {
        return;
    }
    need_flow(s);
    send_waiting(s);
    chunk_init(&chunk);
    chunk.stream = CHUNK_CONTROL;
    chunk.last = true;
    send_or_skip(s, &chunk);
}

void stream_done(struct stream *s)
{
    struct stream_flow *flow = s->flow;

    if (!flow) {
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(flow->waiting); i++) {
        buf_done(&flow->waiting[i]);
    }
    flow->owner = NULL;
    s->flow = NULL;
    if (flow->in_flight == 0) {
        free(flow);
    }
}
