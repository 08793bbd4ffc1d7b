/* SPDX-License-Identifier: MIT */
/* backlog.h - jobs that were taken from Kafka and cannot begin yet: their time
 * has not come, or an older job of the same key is not finished. Runs in the
 * engine.
 *
 * A key is a session or an ordering_key, of one tenant. One job at a time has
 * the key's turn, from backlog_enter() to backlog_leave(), the others stand
 * behind it in the order they came; jobs of other keys go past.
 *
 * Happy path: backlog_enter() and begin when it says so; for a job that has to
 * wait, on_ready, then backlog_next(). backlog_leave() when it is finished.
 * On close: backlog_take() gives out what waits, one by one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/base.h"
#include "run/work.h"

struct backlog;

/* on_ready: something's time has come, backlog_next() has it. */
struct backlog *backlog_open(uv_loop_t *loop, void (*on_ready)(void *arg),
                             void *arg);
/* Holds the work until then; a turn it has it keeps. */
void backlog_wait(struct backlog *b, struct work *w, uint64_t due_unix_ms);
/* Holds the work until backlog_next() is asked. */
void backlog_ready(struct backlog *b, struct work *w);
/* True: it is its turn, or the job has no key. False: it is held. */
bool backlog_enter(struct backlog *b, struct work *w) MUST_USE;
/* The work is finished or given back: its turn, if it has one, is over, and
 * backlog_next() may have the one behind it. */
void backlog_leave(struct backlog *b, struct work *w);
/* Another work in place of this one, with its turn. */
void backlog_replace(struct work *old, struct work *w);
/* A work that may begin now; NULL when none may. */
struct work *backlog_next(struct backlog *b);
/* No more should be taken from Kafka. */
bool backlog_is_full(const struct backlog *b);
size_t backlog_count(const struct backlog *b);
/* A work that is held and meant, out of turn; NULL when none is. is_meant NULL:
 * any. */
struct work *backlog_take(struct backlog *b,
                          bool (*is_meant)(const void *work));
/* Nothing may be held, nobody may have a turn. The loop must run once more. */
void backlog_close(struct backlog *b);
