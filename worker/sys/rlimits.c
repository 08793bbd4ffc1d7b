/* SPDX-License-Identifier: MIT */
/* rlimits.c - see rlimits.h. Planned by the launcher, applied by box init. */
#include "sys/rlimits.h"

#include "sys/cgroup.h"

/* The engine stops a box by the CPU time of all its processes; this bounds
 * one process should the engine be late. SIGXCPU, then SIGKILL. */
#define CPU_SLACK_S 1

void rlimits_make(const struct box_limits *l, int has_pids_cgroup,
                  struct rlimits_plan *out)
{
    rlim_t cpu_s = (l->cpu_time_ms + 999) / 1000;
    /* More than asked: box init and the slot process count too. Where the pids
     * cgroup holds the limit it must bite first, because it counts the
     * refusals. */
    rlim_t tasks =
        l->max_processes + CGROUP_OWN_TASKS + (has_pids_cgroup ? 16 : 0);

    *out = (struct rlimits_plan){
        .rows =
            {
                {RLIMIT_CPU, cpu_s, cpu_s + CPU_SLACK_S, false},
                {RLIMIT_FSIZE, l->file_size_bytes, l->file_size_bytes, false},
                {RLIMIT_STACK, l->stack_bytes, l->stack_bytes, false},
                /* 1, not 0: where core_pattern is a pipe the kernel ignores
                 * 0 and starts the host's handler, as root; 1 means none,
                 * and no file either, for it is less than a page. So it is
                 * set where the host's own limit is 0, too, if root may
                 * (rlimits_raise). A socket there gets the core whatever is
                 * said here: `forkyard check` tells. */
                {RLIMIT_CORE, 1, 1, true},
                {RLIMIT_NPROC, tasks, tasks, false},
                {RLIMIT_NOFILE, l->max_open_files, l->max_open_files, false},
                {RLIMIT_MEMLOCK, 65536, 65536, true},
                {RLIMIT_LOCKS, 1024, 1024, true},
                {RLIMIT_SIGPENDING, 1024, 1024, true},
                {RLIMIT_MSGQUEUE, 65536, 65536, true},
                {RLIMIT_NICE, 0, 0, true},
                {RLIMIT_RTPRIO, 0, 0, true},
                {RLIMIT_RTTIME, 0, 0, true},
            },
        .count = 13,
    };
}

/* A hard limit of the host's may be lower than what we would set. */
static int set_lower(const struct rlimit_row *row)
{
    struct rlimit now;

    if (getrlimit((__rlimit_resource_t)row->resource, &now) < 0) {
        return -1;
    }
    now.rlim_cur = row->soft < now.rlim_max ? row->soft : now.rlim_max;
    now.rlim_max = row->hard < now.rlim_max ? row->hard : now.rlim_max;
    return setrlimit((__rlimit_resource_t)row->resource, &now);
}

int rlimits_apply(const struct rlimits_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct rlimit_row *row = &plan->rows[i];
        struct rlimit lim = {row->soft, row->hard};

        if (setrlimit((__rlimit_resource_t)row->resource, &lim) < 0 &&
            (!row->is_ours || set_lower(row) < 0)) {
            return -1;
        }
    }
    return 0;
}

/* The kernel's bound for RLIMIT_NOFILE, fs.nr_open, as it comes. */
#define OPEN_FILES_MAX (1u << 20)

/* Of these the kernel takes our own soft limit, at the time a user namespace is
 * made, as the most that all in it may have, and counts it for us: boxes would
 * share what one of them can use up. */
static void raise_shared(void)
{
    static const __rlimit_resource_t shared[] = {
        RLIMIT_NPROC, RLIMIT_MEMLOCK, RLIMIT_SIGPENDING, RLIMIT_MSGQUEUE};
    struct rlimit limit;

    for (size_t i = 0; i < ARRAY_LEN(shared); i++) {
        if (getrlimit(shared[i], &limit) == 0) {
            limit.rlim_cur = limit.rlim_max;
            (void)setrlimit(shared[i], &limit);
        }
    }
}

void rlimits_raise(void)
{
    static const __rlimit_resource_t raised[] = {
        RLIMIT_CPU,        RLIMIT_FSIZE, RLIMIT_STACK,
        RLIMIT_CORE,       RLIMIT_NPROC, RLIMIT_MEMLOCK,
        RLIMIT_SIGPENDING, RLIMIT_DATA,  RLIMIT_MSGQUEUE};
    struct rlimit limit;

    for (size_t i = 0; i < ARRAY_LEN(raised); i++) {
        if (getrlimit(raised[i], &limit) == 0) {
            limit.rlim_max = RLIM_INFINITY;
            (void)setrlimit(raised[i], &limit); /* root only, and not always */
        }
    }
    raise_shared();
    limit = (struct rlimit){OPEN_FILES_MAX, OPEN_FILES_MAX};
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0 &&
        getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}
