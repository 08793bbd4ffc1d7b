/* SPDX-License-Identifier: MIT */
/* launch_check.h - what the launcher lets pass of a request. The engine reads
 * the network; should it be taken over one day, it must not get a box that the
 * settings do not allow. Runs in the launcher. */
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "run/launch_proto.h"
#include "wire/config.h"

/* The largest of each that a job may have by these settings. */
void launch_check_maxima(const struct config *config, struct box_limits *out);
/* ERR_BUG: no honest engine asks for it. */
int launch_check_limits(const struct box_limits *limits,
                        const struct box_limits *maxima,
                        struct err *e) MUST_USE;
/* Bundle: sealed memory. Stdin: that, /dev/null or a pipe. Output, and the
 * collection when there is one: pipes, for writing. No directory, no socket,
 * nothing that leads out of a box. */
int launch_check_fds(const int fds[LAUNCH_FD_MAX], struct err *e) MUST_USE;
