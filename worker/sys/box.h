/* SPDX-License-Identifier: MIT */
/* box.h - a box from the inside: what its init (pid 1) does, in order.
 *
 *     launcher -- clone3 --> box init -- vfork, exec --> payload
 *                            reaps, measures, reports
 *
 * The box lives as long as its init: when it ends, for whatever reason, the
 * kernel kills every process of the pid namespace, and the mounts and IPC
 * objects go with their namespaces. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/base.h"
#include "sys/box_limits.h"
#include "sys/cgroup.h"
#include "sys/landlock.h"
#include "sys/rlimits.h"
#include "sys/seccomp.h"

/* All that init needs, made ready by the launcher before the clone. */
struct box_child {
    const struct box_limits *limits;
    const struct rlimits_plan *rlimits;
    const struct cgroups *cgroups;
    const struct cgroup_slot *cgroup;
    const struct landlock_plan *landlock;
    const struct seccomp_program *seccomp;
    /* Where no memory cgroup is: the payload's RLIMIT_DATA, else 0. Not
     * RLIMIT_AS: V8 reserves address space it never uses. */
    uint64_t data_bytes;
    int go_fd;          /* one byte: the id maps are written */
    int launcher_pidfd; /* readable once the launcher is dead */
    int report_fd;
    int bundle_fd;
    int stdio_fds[3];
    int collection_fd; /* where files go that come back, -1: none do */
};

/* Where a box is in its life; what failed when it failed there. */
enum box_phase {
    BOX_PHASE_ISOLATE, /* a layer of the box could not be put up */
    BOX_PHASE_FILES,   /* the job's files could not be placed */
    BOX_PHASE_EXEC,    /* the program could not be started */
    BOX_PHASE_DONE,    /* it ran; wait_status tells how it ended */
    BOX_PHASE_RUNNING, /* not an end: the program is being started */
    /* As DONE, and all but init is dead; files are being brought back. */
    BOX_PHASE_COLLECT,
};

/* Asked from the kernel by init itself, after the last layer. */
enum {
    BOX_VERIFIED_NO_CAPS = 1,
    BOX_VERIFIED_NO_NEW_PRIVS = 2,
    BOX_VERIFIED_SECCOMP = 4,
    BOX_VERIFIED_ROOT_READ_ONLY = 8,
    BOX_VERIFIED_UID = 16,
};
#define BOX_VERIFIED_ALL 31u

/* Init's message, one write of fewer than PIPE_BUF bytes: one at the start of
 * the program, one when files are to come back, one at the end. */
struct box_report {
    uint32_t phase;       /* enum box_phase */
    int32_t sys;          /* errno of the failure, 0 without one */
    uint32_t wait_status; /* of the payload */
    uint32_t verified;
    uint32_t full;        /* MOUNTS_FULL_... at the end */
    uint32_t landlock;    /* ABI in force, asked like the verified; 0: none */
    uint32_t tells_calls; /* a call that ends the job will be in the report */
    uint32_t has_call;    /* one has: */
    struct seccomp_call call;
    uint64_t used_bytes; /* in /workspace and /tmp at the end */
    uint64_t exec_us;    /* monotonic clock */
    uint64_t end_us;
    uint64_t io_read_bytes;
    uint64_t io_write_bytes;
    uint64_t io_read_calls;
    uint64_t io_write_calls;
    char step[64]; /* the layer, file or call that failed */
};

/* The child's whole life. */
NORETURN void box_init(const struct box_child *child);
