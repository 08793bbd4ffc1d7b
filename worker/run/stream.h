/* SPDX-License-Identifier: MIT */
/* stream.h - a running job's output as chunks on the output topic. Runs in the
 * engine.
 *
 * Happy path: every piece that is read from a pipe goes out as one chunk, seq
 * without gaps over both streams; the last chunk says so and carries no data.
 *
 * Failures: a chunk that cannot be queued is left out, and seq is not used up;
 * the next chunk's offset tells a reader how many bytes it has not seen. The
 * result, which follows in any case, has the output as always. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "svc/kafka_out.h"
#include "wire/chunk.h"

struct stream {
    struct kafka_out *out; /* NULL: the job does not stream */
    const char *topic;
    struct view job_id;
    uint64_t attempt;
    uint64_t seq;
    uint64_t offsets[2]; /* stdout, stderr */
};

/* which: CHUNK_STDOUT or CHUNK_STDERR. */
void stream_send(struct stream *s, enum chunk_stream which, const void *data,
                 size_t len);
void stream_end(struct stream *s);
