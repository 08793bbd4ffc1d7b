/* SPDX-License-Identifier: MIT */
/* cgroup_inside.h - what cgroup.c and cgroup_limits.c share. */
#pragma once

#include "sys/cgroup.h"

/* The hierarchy of a controller, -1: it has none here. */
int cgroup_tree_of(const struct cgroups *c, unsigned controller);
/* Writes what differs from what is set. */
int cgroup_write_limits(const struct cgroups *c, struct cgroup_slot *slot,
                        const struct box_limits *limits,
                        struct err *e) MUST_USE;
