/* SPDX-License-Identifier: MIT */
/* timed.h - things that wait for their time by the wall clock. Runs in the
 * engine's loop. A clock that is set is noticed within a second. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct timed;

/* on_due: for one thing at a time, already taken out. May add others. */
struct timed *timed_open(uv_loop_t *loop,
                         void (*on_due)(void *thing, void *arg), void *arg);
void timed_add(struct timed *t, uint64_t due_unix_ms, void *thing);
size_t timed_count(const struct timed *t);
/* One of those that wait that is meant, whichever; NULL when there is none.
 * is_meant NULL: any. */
void *timed_take(struct timed *t, bool (*is_meant)(const void *thing));
/* Nothing may wait any more. The loop must run once more. Accepts NULL. */
void timed_close(struct timed *t);
