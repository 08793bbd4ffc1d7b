/* SPDX-License-Identifier: MIT */
/* stream.h - a running job's output as chunks on the output topic. Runs in the
 * engine.
 *
 * Happy path: what is read from a pipe goes out at once as one chunk, seq
 * without gaps over both streams; while a chunk is not yet acknowledged, what
 * is read meanwhile is put together, so that a program that writes byte by byte
 * costs one record per round trip and not one per byte. The last chunk says so
 * and carries no data.
 *
 * Failures: a chunk that cannot be queued is left out, and seq is not used up;
 * the next chunk's offset tells a reader how many bytes it has not seen. The
 * result, which follows in any case, has the output as always.
 *
 * On close: stream_done() forgets what waits; acknowledgements may come later
 * and find nobody. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "svc/kafka_out.h"
#include "wire/chunk.h"

struct stream_flow;

struct stream {
    struct kafka_out *out; /* NULL: the job does not stream */
    const char *topic;
    struct view job_id;
    uint64_t attempt;
    uint64_t seq;
    uint64_t offsets[2];      /* stdout, stderr */
    struct stream_flow *flow; /* from the first byte on; then do not move us */
};

/* which: CHUNK_STDOUT or CHUNK_STDERR. */
void stream_send(struct stream *s, enum chunk_stream which, const void *data,
                 size_t len);
void stream_end(struct stream *s);
void stream_done(struct stream *s); /* also without an end */
