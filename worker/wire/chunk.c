/* SPDX-License-Identifier: MIT */
/* chunk.c - the output message: its table. Written by the engine, read by the
 * command line tools. Pure. */
#include "wire/chunk.h"

#include "wire/job.h"

static const char *const stream_names[] = {"stdout", "stderr", "result",
                                           "error", "control"};

const struct record_enum chunk_stream_enum = {stream_names,
                                              ARRAY_LEN(stream_names)};

/* clang-format off */
static const struct record_field fields[] = {
    RECORD_ROW(chunk, v, RECORD_UINT, RECORD_REQUIRED, 0),
    RECORD_ROW(chunk, job_id, RECORD_STR, RECORD_REQUIRED, JOB_ID_MAX_BYTES),
    RECORD_ROW(chunk, attempt, RECORD_UINT, RECORD_PLAIN, 0),
    RECORD_ROW(chunk, seq, RECORD_UINT, RECORD_REQUIRED, 0),
    RECORD_ENUM_ROW(chunk, stream, RECORD_REQUIRED, &chunk_stream_enum),
    RECORD_ROW(chunk, data, RECORD_BIN, RECORD_PLAIN, 0),
    RECORD_ROW(chunk, offset, RECORD_UINT, RECORD_PLAIN, 0),
    RECORD_ROW(chunk, timestamp_unix_nano, RECORD_UINT, RECORD_PLAIN, 0),
    RECORD_ROW(chunk, last, RECORD_BOOL, RECORD_PLAIN, 0),
};
/* clang-format on */

const struct record chunk_record = {
    "chunk",
    sizeof(struct chunk),
    fields,
    ARRAY_LEN(fields),
};

void chunk_init(struct chunk *chunk)
{
    record_init(&chunk_record, chunk);
    chunk->v = 1;
}

int chunk_encode(const struct chunk *chunk, struct buf *b, struct err *e)
{
    return record_encode(&chunk_record, chunk, b, e);
}

int chunk_decode(const void *data, size_t len, struct arena *arena,
                 struct chunk *out, struct err *e)
{
    return record_decode(&chunk_record, data, len, arena, out, e);
}

int chunk_validate(const struct chunk *chunk, struct err *e)
{
    if (chunk->v != 1) {
        return err_set(e, ERR_INPUT, "v: only version 1 is known");
    }
    if (!job_is_id(chunk->job_id)) {
        return err_set(e, ERR_INPUT, "job_id: is missing or is not an id");
    }
    if (chunk->attempt == 0) {
        return err_set(e, ERR_INPUT, "attempt: counts from 1");
    }
    if (chunk->stream == RECORD_NO_ENUM) {
        return err_set(e, ERR_INPUT, "stream: is missing");
    }
    return 0;
}
