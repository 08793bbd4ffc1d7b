/* SPDX-License-Identifier: MIT */
/* result.h - the result message: how one job ended.
 *
 * result_init(), set what is known (objects need .present = true), then
 * result_encode(). What was not set is left out. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "wire/job.h"
#include "wire/record.h"
#include "wire/status.h"

enum { RESULT_MAX_LIST = 10000 }; /* entries of any list in a result */

enum result_state { RESULT_STATE_FINISHED };
enum result_verdict { RESULT_VERDICT_ACCEPTED, RESULT_VERDICT_WRONG_ANSWER };
enum result_cgroup {
    RESULT_CGROUP_NONE,
    RESULT_CGROUP_V1,
    RESULT_CGROUP_V2,
};
/* error.phase: where the life of the job stopped. */
enum result_phase {
    RESULT_PHASE_VALIDATE,
    RESULT_PHASE_SETUP,
    RESULT_PHASE_COMPILE,
    RESULT_PHASE_RUN,
    RESULT_PHASE_COLLECT,
};

extern const struct record_enum result_state_enum;
extern const struct record_enum result_verdict_enum;
extern const struct record_enum result_cgroup_enum;
extern const struct record_enum result_phase_enum;

struct result_signal {
    bool present;
    uint64_t number;
    struct view name; /* "SIGKILL" */
};

struct result_termination {
    bool present;
    int by;    /* enum status_by */
    int limit; /* enum status_limit */
    uint64_t limit_value;
    uint64_t measured_value;
    struct view syscall;
};

struct result_error {
    bool present;
    struct view type;
    struct view message;
    struct view traceback;
    int phase; /* enum result_phase */
};

/* One value in several MIME types, richest first for the reader to choose. */
struct result_bundle {
    bool present;
    struct view data;     /* raw map: MIME type to value */
    struct view metadata; /* raw map */
};

struct result_artifact {
    bool present;
    struct view name;
    struct view path;
    struct view type; /* MIME */
    uint64_t size_bytes;
    struct view sha256; /* 64 hex digits */
    struct view content;
    struct view data;     /* raw map: MIME type to value */
    struct view metadata; /* raw map */
};

/* One of the job's fetch_files. */
struct result_file {
    bool present;
    struct view path;
    struct view content; /* absent when missing */
    uint64_t mode;
    uint64_t size_bytes;
    struct view sha256;
    bool truncated;
    bool missing;
};

struct result_usage {
    bool present;
    uint64_t wall_us;
    uint64_t cpu_user_us;
    uint64_t cpu_system_us;
    uint64_t memory_peak_bytes;
    uint64_t page_faults_major;
    uint64_t page_faults_minor;
    uint64_t ctx_switches_voluntary;
    uint64_t ctx_switches_forced;
    uint64_t io_read_bytes;
    uint64_t io_write_bytes;
    uint64_t io_read_calls;
    uint64_t io_write_calls;
    uint64_t network_requests;
    uint64_t processes_peak;
};

struct result_compile {
    bool present;
    bool success;
    int status; /* enum status: as a run would have ended */
    bool cached;
    int64_t exit_code;
    struct view stdout_; /* "stdout" on the wire */
    struct view stderr_;
    bool stdout_truncated;
    bool stderr_truncated;
    uint64_t duration_us;
    struct result_usage usage;
};

struct result_timings {
    bool present;
    uint64_t created_unix_nano;
    uint64_t received_unix_nano;
    uint64_t started_unix_nano;
    uint64_t finished_unix_nano;
    uint64_t queue_ms;
    uint64_t setup_us;
    uint64_t run_us;
    uint64_t cleanup_us;
    bool cold_start;
};

struct result_isolation {
    bool present;
    bool user_ns;
    bool pid_ns;
    bool mount_ns;
    bool net_ns;
    bool ipc_ns;
    bool uts_ns;
    bool cgroup_ns;
    int cgroup;          /* enum result_cgroup */
    struct view seccomp; /* profile; "none" when there is none */
    uint64_t landlock;   /* ABI, 0 = none */
    bool no_new_privs;
    struct view *capabilities; /* names kept; normally none */
    size_t capabilities_count;
    bool root_read_only;
    uint64_t uid;
    int security_level; /* enum job_security */
};

struct result_worker {
    bool present;
    struct view id;
    struct view host;
    uint64_t pid;
    struct view version;
};

struct result_source {
    bool present;
    struct view topic;
    int64_t partition;
    int64_t offset;
};

struct result_template {
    bool present;
    struct view name;
    struct view digest;
};

struct result {
    uint64_t v;
    struct view job_id;
    uint64_t attempt; /* from 1 */
    struct view tenant_id;
    struct view session_id;
    int kind;   /* enum job_kind */
    int state;  /* enum result_state */
    int status; /* enum status */
    bool success;
    struct view status_reason;
    int verdict; /* enum result_verdict */
    int64_t exit_code;
    struct result_signal signal;
    struct result_termination termination;
    struct result_error error;
    struct view stdout_; /* "stdout" on the wire; a macro in C */
    struct view stderr_;
    uint64_t stdout_bytes_total;
    uint64_t stderr_bytes_total;
    bool stdout_truncated;
    bool stderr_truncated;
    struct view return_value; /* raw msgpack, any type */
    struct result_bundle *results;
    size_t results_count;
    struct result_artifact *artifacts;
    size_t artifacts_count;
    struct result_file *files;
    size_t files_count;
    struct result_compile compile;
    struct result_usage usage;
    struct result_timings timings;
    struct view telemetry_before; /* raw maps: snapshot.h */
    struct view telemetry_after;
    struct view process_before;
    struct view process_after;
    struct result_isolation isolation;
    struct job_limits limits; /* as they were in force */
    struct result_worker worker;
    struct result_source source;
    uint64_t wal_seq;
    struct view code_sha256; /* 64 hex digits */
    struct result_template template;
    struct record_pair *labels;
    size_t labels_count;
    struct view correlation_id;
    struct view *warnings;
    size_t warnings_count;
};

extern const struct record result_record;
extern const struct record result_usage_record;

/* v 1, state finished, everything else absent. */
void result_init(struct result *result);
int result_encode(const struct result *result, struct buf *b,
                  struct err *e) MUST_USE;
int result_decode(const void *data, size_t len, struct arena *arena,
                  struct result *out, struct err *e) MUST_USE;
/* What a table cannot say: success agrees with status, and so on. */
int result_validate(const struct result *result, struct err *e) MUST_USE;
