/* SPDX-License-Identifier: MIT */
/* box_limits.h - the numbers that bound one box. Fixed size: part of the
 * message the engine sends to the launcher. */
#pragma once

#include <stdint.h>

struct box_limits {
    uint64_t memory_bytes;    /* all processes and tmpfs pages together */
    uint64_t stack_bytes;     /* one process */
    uint64_t file_size_bytes; /* one file */
    uint64_t workspace_bytes; /* tmpfs /workspace */
    uint64_t tmp_bytes;       /* tmpfs /tmp */
    uint64_t max_inodes;      /* in each of the two */
    uint64_t cpu_time_ms;     /* one process by rlimit; the sum by the engine */
    uint64_t max_processes;   /* tasks of the box, its init not counted */
    uint64_t max_open_files;  /* one process */
    uint64_t cpu_quota_millicores; /* 1000 = one core */
};

/* What of a box is settled before its job is known. A job that needs another
 * shape gets a box made for it. */
struct box_shape {
    uint64_t workspace_bytes;
    uint64_t tmp_bytes;
    uint64_t max_inodes;
    uint32_t profile; /* enum seccomp_profile */
    uint32_t unused;
};
