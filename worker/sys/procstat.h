/* SPDX-License-Identifier: MIT */
/* procstat.h - one process as /proc shows it. Reading apart from parsing. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/base.h"

struct procstat {
    char state; /* 'R', 'S', 'Z', ... */
    pid_t parent;
    uint64_t cpu_us;        /* its own */
    uint64_t reaped_cpu_us; /* of children it has waited for, and of theirs */
    uint64_t threads;
    uint64_t rss_bytes;
};

/* The text of /proc/PID/stat; false when it is none. */
bool procstat_parse(const char *text, struct procstat *out);
/* False when there is no such process, or it may not be looked at. */
bool procstat_read(int proc_dir_fd, pid_t pid, struct procstat *out);
/* The text of /proc/PID/status: is the process in a pid namespace below that
 * of the /proc it was read from? */
bool procstat_is_nested(const char *status_text);
/* "123" as a directory of /proc is named; 0 for anything else. */
pid_t procstat_pid_of(const char *name);
