/* SPDX-License-Identifier: MIT */
/* privdrop.h - from root to an ordinary user, for good, and proof of it. */
#pragma once

#include "base/base.h"
#include "base/err.h"

/* As root: becomes the named user without groups of root's. As anybody: no
 * capabilities, no_new_privs, no core dumps. Verified by asking the kernel,
 * and by trying to get back. ERR_INPUT when there is no such user. */
int privdrop_to_user(const char *user, struct err *e) MUST_USE;
