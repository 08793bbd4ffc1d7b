/* SPDX-License-Identifier: MIT */
/* letter.h - what the headers of a dead letter say, and which headers the job
 * has again when it is sent once more. Pure. Written by run/envelope.c; the
 * last parts of the names are those of Kafka Connect's dead letters. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define LETTER_PREFIX "forkyard.dlq."
#define LETTER_TOPIC  LETTER_PREFIX "topic"
/* Of a job that is sent again by hand: where its dead letter is. */
#define LETTER_REDRIVEN "forkyard.redriven.from"

struct letter {
    struct view topic;  /* where the job was; absent: not told */
    int64_t partition;  /* there; -1: not told */
    int64_t offset;     /* there; -1: not told */
    struct view stage;  /* decode, run, return */
    struct view reason; /* one word */
    struct view words;
    struct view worker_id;
    int64_t attempt;      /* -1: not told */
    struct view redriven; /* the letter that it was sent again from before */
};

/* No header was seen yet. */
void letter_init(struct letter *letter);
/* One header of it, in any order; of two with the same name the last counts.
 * What is no number where one belongs is not told. Borrows the value. */
void letter_take(struct letter *letter, const char *name, struct view value);
/* Was it in a topic of jobs? stem is what their names begin with. */
bool letter_is_of_jobs(const struct letter *letter, const char *stem);
/* Does the job keep this header when it is sent again? Not what tells of the
 * attempts and waits that it has behind it. */
bool letter_keeps(const char *name);
