/* SPDX-License-Identifier: MIT */
/* letter_filter.h - which dead letters somebody means. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wire/job.h"
#include "wire/letter.h"

/* All that are given must hold; NULL and 0 are not given. */
struct letter_filter {
    const char *job;
    const char *tenant;
    const char *reason;
    const char *stage;
    const char *topic; /* that it came from, whole or what follows prefix */
    uint64_t since_unix_ms; /* buried then or later */
    uint64_t until_unix_ms; /* buried before */
};

bool letter_filter_is_empty(const struct letter_filter *filter);
/* identity: of a value that names no job, all zeros. buried_unix_ms: -1, not
 * known, is of no time. prefix: of this deployment's topics. */
bool letter_filter_takes(const struct letter_filter *filter,
                         const struct letter *letter,
                         const struct job_identity *identity,
                         int64_t buried_unix_ms, const char *prefix);
