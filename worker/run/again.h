/* SPDX-License-Identifier: MIT */
/* again.h - whether a job is tried again, and the topics where jobs wait for
 * their time. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "wire/config.h"
#include "wire/job.h"
#include "wire/status.h"

/* The fixed-delay topics. All that is in one waits equally long, so that the
 * oldest record of a partition is always due first. */
struct again_tier {
    const char *name;  /* "5s": in retry.backoff */
    const char *topic; /* without prefix */
    uint64_t delay_ms;
};
#define AGAIN_TIERS 4
extern const struct again_tier again_tiers[AGAIN_TIERS]; /* shortest first */

/* retry.backoff: the tier of each further attempt; the last one repeats. */
struct again_backoff {
    size_t tiers[JOB_MAX_ATTEMPTS];
    size_t count;
};
int again_backoff_parse(const struct config *config, struct again_backoff *out,
                        struct err *e) MUST_USE;
/* attempt: the one that ended, from 1. */
const struct again_tier *again_tier_after(const struct again_backoff *backoff,
                                          uint64_t attempt);
/* The longest wait that is not over before the time has come; NULL: even the
 * shortest would be. */
const struct again_tier *again_tier_within(uint64_t remaining_ms);

enum again {
    AGAIN_NO,    /* the job does not ask for it with this status */
    AGAIN_YES,   /* try it again */
    AGAIN_SPENT, /* it does, but has had its attempts, or expires before */
};
/* attempt: the one that ended; due: when the next one would begin. */
enum again again_decide(const struct job *job, enum status status,
                        uint64_t attempt, uint64_t due_unix_ms);
