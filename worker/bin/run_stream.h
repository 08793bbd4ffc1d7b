/* SPDX-License-Identifier: MIT */
/* run_stream.h - a job's output, shown as it comes.
 *
 * Happy path: run_stream_take() for every record of the output topic, until the
 * result is there; then again while run_stream_is_complete() says no, for a
 * short time; then run_stream_finish() once.
 *
 * Every byte of a stream is shown once, in its order, by its offset. What a
 * worker could not send leaves a hole: what comes behind it is held back until
 * the result fills the hole, or cannot. A job that is run a second time (its
 * worker died) sends its output again from the start: what was shown already is
 * not shown again. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "wire/chunk.h"
#include "wire/job.h"
#include "wire/result.h"

struct run_stream_piece;

/* stdout or stderr of the job. */
struct run_stream_pipe {
    const char *name;
    FILE *to;
    uint64_t shown;                /* all bytes before this offset */
    uint64_t lost;                 /* of those, never seen */
    uint64_t kept_max;             /* the result keeps no more than this */
    struct run_stream_piece *held; /* behind a hole, in the order they came */
    struct run_stream_piece **held_end;
};

struct run_stream {
    struct view job_id;
    struct run_stream_pipe pipes[2];
    bool has_chunks;
    uint64_t ended_attempt;   /* whose last chunk was seen; 0: none */
    uint64_t began_unix_nano; /* when the first chunk of this run was made */
    bool has_said_again;
};

/* Borrows the job's id; its limits tell what its result can keep. */
void run_stream_init(struct run_stream *s, const struct job *job, FILE *out,
                     FILE *err);
void run_stream_done(struct run_stream *s);
/* A record of the output topic, of whichever job. Shows what it can. */
void run_stream_take(struct run_stream *s, struct view value);
/* Nothing more will come, or is needed, for this result. */
bool run_stream_is_complete(const struct run_stream *s,
                            const struct result *result);
/* Shows what is not shown yet, and says what nobody has. */
void run_stream_finish(struct run_stream *s, const struct result *result);
