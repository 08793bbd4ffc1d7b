/* SPDX-License-Identifier: MIT */
/* rlimits.h - every POSIX limit of a box, as data. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>

#include "base/base.h"
#include "sys/box_limits.h"

#define RLIMITS_MAX 16

struct rlimit_row {
    int resource;
    rlim_t soft;
    rlim_t hard;
    bool is_ours; /* no promise to the job: less will do */
};

struct rlimits_plan {
    struct rlimit_row rows[RLIMITS_MAX];
    size_t count;
};

/* Memory is not here: a cgroup holds it, or RLIMIT_DATA of the payload alone
 * (see box.h). */
void rlimits_make(const struct box_limits *limits, int has_pids_cgroup,
                  struct rlimits_plan *out);
/* The caller's own hard limits as high as the kernel lets it, for a box may
 * not raise what it inherits; the soft ones of what all boxes share; and as
 * many descriptors as it may have. */
void rlimits_raise(void);
/* -1 with errno. Safe after clone. */
int rlimits_apply(const struct rlimits_plan *plan) MUST_USE;
