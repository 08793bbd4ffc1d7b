/* SPDX-License-Identifier: MIT */
/* job_fuzz.c - jobs from any bytes: both passes, the judgement, and back. */
#include "roundtrip.h"

#include "wire/config.h"
#include "wire/job.h"

/* Made once: it is read only. */
static const struct config *default_config(void)
{
    static struct config config;
    static bool is_made;

    if (!is_made) {
        config_init(&config);
        is_made = true;
    }
    return &config;
}

static void judge(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct job job;
    struct err e = {.msg = ""};
    int rc;

    arena_init(&arena, ROUNDTRIP_MAX_BYTES);
    rc = job_decode(data, size, NULL, &arena, &job, &e);
    roundtrip_check_error(rc, &e);
    if (rc == 0) {
        rc = job_validate(&job, default_config(), &e);
        roundtrip_check_error(rc, &e);
        if (rc == 0 && job.security_level == JOB_SECURITY_TRUSTED) {
            roundtrip_stop("a message obtained trust", &e);
        }
        job_default_limits(&job.limits, default_config());
        roundtrip(&job_record, &job);
    }
    arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct job_decode_opts opts = {.max_bytes = ROUNDTRIP_MAX_BYTES};
    enum job_reject_reason reason;
    struct job_identity who;
    struct err e = {.msg = ""};
    int rc = job_identify(data, size, &opts, &who, &reason, &e);

    roundtrip_check_error(rc, &e);
    if ((rc < 0) != (reason != JOB_REJECT_NONE) ||
        (rc == 0 && !job_is_id(who.job_id))) {
        roundtrip_stop("identity and reason do not fit", &e);
    }
    judge(data, size);
    return 0;
}
