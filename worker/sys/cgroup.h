/* SPDX-License-Identifier: MIT */
/* cgroup.h - one cgroup per slot: memory, processes, CPU; v2 or v1.
 *
 * Slots keep their cgroup from job to job: making one costs four mkdirs on v1
 * and limits seldom change. A box enters by writing to a descriptor that the
 * launcher opened (v1 `tasks`: a single-threaded process moving itself, 24 us;
 * the `cgroup.procs` of another process costs an RCU grace period, 13 ms) or
 * is born inside (v2, CLONE_INTO_CGROUP).
 *
 * Runs in the launcher, as root or with a delegated subtree. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "sys/box_limits.h"

enum cgroup_version { CGROUP_NONE = 0, CGROUP_V1 = 1, CGROUP_V2 = 2 };

/* Controllers in force, bits. */
enum { CGROUP_MEMORY = 1, CGROUP_PIDS = 2, CGROUP_CPU = 4, CGROUP_CPUACCT = 8 };

/* Tasks of ours in a slot's cgroup: the slot process and box init. */
#define CGROUP_OWN_TASKS 2

#define CGROUP_TREES    4 /* v1: one hierarchy per controller */
#define CGROUP_COUNTERS 7 /* what is read of a slot, see cgroup.c */
/* A worker of at most so many slots keeps their files open: ten per slot, and a
 * host may not allow it more. */
#define CGROUP_KEEP_SLOTS 256

struct cgroup_tree {
    unsigned controllers; /* bits this hierarchy serves */
    int root_fd;          /* <mount>/<parent> */
    int worker_fd;        /* <mount>/<parent>/<worker> */
};

struct cgroups {
    enum cgroup_version version;
    unsigned controllers;
    char worker_dir[64]; /* "w<pid>-<start time>-<namespace>" */
    struct cgroup_tree trees[CGROUP_TREES];
    size_t tree_count;
    bool is_keeping; /* files of slots stay open; set before the first slot */
};

struct cgroup_slot {
    char name[16];       /* its directory in that of the worker */
    char enter_path[24]; /* v1: the file `tasks` in it */
    int dir_fd;          /* v2: to be born in, else -1 */
    /* Kept open, else -1 and opened for each use. */
    int enter_fd[CGROUP_TREES]; /* v1 `tasks`, for writing; v2 -1 */
    int counter_fd[CGROUP_COUNTERS];
    uint64_t before[CGROUP_COUNTERS]; /* at the beginning of this job */
    struct box_limits set;            /* what is written now */
    unsigned set_controllers;         /* and to which of them */
    bool is_peak_reset;               /* the kernel can: memory */
    unsigned worn; /* bits of trees in which it needs a fresh directory */
};

struct cgroup_usage {
    uint64_t memory_peak_bytes;
    uint64_t cpu_us;
    uint64_t cpu_system_us;  /* of these, in the kernel */
    uint64_t processes_peak; /* CGROUP_OWN_TASKS not counted */
    uint64_t oom_kills;      /* in this job */
    uint64_t forks_refused;  /* in this job, by the pids limit */
};

/* wanted: "auto", "v2", "v1", "none". fs_root: "/sys/fs/cgroup" (tests pass a
 * fake tree). auto falls back v2, v1, none; a version asked for by name that
 * cannot be had is ERR_SYSTEM. Removes what dead workers left behind. */
int cgroup_open(struct cgroups *c, const char *fs_root, const char *wanted,
                const char *parent, struct err *e) MUST_USE;
/* Removes the worker's own directories; boxes must be gone. */
void cgroup_close(struct cgroups *c);

int cgroup_slot_open(const struct cgroups *c, unsigned index,
                     struct cgroup_slot *out, struct err *e) MUST_USE;
void cgroup_slot_close(const struct cgroups *c, struct cgroup_slot *slot);

/* Before a box is made: where the last job's limits are too tight for that (its
 * memory, its share of a processor) they are lifted to what making one takes.
 */
int cgroup_slot_widen(const struct cgroups *c, struct cgroup_slot *slot,
                      struct err *e) MUST_USE;
/* Before a job: limits written where they differ, counters noted. A memory
 * limit below what is still charged for the job before is refused, and wears
 * the slot. */
int cgroup_slot_begin(const struct cgroups *c, struct cgroup_slot *slot,
                      const struct box_limits *limits, struct err *e) MUST_USE;
/* It is about to be killed, or only its files are wanted: it need not wait for
 * a share of the processors any more. A host that refuses leaves it to wait. */
void cgroup_slot_unthrottle(const struct cgroups *c, struct cgroup_slot *slot);
/* After it. */
void cgroup_slot_end(const struct cgroups *c, struct cgroup_slot *slot,
                     struct cgroup_usage *out);
/* Some peaks cannot be set back (pids.peak never can): after such a job the
 * slot needs a fresh directory, which it can have once no process, not even
 * the slot's own, is in the old one. A job of one process wears nothing. So
 * does what a job left that the kernel gives back when it pleases (queues,
 * mounts): until then it is charged here. */
bool cgroup_slot_is_worn(const struct cgroup_slot *slot);
void cgroup_slot_renew(const struct cgroups *c, struct cgroup_slot *slot);
/* Nothing of a job runs: what the box has used until now is not the job's. May
 * find the slot worn. */
void cgroup_slot_note(const struct cgroups *c, struct cgroup_slot *slot);
/* While it runs: the kernel has ended a process of it for its memory. */
bool cgroup_slot_is_out_of_memory(const struct cgroups *c,
                                  const struct cgroup_slot *slot);
/* While it runs. 0 when not known. */
uint64_t cgroup_slot_cpu_us(const struct cgroups *c,
                            const struct cgroup_slot *slot);
/* In the child: -1 with errno. Safe after clone. */
int cgroup_enter(const struct cgroups *c,
                 const struct cgroup_slot *slot) MUST_USE;
const char *cgroup_version_name(enum cgroup_version version);
