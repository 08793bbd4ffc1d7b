/* SPDX-License-Identifier: MIT */
/* plan.c - see plan.h. Runs in the engine. */
#include "run/plan.h"

#include <stdbool.h>
#include <string.h>

#include "run/levels.h"
#include "run/program.h"
#include "run/returns.h"

/* The largest file set is bounded by job.max_bytes; this is room for the
 * framing and defaults. */
#define BUNDLE_SLACK_BYTES (1u << 20)

/* ---- what this worker cannot do ---------------------------------------- */

/* A job that asks for one of these is refused: run without it, it would be a
 * weaker job than the one that was sent. */
static bool asks_manifest(const struct job *j)
{
    return j->manifest.data != NULL;
}
static bool asks_template(const struct job *j)
{
    return j->template.data != NULL;
}
static bool asks_session(const struct job *j)
{
    return j->session_id.data != NULL;
}
static bool asks_reply(const struct job *j)
{
    return j->reply_to.data != NULL;
}
static bool asks_strict(const struct job *j)
{
    return j->validation == JOB_VALIDATION_STRICT;
}
static bool asks_network(const struct job *j)
{
    return j->network.present && (j->network.mode == JOB_NETWORK_ALLOWLIST ||
                                  j->network.mode == JOB_NETWORK_OPEN);
}
static bool asks_secrets(const struct job *j)
{
    return j->secrets_count > 0;
}
static bool asks_parameters(const struct job *j)
{
    return j->parameters.data != NULL;
}
static bool asks_kind(const struct job *j)
{
    return j->kind > JOB_KIND_CODE;
}
static bool counts(const struct job_limits *l)
{
    return l->max_network_requests != RECORD_NO_UINT ||
           l->max_file_operations != RECORD_NO_UINT;
}
static bool asks_counters(const struct job *j)
{
    return counts(&j->limits) || counts(&j->compile.limits);
}

static const struct {
    const char *field;
    bool (*is_asked)(const struct job *job);
} unmet[] = {
    {"manifest", asks_manifest},
    {"template", asks_template},
    {"session_id", asks_session},
    {"reply_to", asks_reply},
    {"validation: strict", asks_strict},
    {"network.mode: allowlist, open", asks_network},
    {"secrets", asks_secrets},
    {"parameters", asks_parameters},
    {"kind: tool, agent, workflow", asks_kind},
    {"limits.max_network_requests, max_file_operations", asks_counters},
};

static int refuse_unmet(const struct job *job, const struct launch_ready *host,
                        struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(unmet); i++) {
        if (unmet[i].is_asked(job)) {
            return err_set(e, ERR_SYSTEM, "%s: not available on this worker",
                           unmet[i].field);
        }
    }
    if ((job->limits.cpu_quota_millicores != RECORD_NO_UINT ||
         job->compile.limits.cpu_quota_millicores != RECORD_NO_UINT) &&
        !(host->controllers & CGROUP_CPU)) {
        return err_set(e, ERR_SYSTEM,
                       "limits.cpu_quota_millicores: no "
                       "writable cpu cgroup on this worker");
    }
    const struct levels_host layers = {
        .has_own_uids = host->is_root,
        .controllers = host->controllers,
        .landlock = host->landlock,
    };
    return levels_check(job->security_level, &layers, e);
}

/* ---- limits ------------------------------------------------------------ */

void plan_set_limits(struct plan *out, uint64_t tmp_bytes)
{
    const struct job_limits *l = &out->limits;

    out->wall_time_ms = l->wall_time_ms;
    out->idle_time_ms = l->idle_time_ms == RECORD_NO_UINT ? 0 : l->idle_time_ms;
    out->stdout_bytes = l->stdout_bytes;
    out->stderr_bytes = l->stderr_bytes;
    out->box = (struct box_limits){
        .memory_bytes = l->memory_bytes,
        .stack_bytes = l->stack_bytes,
        .file_size_bytes = l->max_file_size_bytes,
        .workspace_bytes = l->disk_bytes,
        .tmp_bytes = tmp_bytes,
        .max_inodes = l->max_inodes,
        .cpu_time_ms = l->cpu_time_ms,
        .max_processes = l->max_processes,
        .max_open_files = l->max_open_files,
        .cpu_quota_millicores = l->cpu_quota_millicores,
    };
}

static void plan_run(const struct job *job, const struct config *config,
                     struct plan *out)
{
    struct job_limits *l = &out->limits;

    *l = job->limits;
    job_default_limits(l, config);
    plan_set_limits(out, config->default_tmp_bytes);
    out->grace_ms = config->box_grace_ms;
    out->network =
        job->network.present && job->network.mode == JOB_NETWORK_LOOPBACK
            ? LAUNCH_NET_LOOPBACK
            : LAUNCH_NET_NONE;
    returns_want(job, l, config, &out->wanted);
    out->collection_bytes = returns_max_bytes(&out->wanted);
}

/* Output that was cut cannot be accepted: more than is kept never will be. */
static int check_expected(const struct job *job, const struct plan *plan,
                          struct err *e)
{
    if (job->expected_output.len > plan->stdout_bytes) {
        return err_set(e, ERR_INPUT,
                       "expected_output: %zu bytes are more than is kept of "
                       "standard output, limits.stdout_bytes, %llu",
                       job->expected_output.len,
                       (unsigned long long)plan->stdout_bytes);
    }
    return 0;
}

static int write_bundle(const struct job *job, struct plan *out, struct err *e)
{
    const struct program program = {
        .job = job, .found = &out->found, .limits = &out->limits};

    if (program_put(&program, program_count_files(job), &out->bundle, e) < 0 ||
        program_put_files(&program, &out->bundle, e) < 0) {
        return -1;
    }
    return returns_put(&out->bundle, job, &out->wanted, e);
}

int plan_make(const struct job *job, const struct config *config,
              const struct launch_ready *host, struct plan *out,
              enum status *out_status, struct err *e)
{
    memset(out, 0, sizeof(*out));
    buf_init(&out->bundle, config->job_max_bytes + BUNDLE_SLACK_BYTES);
    plan_run(job, config, out);
    if (refuse_unmet(job, host, e) < 0) {
        *out_status = STATUS_SETUP_ERROR;
        return -1;
    }
    if (check_expected(job, out, e) < 0) {
        *out_status = STATUS_VALIDATION_ERROR;
        return -1;
    }
    if (runtimes_find(job, &out->found, e) < 0) {
        *out_status =
            e->kind == ERR_INPUT ? STATUS_VALIDATION_ERROR : STATUS_SETUP_ERROR;
        return -1;
    }
    out->profile = out->found.row->seccomp;
    out->security_level = job->security_level;
    out->has_compile_stage = job->compile.present || out->found.row->compile;
    if (!out->has_compile_stage && write_bundle(job, out, e) < 0) {
        *out_status = STATUS_VALIDATION_ERROR;
        return -1;
    }
    return 0;
}

uint64_t plan_flood_bytes(uint64_t limit_bytes)
{
    uint64_t flood = limit_bytes * PLAN_FLOOD_FACTOR;

    return flood > PLAN_FLOOD_MIN_BYTES ? flood : PLAN_FLOOD_MIN_BYTES;
}

void plan_done(struct plan *plan)
{
    buf_done(&plan->bundle);
}
