/* SPDX-License-Identifier: MIT */
/* owncpu.h - the CPU time that this worker has used: engine, launcher and all
 * its boxes, so that it can be told from what others use. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/base.h"
#include "sys/cgroup.h"

struct owncpu {
    int proc_fd;
    pid_t engine;   /* 0: none */
    pid_t launcher; /* 0: none */
    int counter_fd; /* of the boxes' cgroup; -1: their processes are read */
    const char *counter_key; /* NULL: the file is a number */
    uint64_t units_per_us;
};

/* Borrows proc_fd. cgroup_root "/sys/fs/cgroup", cgroup_parent as
 * box.cgroup_parent: boxes of other workers below it count as own, so that
 * several workers of one host do not stop each other. */
void owncpu_open(struct owncpu *o, int proc_fd, enum cgroup_version version,
                 const char *cgroup_root, const char *cgroup_parent);
void owncpu_close(struct owncpu *o);
/* Since some moment long ago, in microseconds; false when it cannot be told.
 * It may step back a little, when a box is killed and there is no cgroup. */
bool owncpu_read(const struct owncpu *o, uint64_t *out_us);
