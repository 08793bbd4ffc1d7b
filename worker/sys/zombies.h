/* SPDX-License-Identifier: MIT */
/* zombies.h - counts the dead processes that nobody has waited for, a few
 * processes at a time: the kernel keeps no such number, and reading one
 * process takes some 5 us, so that a host of thousands is not read at once.
 *
 * Happy path: zombies_step() looks at the next few; after the last one the
 * round's sums are the answer, until the next round is through.
 * Failures: a process that is gone, or hidden (hidepid), is not counted. */
#pragma once

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"

struct zombies {
    DIR *dir;      /* /proc; NULL when it could not be opened */
    bool is_known; /* one round at least is through */
    uint64_t processes;
    uint64_t zombies;         /* in nested pid namespaces not counted: see .c */
    uint64_t round_processes; /* so far */
    uint64_t round_zombies;
};

/* proc_path: "/proc". ERR_SYSTEM when it cannot be opened; then
 * zombies_step() does nothing. */
int zombies_open(struct zombies *z, const char *proc_path,
                 struct err *e) MUST_USE;
/* Looks at so many processes, to the end of a round at most. */
void zombies_step(struct zombies *z, unsigned most);
void zombies_close(struct zombies *z);
