/* SPDX-License-Identifier: MIT */
/* result.c - the result message: its table. Written by the engine, read by
 * the command line tools. Pure. */
#include "wire/result.h"

#include "wire/snapshot.h"

static const char *const state_names[] = {"finished"};
static const char *const verdict_names[] = {"accepted", "wrong_answer"};
static const char *const cgroup_names[] = {"none", "v1", "v2"};
static const char *const phase_names[] = {"validate", "setup", "compile", "run",
                                          "collect"};

const struct record_enum result_state_enum = {state_names,
                                              ARRAY_LEN(state_names)};
const struct record_enum result_verdict_enum = {verdict_names,
                                                ARRAY_LEN(verdict_names)};
const struct record_enum result_cgroup_enum = {cgroup_names,
                                               ARRAY_LEN(cgroup_names)};
const struct record_enum result_phase_enum = {phase_names,
                                              ARRAY_LEN(phase_names)};

/* clang-format off */
#define ROW(owner, member, type) \
    RECORD_ROW(owner, member, type, RECORD_PLAIN, 0)
#define MUST(owner, member, type) \
    RECORD_ROW(owner, member, type, RECORD_REQUIRED, 0)
/* A fact that is told even when it is false. */
#define FACT(owner, member) \
    RECORD_ROW(owner, member, RECORD_BOOL, RECORD_REQUIRED | RECORD_ALWAYS, 0)
#define ENUM(owner, member, names) \
    RECORD_ENUM_ROW(owner, member, RECORD_PLAIN, names)
#define TABLE(table, struct_name) \
    {#table, sizeof(struct struct_name), table##_fields, \
     ARRAY_LEN(table##_fields)}

static const struct record_field signal_fields[] = {
    MUST(result_signal, number, RECORD_UINT),
    ROW(result_signal, name, RECORD_STR),
};
static const struct record signal_record = TABLE(signal, result_signal);

static const struct record_field termination_fields[] = {
    ENUM(result_termination, by, &status_by_enum),
    ENUM(result_termination, limit, &status_limit_enum),
    ROW(result_termination, limit_value, RECORD_UINT),
    ROW(result_termination, measured_value, RECORD_UINT),
    ROW(result_termination, syscall, RECORD_STR),
};
static const struct record termination_record =
    TABLE(termination, result_termination);

static const struct record_field error_fields[] = {
    ROW(result_error, type, RECORD_STR),
    ROW(result_error, message, RECORD_STR),
    ROW(result_error, traceback, RECORD_STR),
    ENUM(result_error, phase, &result_phase_enum),
};
static const struct record error_record = TABLE(error, result_error);

static const struct record_field bundle_fields[] = {
    RECORD_ROW(result_bundle, data, RECORD_RAW, RECORD_REQUIRED | RECORD_MAP,
               0),
    RECORD_ROW(result_bundle, metadata, RECORD_RAW, RECORD_MAP, 0),
};
static const struct record bundle_record = TABLE(bundle, result_bundle);

static const struct record_field artifact_fields[] = {
    MUST(result_artifact, name, RECORD_STR),
    ROW(result_artifact, path, RECORD_STR),
    ROW(result_artifact, type, RECORD_STR),
    ROW(result_artifact, size_bytes, RECORD_UINT),
    ROW(result_artifact, sha256, RECORD_STR),
    ROW(result_artifact, content, RECORD_BIN),
    RECORD_ROW(result_artifact, data, RECORD_RAW, RECORD_MAP, 0),
    RECORD_ROW(result_artifact, metadata, RECORD_RAW, RECORD_MAP, 0),
};
static const struct record artifact_record = TABLE(artifact, result_artifact);

static const struct record_field file_fields[] = {
    MUST(result_file, path, RECORD_STR),
    ROW(result_file, content, RECORD_BIN),
    ROW(result_file, mode, RECORD_UINT),
    ROW(result_file, size_bytes, RECORD_UINT),
    ROW(result_file, sha256, RECORD_STR),
    ROW(result_file, truncated, RECORD_BOOL),
    ROW(result_file, missing, RECORD_BOOL),
};
static const struct record file_record = TABLE(file, result_file);

static const struct record_field usage_fields[] = {
    ROW(result_usage, wall_us, RECORD_UINT),
    ROW(result_usage, cpu_user_us, RECORD_UINT),
    ROW(result_usage, cpu_system_us, RECORD_UINT),
    ROW(result_usage, memory_peak_bytes, RECORD_UINT),
    ROW(result_usage, page_faults_major, RECORD_UINT),
    ROW(result_usage, page_faults_minor, RECORD_UINT),
    ROW(result_usage, ctx_switches_voluntary, RECORD_UINT),
    ROW(result_usage, ctx_switches_forced, RECORD_UINT),
    ROW(result_usage, io_read_bytes, RECORD_UINT),
    ROW(result_usage, io_write_bytes, RECORD_UINT),
    ROW(result_usage, io_read_calls, RECORD_UINT),
    ROW(result_usage, io_write_calls, RECORD_UINT),
    ROW(result_usage, network_requests, RECORD_UINT),
    ROW(result_usage, processes_peak, RECORD_UINT),
};
const struct record result_usage_record = TABLE(usage, result_usage);

static const struct record_field compile_fields[] = {
    FACT(result_compile, success),
    ENUM(result_compile, status, &status_enum),
    ROW(result_compile, cached, RECORD_BOOL),
    ROW(result_compile, exit_code, RECORD_INT),
    RECORD_NAMED_ROW(result_compile, stdout_, "stdout", RECORD_BIN,
                     RECORD_PLAIN, 0),
    RECORD_NAMED_ROW(result_compile, stderr_, "stderr", RECORD_BIN,
                     RECORD_PLAIN, 0),
    ROW(result_compile, stdout_truncated, RECORD_BOOL),
    ROW(result_compile, stderr_truncated, RECORD_BOOL),
    ROW(result_compile, duration_us, RECORD_UINT),
    RECORD_OBJECT_ROW(result_compile, usage, RECORD_PLAIN,
                      &result_usage_record),
};
static const struct record compile_record = TABLE(compile, result_compile);

static const struct record_field timings_fields[] = {
    ROW(result_timings, created_unix_nano, RECORD_UINT),
    ROW(result_timings, received_unix_nano, RECORD_UINT),
    ROW(result_timings, started_unix_nano, RECORD_UINT),
    ROW(result_timings, finished_unix_nano, RECORD_UINT),
    ROW(result_timings, queue_ms, RECORD_UINT),
    ROW(result_timings, setup_us, RECORD_UINT),
    ROW(result_timings, run_us, RECORD_UINT),
    ROW(result_timings, cleanup_us, RECORD_UINT),
    FACT(result_timings, cold_start),
};
static const struct record timings_record = TABLE(timings, result_timings);

static const struct record_field isolation_fields[] = {
    FACT(result_isolation, user_ns),
    FACT(result_isolation, pid_ns),
    FACT(result_isolation, mount_ns),
    FACT(result_isolation, net_ns),
    FACT(result_isolation, ipc_ns),
    FACT(result_isolation, uts_ns),
    FACT(result_isolation, cgroup_ns),
    ENUM(result_isolation, cgroup, &result_cgroup_enum),
    ROW(result_isolation, seccomp, RECORD_STR),
    ROW(result_isolation, landlock, RECORD_UINT),
    FACT(result_isolation, no_new_privs),
    RECORD_LIST_ROW(result_isolation, capabilities, RECORD_STRS,
                    RECORD_REQUIRED | RECORD_ALWAYS, RESULT_MAX_LIST),
    FACT(result_isolation, root_read_only),
    ROW(result_isolation, uid, RECORD_UINT),
    ENUM(result_isolation, security_level, &job_security_enum),
};
static const struct record isolation_record =
    TABLE(isolation, result_isolation);

static const struct record_field worker_fields[] = {
    MUST(result_worker, id, RECORD_STR),
    ROW(result_worker, host, RECORD_STR),
    ROW(result_worker, pid, RECORD_UINT),
    ROW(result_worker, version, RECORD_STR),
};
static const struct record worker_record = TABLE(worker, result_worker);

static const struct record_field source_fields[] = {
    MUST(result_source, topic, RECORD_STR),
    ROW(result_source, partition, RECORD_INT),
    ROW(result_source, offset, RECORD_INT),
};
static const struct record source_record = TABLE(source, result_source);

static const struct record_field template_fields[] = {
    MUST(result_template, name, RECORD_STR),
    ROW(result_template, digest, RECORD_STR),
};
static const struct record template_record =
    TABLE(template, result_template);

#define OBJECT(member, table) \
    RECORD_OBJECT_ROW(result, member, RECORD_PLAIN, &table##_record)
#define OBJECTS(member, table) \
    RECORD_OBJECTS_ROW(result, member, RECORD_PLAIN, RESULT_MAX_LIST, \
                       &table##_record)
#define SNAPSHOT(member, table) \
    RECORD_OPEN_ROW(result, member, &snapshot_##table##_record)

static const struct record_field result_fields[] = {
    MUST(result, v, RECORD_UINT),
    MUST(result, job_id, RECORD_STR),
    ROW(result, attempt, RECORD_UINT),
    ROW(result, tenant_id, RECORD_STR),
    ROW(result, session_id, RECORD_STR),
    ENUM(result, kind, &job_kind_enum),
    RECORD_ENUM_ROW(result, state, RECORD_REQUIRED, &result_state_enum),
    RECORD_ENUM_ROW(result, status, RECORD_REQUIRED, &status_enum),
    FACT(result, success),
    ROW(result, status_reason, RECORD_STR),
    ENUM(result, verdict, &result_verdict_enum),
    ROW(result, exit_code, RECORD_INT),
    OBJECT(signal, signal),
    OBJECT(termination, termination),
    OBJECT(error, error),
    RECORD_NAMED_ROW(result, stdout_, "stdout", RECORD_BIN, RECORD_PLAIN, 0),
    RECORD_NAMED_ROW(result, stderr_, "stderr", RECORD_BIN, RECORD_PLAIN, 0),
    ROW(result, stdout_bytes_total, RECORD_UINT),
    ROW(result, stderr_bytes_total, RECORD_UINT),
    FACT(result, stdout_truncated),
    FACT(result, stderr_truncated),
    ROW(result, return_value, RECORD_RAW),
    OBJECTS(results, bundle),
    OBJECTS(artifacts, artifact),
    OBJECTS(files, file),
    OBJECT(compile, compile),
    OBJECT(usage, result_usage),
    OBJECT(timings, timings),
    SNAPSHOT(telemetry_before, host),
    SNAPSHOT(telemetry_after, host),
    SNAPSHOT(process_before, process),
    SNAPSHOT(process_after, process),
    OBJECT(isolation, isolation),
    OBJECT(limits, job_limits),
    OBJECT(worker, worker),
    OBJECT(source, source),
    ROW(result, wal_seq, RECORD_UINT),
    ROW(result, code_sha256, RECORD_STR),
    OBJECT(template, template),
    RECORD_LIST_ROW(result, labels, RECORD_STRMAP, RECORD_PLAIN,
                    JOB_MAX_LABELS),
    ROW(result, correlation_id, RECORD_STR),
    RECORD_LIST_ROW(result, warnings, RECORD_STRS, RECORD_PLAIN,
                    RESULT_MAX_LIST),
};
/* clang-format on */

const struct record result_record = {
    "result",
    sizeof(struct result),
    result_fields,
    ARRAY_LEN(result_fields),
};

void result_init(struct result *result)
{
    record_init(&result_record, result);
    result->v = 1;
    result->state = RESULT_STATE_FINISHED;
}

int result_encode(const struct result *result, struct buf *b, struct err *e)
{
    return record_encode(&result_record, result, b, e);
}

int result_decode(const void *data, size_t len, struct arena *arena,
                  struct result *out, struct err *e)
{
    return record_decode(&result_record, data, len, arena, out, e);
}

static int check_digests(const struct result *result, struct err *e)
{
    if (result->code_sha256.data != NULL &&
        !job_is_sha256(result->code_sha256)) {
        return err_set(e, ERR_INPUT, "code_sha256: must be 64 hex digits");
    }
    for (size_t i = 0; i < result->artifacts_count; i++) {
        if (result->artifacts[i].sha256.data != NULL &&
            !job_is_sha256(result->artifacts[i].sha256)) {
            return err_set(e, ERR_INPUT,
                           "artifacts[%zu].sha256: must be 64 hex digits", i);
        }
    }
    for (size_t i = 0; i < result->files_count; i++) {
        if (result->files[i].sha256.data != NULL &&
            !job_is_sha256(result->files[i].sha256)) {
            return err_set(e, ERR_INPUT,
                           "files[%zu].sha256: must be 64 hex digits", i);
        }
    }
    return 0;
}

int result_validate(const struct result *result, struct err *e)
{
    if (result->v != 1) {
        return err_set(e, ERR_INPUT, "v: only version 1 is known");
    }
    if (!job_is_id(result->job_id)) {
        return err_set(e, ERR_INPUT, "job_id: is missing or is not an id");
    }
    if (result->status < 0 || result->status >= STATUS_COUNT) {
        return err_set(e, ERR_INPUT, "status: is missing");
    }
    if (result->success != (result->status == STATUS_SUCCESS)) {
        return err_set(e, ERR_INPUT,
                       "success: must be true exactly when "
                       "status is success");
    }
    if (result->attempt == 0) {
        return err_set(e, ERR_INPUT, "attempt: counts from 1");
    }
    return check_digests(result, e);
}
