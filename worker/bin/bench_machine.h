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
/* A look at a process and its descendants. Two that are equal, and asleep:
 * nothing ran in between. One alone may miss what is handed on from process to
 * process behind its back. */
struct bench_machine_look {
    bool is_asleep; /* all wait for something to happen */
    unsigned count;
    double ran_us; /* all together, since each began */
};
void bench_machine_look_at(pid_t pid, struct bench_machine_look *out);
/* Kernel memory that nobody can be asked to give back. */
double bench_machine_kernel_kb(void);
/* Children of a process, at most max; the number there are. */
unsigned bench_machine_children(pid_t pid, pid_t *out, unsigned max);

struct bench_machine_boxes {
    unsigned count;
    double kb;      /* private memory of the boxes' inits, summed */
    double slot_kb; /* and of what else is below the launcher */
    bool is_hidden; /* some of it may not be read by this user */
};

/* The boxes below a launcher. A box is what is process 1 somewhere. Private
 * are the pages that no other process has. */
void bench_machine_boxes(pid_t launcher, struct bench_machine_boxes *out);
