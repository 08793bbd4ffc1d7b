/* SPDX-License-Identifier: MIT */
/* check_levels.h - the part of `forkyard check` about security levels. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/base.h"
#include "wire/config.h"

/* has_boxes: nothing is missing without which no job can run. Both probe the
 * host: from a process with one thread. */
void check_levels_print(const struct config *config, bool has_boxes);
json_t *check_levels_json(const struct config *config, bool has_boxes);
