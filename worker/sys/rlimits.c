/* SPDX-License-Identifier: MIT */
/* rlimits.c - see rlimits.h. Planned by the launcher, applied by box init. */
#include "sys/rlimits.h"

/* The engine stops a box by the CPU time of all its processes; this bounds
 * one process should the engine be late. SIGXCPU, then SIGKILL. */
#define CPU_SLACK_S 1

void rlimits_make(const struct box_limits *l, int has_pids_cgroup,
                  struct rlimits_plan *out)
{
    rlim_t cpu_s = (l->cpu_time_ms + 999) / 1000;
    /* One more than asked: box init counts too. Where the pids cgroup holds
     * the limit it must bite first, because it counts the refusals. */
    rlim_t tasks = l->max_processes + 1 + (has_pids_cgroup ? 16 : 0);

    *out = (struct rlimits_plan){
        .rows =
            {
                {RLIMIT_CPU, cpu_s, cpu_s + CPU_SLACK_S},
                {RLIMIT_FSIZE, l->file_size_bytes, l->file_size_bytes},
                {RLIMIT_STACK, l->stack_bytes, l->stack_bytes},
                /* 1, not 0: where core_pattern is a pipe the kernel ignores
                 * 0 and starts the host's handler, as root; 1 means none */
                {RLIMIT_CORE, 1, 1},
                {RLIMIT_NPROC, tasks, tasks},
                {RLIMIT_NOFILE, l->max_open_files, l->max_open_files},
                {RLIMIT_MEMLOCK, 65536, 65536},
                {RLIMIT_LOCKS, 1024, 1024},
                {RLIMIT_SIGPENDING, 1024, 1024},
                {RLIMIT_MSGQUEUE, 65536, 65536},
                {RLIMIT_NICE, 0, 0},
                {RLIMIT_RTPRIO, 0, 0},
                {RLIMIT_RTTIME, 0, 0},
            },
        .count = 13,
    };
}

int rlimits_apply(const struct rlimits_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct rlimit_row *row = &plan->rows[i];
        struct rlimit lim = {row->soft, row->hard};

        if (setrlimit((__rlimit_resource_t)row->resource, &lim) < 0) {
            return -1;
        }
    }
    return 0;
}
