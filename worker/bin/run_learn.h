/* SPDX-License-Identifier: MIT */
/* run_learn.h - `forkyard run --learn`: which calls of a program its profile
 * refuses. */
#pragma once

#include <stdbool.h>

#include "base/base.h"
#include "wire/config.h"
#include "wire/job.h"

/* Runs the job here, in a box that notes refused calls and makes them; its
 * output goes to stderr, the list to stdout. Returns what to exit with; what
 * cannot be done ends the process. From a process with one thread. */
int run_learn(const struct config *config, const struct job *job, bool json);
