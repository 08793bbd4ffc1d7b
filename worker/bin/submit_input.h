/* SPDX-License-Identifier: MIT */
/* submit_input.h - cuts the input of `forkyard submit` into jobs. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

/* bytes: one job as msgpack, with a job_id; valid during the call. where:
 * "line 3", "job 2 of line 1", "message 7". failure: this piece is no job;
 * then bytes is absent. */
typedef void (*submit_input_fn)(struct view bytes, const char *where,
                                const struct err *failure, void *arg);

/* JSON, JSON Lines or msgpack, by the first byte. */
void submit_input_read(struct view input, submit_input_fn fn, void *arg);
