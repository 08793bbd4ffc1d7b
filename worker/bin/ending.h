/* SPDX-License-Identifier: MIT */
/* ending.h - a result in words and as an exit code. */
#pragma once

#include <stddef.h>

#include "wire/result.h"

#define ENDING_EXIT_TIME_LIMIT 124
#define ENDING_EXIT_OURS       125

/* The job's own exit code; 128 + signal; 124 for a time limit; 125 when it
 * could not be run. */
int ending_exit_code(const struct result *result);
/* "wall time limit of 1.0 s", "exit code 3", "signal SIGSEGV"; "" for a
 * success. */
void ending_reason(const struct result *result, char *dst, size_t dst_size);
/* How long it ran, "1.0 s"; "-" when it never did. */
void ending_time(const struct result *result, char *dst, size_t dst_size);
