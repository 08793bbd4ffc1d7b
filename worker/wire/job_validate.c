/* SPDX-License-Identifier: MIT */
/* job_validate.c - what makes a decoded job acceptable. Runs in the engine
 * before anything is planned or paid for, and in the command line tools.
 *
 * Pure: never looks at the host, the clock or other jobs. Every refusal names
 * the field and what is allowed; nothing is clipped or repaired. */
#include <stdio.h>
#include <string.h>

#include "wire/job.h"
#include "wire/status.h"

enum { COMPONENT_MAX_BYTES = 255, TOPIC_MAX_BYTES = 249 };

#define ALNUM "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

/* For "%.*s" of a value of any length in an error text. */
#define SHOWN(v) ((v).len > 80 ? 80 : (int)(v).len), (v).data

static bool made_of(struct view text, const char *allowed)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\0' || strchr(allowed, text.data[i]) == NULL) {
            return false;
        }
    }
    return text.len > 0;
}

static bool is_component(struct view name)
{
    return name.len > 0 && name.len <= COMPONENT_MAX_BYTES &&
           !view_is(name, "..");
}

bool job_is_inside_path(struct view path)
{
    const char *at = path.data;
    const char *end;

    if (path.data == NULL || path.len > JOB_PATH_MAX_BYTES ||
        memchr(path.data, '\0', path.len) != NULL) {
        return false;
    }
    end = path.data + path.len;
    for (;;) {
        const char *slash = memchr(at, '/', (size_t)(end - at));
        const char *stop = slash != NULL ? slash : end;

        if (!is_component((struct view){at, (size_t)(stop - at)})) {
            return false;
        }
        if (slash == NULL) {
            return true;
        }
        at = slash + 1;
    }
}

static int check_path(const char *field, struct view path, struct err *e)
{
    if (!job_is_inside_path(path)) {
        return err_set(e, ERR_INPUT,
                       "%s: \"%.*s\" must be a relative path without '..', "
                       "empty parts or NUL, at most %d bytes",
                       field, SHOWN(path), JOB_PATH_MAX_BYTES);
    }
    return 0;
}

static int check_id(const char *field, struct view id, struct err *e)
{
    if (id.data != NULL && !job_is_id(id)) {
        return err_set(e, ERR_INPUT,
                       "%s: \"%.*s\" must be 1 to %d of A-Z a-z 0-9 . _ : -",
                       field, SHOWN(id), JOB_ID_MAX_BYTES);
    }
    return 0;
}

static int check_ids(const struct job *job, const struct config *config,
                     struct err *e)
{
    (void)config;
    if (job->v != 1) {
        return err_set(e, ERR_INPUT, "v: this worker knows version 1 only");
    }
    if (job->job_id.data == NULL) {
        return err_set(e, ERR_INPUT, "job_id: is missing");
    }
    if (check_id("job_id", job->job_id, e) < 0 ||
        check_id("tenant_id", job->tenant_id, e) < 0 ||
        check_id("session_id", job->session_id, e) < 0) {
        return -1;
    }
    return check_id("parent_job_id", job->parent_job_id, e);
}

/* Exactly one of code, entrypoint, manifest. */
static int check_source(const struct job *job, const struct config *config,
                        struct err *e)
{
    int ways = (job->code.data != NULL) + (job->entrypoint.data != NULL) +
               (job->manifest.data != NULL);

    (void)config;
    if (ways == 0 && job->files_count > 0) {
        return err_set(e, ERR_INPUT,
                       "entrypoint: is missing, files alone say not what "
                       "to run");
    }
    if (ways != 1) {
        return err_set(e, ERR_INPUT,
                       "code: a job has exactly one of language and code, "
                       "language with files and entrypoint, or manifest; "
                       "this one has %s",
                       ways == 0 ? "none" : "several");
    }
    if (job->manifest.data == NULL && job->language.len == 0) {
        return err_set(e, ERR_INPUT, "language: is missing");
    }
    if (job->manifest.data == NULL && job->kind > JOB_KIND_CODE) {
        return err_set(e, ERR_INPUT, "kind: %s needs a manifest",
                       record_enum_name(&job_kind_enum, job->kind));
    }
    return 0;
}

static int check_manifest(const struct job *job, const struct config *config,
                          struct err *e)
{
    struct view name = job->manifest;
    const char *at;
    bool good;

    (void)config;
    if (name.data == NULL) {
        return 0;
    }
    at = memchr(name.data, '@', name.len);
    if (at != NULL) {
        name.len = (size_t)(at - name.data);
        good = made_of((struct view){at + 1, job->manifest.len - name.len - 1},
                       ALNUM "._+-");
    } else {
        good = true;
    }
    if (!good || !made_of(name, ALNUM "._-")) {
        return err_set(e, ERR_INPUT,
                       "manifest: \"%.*s\" must be name or name@version, of "
                       "A-Z a-z 0-9 . _ -",
                       SHOWN(job->manifest));
    }
    return 0;
}

static int check_code(const struct job *job, const struct config *config,
                      struct err *e)
{
    if (job->code.data != NULL && job->code.len > config->job_code_max_bytes) {
        return err_set(e, ERR_INPUT,
                       "code: %zu bytes are over this worker's maximum of %llu",
                       job->code.len,
                       (unsigned long long)config->job_code_max_bytes);
    }
    return 0;
}

static int compare_views(const void *a, const void *b)
{
    const struct view *left = a;
    const struct view *right = b;
    size_t shared = left->len < right->len ? left->len : right->len;
    int order = shared > 0 ? memcmp(left->data, right->data, shared) : 0;

    if (order != 0) {
        return order;
    }
    return (left->len > right->len) - (left->len < right->len);
}

/* Sorts the views; a long list from a stranger must not cost its square. */
static int check_unique(const char *field, struct view *names, size_t count,
                        struct err *e)
{
    if (count == 0) {
        return 0;
    }
    qsort(names, count, sizeof(*names), compare_views);
    for (size_t i = 1; i < count; i++) {
        if (compare_views(&names[i - 1], &names[i]) == 0) {
            return err_set(e, ERR_INPUT, "%s: \"%.*s\" is there twice", field,
                           SHOWN(names[i]));
        }
    }
    return 0;
}

static int check_file(const struct job_file *file, size_t index, struct err *e)
{
    char field[48];
    struct view path = file->path;

    (void)snprintf(field, sizeof(field), "files[%zu].path", index);
    if (check_path(field, path, e) < 0) {
        return -1;
    }
    if (path.data[path.len - 1] == '.' &&
        (path.len == 1 || path.data[path.len - 2] == '/')) {
        return err_set(e, ERR_INPUT, "%s: \"%.*s\" names a directory", field,
                       SHOWN(path));
    }
    if (file->mode != RECORD_NO_UINT && file->mode > 0777) {
        return err_set(e, ERR_INPUT,
                       "files[%zu].mode: %llu is over 511 (octal 777)", index,
                       (unsigned long long)file->mode);
    }
    return 0;
}

static int check_files(const struct job *job, const struct config *config,
                       struct err *e)
{
    AUTO_FREE struct view *paths = NULL;

    if (job->files_count > config->job_max_files) {
        return err_set(e, ERR_INPUT,
                       "files: %zu entries are over this worker's maximum "
                       "of %llu",
                       job->files_count,
                       (unsigned long long)config->job_max_files);
    }
    if (job->files_count == 0) {
        return 0;
    }
    paths = xcalloc(job->files_count, sizeof(*paths));
    for (size_t i = 0; i < job->files_count; i++) {
        if (check_file(&job->files[i], i, e) < 0) {
            return -1;
        }
        paths[i] = job->files[i].path;
    }
    return check_unique("files", paths, job->files_count, e);
}

static struct view without_dot(struct view path)
{
    if (path.len > 2 && memcmp(path.data, "./", 2) == 0) {
        return (struct view){path.data + 2, path.len - 2};
    }
    return path;
}

static int check_entrypoint(const struct job *job, const struct config *config,
                            struct err *e)
{
    (void)config;
    if (job->entrypoint.data == NULL) {
        return 0;
    }
    if (check_path("entrypoint", job->entrypoint, e) < 0) {
        return -1;
    }
    /* A session may hold it already, a compiler may make it. */
    if (job->session_id.data != NULL || job->compile.present) {
        return 0;
    }
    for (size_t i = 0; i < job->files_count; i++) {
        if (view_eq(without_dot(job->files[i].path),
                    without_dot(job->entrypoint))) {
            return 0;
        }
    }
    return err_set(e, ERR_INPUT, "entrypoint: \"%.*s\" is not one of files",
                   SHOWN(job->entrypoint));
}

static int check_cwd(const struct job *job, const struct config *config,
                     struct err *e)
{
    static const char *const roots[] = {"/workspace", "/tmp"};
    struct view cwd = job->cwd;

    (void)config;
    if (cwd.data == NULL || job_is_inside_path(cwd)) {
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
        size_t len = strlen(roots[i]);
        struct view rest;

        if (view_is(cwd, roots[i])) {
            return 0;
        }
        if (cwd.len <= len + 1 || memcmp(cwd.data, roots[i], len) != 0 ||
            cwd.data[len] != '/') {
            continue;
        }
        rest = (struct view){cwd.data + len + 1, cwd.len - len - 1};
        if (job_is_inside_path(rest)) {
            return 0;
        }
    }
    return err_set(e, ERR_INPUT,
                   "cwd: \"%.*s\" must be a path inside /workspace or /tmp",
                   SHOWN(cwd));
}

static int over_sum(const char *field, size_t sum, const struct config *config,
                    struct err *e)
{
    if (sum > config->job_args_max_bytes) {
        return err_set(e, ERR_INPUT,
                       "%s: %zu bytes are over this worker's maximum of %llu",
                       field, sum,
                       (unsigned long long)config->job_args_max_bytes);
    }
    return 0;
}

static int check_words(const char *field, const struct view *words,
                       size_t count, const struct config *config, struct err *e)
{
    size_t sum = 0;

    for (size_t i = 0; i < count; i++) {
        if (words[i].len > JOB_WORD_MAX_BYTES) {
            return err_set(e, ERR_INPUT,
                           "%s[%zu]: %zu bytes are over the kernel's %d for "
                           "one argument",
                           field, i, words[i].len, JOB_WORD_MAX_BYTES);
        }
        if (memchr(words[i].data, '\0', words[i].len) != NULL) {
            return err_set(e, ERR_INPUT, "%s[%zu]: must not hold a NUL byte",
                           field, i);
        }
        sum += words[i].len;
    }
    return over_sum(field, sum, config, e);
}

static int check_args(const struct job *job, const struct config *config,
                      struct err *e)
{
    if (check_words("args", job->args, job->args_count, config, e) < 0) {
        return -1;
    }
    return over_sum("parameters", job->parameters.len, config, e);
}

static int check_env_pair(const struct record_pair *pair, struct err *e)
{
    if (pair->key.len == 0) {
        return err_set(e, ERR_INPUT, "env: a key is empty");
    }
    if (memchr(pair->key.data, '=', pair->key.len) != NULL) {
        return err_set(e, ERR_INPUT, "env: key \"%.*s\" must not hold '='",
                       SHOWN(pair->key));
    }
    if (memchr(pair->key.data, '\0', pair->key.len) != NULL ||
        memchr(pair->value.data, '\0', pair->value.len) != NULL) {
        return err_set(e, ERR_INPUT, "env: \"%.*s\" must not hold a NUL byte",
                       SHOWN(pair->key));
    }
    if (pair->key.len + 1 + pair->value.len > JOB_WORD_MAX_BYTES) {
        return err_set(e, ERR_INPUT,
                       "env: \"%.*s\" is over the kernel's %d bytes for one "
                       "variable",
                       SHOWN(pair->key), JOB_WORD_MAX_BYTES);
    }
    return 0;
}

static int check_env(const struct job *job, const struct config *config,
                     struct err *e)
{
    AUTO_FREE struct view *keys = NULL;
    size_t sum = 0;

    if (job->env_count == 0) {
        return 0;
    }
    keys = xcalloc(job->env_count, sizeof(*keys));
    for (size_t i = 0; i < job->env_count; i++) {
        const struct record_pair *pair = &job->env[i];

        if (check_env_pair(pair, e) < 0) {
            return -1;
        }
        keys[i] = pair->key;
        sum += pair->key.len + pair->value.len;
    }
    if (over_sum("env", sum, config, e) < 0) {
        return -1;
    }
    return check_unique("env", keys, job->env_count, e);
}

static int check_compile(const struct job *job, const struct config *config,
                         struct err *e)
{
    if (!job->compile.present) {
        return 0;
    }
    if (job->compile.argv_count == 0 || job->compile.argv[0].len == 0) {
        return err_set(e, ERR_INPUT, "compile.argv: is empty");
    }
    return check_words("compile.argv", job->compile.argv,
                       job->compile.argv_count, config, e);
}

static int check_fetch(const struct job *job, const struct config *config,
                       struct err *e)
{
    if (job->fetch_files_count > config->job_max_fetch_files) {
        return err_set(e, ERR_INPUT,
                       "fetch_files: %zu entries are over this worker's "
                       "maximum of %llu",
                       job->fetch_files_count,
                       (unsigned long long)config->job_max_fetch_files);
    }
    for (size_t i = 0; i < job->fetch_files_count; i++) {
        char field[48];

        (void)snprintf(field, sizeof(field), "fetch_files[%zu].path", i);
        if (check_path(field, job->fetch_files[i].path, e) < 0) {
            return -1;
        }
    }
    return 0;
}

static int check_delivery(const struct job *job, const struct config *config,
                          struct err *e)
{
    (void)config;
    if (job->max_attempts < 1 || job->max_attempts > JOB_MAX_ATTEMPTS) {
        return err_set(e, ERR_INPUT,
                       "max_attempts: %llu is not between 1 and %d",
                       (unsigned long long)job->max_attempts, JOB_MAX_ATTEMPTS);
    }
    for (size_t i = 0; i < job->retry_on_count; i++) {
        if (status_find(job->retry_on[i]) < 0) {
            return err_set(e, ERR_INPUT, "retry_on[%zu]: \"%.*s\" is no status",
                           i, SHOWN(job->retry_on[i]));
        }
    }
    if (job->reply_to.data != NULL &&
        (job->reply_to.len > TOPIC_MAX_BYTES ||
         !made_of(job->reply_to, ALNUM "._-") || view_is(job->reply_to, ".") ||
         view_is(job->reply_to, ".."))) {
        return err_set(e, ERR_INPUT,
                       "reply_to: \"%.*s\" is not the name of a topic",
                       SHOWN(job->reply_to));
    }
    if (job->expires_unix_nano != RECORD_NO_UINT &&
        job->not_before_unix_nano != RECORD_NO_UINT &&
        job->expires_unix_nano <= job->not_before_unix_nano) {
        return err_set(e, ERR_INPUT,
                       "expires_unix_nano: is not after "
                       "not_before_unix_nano");
    }
    return 0;
}

static int check_policy(const struct job *job, const struct config *config,
                        struct err *e)
{
    (void)config;
    if (job->security_level == JOB_SECURITY_TRUSTED) {
        return err_set(e, ERR_INPUT,
                       "security_level: trusted is granted by the worker's "
                       "configuration, never asked for by a job");
    }
    if (job->network.allow_count > 0 &&
        job->network.mode != JOB_NETWORK_ALLOWLIST) {
        return err_set(e, ERR_INPUT,
                       "network.allow: needs network.mode allowlist");
    }
    for (size_t i = 0; i < job->secrets_count; i++) {
        if (!made_of(job->secrets[i], ALNUM "._-")) {
            return err_set(e, ERR_INPUT,
                           "secrets[%zu]: \"%.*s\" must be of A-Z a-z 0-9 "
                           ". _ -",
                           i, SHOWN(job->secrets[i]));
        }
    }
    return 0;
}

struct limit_bound {
    const char *name;
    uint64_t given;
    uint64_t least;
    uint64_t most;
};

static int check_bound(const char *where, const struct limit_bound *bound,
                       struct err *e)
{
    if (bound->given == RECORD_NO_UINT) {
        return 0;
    }
    if (bound->given > bound->most) {
        return err_set(e, ERR_INPUT,
                       "%s.%s: %llu is over this worker's maximum of %llu",
                       where, bound->name, (unsigned long long)bound->given,
                       (unsigned long long)bound->most);
    }
    if (bound->given < bound->least) {
        return err_set(e, ERR_INPUT, "%s.%s: %llu is under the minimum of %llu",
                       where, bound->name, (unsigned long long)bound->given,
                       (unsigned long long)bound->least);
    }
    return 0;
}

/* The minima are those of the configuration's own rows: below them a box does
 * not start. Limits without a maximum count things we only count. */
static int check_limit_set(const char *where, const struct job_limits *l,
                           const struct config *c, struct err *e)
{
    const uint64_t any = UINT64_MAX;
    const struct limit_bound bounds[] = {
        {"wall_time_ms", l->wall_time_ms, 1, c->max_wall_time_ms},
        {"cpu_time_ms", l->cpu_time_ms, 1, c->max_cpu_time_ms},
        {"idle_time_ms", l->idle_time_ms, 1, c->max_wall_time_ms},
        {"memory_bytes", l->memory_bytes, 1048576, c->max_memory_bytes},
        {"stack_bytes", l->stack_bytes, 65536, c->max_stack_bytes},
        {"max_processes", l->max_processes, 1, c->max_max_processes},
        {"max_open_files", l->max_open_files, 8, c->max_max_open_files},
        {"max_file_size_bytes", l->max_file_size_bytes, 0,
         c->max_max_file_size_bytes},
        {"disk_bytes", l->disk_bytes, 65536, c->max_disk_bytes},
        {"max_inodes", l->max_inodes, 16, c->max_max_inodes},
        {"stdout_bytes", l->stdout_bytes, 0, c->max_stdout_bytes},
        {"stderr_bytes", l->stderr_bytes, 0, c->max_stderr_bytes},
        {"artifact_bytes", l->artifact_bytes, 0, c->max_artifact_bytes},
        {"max_artifacts", l->max_artifacts, 0, c->max_max_artifacts},
        {"cpu_quota_millicores", l->cpu_quota_millicores, 10,
         c->max_cpu_quota_millicores},
        {"max_network_requests", l->max_network_requests, 0, any},
        {"max_file_operations", l->max_file_operations, 0, any},
    };

    for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
        if (check_bound(where, &bounds[i], e) < 0) {
            return -1;
        }
    }
    return 0;
}

static int check_limits(const struct job *job, const struct config *config,
                        struct err *e)
{
    if (check_limit_set("limits", &job->limits, config, e) < 0) {
        return -1;
    }
    return check_limit_set("compile.limits", &job->compile.limits, config, e);
}

int job_validate(const struct job *job, const struct config *config,
                 struct err *e)
{
    static int (*const checks[])(const struct job *job,
                                 const struct config *config, struct err *e) = {
        check_ids,    check_source,     check_manifest, check_code,
        check_files,  check_entrypoint, check_cwd,      check_args,
        check_env,    check_compile,    check_fetch,    check_delivery,
        check_policy, check_limits,
    };

    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        if (checks[i](job, config, e) < 0) {
            return -1;
        }
    }
    return 0;
}
