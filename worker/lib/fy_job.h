/* SPDX-License-Identifier: MIT */
/* fy_job.h - jobs from inside. */
#pragma once

#include <jansson.h>

#include "base/base.h"
#include "base/err.h"
#include "lib/forkyard.h"
#include "wire/config.h"
#include "wire/job.h"

/* From a JSON value that is parsed already; keeps a reference, and adds a
 * job_id to it where there is none. */
int fy_job_from_tree(json_t *tree, struct fy_job **out, struct err *e) MUST_USE;
/* What fy_job_check() does. Then *out_record (may be NULL) is what the job
 * says, and *out_bytes what is sent, both until the job is changed. */
int fy_job_judge(struct fy_job *job, const struct config *config,
                 const struct job **out_record, struct view *out_bytes,
                 struct err *e) MUST_USE;
