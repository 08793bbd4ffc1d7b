/* SPDX-License-Identifier: MIT */
/* hostcheck.h - what this host can isolate, one small probe per fact. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

struct hostcheck_spec {
    const char *cgroup;        /* box.cgroup: "auto", "v2", "v1", "none" */
    const char *cgroup_parent; /* box.cgroup_parent */
};

struct hostcheck_fact {
    const char *name;
    const char *meaning;
    bool is_required; /* without it no job can be run here */
    bool is_there;
    char detail[200]; /* what was found, or why not */
    const char *remedy;
};

/* False when kernel.core_pattern sends the crashes of boxes to the host. */
bool hostcheck_core_stays(const char *core_pattern);

/* The layers that not every host has. */
struct hostcheck_layers {
    bool is_root;
    uint32_t controllers; /* CGROUP_... bits */
    unsigned landlock;    /* ABI of boxes, 0: none */
};

void hostcheck_layers(const struct hostcheck_spec *spec,
                      struct hostcheck_layers *out);

extern const size_t hostcheck_count;

/* Probes fact number `index`. Makes short-lived children; must be called from
 * a process with one thread. */
void hostcheck_probe(size_t index, const struct hostcheck_spec *spec,
                     struct hostcheck_fact *out);
