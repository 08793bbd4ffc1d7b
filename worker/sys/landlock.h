/* SPDX-License-Identifier: MIT */
/* landlock.h - a second wall around a box's files: what its processes may do
 * with them, whatever they can reach and whoever they became.
 *
 * Rules name inodes, not paths. So they hold too for a process that got out of
 * its mount namespace: of the host's files it may touch none, because none
 * lies below the box's root. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

/* The newest whose every right landlock.c knows. */
#define LANDLOCK_ABI_MAX 7
/* ABI 1 forbids renames and links between directories, which programs need. */
#define LANDLOCK_ABI_MIN 2

/* What goes to the kernel, ready. */
struct landlock_plan {
    unsigned abi; /* in force, 0: none, and then nothing is applied */
    /* As landlock_create_ruleset() takes it; older kernels take less of it. */
    struct {
        uint64_t fs;
        uint64_t net;
        uint64_t scoped;
    } handled;
    uint32_t attr_bytes;
    uint32_t restrict_flags;
};

/* The ABI that boxes can have here: 0 without Landlock, or with too old a one.
 * Asks the kernel. */
unsigned landlock_abi(void);
/* Pure. Beyond LANDLOCK_ABI_MAX means that. denies_tcp: no TCP socket is bound
 * or connected, where the ABI can tell. */
void landlock_plan_make(unsigned abi, bool denies_tcp,
                        struct landlock_plan *out);
/* In the box, after its mounts; nothing can be mounted afterwards. Needs
 * CAP_SYS_ADMIN in its own user namespace, or no_new_privs. -1 with errno, and
 * the path or call in *out_step. Safe after clone. */
int landlock_apply(const struct landlock_plan *plan,
                   const char **out_step) MUST_USE;
/* Asks the kernel whether rules of ours hold for this process, by trying what
 * nothing else would refuse in this way. Before the system call filter. */
bool landlock_holds(void);
