/* SPDX-License-Identifier: MIT */
/* returns.h - what a job gets back besides its output: what is to be brought
 * back is planned before the run, and what came is judged after it. Pure.
 *
 *     fetch_files   -> files[], one for each, in their order
 *     /workspace/artifacts -> artifacts[], every file that is new there, by
 *                      path; a file of the job's that it has not changed is
 *                      not new
 *
 * What is not here and might have been is told in warnings. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "wire/bundle.h"
#include "wire/config.h"
#include "wire/job.h"
#include "wire/result.h"

#define RETURNS_FOLDER "artifacts"

/* Before. limits: as they are in force. */
void returns_want(const struct job *job, const struct job_limits *limits,
                  const struct config *config, struct bundle_wanted *out);
bool returns_are_wanted(const struct bundle_wanted *wanted);
/* What a box may send for it, with all framing. */
uint64_t returns_max_bytes(const struct bundle_wanted *wanted);
/* The section of the bundle, with the job's fetches. */
int returns_put(struct buf *b, const struct job *job,
                const struct bundle_wanted *wanted, struct err *e) MUST_USE;

/* After. */
struct returns_facts {
    const struct job *job;
    const struct job_limits *limits;
    const struct bundle_wanted *wanted;
    struct view collection; /* as the box sent it */
    bool is_over;           /* it sent more than it may */
    bool has_run;           /* its program ran to an end of its own */
};

struct returns {
    struct result_file *files;
    size_t files_count;
    struct result_artifact *artifacts;
    size_t artifacts_count;
    struct view *warnings;
    size_t warnings_count;
    /* Why the first required file is not here; NULL when all are. */
    const char *problem;
    struct arena arena; /* of all of it */
};

/* Views in *out borrow from the job and the collection. */
void returns_make(const struct returns_facts *facts, struct returns *out);
/* One more; none for an empty text. */
void returns_warn(struct returns *r, const char *text);
void returns_done(struct returns *r);
