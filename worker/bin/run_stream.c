/* SPDX-License-Identifier: MIT */
/* run_stream.c - chunks in, output out: see run_stream.h.
 *
 * Runs in `forkyard run`. Reads no topic itself. */
#include "bin/run_stream.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "bin/cli.h"

/* As much as a result keeps of a stream unless the job says otherwise. */
#define KEPT_BYTES_DEFAULT (1024 * 1024)
/* A chunk has no lists. */
#define ARENA_MAX 4096

struct run_stream_piece {
    struct run_stream_piece *next;
    uint64_t offset;
    size_t len;
    char data[];
};

static void pipe_init(struct run_stream_pipe *pipe, const char *name, FILE *to,
                      uint64_t limit)
{
    *pipe = (struct run_stream_pipe){
        .name = name,
        .to = to,
        .kept_max = limit == RECORD_NO_UINT ? KEPT_BYTES_DEFAULT : limit,
    };
    pipe->held_end = &pipe->held;
}

void run_stream_init(struct run_stream *s, const struct job *job, FILE *out,
                     FILE *err)
{
    *s = (struct run_stream){.job_id = job->job_id};
    pipe_init(&s->pipes[0], "stdout", out, job->limits.stdout_bytes);
    pipe_init(&s->pipes[1], "stderr", err, job->limits.stderr_bytes);
}

void run_stream_done(struct run_stream *s)
{
    for (size_t i = 0; i < ARRAY_LEN(s->pipes); i++) {
        struct run_stream_piece *piece = s->pipes[i].held;

        while (piece) {
            struct run_stream_piece *next = piece->next;

            free(piece);
            piece = next;
        }
        s->pipes[i].held = NULL;
        s->pipes[i].held_end = &s->pipes[i].held;
    }
}

/* The part of these bytes that is new. They must not begin behind a hole. */
static void show(struct run_stream_pipe *pipe, uint64_t offset,
                 const char *data, size_t len)
{
    uint64_t known = pipe->shown - offset;

    if (known >= len) {
        return;
    }
    (void)fwrite(data + known, 1, len - (size_t)known, pipe->to);
    (void)fflush(pipe->to);
    pipe->shown = offset + len;
}

static void hold(struct run_stream_pipe *pipe, uint64_t offset,
                 const char *data, size_t len)
{
    struct run_stream_piece *piece = xmalloc(sizeof(*piece) + len);

    *piece = (struct run_stream_piece){.offset = offset, .len = len};
    memcpy(piece->data, data, len);
    *pipe->held_end = piece;
    pipe->held_end = &piece->next;
}

/* Shows what no longer has a hole in front of it. A piece that is shown may be
 * what an earlier one waits for, so again from the start. */
static void release(struct run_stream_pipe *pipe)
{
    struct run_stream_piece **at = &pipe->held;

    while (*at) {
        struct run_stream_piece *piece = *at;

        if (piece->offset > pipe->shown) {
            at = &piece->next;
            continue;
        }
        show(pipe, piece->offset, piece->data, piece->len);
        *at = piece->next;
        free(piece);
        at = &pipe->held;
    }
    pipe->held_end = at;
}

/* Gives up the bytes before this offset. */
static void skip_to(struct run_stream_pipe *pipe, uint64_t offset)
{
    char missing[32];

    str_format_size(offset - pipe->shown, missing, sizeof(missing));
    cli_say("%s of %s did not reach us, from byte %" PRIu64 " on", missing,
            pipe->name, pipe->shown);
    pipe->lost += offset - pipe->shown;
    pipe->shown = offset;
}

static void skip_first_hole(struct run_stream_pipe *pipe)
{
    uint64_t first = UINT64_MAX;

    for (struct run_stream_piece *p = pipe->held; p; p = p->next) {
        first = p->offset < first ? p->offset : first;
    }
    skip_to(pipe, first);
    release(pipe);
}

static void skip_holes(struct run_stream_pipe *pipe)
{
    while (pipe->held) {
        skip_first_hole(pipe);
    }
}

/* What lies behind a hole waits for the result to fill it; but a result that
 * has been cut will not. */
static void take_bytes(struct run_stream_pipe *pipe, const struct chunk *chunk)
{
    struct view data = chunk->data;

    if (data.len == 0 || chunk->offset > UINT64_MAX - data.len) {
        return;
    }
    if (chunk->offset <= pipe->shown) {
        show(pipe, chunk->offset, data.data, data.len);
        release(pipe);
        return;
    }
    hold(pipe, chunk->offset, data.data, data.len);
    if (chunk->offset + data.len > pipe->kept_max) {
        skip_holes(pipe);
    }
}

/* seq begins at 0 in every run of the job. A record that is there twice, time
 * and all, is no second run. */
static void look_for_second_run(struct run_stream *s, const struct chunk *chunk)
{
    if (s->has_chunks &&
        (chunk->seq > 0 || chunk->timestamp_unix_nano == s->began_unix_nano)) {
        return;
    }
    if (s->has_chunks) {
        s->ended_attempt = 0;
        if (!s->has_said_again) {
            cli_say("the job was started again; what you have seen is not "
                    "shown again");
        }
        s->has_said_again = true;
    }
    s->has_chunks = true;
    s->began_unix_nano = chunk->timestamp_unix_nano;
}

void run_stream_take(struct run_stream *s, struct view value)
{
    struct arena arena;
    struct chunk chunk;

    arena_init(&arena, ARENA_MAX);
    if (chunk_decode(value.data, value.len, &arena, &chunk, NULL) == 0 &&
        view_eq(chunk.job_id, s->job_id)) {
        look_for_second_run(s, &chunk);
        if (chunk.stream == CHUNK_STDOUT || chunk.stream == CHUNK_STDERR) {
            take_bytes(&s->pipes[chunk.stream == CHUNK_STDERR], &chunk);
        }
        if (chunk.last) {
            s->ended_attempt = chunk.attempt;
        }
    }
    arena_done(&arena);
}

/* What the result says about one of the streams. */
struct kept {
    struct view bytes;
    uint64_t total;
    bool is_cut;
};

static struct kept kept_of(const struct result *r, size_t which)
{
    struct kept kept = which == 0
                           ? (struct kept){r->stdout_, r->stdout_bytes_total,
                                           r->stdout_truncated}
                           : (struct kept){r->stderr_, r->stderr_bytes_total,
                                           r->stderr_truncated};

    if (kept.total == RECORD_NO_UINT) {
        kept.total = kept.bytes.len;
    }
    return kept;
}

bool run_stream_is_complete(const struct run_stream *s,
                            const struct result *result)
{
    if (s->ended_attempt && s->ended_attempt == result->attempt) {
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(s->pipes); i++) {
        if (s->pipes[i].shown < kept_of(result, i).total) {
            return false;
        }
    }
    return true;
}

/* No chunk of it came: head and tail are better than nothing. */
static void show_kept(struct run_stream_pipe *pipe, const struct kept *kept)
{
    char total[32];
    char left[32];

    if (kept->bytes.len > 0) {
        (void)fwrite(kept->bytes.data, 1, kept->bytes.len, pipe->to);
        (void)fflush(pipe->to);
    }
    str_format_size(kept->total, total, sizeof(total));
    str_format_size(kept->bytes.len, left, sizeof(left));
    cli_say("%s was %s; %s kept, from its head and tail", pipe->name, total,
            left);
    pipe->shown = kept->total;
}

void run_stream_finish(struct run_stream *s, const struct result *result)
{
    for (size_t i = 0; i < ARRAY_LEN(s->pipes); i++) {
        struct run_stream_pipe *pipe = &s->pipes[i];
        struct kept kept = kept_of(result, i);

        if (!kept.is_cut) {
            if (kept.bytes.len > pipe->shown) {
                show(pipe, 0, kept.bytes.data, kept.bytes.len);
            }
            continue;
        }
        if (pipe->shown == 0 && !pipe->held) {
            show_kept(pipe, &kept);
            continue;
        }
        skip_holes(pipe);
        if (pipe->shown < kept.total) {
            skip_to(pipe, kept.total);
        }
    }
}
