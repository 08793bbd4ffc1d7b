/* SPDX-License-Identifier: MIT */
/* proc.h - the only place that makes processes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/base.h"
#include "base/err.h"

/* clone3 without an exec: 0 in the child, the pid in the parent, -1 with
 * errno. namespaces: CLONE_NEW... flags, or 0 for a plain fork. cgroup_fd: a
 * cgroup v2 directory the child is born in, or -1. out_pidfd may be NULL. The
 * child has a copy of the memory, so it must not use what threads may hold. */
pid_t proc_clone(uint64_t namespaces, int cgroup_fd, int *out_pidfd) MUST_USE;

/* clone3 of a brother: the child of our parent, which reaps it. 0 in the
 * child, else the pid or -1 with errno; the child has no pidfd from us. */
pid_t proc_clone_sibling(uint64_t namespaces) MUST_USE;

/* What the payload of a box is started with. All descriptors are CLOEXEC
 * except the three that become 0, 1 and 2. */
struct proc_exec {
    char *const *argv;
    char *const *envp;
    int stdio_fds[3];
    const char *cwd;
    uint64_t data_bytes; /* RLIMIT_DATA of the program alone, 0: as it is */
};

/* Why an exec did not happen. */
struct proc_exec_failure {
    const char *step; /* static text, NULL when exec happened */
    int sys;          /* errno */
};

/* vfork + exec: returns when the exec has happened or failed. The pid, or -1
 * with out_failure filled. Signals are unblocked; what we ignore it ignores
 * too: see proc_reset_signals(). The child leads a process group of its own.
 * Only for a single-threaded process that keeps nothing the child may not share
 * until exec. */
pid_t proc_spawn(const struct proc_exec *what,
                 struct proc_exec_failure *out_failure) MUST_USE;

int proc_kill(int pidfd, int signal_number);
/* Back to default for every signal, for us and all that we start. The launcher
 * does it once, so that no box has to. */
void proc_reset_signals(void);
