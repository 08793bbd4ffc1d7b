/* SPDX-License-Identifier: MIT */
/* letter_filter.c - see letter_filter.h. */
#include "wire/letter_filter.h"

#include <stddef.h>
#include <string.h>

bool letter_filter_is_empty(const struct letter_filter *f)
{
    return !f->job && !f->tenant && !f->reason && !f->stage && !f->topic &&
           f->since_unix_ms == 0 && f->until_unix_ms == 0;
}

static bool is_text(const char *wanted, struct view has)
{
    return !wanted || view_is(has, wanted);
}

static bool is_topic(const char *wanted, struct view has, const char *prefix)
{
    size_t len = strlen(prefix);

    if (is_text(wanted, has)) {
        return true;
    }
    return has.data && has.len >= len && !memcmp(has.data, prefix, len) &&
           view_is((struct view){has.data + len, has.len - len}, wanted);
}

static bool is_time(const struct letter_filter *f, int64_t buried_unix_ms)
{
    if (f->since_unix_ms == 0 && f->until_unix_ms == 0) {
        return true;
    }
    return buried_unix_ms >= 0 &&
           (uint64_t)buried_unix_ms >= f->since_unix_ms &&
           (f->until_unix_ms == 0 ||
            (uint64_t)buried_unix_ms < f->until_unix_ms);
}

bool letter_filter_takes(const struct letter_filter *f,
                         const struct letter *letter,
                         const struct job_identity *identity,
                         int64_t buried_unix_ms, const char *prefix)
{
    return is_text(f->job, identity->job_id) &&
           is_text(f->tenant, identity->tenant_id) &&
           is_text(f->reason, letter->reason) &&
           is_text(f->stage, letter->stage) &&
           is_topic(f->topic, letter->topic, prefix) &&
           is_time(f, buried_unix_ms);
}
