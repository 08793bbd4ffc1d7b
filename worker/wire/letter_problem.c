/* SPDX-License-Identifier: MIT */
/* letter_problem.c - see letter_problem.h. */
#include "wire/letter_problem.h"

#include "base/mem.h"
#include "wire/job.h"

int letter_problem(const struct config *config, struct view value,
                   struct err *e)
{
    const struct job_decode_opts opts = {.max_bytes = config->job_max_bytes};
    enum job_reject_reason reason = JOB_REJECT_NONE;
    struct job_identity identity;
    struct arena arena;
    struct job job;
    int rc = 0;

    if (job_identify(value.data, value.len, &opts, &identity, &reason, e) < 0) {
        return err_wrap(e, "%s", job_reject_name(reason));
    }
    arena_init(&arena, config->job_max_bytes * 4); /* as run/work.c */
    rc = job_decode(value.data, value.len, &opts, &arena, &job, e);
    if (rc == 0) {
        rc = job_validate(&job, config, e);
    }
    arena_done(&arena);
    return rc;
}
