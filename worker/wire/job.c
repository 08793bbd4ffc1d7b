/* SPDX-License-Identifier: MIT */
/* job.c - the job message: its table, who it is for, its defaults. What makes
 * a job acceptable is in job_validate.c. Runs in the engine on bytes a
 * stranger wrote, and in the command line tools that write jobs. */
#include "wire/job.h"

#include <string.h>

static const char *const kind_names[] = {"code", "tool", "agent", "workflow"};
static const char *const security_names[] = {"trusted", "sandboxed",
                                             "isolated"};
static const char *const validation_names[] = {"strict", "standard", "relaxed"};
static const char *const network_names[] = {"none", "loopback", "allowlist",
                                            "open"};

const struct record_enum job_kind_enum = {kind_names, ARRAY_LEN(kind_names)};
const struct record_enum job_security_enum = {security_names,
                                              ARRAY_LEN(security_names)};
const struct record_enum job_validation_enum = {validation_names,
                                                ARRAY_LEN(validation_names)};
const struct record_enum job_network_enum = {network_names,
                                             ARRAY_LEN(network_names)};

/* Longest free texts: names, versions, foreign ids. */
enum { NAME_MAX_BYTES = 256, FREE_ID_MAX_BYTES = 512 };
enum { SHA256_HEX_BYTES = 64 };

/* clang-format off */
#define LIMIT(member) \
    RECORD_ROW(job_limits, member, RECORD_UINT, RECORD_PLAIN, 0)

static const struct record_field limits_fields[] = {
    LIMIT(wall_time_ms),
    LIMIT(cpu_time_ms),
    LIMIT(idle_time_ms),
    LIMIT(memory_bytes),
    LIMIT(stack_bytes),
    LIMIT(max_processes),
    LIMIT(max_open_files),
    LIMIT(max_file_size_bytes),
    LIMIT(disk_bytes),
    LIMIT(max_inodes),
    LIMIT(stdout_bytes),
    LIMIT(stderr_bytes),
    LIMIT(artifact_bytes),
    LIMIT(max_artifacts),
    LIMIT(cpu_quota_millicores),
    LIMIT(max_network_requests),
    LIMIT(max_file_operations),
};

const struct record job_limits_record = {
    "limits", sizeof(struct job_limits), limits_fields,
    ARRAY_LEN(limits_fields),
};

static const struct record_field file_fields[] = {
    RECORD_ROW(job_file, path, RECORD_STR, RECORD_REQUIRED, 0),
    RECORD_ROW(job_file, content, RECORD_BIN, RECORD_REQUIRED, 0),
    RECORD_ROW(job_file, mode, RECORD_UINT, RECORD_PLAIN, 0),
};

static const struct record file_record = {
    "file", sizeof(struct job_file), file_fields, ARRAY_LEN(file_fields),
};

static const struct record_field fetch_fields[] = {
    RECORD_ROW(job_fetch, path, RECORD_STR, RECORD_REQUIRED, 0),
    RECORD_ROW(job_fetch, optional, RECORD_BOOL, RECORD_PLAIN, 0),
    RECORD_ROW(job_fetch, max_bytes, RECORD_UINT, RECORD_PLAIN, 0),
};

static const struct record fetch_record = {
    "fetch_file", sizeof(struct job_fetch), fetch_fields,
    ARRAY_LEN(fetch_fields),
};

static const struct record_field compile_fields[] = {
    RECORD_LIST_ROW(job_compile, argv, RECORD_STRS, RECORD_REQUIRED,
                    JOB_MAX_ARGS),
    RECORD_OBJECT_ROW(job_compile, limits, RECORD_PLAIN, &job_limits_record),
};

static const struct record compile_record = {
    "compile", sizeof(struct job_compile), compile_fields,
    ARRAY_LEN(compile_fields),
};

static const struct record_field net_fields[] = {
    RECORD_ENUM_ROW(job_net, mode, RECORD_PLAIN, &job_network_enum),
    RECORD_LIST_ROW(job_net, allow, RECORD_STRS, RECORD_PLAIN, JOB_MAX_NAMES),
    RECORD_LIST_ROW(job_net, deny, RECORD_STRS, RECORD_PLAIN, JOB_MAX_NAMES),
};

static const struct record net_record = {
    "network", sizeof(struct job_net), net_fields, ARRAY_LEN(net_fields),
};

#define ROW(member, type, max) \
    RECORD_ROW(job, member, type, RECORD_PLAIN, max)
#define LIST(member, type, max) \
    RECORD_LIST_ROW(job, member, type, RECORD_PLAIN, max)

static const struct record_field job_fields[] = {
    ROW(v, RECORD_UINT, 0),
    RECORD_ROW(job, job_id, RECORD_STR, RECORD_REQUIRED, JOB_ID_MAX_BYTES),
    ROW(tenant_id, RECORD_STR, JOB_ID_MAX_BYTES),
    RECORD_ENUM_ROW(job, kind, RECORD_PLAIN, &job_kind_enum),
    ROW(language, RECORD_STR, NAME_MAX_BYTES),
    ROW(language_version, RECORD_STR, NAME_MAX_BYTES),
    ROW(code, RECORD_BIN, 0),
    RECORD_OBJECTS_ROW(job, files, RECORD_PLAIN, JOB_MAX_FILES, &file_record),
    ROW(entrypoint, RECORD_STR, 0),
    LIST(args, RECORD_STRS, JOB_MAX_ARGS),
    LIST(env, RECORD_STRMAP, JOB_MAX_ENV),
    RECORD_NAMED_ROW(job, stdin_, "stdin", RECORD_BIN, RECORD_PLAIN, 0),
    ROW(cwd, RECORD_STR, 0),
    RECORD_ROW(job, parameters, RECORD_RAW, RECORD_MAP, 0),
    ROW(manifest, RECORD_STR, NAME_MAX_BYTES),
    ROW(template, RECORD_STR, NAME_MAX_BYTES),
    ROW(session_id, RECORD_STR, JOB_ID_MAX_BYTES),
    ROW(scope, RECORD_STR, NAME_MAX_BYTES),
    ROW(ordering_key, RECORD_STR, FREE_ID_MAX_BYTES),
    LIST(labels, RECORD_STRMAP, JOB_MAX_LABELS),
    ROW(correlation_id, RECORD_STR, FREE_ID_MAX_BYTES),
    ROW(parent_job_id, RECORD_STR, JOB_ID_MAX_BYTES),
    ROW(traceparent, RECORD_STR, NAME_MAX_BYTES),
    ROW(created_unix_nano, RECORD_UINT, 0),
    ROW(not_before_unix_nano, RECORD_UINT, 0),
    ROW(expires_unix_nano, RECORD_UINT, 0),
    ROW(max_attempts, RECORD_UINT, 0),
    LIST(retry_on, RECORD_STRS, JOB_MAX_NAMES),
    ROW(reply_to, RECORD_STR, NAME_MAX_BYTES),
    ROW(dry_run, RECORD_BOOL, 0),
    ROW(stream, RECORD_BOOL, 0),
    RECORD_OBJECT_ROW(job, compile, RECORD_PLAIN, &compile_record),
    RECORD_OBJECTS_ROW(job, fetch_files, RECORD_PLAIN, JOB_MAX_FILES,
                       &fetch_record),
    ROW(expected_output, RECORD_BIN, 0),
    RECORD_ENUM_ROW(job, security_level, RECORD_PLAIN, &job_security_enum),
    RECORD_ENUM_ROW(job, validation, RECORD_PLAIN, &job_validation_enum),
    RECORD_OBJECT_ROW(job, network, RECORD_PLAIN, &net_record),
    LIST(secrets, RECORD_STRS, JOB_MAX_NAMES),
    RECORD_OBJECT_ROW(job, limits, RECORD_PLAIN, &job_limits_record),
};
/* clang-format on */

const struct record job_record = {
    "job",
    sizeof(struct job),
    job_fields,
    ARRAY_LEN(job_fields),
};

const char *job_reject_name(enum job_reject_reason reason)
{
    static const char *const names[] = {
        [JOB_REJECT_NONE] = "none",
        [JOB_REJECT_UNDECODABLE] = "undecodable",
        [JOB_REJECT_OVERSIZED] = "oversized",
        [JOB_REJECT_UNKNOWN_VERSION] = "unknown_version",
        [JOB_REJECT_NO_ID] = "no_id",
    };

    return names[reason];
}

bool job_is_id(struct view id)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789._:-";

    if (id.data == NULL || id.len == 0 || id.len > JOB_ID_MAX_BYTES) {
        return false;
    }
    for (size_t i = 0; i < id.len; i++) {
        /* strchr finds the terminator too. */
        if (id.data[i] == '\0' || strchr(allowed, id.data[i]) == NULL) {
            return false;
        }
    }
    return true;
}

bool job_is_sha256(struct view text)
{
    if (text.data == NULL || text.len != SHA256_HEX_BYTES) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\0' ||
            strchr("0123456789abcdef", text.data[i]) == NULL) {
            return false;
        }
    }
    return true;
}

/* v as a number, or 0 for what is none; 1 when absent. JavaScript may send
 * 1.0. */
static uint64_t version_of(const msgpack_object *root)
{
    const msgpack_object *v = mpk_get(root, "v");

    if (v == NULL || v->type == MSGPACK_OBJECT_NIL) {
        return 1;
    }
    if (v->type == MSGPACK_OBJECT_POSITIVE_INTEGER) {
        return v->via.u64;
    }
    if (v->type == MSGPACK_OBJECT_FLOAT64 ||
        v->type == MSGPACK_OBJECT_FLOAT32) {
        return v->via.f64 == 1.0 ? 1 : 0;
    }
    return 0;
}

static struct view text_member(const msgpack_object *root, const char *key,
                               size_t max)
{
    struct view text = mpk_text(mpk_get(root, key));

    if (text.len > max || !view_is_text(text)) {
        return (struct view){NULL, 0};
    }
    return text;
}

static struct view id_member(const msgpack_object *root, const char *key)
{
    struct view text = mpk_text(mpk_get(root, key));

    return job_is_id(text) ? text : (struct view){NULL, 0};
}

static int identify_root(const msgpack_object *root, struct job_identity *out,
                         enum job_reject_reason *out_reason, struct err *e)
{
    *out_reason = JOB_REJECT_UNDECODABLE;
    if (root->type != MSGPACK_OBJECT_MAP) {
        return err_set(e, ERR_INPUT, "a job is a map, not %s",
                       mpk_type_name(root));
    }
    *out_reason = JOB_REJECT_UNKNOWN_VERSION;
    if (version_of(root) != 1) {
        return err_set(e, ERR_INPUT, "v: this worker knows version 1 only");
    }
    *out_reason = JOB_REJECT_NO_ID;
    out->job_id = id_member(root, "job_id");
    if (out->job_id.data == NULL) {
        return err_set(
            e, ERR_INPUT, "job_id: %s, must be 1 to %d of A-Z a-z 0-9 . _ : -",
            mpk_get(root, "job_id") == NULL ? "is missing" : "is not an id",
            JOB_ID_MAX_BYTES);
    }
    *out_reason = JOB_REJECT_NONE;
    return 0;
}

/* Nothing here fails: these say where a refusal goes, not whether. */
static void identify_rest(const msgpack_object *root, struct job_identity *out)
{
    out->tenant_id = id_member(root, "tenant_id");
    if (out->tenant_id.data == NULL) {
        out->tenant_id = view_of("default");
    }
    out->session_id = id_member(root, "session_id");
    out->correlation_id =
        text_member(root, "correlation_id", FREE_ID_MAX_BYTES);
    out->traceparent = text_member(root, "traceparent", NAME_MAX_BYTES);
    out->reply_to = text_member(root, "reply_to", NAME_MAX_BYTES);
    out->kind =
        record_enum_find(&job_kind_enum, mpk_text(mpk_get(root, "kind")));
}

static int open_sized(const void *data, size_t len,
                      const struct job_decode_opts *opts, struct mpk_doc *doc,
                      enum job_reject_reason *out_reason, struct err *e)
{
    *out_reason = JOB_REJECT_OVERSIZED;
    if (opts != NULL && opts->max_bytes > 0 && len > opts->max_bytes) {
        return err_set(e, ERR_LIMIT,
                       "%zu bytes are over this worker's maximum of %zu", len,
                       opts->max_bytes);
    }
    *out_reason = JOB_REJECT_UNDECODABLE;
    return mpk_open(data, len, NULL, doc, e);
}

int job_identify(const void *data, size_t len,
                 const struct job_decode_opts *opts, struct job_identity *out,
                 enum job_reject_reason *out_reason, struct err *e)
{
    struct mpk_doc doc;
    int rc;

    *out = (struct job_identity){.kind = RECORD_NO_ENUM};
    if (open_sized(data, len, opts, &doc, out_reason, e) < 0) {
        return -1;
    }
    rc = identify_root(&doc.root, out, out_reason, e);
    if (rc == 0) {
        identify_rest(&doc.root, out);
    }
    mpk_close(&doc);
    return rc;
}

static void default_number(uint64_t *member, uint64_t value)
{
    if (*member == RECORD_NO_UINT) {
        *member = value;
    }
}

static void default_enum(int *member, int value)
{
    if (*member == RECORD_NO_ENUM) {
        *member = value;
    }
}

static void fill_defaults(struct job *job)
{
    default_number(&job->v, 1);
    default_number(&job->max_attempts, JOB_DEFAULT_ATTEMPTS);
    default_enum(&job->security_level, JOB_SECURITY_SANDBOXED);
    default_enum(&job->validation, JOB_VALIDATION_STANDARD);
    default_enum(&job->network.mode, JOB_NETWORK_NONE);
    if (job->manifest.data == NULL) {
        default_enum(&job->kind, JOB_KIND_CODE);
    }
    if (job->tenant_id.data == NULL) {
        job->tenant_id = view_of("default");
    }
}

int job_decode(const void *data, size_t len, const struct job_decode_opts *opts,
               struct arena *arena, struct job *out, struct err *e)
{
    if (opts != NULL && opts->max_bytes > 0 && len > opts->max_bytes) {
        return err_set(e, ERR_LIMIT,
                       "%zu bytes are over this worker's maximum of %zu", len,
                       opts->max_bytes);
    }
    if (record_decode(&job_record, data, len, arena, out, e) < 0) {
        return -1;
    }
    fill_defaults(out);
    return 0;
}

void job_init(struct job *job)
{
    record_init(&job_record, job);
    job->v = 1;
}

int job_encode(const struct job *job, struct buf *b, struct err *e)
{
    return record_encode(&job_record, job, b, e);
}

void job_default_limits(struct job_limits *limits, const struct config *config)
{
    const struct {
        uint64_t *member;
        uint64_t value;
    } rows[] = {
        {&limits->wall_time_ms, config->default_wall_time_ms},
        {&limits->cpu_time_ms, config->default_cpu_time_ms},
        {&limits->memory_bytes, config->default_memory_bytes},
        {&limits->stack_bytes, config->default_stack_bytes},
        {&limits->max_processes, config->default_max_processes},
        {&limits->max_open_files, config->default_max_open_files},
        {&limits->max_file_size_bytes, config->default_max_file_size_bytes},
        {&limits->disk_bytes, config->default_disk_bytes},
        {&limits->max_inodes, config->default_max_inodes},
        {&limits->stdout_bytes, config->default_stdout_bytes},
        {&limits->stderr_bytes, config->default_stderr_bytes},
        {&limits->artifact_bytes, config->default_artifact_bytes},
        {&limits->max_artifacts, config->default_max_artifacts},
        {&limits->cpu_quota_millicores, config->default_cpu_quota_millicores},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        default_number(rows[i].member, rows[i].value);
    }
    limits->present = true;
}
