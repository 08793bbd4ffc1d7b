/* SPDX-License-Identifier: MIT */
/* reaper.h - what box init waits for: the end of its children, and a system
 * call that ends the job. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/base.h"
#include "sys/seccomp.h"

struct reaper_end {
    int wait_status;          /* of the payload */
    bool has_call;            /* some process of the box made `call`: */
    struct seccomp_call call; /* it waits for an answer, and gets none */
};

/* Once, before the payload is started: SIGCHLD is blocked, and comes to us.
 * SIGTERM from outside the box is passed on to all in it; from inside it means
 * nothing, as to any process 1 without a handler. */
int reaper_prepare(void) MUST_USE;
/* seen NULL: see seccomp_learn.h. Reaps orphans until the payload has ended or
 * a call has come; the call counts when both are there. Without a listener (-1)
 * none comes. -1 with errno. Safe after clone. */
int reaper_wait(pid_t payload, int listener_fd, struct seccomp_seen *seen,
                struct reaper_end *out) MUST_USE;
