/* SPDX-License-Identifier: MIT */
/* ns.h - namespaces: which ones a box has, id maps, prepared networks. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/base.h"
#include "base/err.h"

/* Where a namespace of a box comes from. The network is not cloned but entered:
 * an empty one is prepared per slot (making one costs 350 us, entering 10).
 * The cgroup namespace is unshared once the slot process is in its cgroup, so
 * that this cgroup is the root that boxes see. Host and domain name are the
 * slot's, and no box has the capability to change them. */
enum {
    NS_OF_SLOT = 1, /* in the clone3 of the slot process */
    NS_OF_BOX = 2,  /* in that of every box */
};

struct ns_row {
    const char *name;    /* "user_ns", ...: as in the isolation block */
    const char *file;    /* in /proc/PID/ns */
    uint64_t clone_flag; /* CLONE_NEW... */
    unsigned cloned;     /* NS_OF_... bits */
};

extern const struct ns_row ns_rows[];
extern const size_t ns_row_count;

/* The clone3 flags. */
uint64_t ns_slot_flags(void);
uint64_t ns_box_flags(void);

/* Inside, the one user is NS_INNER_ID; outside it is uid/gid. The map is
 * written by the parent through its view of /proc. */
#define NS_INNER_ID 1000
int ns_write_maps(int proc_dir_fd, pid_t pid, uid_t uid, gid_t gid,
                  struct err *e) MUST_USE;

/* A fresh network namespace, held open by the descriptor. The caller is in it
 * afterwards: without root there is no way back to the host's, and the
 * launcher wants none. loopback: with `lo` up, else with nothing up at all. */
int ns_make_net(int loopback, int *out_fd, struct err *e) MUST_USE;

/* Maps the calling process to root of a new user namespace of its own, with a
 * new mount namespace: how a worker without root gets what boxes need. */
int ns_become_root(struct err *e) MUST_USE;
