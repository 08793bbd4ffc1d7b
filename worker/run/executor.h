/* SPDX-License-Identifier: MIT */
/* executor.h - runs planned jobs in slots: starts the box, reads its output,
 * keeps its time, ends it. Runs in the engine. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/base.h"
#include "base/err.h"
#include "run/boxes.h"
#include "run/collector.h"
#include "run/plan.h"
#include "run/verdict.h"

struct executor;

/* How a job's box ended. Valid during on_end only. */
struct executor_end {
    const struct launch_ended *ended;
    enum verdict_stop stop;
    struct collector *out;
    struct collector *err;
    struct view collection;  /* as the box sent it; empty when it sent none */
    bool is_collection_over; /* it sent more than it may */
    unsigned slot;
};

struct executor_callbacks {
    /* Once per started job, with its slot already free. */
    void (*on_end)(const struct executor_end *end, void *job);
    /* A piece of output as it was read: 0 stdout, 1 stderr. */
    void (*on_output)(unsigned which, const void *data, size_t len, void *job);
};

/* Borrows boxes. */
int executor_open(uv_loop_t *loop, struct boxes *boxes, unsigned slots,
                  const struct executor_callbacks *callbacks,
                  struct executor **out, struct err *e) MUST_USE;
/* Only the first so many slots have their boxes made ahead: others are for
 * when none of these is free. All, when it is not said. */
void executor_prefer(struct executor *ex, unsigned prepared);
bool executor_has_slot(const struct executor *ex);
unsigned executor_running(const struct executor *ex);
/* Borrows the plan until on_end; copies the input. */
int executor_start(struct executor *ex, const struct plan *plan,
                   struct view input, void *job, struct err *e) MUST_USE;
/* Ends what runs, of those meant (NULL: all); on_end follows for each. */
void executor_stop(struct executor *ex, bool (*is_meant)(const void *job),
                   enum verdict_stop why);
/* To be called for every ENDED of the launcher. */
void executor_on_ended(struct executor *ex, const struct launch_ended *ended);
/* The launcher is gone and every box with it: what ran ends as stopped by a
 * shutdown. */
void executor_lost(struct executor *ex);
/* Nothing may run any more. */
void executor_close(struct executor *ex);
