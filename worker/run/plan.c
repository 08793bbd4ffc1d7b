/* SPDX-License-Identifier: MIT */
/* plan.c - see plan.h. Runs in the engine. */
#include "run/plan.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "run/levels.h"
#include "run/returns.h"
#include "run/runtimes.h"

#define WORKSPACE "/workspace/"
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
static bool asks_order(const struct job *j)
{
    return j->ordering_key.data != NULL;
}
static bool asks_later(const struct job *j)
{
    return j->not_before_unix_nano != RECORD_NO_UINT;
}
static bool asks_once(const struct job *j)
{
    return j->max_attempts == 1;
}
static bool asks_retry(const struct job *j)
{
    return j->retry_on_count > 0;
}
static bool asks_reply(const struct job *j)
{
    return j->reply_to.data != NULL;
}
static bool asks_compile(const struct job *j)
{
    return j->compile.present;
}
static bool asks_verdict(const struct job *j)
{
    return j->expected_output.data != NULL;
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
static bool asks_idle(const struct job *j)
{
    return j->limits.idle_time_ms != RECORD_NO_UINT;
}
static bool asks_counters(const struct job *j)
{
    return j->limits.max_network_requests != RECORD_NO_UINT ||
           j->limits.max_file_operations != RECORD_NO_UINT;
}

static const struct {
    const char *field;
    bool (*is_asked)(const struct job *job);
} unmet[] = {
    {"manifest", asks_manifest},
    {"template", asks_template},
    {"session_id", asks_session},
    {"ordering_key", asks_order},
    {"not_before_unix_nano", asks_later},
    {"max_attempts: 1 (at most once)", asks_once},
    {"retry_on", asks_retry},
    {"reply_to", asks_reply},
    {"compile", asks_compile},
    {"expected_output", asks_verdict},
    {"validation: strict", asks_strict},
    {"network.mode: allowlist, open", asks_network},
    {"secrets", asks_secrets},
    {"parameters", asks_parameters},
    {"kind: tool, agent, workflow", asks_kind},
    {"limits.idle_time_ms", asks_idle},
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
    if (job->limits.cpu_quota_millicores != RECORD_NO_UINT &&
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

static void plan_limits(const struct job *job, const struct config *config,
                        struct plan *out)
{
    struct job_limits *l = &out->limits;

    *l = job->limits;
    l->present = true;
    job_default_limits(l, config);
    out->wall_time_ms = l->wall_time_ms;
    out->stdout_bytes = l->stdout_bytes;
    out->stderr_bytes = l->stderr_bytes;
    out->box = (struct box_limits){
        .memory_bytes = l->memory_bytes,
        .stack_bytes = l->stack_bytes,
        .file_size_bytes = l->max_file_size_bytes,
        .workspace_bytes = l->disk_bytes,
        .tmp_bytes = config->default_tmp_bytes,
        .max_inodes = l->max_inodes,
        .cpu_time_ms = l->cpu_time_ms,
        .max_processes = l->max_processes,
        .max_open_files = l->max_open_files,
        .cpu_quota_millicores = l->cpu_quota_millicores,
    };
    out->network =
        job->network.present && job->network.mode == JOB_NETWORK_LOOPBACK
            ? LAUNCH_NET_LOOPBACK
            : LAUNCH_NET_NONE;
    returns_want(job, l, config, &out->wanted);
    out->collection_bytes = returns_max_bytes(&out->wanted);
}

/* ---- the bundle -------------------------------------------------------- */

static const char *const base_env[] = {
    "PATH=/usr/local/bin:/usr/bin:/bin",
    "HOME=/workspace",
    "USER=job",
    "LANG=C.UTF-8",
    "TMPDIR=/tmp",
};

static bool is_set_by_job(const struct job *job, const char *pair)
{
    size_t len = (size_t)(strchr(pair, '=') - pair);

    for (size_t i = 0; i < job->env_count; i++) {
        if (job->env[i].key.len == len &&
            memcmp(job->env[i].key.data, pair, len) == 0) {
            return true;
        }
    }
    return false;
}

static int put_pair(struct buf *b, const struct record_pair *pair,
                    struct err *e)
{
    size_t len = pair->key.len + 1 + pair->value.len;
    AUTO_FREE char *text = xmalloc(len + 1);

    (void)snprintf(text, len + 1, "%.*s=%.*s", VIEW_ARG(pair->key),
                   VIEW_ARG(pair->value));
    return bundle_string(b, (struct view){text, len}, e);
}

/* Puts the defaults the job does not override; counts only when b is NULL. */
static int put_defaults(struct buf *b, const struct job *job,
                        const char *const *pairs, size_t count,
                        uint32_t *in_out_count, struct err *e)
{
    for (size_t i = 0; i < count && pairs[i]; i++) {
        if (is_set_by_job(job, pairs[i])) {
            continue;
        }
        *in_out_count += 1;
        if (b && bundle_string(b, view_of(pairs[i]), e) < 0) {
            return -1;
        }
    }
    return 0;
}

static int put_env(struct buf *b, const struct job *job,
                   const struct runtime *rt, uint32_t *out_count, struct err *e)
{
    *out_count = 0;
    if (put_defaults(b, job, base_env, ARRAY_LEN(base_env), out_count, e) < 0 ||
        put_defaults(b, job, rt->env, ARRAY_LEN(rt->env), out_count, e) < 0) {
        return -1;
    }
    for (size_t i = 0; b && i < job->env_count; i++) {
        if (put_pair(b, &job->env[i], e) < 0) {
            return -1;
        }
    }
    *out_count += (uint32_t)job->env_count;
    return 0;
}

static int put_program(struct buf *b, const struct job *job,
                       const struct runtime *rt, const char *interpreter,
                       uint32_t *out_argc, struct err *e)
{
    char path[sizeof(WORKSPACE) + JOB_PATH_MAX_BYTES];
    struct view file =
        job->entrypoint.data ? job->entrypoint : view_of(rt->code_file);

    (void)snprintf(path, sizeof(path), WORKSPACE "%.*s", VIEW_ARG(file));
    *out_argc = 1 + (interpreter ? 1 : 0);
    if (b && interpreter && bundle_string(b, view_of(interpreter), e) < 0) {
        return -1;
    }
    for (size_t i = 0; interpreter && i < RUNTIMES_FLAGS_MAX; i++) {
        if (rt->flags[i]) {
            *out_argc += 1;
            if (b && bundle_string(b, view_of(rt->flags[i]), e) < 0) {
                return -1;
            }
        }
    }
    return b ? bundle_string(b, view_of(path), e) : 0;
}

static int put_cwd(struct buf *b, const struct job *job, struct err *e)
{
    char path[sizeof(WORKSPACE) + JOB_PATH_MAX_BYTES];
    bool is_absolute = job->cwd.len > 0 && job->cwd.data[0] == '/';

    (void)snprintf(path, sizeof(path), "%s%.*s", is_absolute ? "" : WORKSPACE,
                   VIEW_ARG(job->cwd));
    return bundle_string(b, view_of(path), e);
}

static int put_file(struct buf *b, struct view path, struct view content,
                    unsigned mode, struct err *e)
{
    AUTO_FREE char *name = view_dup(path);
    const struct bundle_file file = {name, mode, content};

    return bundle_file(b, &file, e);
}

static int put_files(struct buf *b, const struct job *job,
                     const struct runtime *rt, struct err *e)
{
    for (size_t i = 0; i < job->files_count; i++) {
        const struct job_file *f = &job->files[i];
        bool is_entry = view_eq(f->path, job->entrypoint);
        unsigned mode = is_entry ? rt->code_mode : 0644;

        if (f->mode != RECORD_NO_UINT) {
            mode = (unsigned)f->mode;
        }
        if (put_file(b, f->path, f->content, mode, e) < 0) {
            return -1;
        }
    }
    if (!job->code.data) {
        return 0;
    }
    return put_file(b, view_of(rt->code_file), job->code, rt->code_mode, e);
}

static int write_bundle(const struct job *job, const struct runtime *rt,
                        const char *interpreter, struct buf *b, struct err *e)
{
    uint32_t argc = 0;
    uint32_t envc = 0;
    uint32_t files = (uint32_t)job->files_count + (job->code.data ? 1 : 0);

    (void)put_program(NULL, job, rt, interpreter, &argc, e);
    (void)put_env(NULL, job, rt, &envc, e);
    if (bundle_begin(b, argc + (uint32_t)job->args_count, envc, files, e) < 0 ||
        put_program(b, job, rt, interpreter, &argc, e) < 0) {
        return -1;
    }
    for (size_t i = 0; i < job->args_count; i++) {
        if (bundle_string(b, job->args[i], e) < 0) {
            return -1;
        }
    }
    if (put_env(b, job, rt, &envc, e) < 0 || put_cwd(b, job, e) < 0) {
        return -1;
    }
    return put_files(b, job, rt, e);
}

int plan_make(const struct job *job, const struct config *config,
              const struct launch_ready *host, struct plan *out,
              enum status *out_status, struct err *e)
{
    const struct runtime *rt = NULL;
    const char *interpreter = NULL;

    memset(out, 0, sizeof(*out));
    buf_init(&out->bundle, config->job_max_bytes + BUNDLE_SLACK_BYTES);
    plan_limits(job, config, out);
    if (refuse_unmet(job, host, e) < 0) {
        *out_status = STATUS_SETUP_ERROR;
        return -1;
    }
    if (runtimes_find(job->language, job->language_version, &rt, &interpreter,
                      e) < 0) {
        *out_status =
            e->kind == ERR_INPUT ? STATUS_VALIDATION_ERROR : STATUS_SETUP_ERROR;
        return -1;
    }
    out->profile = rt->seccomp;
    out->security_level = job->security_level;
    if (write_bundle(job, rt, interpreter, &out->bundle, e) < 0 ||
        returns_put(&out->bundle, job, &out->wanted, e) < 0) {
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
