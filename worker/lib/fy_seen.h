/* SPDX-License-Identifier: MIT */
/* fy_seen.h - texts already seen. The first result of a job is the one that
 * counts. */
#pragma once

#include <stdbool.h>

#include "base/buf.h"

struct fy_seen;

/* *set is NULL when empty. True when it was not there; it is now. */
bool fy_seen_add(struct fy_seen **set, struct view id);
void fy_seen_free(struct fy_seen **set);
