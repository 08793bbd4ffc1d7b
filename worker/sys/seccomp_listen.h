/* SPDX-License-Identifier: MIT */
/* seccomp_listen.h - the calls that a filter leaves to box init: who is told of
 * them, and what init answers.
 *
 * A call that waits for its answer has not been made. Init's end, or that of
 * its descriptor, answers ENOSYS; it never means yes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "sys/seccomp.h"

struct seccomp_notice {
    uint64_t id;
    struct seccomp_call call;
    bool is_foreign; /* of another architecture, x32 included */
    uint64_t args[3];
};

/* What waits. -1 with errno: ENOENT when the caller is gone meanwhile. Blocks
 * when nothing waits. Safe after clone. */
int seccomp_listen_receive(int listener_fd,
                           struct seccomp_notice *out) MUST_USE;
/* The kernel goes on and makes the call. Only when learning. */
int seccomp_listen_allow(int listener_fd, const struct seccomp_notice *notice);
/* The call answers this errno. */
int seccomp_listen_refuse(int listener_fd, const struct seccomp_notice *notice,
                          int sys);
