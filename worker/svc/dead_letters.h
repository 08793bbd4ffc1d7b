/* SPDX-License-Identifier: MIT */
/* dead_letters.h - reads the dead letters. For the command line tools.
 * Blocking; no loop. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "wire/config.h"
#include "wire/job.h"
#include "wire/letter.h"

/* One of them. Views hold until the next one is read. */
struct dead_letter {
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms; /* when it was buried; -1: not told */
    struct view key;
    struct view value; /* as the job came; data NULL: a tombstone */
    struct letter says;
    struct job_identity identity; /* as far as the bytes name a job */
    const void *message;          /* private */
};

struct dead_position {
    int32_t partition;
    int64_t offset;
};

struct dead_reader;

/* All there are now, or (count > 0) these, each once. ERR_INPUT: one is not
 * there, the topic is not, or we may not read it. */
int dead_reader_open(const struct config *config,
                     const struct dead_position *only, size_t count,
                     struct dead_reader **out, struct err *e) MUST_USE;
/* 1 with a letter, 0 after the last one. */
int dead_reader_next(struct dead_reader *reader, struct dead_letter *out,
                     struct err *e) MUST_USE;
/* Headers in order; false when index is past the end. */
bool dead_letter_header(const struct dead_letter *letter, size_t index,
                        const char **out_name, struct view *out_value);
void dead_reader_close(struct dead_reader *reader); /* accepts NULL */
