/* SPDX-License-Identifier: MIT */
/* pipeline_impl.h - what the files of the pipeline share: pipeline.c (the end
 * of an attempt, and the pipeline's own life), pipeline_begin.c (from a message
 * to a box). For nobody else. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "run/again.h"
#include "run/backlog.h"
#include "run/executor.h"
#include "run/pipeline.h"
#include "run/settle.h"
#include "run/work.h"
#include "wire/audit.h"
#include "wire/result.h"

#define PIPELINE_NS_PER_MS 1000000U

struct pipeline {
    struct pipeline_spec spec;
    struct kafka_in *in;
    struct executor *executor;
    struct settle *settle;
    struct backlog *backlog;
    struct again_backoff backoff;
    struct pipeline_counts counts;
    unsigned announced; /* at most once, and the broker does not know yet */
    char *output_topic;
    char *deferred_topic;
    char *tier_topics[AGAIN_TIERS];
    bool is_draining;
    bool is_closing;
};

/* --- pipeline.c --- */

void pipeline_tell(struct work *w, const char *type, const char *status);
int pipeline_note(struct work *w, enum audit_event what,
                  struct err *e) MUST_USE;
void pipeline_note_late(struct work *w, enum audit_event what,
                        const struct result_usage *usage, uint64_t *out_seq);
/* All four: the work is on its way out, and not to be looked at any more. */
void pipeline_bury(struct work *w, enum job_reject_reason reason,
                   const struct err *e);
void pipeline_publish(struct work *w, struct result *result);
void pipeline_refuse(struct work *w, enum status status, const char *reason);
void pipeline_give_back(struct work *w);

/* --- pipeline_begin.c --- */

/* A message that was taken, or one that was held, comes as far as it may. */
void pipeline_begin(struct work *w);
bool pipeline_is_once(const struct work *w);
/* After the compiler. False: pipeline_not_launched(). */
bool pipeline_start_program(struct work *w, struct err *e) MUST_USE;
void pipeline_not_launched(struct work *w, const struct err *e);
