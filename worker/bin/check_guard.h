/* SPDX-License-Identifier: MIT */
/* check_guard.h - the part of `forkyard check` that shows what the guard of a
 * worker would see right now. */
#pragma once

#include <jansson.h>

#include "wire/config.h"

/* A line per figure on stdout. Both measure for a fifth of a second. */
void check_guard_print(const struct config *config);
/* A list; the caller owns it. */
json_t *check_guard_json(const struct config *config);
