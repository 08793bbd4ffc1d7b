/* SPDX-License-Identifier: MIT */
/* caps.h - capabilities: none at all, and proof of it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

/* Empties the bounding, ambient, inheritable, permitted and effective sets and
 * locks the securebits, so that no exec gives any back. Safe after clone:
 * -1 with errno. */
int caps_drop_all(void) MUST_USE;
/* True when every set of this process is empty (asked from the kernel). */
bool caps_none(void);
/* Keeps only these (bit N = capability N) in permitted and effective, drops
 * the rest from the bounding set: for the launcher. */
int caps_keep(uint64_t mask) MUST_USE;
/* Empties the bounding set and keeps only what changing the user needs; the
 * change to a user that is not root takes the rest. */
int caps_keep_for_setuid(void) MUST_USE;
