/* SPDX-License-Identifier: MIT */
/* fy_error.h - our errors as those of the public header. */
#pragma once

#include "base/err.h"
#include "lib/forkyard.h"

/* Fills *out, which may be NULL. Returns -1. */
int fy_error_set(struct fy_error *out, const struct err *e);
/* For callers inside of the program: the way back. Returns -1. */
int fy_error_get(const struct fy_error *error, struct err *out);
