/* SPDX-License-Identifier: MIT */
/* world.h - for tests: a pid and a mount namespace with an empty /tmp and
 * /dev/shm, whose first process is the test. All that lives in it was made by
 * the test, and all that loses its parent comes to it: so what is left of
 * something can be counted, whatever else runs on the machine. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct world_count {
    unsigned processes;  /* the test among them */
    unsigned namespaces; /* that a process is in or holds a descriptor of */
    unsigned mounts;     /* in the test's own mount namespace */
    unsigned files;      /* in /tmp and /dev/shm */
};

/* The exit status of body, run inside; -1 when this host makes no such
 * world, with a word on stderr. */
int world_run(int (*body)(void));

/* ---- for body and what it calls ----------------------------------------- */

void world_count(struct world_count *out);
/* Reaps until no other process is there; false when one lives on so long. */
bool world_is_empty_within(unsigned timeout_ms);
/* Sleeps until a child ends or the time is over. */
void world_wait_child(unsigned timeout_ms);
/* Up to max children of a process; how many. */
unsigned world_children(pid_t pid, pid_t *out, unsigned max);
unsigned world_open_files(pid_t pid);
/* Directories of workers below box.cgroup_parent other than those of this
 * launcher; 0: of all. */
unsigned world_foreign_cgroups(const char *parent, pid_t launcher);
/* Processes in all slots below box.cgroup_parent, per hierarchy. */
unsigned world_cgroup_tasks(const char *parent);
void world_remove_cgroups(const char *parent);
