/* SPDX-License-Identifier: MIT */
/* levels.h - security levels: which layers a host lacks for `isolated`.
 *
 * `sandboxed` takes what there is, and the result says what that was; without
 * the namespaces, the system call filter and the read-only root there is no
 * worker at all. `isolated` takes all layers or nothing. `trusted` is nothing a
 * message can ask for: job_validate() refuses it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"

/* What a host may lack. */
struct levels_host {
    bool has_own_uids;    /* each slot has a user id of its own */
    uint32_t controllers; /* CGROUP_... bits */
    unsigned landlock;    /* ABI, 0: none */
};

struct levels_layer {
    const char *name;
    const char *remedy;
    bool (*is_there)(const struct levels_host *host);
};

#define LEVELS_LAYERS 5

/* What is missing for `isolated`, in out[]; how many. */
size_t levels_missing(const struct levels_host *host,
                      const struct levels_layer *out[LEVELS_LAYERS]);
/* For a job's security_level: -1 and ERR_SYSTEM, with all that is missing and
 * what to do about it. */
int levels_check(int security_level, const struct levels_host *host,
                 struct err *e) MUST_USE;
