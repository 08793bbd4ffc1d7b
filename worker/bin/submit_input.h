/* SPDX-License-Identifier: MIT */
/* submit_input.h - cuts the input of `forkyard submit` into jobs. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "lib/forkyard.h"

/* job: with a job_id, not yet checked; valid during the call. where: "line 3",
 * "line 1, job 2", "message 7". failure: this piece is no job; then job is
 * NULL. */
typedef void (*submit_input_fn)(struct fy_job *job, const char *where,
                                const struct err *failure, void *arg);

/* JSON, JSON Lines or msgpack, by the first byte. */
void submit_input_read(struct view input, submit_input_fn fn, void *arg);
