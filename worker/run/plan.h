/* SPDX-License-Identifier: MIT */
/* plan.h - a job becomes data: what to start, with which limits, in which
 * box. Nothing is done here; a plan can be printed, compared and tested. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "run/launch_proto.h"
#include "run/runtimes.h"
#include "wire/bundle.h"
#include "wire/config.h"
#include "wire/job.h"
#include "wire/status.h"

/* Output beyond what is kept is counted and dropped; a job that writes this
 * many times its limit is stopped: nobody will read it, and the pipe costs the
 * worker CPU. */
#define PLAN_FLOOD_FACTOR    16
#define PLAN_FLOOD_MIN_BYTES (1u << 20)

struct plan {
    struct box_limits box;
    uint32_t network; /* enum launch_network */
    uint32_t profile; /* enum seccomp_profile */
    int security_level;
    uint64_t wall_time_ms;
    uint64_t idle_time_ms; /* 0: it may be idle as long as it runs */
    uint64_t grace_ms;     /* between SIGTERM and SIGKILL */
    uint64_t stdout_bytes;
    uint64_t stderr_bytes;
    struct bundle_wanted wanted; /* of its files, when it has ended */
    uint64_t collection_bytes;   /* most that may come back; 0: nothing may */
    struct job_limits limits;    /* as they are in force, for the result */
    struct runtimes_found found; /* what runs it */
    bool has_compile_stage;      /* compile.h writes the bundle after it */
    struct buf bundle;
};

/* On failure *out_status is the ending the job gets (validation_error,
 * setup_error) and e the reason. The plan must be given to plan_done either
 * way. */
int plan_make(const struct job *job, const struct config *config,
              const struct launch_ready *host, struct plan *out,
              enum status *out_status, struct err *e) MUST_USE;
/* Box and output from out->limits, which are all named. */
void plan_set_limits(struct plan *out, uint64_t tmp_bytes);
/* Where a stream with this limit is stopped. */
uint64_t plan_flood_bytes(uint64_t limit_bytes);
void plan_done(struct plan *plan);
