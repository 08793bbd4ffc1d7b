/* SPDX-License-Identifier: MIT */
/* report.h - one job's result record, from what is known of it. Pure but for
 * the clock readings it is given. */
#pragma once

#include <stdint.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "run/executor.h"
#include "run/plan.h"
#include "run/returns.h"
#include "run/verdict.h"
#include "wire/job.h"
#include "wire/result.h"

/* The same for every result of a worker. */
struct report_worker {
    const char *id;
    char host[128];
    uint64_t pid;
    const struct launch_ready *boxes;
    uint64_t result_max_bytes;
};

/* Where a job came from; times are UNIX nanoseconds. */
struct report_origin {
    const char *topic;
    int32_t partition;
    int64_t offset;
    int64_t record_unix_ms; /* -1: the record had no time stamp */
    uint64_t received_ns;
    uint64_t attempt;
};

/* code_sha256 and args_sha256 as the audit records carry them. */
struct report_hashes {
    char code[DIGEST_HEX_LEN + 1];
    char args[DIGEST_HEX_LEN + 1];
};
void report_hash(const struct job *job, struct report_hashes *out);

/* A job that got no box: status and reason say why. job may be half decoded
 * (identity only): then pass it initialised with job_init. */
void report_refused(struct result *out, const struct job_identity *identity,
                    enum status status, const char *reason);

/* A job whose box has ended. Views in *out borrow from all that is passed. */
struct report_run {
    const struct job *job;
    const struct plan *plan;
    const struct executor_end *end;
    const struct verdict *verdict;
    const struct returns *returns;
    const struct report_hashes *hashes;
    uint64_t now_unix_ns; /* the two clocks at one moment */
    uint64_t now_mono_us;
};
void report_ran(struct result *out, const struct report_run *run,
                const struct report_worker *worker);

/* What is to be said of judging a job's output; empty: nothing. */
const char *report_judging(const struct job *job,
                           const struct executor_end *end);

/* A job whose program never ran, because the stage before it failed: run is of
 * that stage's end, with the plan of the run. */
void report_not_compiled(struct result *out, const struct report_run *run,
                         const struct plan *stage,
                         const struct report_worker *worker);
/* What a box used; absent when there was none. */
void report_usage(const struct launch_ended *ended, struct result_usage *u);

/* worker, source, received and queue times: for both kinds. */
void report_add_origin(struct result *out, const struct report_worker *worker,
                       const struct report_origin *origin);

/* Encodes. A result over the maximum gives up its largest piece, again and
 * again, until it fits: the content of a file or an artifact, with a warning,
 * or half of an output, with its flag. */
int report_encode(struct result *result, const struct report_worker *worker,
                  struct buf *b, struct err *e) MUST_USE;
