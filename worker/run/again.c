/* SPDX-License-Identifier: MIT */
/* again.c - see again.h. */
#include "run/again.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define NS_PER_MS 1000000U

const struct again_tier again_tiers[AGAIN_TIERS] = {
    {"5s", "retry.5s", 5000},
    {"1m", "retry.1m", 60000},
    {"10m", "retry.10m", 600000},
    {"1h", "retry.1h", 3600000},
};

static int find_tier(const char *name)
{
    for (int i = 0; i < AGAIN_TIERS; i++) {
        if (!strcmp(again_tiers[i].name, name)) {
            return i;
        }
    }
    return -1;
}

int again_backoff_parse(const struct config *config, struct again_backoff *out,
                        struct err *e)
{
    AUTO_FREE char *text = xstrdup(config->retry_backoff);
    char *rest = text;
    char *word = NULL;

    out->count = 0;
    while ((word = strsep(&rest, ",")) != NULL) {
        int tier = find_tier(word + strspn(word, " "));

        if (tier < 0) {
            return err_set(e, ERR_INPUT,
                           "retry.backoff: '%s' is none of 5s, 1m, 10m, 1h",
                           word);
        }
        if (out->count == ARRAY_LEN(out->tiers)) {
            return err_set(e, ERR_INPUT, "retry.backoff: more than %d",
                           JOB_MAX_ATTEMPTS);
        }
        out->tiers[out->count++] = (size_t)tier;
    }
    return 0;
}

const struct again_tier *again_tier_after(const struct again_backoff *backoff,
                                          uint64_t attempt)
{
    size_t i = attempt > 0 ? (size_t)attempt - 1 : 0;

    i = i < backoff->count ? i : backoff->count - 1;
    return &again_tiers[backoff->tiers[i]];
}

const struct again_tier *again_tier_within(uint64_t remaining_ms)
{
    const struct again_tier *best = NULL;

    for (size_t i = 0; i < AGAIN_TIERS; i++) {
        if (again_tiers[i].delay_ms <= remaining_ms) {
            best = &again_tiers[i];
        }
    }
    return best;
}

static bool asks_for(const struct job *job, enum status status)
{
    if (job->retry_on_count == 0) {
        return status == STATUS_WORKER_LOST || status == STATUS_INTERNAL_ERROR;
    }
    for (size_t i = 0; i < job->retry_on_count; i++) {
        if (view_is(job->retry_on[i], status_name(status))) {
            return true;
        }
    }
    return false;
}

enum again again_decide(const struct job *job, enum status status,
                        uint64_t attempt, uint64_t due_unix_ms)
{
    uint64_t most = job->max_attempts == RECORD_NO_UINT ? JOB_DEFAULT_ATTEMPTS
                                                        : job->max_attempts;

    if (!asks_for(job, status)) {
        return AGAIN_NO;
    }
    if (attempt >= most ||
        (job->expires_unix_nano != RECORD_NO_UINT &&
         job->expires_unix_nano / NS_PER_MS <= due_unix_ms)) {
        return AGAIN_SPENT;
    }
    return AGAIN_YES;
}
