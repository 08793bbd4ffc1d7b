/* SPDX-License-Identifier: MIT */
/* stream.c - see stream.h. */
#include "run/stream.h"

#include "base/clock.h"
#include "base/log.h"

/* A pipe is read in pieces of 64 KiB; the rest is the frame. */
#define CHUNK_MAX_BYTES (128u << 10)

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
    };
    if (kafka_out_send(s->out, &record, e) < 0) {
        return -1;
    }
    s->seq++;
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

void stream_send(struct stream *s, enum chunk_stream which, const void *data,
                 size_t len)
{
    struct chunk chunk;

    if (!s->out) {
        return;
    }
    chunk_init(&chunk);
    chunk.stream = (int)which;
    chunk.data = (struct view){data, len};
    chunk.offset = s->offsets[which];
    s->offsets[which] += len;
    send_or_skip(s, &chunk);
}

void stream_end(struct stream *s)
{
    struct chunk chunk;

    if (!s->out) {
        return;
    }
    chunk_init(&chunk);
    chunk.stream = CHUNK_CONTROL;
    chunk.last = true;
    send_or_skip(s, &chunk);
}
