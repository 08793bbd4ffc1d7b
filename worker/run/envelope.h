/* SPDX-License-Identifier: MIT */
/* envelope.h - the Kafka headers of what a worker sends because of a job: its
 * result, a dead letter, the job itself for another time. Runs in the engine.
 *
 * Headers of ours about a job on its way, which nobody else should set:
 *   attempt                 text, from 1
 *   forkyard.later.due      UNIX time in ms from when it may run
 *   forkyard.later.topic    the jobs topic it goes back to then
 *   forkyard.later.why      a status that is tried again, or "not_before" */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/buf.h"
#include "run/work.h"
#include "svc/kafka_in.h"
#include "svc/kafka_out.h"

#define ENVELOPE_LATER_DUE   "forkyard.later.due"
#define ENVELOPE_LATER_TOPIC "forkyard.later.topic"
#define ENVELOPE_LATER_WHY   "forkyard.later.why"

struct envelope {
    struct kafka_header *list; /* on the heap; borrows from the facts */
    size_t count;
    char numbers[2][24]; /* borrowed from, so it must not move */
};

void envelope_of_result(struct envelope *out, const struct work *w);

/* The original's headers, then why and from where. */
struct envelope_death {
    const struct kafka_in_msg *msg;
    const char *stage; /* decode, run, return */
    const char *why;   /* one word */
    const char *words;
    const char *worker_id;
};
void envelope_of_dead_letter(struct envelope *out,
                             const struct envelope_death *death);

/* The original's, with when and where it is to be run. */
void envelope_of_later(struct envelope *out, const struct kafka_in_msg *msg,
                       const struct later *later);
/* As it came. */
void envelope_of_original(struct envelope *out, const struct kafka_in_msg *msg);
/* Back on its way: those for the waiting are gone. */
void envelope_of_return(struct envelope *out, const struct kafka_in_msg *msg);

void envelope_done(struct envelope *envelope);

/* The absent view when the message has no such header. */
struct view envelope_find(const struct kafka_in_msg *msg, const char *name);
