/* SPDX-License-Identifier: MIT */
/* box.h - a box from the inside, and the process that boxes come from.
 *
 *     launcher -- clone3 --> slot process     one per slot, lives on
 *                               | clone3, for each job a new one
 *                            box init         pid 1, waits for its job
 *                               | vfork, exec
 *                            payload
 *
 * The box lives as long as its init: when it ends, for whatever reason, the
 * kernel kills every process of the pid namespace, and the mounts and IPC
 * objects go with their namespaces. Init is the launcher's own child
 * (CLONE_PARENT), so that it is reaped there and dies when the launcher does.
 *
 * Two sockets of packets lead into a slot, both held by the launcher:
 *     control   box_make -> slot process -> box_made
 *     job       box_job with descriptors -> box init -> box_report
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/base.h"
#include "sys/box_limits.h"
#include "sys/cgroup.h"
#include "sys/landlock.h"
#include "sys/mounts.h"
#include "sys/rlimits.h"
#include "sys/seccomp.h"

/* All that a slot process needs, made ready by the launcher before the clone.
 */
struct box_slot {
    const struct cgroups *cgroups;
    const struct cgroup_slot *cgroup;
    const struct landlock_plan *landlock;
    const struct seccomp_set *seccomp;
    int launcher_pidfd; /* readable once the launcher is dead */
    int control_fd; /* its end; the first packet says: id maps are written */
    int job_fd;     /* its end, handed down to each box in turn */
    int image_fd;   /* see box_image.h; -1: it goes on in the launcher's */
    int image_data_fd;
};

struct box_make {
    uint32_t profile; /* enum seccomp_profile */
    struct mounts_options options;
};

/* The slot process's answer to its start and to each box_make. */
struct box_made {
    int32_t pid; /* as the launcher sees it; 0: of the start itself */
    int32_t sys; /* errno, 0: made */
    char step[64];
};

/* Descriptors that come with a job, in this order. */
enum {
    BOX_FD_BUNDLE,
    BOX_FD_STDIN,
    BOX_FD_STDOUT,
    BOX_FD_STDERR,
    BOX_FD_COUNT,
    /* May be left out: where files go that come back, a pipe. */
    BOX_FD_COLLECTION = BOX_FD_COUNT,
    BOX_FD_MAX,
};

struct box_job {
    struct rlimits_plan rlimits;
    /* Where no memory cgroup is: the payload's RLIMIT_DATA, else 0. Not
     * RLIMIT_AS: V8 reserves address space it never uses. */
    uint64_t data_bytes;
    uint64_t given_us; /* when it was sent */
};

/* A program is taken for started when its job was given, unless init says that
 * it took longer: most do not, and a packet less is sent. */
#define BOX_LATE_US 1000u

/* Where a box is in its life; what failed when it failed there. */
enum box_phase {
    BOX_PHASE_ISOLATE, /* a layer of the box could not be put up */
    BOX_PHASE_FILES,   /* the job's files could not be placed */
    BOX_PHASE_EXEC,    /* the program could not be started */
    BOX_PHASE_DONE,    /* it ran; wait_status tells how it ended */
    BOX_PHASE_READY,   /* not an end: all layers are up, a job may come */
    BOX_PHASE_RUNNING, /* not an end: the program is being started, later than
                        * BOX_LATE_US after its job was given */
    BOX_PHASE_COLLECT, /* not an end: it ran, and its files come back */
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

/* What all processes of the box used that init has reaped: at the end, all. */
struct box_usage {
    uint64_t cpu_user_us;
    uint64_t cpu_system_us;
    uint64_t max_rss_bytes; /* of the largest process */
    uint64_t faults_major;
    uint64_t faults_minor;
    uint64_t switches_voluntary;
    uint64_t switches_forced;
};

/* Init's message. One when it is ready, one at the start of the program, one
 * at the end: then no other process of the box is left. */
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
    uint64_t end_us;     /* of the payload */
    uint64_t dead_us;    /* the last of the other processes is reaped */
    uint64_t io_read_bytes;
    uint64_t io_write_bytes;
    uint64_t io_read_calls;
    uint64_t io_write_calls;
    struct box_usage usage;
    char step[64]; /* the layer, file or call that failed */
};

/* The slot process's life, from the clone on. */
NORETURN void box_slot_main(const struct box_slot *slot);
/* The rest of it, when its steps in the launcher's image are done. Uses no more
 * of *slot than landlock, seccomp and the first three descriptors. */
NORETURN void box_slot_serve(const struct box_slot *slot);
