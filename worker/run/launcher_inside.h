/* SPDX-License-Identifier: MIT */
/* launcher_inside.h - the launcher's state, for launcher.c and its parts. */
#pragma once

#include <stdbool.h>

#include "run/launcher.h"
#include "run/slot.h"
#include "sys/cgroup.h"

struct launcher {
    const struct launcher_spec *spec;
    int is_root;
    int proc_fd; /* the host's /proc */
    int self_pidfd;
    int epoll_fd;
    int own_net; /* the network namespace we are in, between two clones */
    struct cgroups cgroups;
    int image_fd;                                /* see sys/box_image.h */
    int image_data_fds[LAUNCH_NET_LOOPBACK + 1]; /* by network */
    struct landlock_plan landlock[LAUNCH_NET_LOOPBACK + 1]; /* by network */
    struct slot *slots;
    unsigned running; /* slots with a job */
    bool has_strangers;
    bool has_endings; /* some box may have to be hurried */
    bool has_walls;   /* some slot may wait for its wall_us */
};

/* Key of the engine's socket; others are those of launcher_key(). */
#define LAUNCHER_KEY_ENGINE UINT64_MAX

uint64_t launcher_key(const struct slot *slot, enum slot_event event);
int launcher_watch(struct launcher *l, int fd, uint64_t key,
                   struct err *e) MUST_USE;
void launcher_unwatch(struct launcher *l, int fd);
void launcher_send_ended(struct launcher *l, struct launch_ended *ended);
