/* SPDX-License-Identifier: MIT */
/* box_image.h - the small program that slot processes go on in.
 *
 * A box is a copy of its slot process, so what that one has mapped is copied,
 * written to and thrown away for every job. The launcher's image is that of a
 * large, dynamically linked program; this one is static and has what boxes
 * need and nothing else. It comes out of the worker's own file, as a memfd.
 *
 * Where it cannot be had (a host that forbids to execute memfds, sanitized
 * builds) slot processes go on in the launcher's image: the same code. */
#pragma once

#include <stddef.h>

#include "base/base.h"
#include "base/err.h"
#include "sys/box.h"

/* In the launcher, once. bytes: the program; *out_fd: -1 when there is none or
 * this host does not let us. */
int box_image_open(const void *bytes, size_t size, int *out_fd,
                   struct err *e) MUST_USE;
/* What it is to be told: once per network. */
int box_image_data(const struct landlock_plan *landlock,
                   const struct seccomp_set *seccomp, int *out_fd,
                   struct err *e) MUST_USE;
/* In the slot process: comes back without an image, 0, or when it fails, -1
 * with errno. */
int box_image_exec(const struct box_slot *slot) MUST_USE;
/* In the program: what was passed to it. Borrows memory of its own, for ever.
 */
int box_image_enter(struct box_slot *out) MUST_USE;
