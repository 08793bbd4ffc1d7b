/* SPDX-License-Identifier: MIT */
/* work.h - one job on its way: what the pipeline knows of it from the message
 * it came as until that message is done. Runs in the engine. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "run/compile.h"
#include "run/health.h"
#include "run/plan.h"
#include "run/report.h"
#include "run/stream.h"
#include "svc/kafka_in.h"
#include "wire/config.h"
#include "wire/job.h"
#include "wire/status.h"

struct pipeline;
struct settle;
struct work;

/* A record that must have reached the broker before the job's message is done:
 * see settle.h. */
enum parcel_kind {
    PARCEL_RESULT,
    PARCEL_DEAD_LETTER,
    PARCEL_LATER, /* the job again, to be run at another time */
    PARCEL_KINDS,
};
struct parcel {
    struct work *work;
    enum parcel_kind kind;
    struct parcel *next;
    struct parcel *prev;
};

/* Words for dead letters, beside those of job_reject_name(). */
#define DEAD_ATTEMPTS_SPENT "attempts_spent"
#define DEAD_NOT_RETURNED   "not_returnable" /* it waited, and whose is it? */

/* The job again: when, where it waits, and why. */
struct later {
    uint64_t due_unix_ms;
    const char *topic; /* interned by the pipeline */
    const char *why;   /* a status, or "not_before" */
    uint64_t attempt;  /* what the header will say */
};

struct work {
    struct pipeline *p;
    struct kafka_in_msg msg;
    struct report_origin origin;
    struct arena arena;
    struct job_identity identity;
    struct job job;
    struct plan plan;
    struct plan compile_plan; /* of the stage before, when there is one */
    struct compile compile;   /* what became of it */
    bool is_decoded;
    bool is_compiling;
    bool may_begin; /* at most once, and the broker knows that it does */
    struct report_hashes hashes;
    struct stream stream;
    struct health_snapshot before;
    struct buf record; /* the encoded result */
    enum status status;
    const char *why_dead; /* of a dead letter: a word, and a sentence */
    char *reason;
    struct later later;
    struct parcel parcels[PARCEL_KINDS];
    struct settle *settle;    /* who sends them */
    unsigned parcels_sent;    /* a set of kinds */
    unsigned parcels_out;     /* a number: not acknowledged yet */
    struct backlog_key *turn; /* of its key; NULL: it has none */
    struct work *next, *prev; /* in the list of whoever holds it */
};

/* Takes over the message. */
struct work *work_new(struct pipeline *p, const struct kafka_in_msg *msg,
                      const struct config *config, uint64_t result_max_bytes);
/* Not the message: that is given back before. */
void work_free(struct work *w);
static inline bool work_has_sent(const struct work *w, enum parcel_kind kind)
{
    return w->parcels_sent & (1U << kind);
}
