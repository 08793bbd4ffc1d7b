/* SPDX-License-Identifier: MIT */
/* seccomp_learn.h - which calls a program makes that its profile refuses: they
 * are made after all, and noted.
 *
 * Only who forks the launcher can turn it on, with memory that box init writes
 * to (boxes_fork_learner). No setting does, no request, no job: a worker has
 * no such memory. Calls that end a job end it all the same. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "sys/seccomp_bpf.h"
#include "sys/seccomp_listen.h"

#define SECCOMP_LEARN_ARGS 3

/* Shared by who learns and the box's init, and by nobody else: the payload's
 * memory is made by exec. */
struct seccomp_seen {
    bool ends[SECCOMP_BPF_CALLS]; /* the job: not to be learnt */
    uint32_t counts[SECCOMP_BPF_CALLS];
    uint64_t args[SECCOMP_BPF_CALLS][SECCOMP_LEARN_ARGS]; /* the first time */
};

int seccomp_learn_open(struct seccomp_seen **out, struct err *e) MUST_USE;
void seccomp_learn_close(struct seccomp_seen *seen);
/* In init: notes the call and lets the kernel make it. False when it ends the
 * job. Safe after clone. */
bool seccomp_learn_take(struct seccomp_seen *seen, int listener_fd,
                        const struct seccomp_notice *notice);
