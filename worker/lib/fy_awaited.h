/* SPDX-License-Identifier: MIT */
/* fy_awaited.h - the jobs whose results a client waits for.
 *
 * Happy path: fy_awaited_add() before the job is sent, fy_awaited_arrive() with
 * its first result, fy_awaited_take(), which ends it.
 *
 * Failures: fy_awaited_fail() when it could not be sent. A result that comes
 * all the same, before the failure was taken, counts more. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "lib/forkyard.h"

struct fy_awaited_job;

struct fy_awaited {
    struct fy_awaited_job *by_id;
    struct fy_awaited_job *ready; /* in the order they became so */
    size_t count;                 /* not taken yet */
    bool keeps;                   /* ids of those taken, until forgotten */
};

void fy_awaited_done(struct fy_awaited *awaited);
/* No change when it is there and not taken yet. */
void fy_awaited_add(struct fy_awaited *awaited, struct view id);
void fy_awaited_forget(struct fy_awaited *awaited, struct view id);
/* Also one that was taken, when ids are kept. */
bool fy_awaited_has(struct fy_awaited *awaited, struct view id);
/* Is its first result still to come? */
bool fy_awaited_wants(struct fy_awaited *awaited, struct view id);
/* Takes the result, of a job that is wanted. */
void fy_awaited_arrive(struct fy_awaited *awaited, struct view id,
                       struct fy_result *result);
void fy_awaited_fail(struct fy_awaited *awaited, struct view id,
                     const struct err *why);
/* id absent: the first that is ready. 1 with the result; 0: none yet; -1: it
 * failed, or is not awaited. */
int fy_awaited_take(struct fy_awaited *awaited, struct view id,
                    struct fy_result **out, struct err *e) MUST_USE;
