/* SPDX-License-Identifier: MIT */
/* chunk.h - the output message: a piece of a running job's output. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "wire/record.h"

enum chunk_stream {
    CHUNK_STDOUT,
    CHUNK_STDERR,
    CHUNK_RESULT,
    CHUNK_ERROR,
    CHUNK_CONTROL,
};
extern const struct record_enum chunk_stream_enum;

struct chunk {
    uint64_t v;
    struct view job_id;
    uint64_t attempt;
    uint64_t seq; /* from 0, without gaps, over all streams of the attempt */
    int stream;   /* enum chunk_stream */
    struct view data;
    uint64_t offset; /* of data in its stream, bytes */
    uint64_t timestamp_unix_nano;
    bool last; /* nothing follows in this attempt */
};

extern const struct record chunk_record;

void chunk_init(struct chunk *chunk); /* v 1, the rest absent */
int chunk_encode(const struct chunk *chunk, struct buf *b,
                 struct err *e) MUST_USE;
/* Views into data; lists in the arena. */
int chunk_decode(const void *data, size_t len, struct arena *arena,
                 struct chunk *out, struct err *e) MUST_USE;
int chunk_validate(const struct chunk *chunk, struct err *e) MUST_USE;
