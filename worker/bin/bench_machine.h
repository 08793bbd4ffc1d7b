/* SPDX-License-Identifier: MIT */
/* bench_machine.h - what the machine and a tree of processes have used, read
 * from /proc. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* CPU time so far; only differences mean something. */
struct bench_machine_reading {
    double busy_us[2]; /* all processors; before and after reading the rest */
    double self_us[2];
    double tree_us;   /* our descendants and what they have reaped */
    double others_us; /* processes that are none of ours */
    double kernel_us; /* kernel threads: what ends namespaces, for one */
};

/* Reads all of /proc: not within what is measured. */
void bench_machine_read(struct bench_machine_reading *out);

struct bench_machine_used {
    double machine_us; /* everything except other people's processes */
    double own_us;     /* the sum of the next three */
    double self_us;
    double tree_us; /* our descendants */
    double kernel_us;
    double others_us;
};

/* Between two readings, without what they took themselves. */
void bench_machine_between(const struct bench_machine_reading *from,
                           const struct bench_machine_reading *to,
                           struct bench_machine_used *out);
/* The process and all its children wait for something to happen. */
bool bench_machine_is_asleep(pid_t pid);
/* Children of a process, at most max; the number there are. */
unsigned bench_machine_children(pid_t pid, pid_t *out, unsigned max);
/* Pages no other process has; negative when that may not be read. */
double bench_machine_private_kb(pid_t pid);
