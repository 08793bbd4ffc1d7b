/* SPDX-License-Identifier: MIT */
/* rlimits.h - every POSIX limit of a box, as data. */
#pragma once

#include <stddef.h>
#include <sys/resource.h>

#include "base/base.h"
#include "sys/box_limits.h"

#define RLIMITS_MAX 16

struct rlimit_row {
    int resource;
    rlim_t soft;
    rlim_t hard;
};

struct rlimits_plan {
    struct rlimit_row rows[RLIMITS_MAX];
    size_t count;
};

/* Memory is not here: a cgroup holds it, or RLIMIT_DATA of the payload alone
 * (see box.h). */
void rlimits_make(const struct box_limits *limits, int has_pids_cgroup,
                  struct rlimits_plan *out);
/* -1 with errno. Safe after clone. */
int rlimits_apply(const struct rlimits_plan *plan) MUST_USE;
