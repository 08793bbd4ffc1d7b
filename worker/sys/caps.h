/* SPDX-License-Identifier: MIT */
/* caps.h - capabilities: none at all, and proof of it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

/* A box gives them up in steps, all safe after clone, -1 with errno. First the
 * bounding set, so that no exec gives any back: children inherit that. Needs
 * CAP_SETPCAP, as caps_lock() does. */
int caps_bound_none(void) MUST_USE;
/* For one exec of our own: these stay, as ambient ones. */
int caps_pass_on(uint64_t mask) MUST_USE;
/* No ambient ones, none ever again, and no user id that would bring any. */
int caps_lock(void) MUST_USE;
/* Last what the process itself has: inheritable, permitted, effective. */
int caps_drop_sets(void) MUST_USE;
/* Asked from the kernel. */
bool caps_bound_is_empty(void);
bool caps_sets_are_empty(void);
/* Keeps only these (bit N = capability N) in permitted and effective, drops
 * the rest from the bounding set: for the launcher. */
int caps_keep(uint64_t mask) MUST_USE;
/* Empties the bounding set and keeps only what changing the user needs; the
 * change to a user that is not root takes the rest. */
int caps_keep_for_setuid(void) MUST_USE;
