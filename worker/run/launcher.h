/* SPDX-License-Identifier: MIT */
/* launcher.h - the process that makes boxes. Server side of launch_proto.h. */
#pragma once

#include <stdint.h>

#include "base/base.h"
#include "sys/box_limits.h"
#include "sys/seccomp.h"

struct launcher_spec {
    int engine_sock;
    unsigned slots;
    uint64_t uid_base;
    const char *cgroup; /* auto, v2, v1, none */
    const char *cgroup_parent;
    struct seccomp_set seccomp;
    struct box_limits maxima; /* of any request */
    struct box_shape shape;   /* of the first boxes made ahead */
    unsigned prepared;        /* slots that keep a box ready */
    uint64_t grace_us; /* between SIGTERM and the kill of the CPU limit */
};

/* Never returns. Call it in a child forked before any thread exists. */
NORETURN void launcher_main(const struct launcher_spec *spec);
