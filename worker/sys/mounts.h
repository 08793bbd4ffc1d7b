/* SPDX-License-Identifier: MIT */
/* mounts.h - what a box sees of the file system.
 *
 * The launcher builds a template once, in a mount namespace of its own, and
 * moves into it: a read-only root with the host's /usr and little else. Every
 * box gets a copy by clone; in the copy the kernel locks those mounts, so that
 * nothing in the box can take one away or make it writable. Per box only
 * three mounts remain: /proc, /tmp, /workspace. */
#pragma once

#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "sys/box_limits.h"

/* Unshares the mount namespace (unless already_unshared), builds the template
 * and pivots into it. Afterwards the caller sees nothing else of the host:
 * open what is needed before. is_root: device nodes can be made; without,
 * they are bound from the host's /dev. */
int mounts_enter_template(int already_unshared, int is_root,
                          struct err *e) MUST_USE;

/* As mount() takes them, written where nobody waits for it. */
struct mounts_options {
    char tmp[96];
    char workspace[96];
};
void mounts_options_make(const struct box_shape *shape,
                         struct mounts_options *out);
/* In the box, before capabilities are gone. On failure -1 with errno and the
 * step's name. Safe after clone. */
int mounts_apply(const struct mounts_options *options,
                 const char **out_step) MUST_USE;

/* Flags for box_full: which of the box's own file systems is full. */
enum {
    MOUNTS_FULL_WORKSPACE = 1,
    MOUNTS_FULL_TMP = 2,
    MOUNTS_FULL_INODES = 4,
};
/* Looks whether /workspace or /tmp is full; bytes used in *out_used. */
unsigned mounts_full(uint64_t *out_used);
