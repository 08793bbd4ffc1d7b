/* SPDX-License-Identifier: MIT */
/* launch_proto.h - what engine and launcher say to each other.
 *
 * Fixed-size packets over SOCK_SEQPACKET; a packet of another size is an
 * error. The launcher trusts the numbers of a request only after checking
 * them against its own table of slots. Both ends are one binary. */
#pragma once

#include <stdint.h>

#include "sys/box.h"
#include "sys/box_limits.h"
#include "sys/cgroup.h"

enum launch_type {
    LAUNCH_START = 1, /* engine -> launcher, with 4 or 5 descriptors */
    LAUNCH_KILL,      /* engine -> launcher */
    LAUNCH_READY,     /* launcher -> engine, once, first */
    LAUNCH_ENDED,     /* launcher -> engine, one per START. The slot may be
                       * used again at once: its init may still be ending */
};

enum launch_network { LAUNCH_NET_NONE, LAUNCH_NET_LOOPBACK };

/* Descriptors of a START, in this order: they go on to box init as they are. */
enum {
    LAUNCH_FD_BUNDLE = BOX_FD_BUNDLE,
    LAUNCH_FD_STDIN = BOX_FD_STDIN,
    LAUNCH_FD_STDOUT = BOX_FD_STDOUT,
    LAUNCH_FD_STDERR = BOX_FD_STDERR,
    LAUNCH_FD_COUNT = BOX_FD_COUNT,
    LAUNCH_FD_COLLECTION = BOX_FD_COLLECTION, /* may be left out */
    LAUNCH_FD_MAX = BOX_FD_MAX,
};

struct launch_request {
    uint32_t type;
    uint32_t slot;
    uint64_t seq; /* never used twice: an answer to the last job of a slot
                   * cannot be taken for one to this */
    uint32_t network;
    uint32_t profile; /* enum seccomp_profile */
    /* KILL: not before the program has run so long; 0: now. The engine's clock
     * starts with the request, and a box may wait for its turn. */
    uint64_t after_us;
    /* KILL: only if it has used no CPU time for so long; 0: in any case. */
    uint64_t idle_us;
    /* KILL: SIGTERM first, and so long to end by itself; 0: at once. */
    uint64_t grace_us;
    struct box_limits limits;
};

struct launch_ready {
    uint32_t type;
    uint32_t is_failed;
    uint32_t is_root;
    uint32_t cgroup_version; /* enum cgroup_version */
    uint32_t controllers;    /* CGROUP_... bits */
    uint32_t uid_base;
    uint32_t landlock; /* ABI of every box, 0: the kernel has none */
    char error[500];
};

/* Why a box was ended from outside. */
enum launch_stop {
    LAUNCH_STOP_NONE,
    LAUNCH_STOP_ENGINE, /* LAUNCH_KILL; the engine knows why */
    LAUNCH_STOP_CPU,    /* CPU time of all its processes */
    LAUNCH_STOP_MEMORY, /* the watch, where no memory cgroup can be had */
    LAUNCH_STOP_OOM,    /* the kernel has ended one process; we the rest */
    LAUNCH_STOP_IDLE,   /* no CPU time for idle_us of a KILL */
};

struct launch_ended {
    uint32_t type;
    uint32_t slot;
    uint64_t seq;
    uint32_t stop;       /* enum launch_stop */
    uint32_t has_report; /* init got to say how it went */
    uint32_t is_refused; /* no box was made: see error, sys */
    int32_t sys;
    uint32_t init_status; /* wait status of init itself */
    int32_t init_pid;     /* as the launcher sees it; 0: there was none */
    uint64_t start_us;    /* monotonic: the request was taken */
    uint64_t ended_us;    /* every process of the job is dead */
    uint64_t idle_us;     /* for so long it had used no CPU time when stopped */
    struct box_report report;
    struct cgroup_usage cgroup; /* zeros where there is none */
    struct box_usage usage;     /* max_rss_bytes: or the watch's peak sum */
    uint64_t watched_processes; /* the watch's peak */
    char error[200];
};
