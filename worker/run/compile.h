/* SPDX-License-Identifier: MIT */
/* compile.h - the stage before the run, for jobs that need one: a box of its
 * own, with limits of its own, whose files go to the box of the run. Pure; the
 * order of things is the pipeline's.
 *
 *     job -> plan -> box of the compiler -> compile_take -> box of the run
 *                                        \-> compile_error, with its output */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "run/executor.h"
#include "run/plan.h"
#include "run/verdict.h"
#include "wire/result.h"

/* What the stage was, for the result; a copy. */
struct compile {
    bool is_done;
    bool success;
    struct verdict verdict; /* of the job, when the stage has failed */
    enum status status;     /* of the stage, as a run would have ended */
    struct buf out;
    struct buf err;
    bool out_truncated;
    bool err_truncated;
    struct result_usage usage;
    char warning[200]; /* empty: none */
};

/* The plan of the stage, from that of the run. */
int compile_plan(const struct job *job, const struct config *config,
                 const struct plan *run, struct plan *out,
                 struct err *e) MUST_USE;

/* The stage's box has ended: judges it, keeps what is told of it, and when all
 * went well writes the run's bundle from the files that it left. */
void compile_take(const struct job *job, const struct config *config,
                  const struct executor_end *end, const struct plan *stage,
                  struct plan *run, struct compile *out);
/* Into the result, whatever became of the run. Views borrow from c. */
void compile_report(const struct compile *c, struct result *out);
void compile_done(struct compile *c);
