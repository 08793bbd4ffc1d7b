/* SPDX-License-Identifier: MIT */
/* job.h - the job message: what a producer puts on a jobs topic.
 *
 * Members carry the names of the wire; absent ones are as record.h says. All
 * views point into the bytes that were decoded. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "wire/config.h"
#include "wire/record.h"

enum {
    JOB_ID_MAX_BYTES = 128,
    JOB_PATH_MAX_BYTES = 4096,
    JOB_WORD_MAX_BYTES = 131071, /* execve: MAX_ARG_STRLEN less its NUL */
    JOB_MAX_ARGS = 65536,
    JOB_MAX_ENV = 4096,
    JOB_MAX_FILES = 100000, /* the config's job.max_files is the real one */
    JOB_MAX_LABELS = 256,
    JOB_MAX_NAMES = 256, /* retry_on, secrets, network.allow, ... */
    JOB_DEFAULT_ATTEMPTS = 3,
    JOB_MAX_ATTEMPTS = 100,
};

enum job_kind {
    JOB_KIND_CODE,
    JOB_KIND_TOOL,
    JOB_KIND_AGENT,
    JOB_KIND_WORKFLOW,
};

enum job_security {
    JOB_SECURITY_TRUSTED,
    JOB_SECURITY_SANDBOXED,
    JOB_SECURITY_ISOLATED,
};

enum job_validation {
    JOB_VALIDATION_STRICT,
    JOB_VALIDATION_STANDARD,
    JOB_VALIDATION_RELAXED,
};

enum job_network {
    JOB_NETWORK_NONE,
    JOB_NETWORK_LOOPBACK,
    JOB_NETWORK_ALLOWLIST,
    JOB_NETWORK_OPEN,
};

extern const struct record_enum job_kind_enum;
extern const struct record_enum job_security_enum;
extern const struct record_enum job_validation_enum;
extern const struct record_enum job_network_enum;

struct job_file {
    bool present;
    struct view path;
    struct view content;
    uint64_t mode; /* permission bits, at most 0777 */
};

struct job_fetch {
    bool present;
    struct view path;
    bool optional;
    uint64_t max_bytes;
};

/* Every member RECORD_NO_UINT when not given. */
struct job_limits {
    bool present;
    uint64_t wall_time_ms;
    uint64_t cpu_time_ms;
    uint64_t idle_time_ms;
    uint64_t memory_bytes;
    uint64_t stack_bytes;
    uint64_t max_processes;
    uint64_t max_open_files;
    uint64_t max_file_size_bytes;
    uint64_t disk_bytes;
    uint64_t max_inodes;
    uint64_t stdout_bytes;
    uint64_t stderr_bytes;
    uint64_t artifact_bytes;
    uint64_t max_artifacts;
    uint64_t cpu_quota_millicores;
    uint64_t max_network_requests;
    uint64_t max_file_operations;
};

struct job_compile {
    bool present;
    struct view *argv;
    size_t argv_count;
    struct job_limits limits;
};

struct job_net {
    bool present;
    int mode; /* enum job_network */
    struct view *allow;
    size_t allow_count;
    struct view *deny;
    size_t deny_count;
};

struct job {
    uint64_t v;
    struct view job_id;
    struct view tenant_id;
    int kind; /* enum job_kind; -1 with a manifest that decides */
    struct view language;
    struct view language_version;
    struct view code;
    struct job_file *files;
    size_t files_count;
    struct view entrypoint;
    struct view *args;
    size_t args_count;
    struct record_pair *env;
    size_t env_count;
    struct view stdin_; /* "stdin" on the wire; a macro in C */
    struct view cwd;
    struct view parameters; /* raw msgpack map */
    struct view manifest;
    struct view template;
    struct view session_id;
    struct view scope;
    struct view ordering_key;
    struct record_pair *labels;
    size_t labels_count;
    struct view correlation_id;
    struct view parent_job_id;
    struct view traceparent;
    uint64_t created_unix_nano;
    uint64_t not_before_unix_nano;
    uint64_t expires_unix_nano;
    uint64_t max_attempts;
    struct view *retry_on;
    size_t retry_on_count;
    struct view reply_to;
    bool dry_run;
    bool stream;
    struct job_compile compile;
    struct job_fetch *fetch_files;
    size_t fetch_files_count;
    struct view expected_output;
    int security_level; /* enum job_security */
    int validation;     /* enum job_validation */
    struct job_net network;
    struct view *secrets;
    size_t secrets_count;
    struct job_limits limits;
};

extern const struct record job_record;
extern const struct record job_limits_record;

/* Why a message goes to the dead letters instead of getting a result. */
enum job_reject_reason {
    JOB_REJECT_NONE,
    JOB_REJECT_UNDECODABLE,     /* empty, broken, too deep, not a map */
    JOB_REJECT_OVERSIZED,       /* larger than job.max_bytes */
    JOB_REJECT_UNKNOWN_VERSION, /* v is there and is not 1 */
    JOB_REJECT_NO_ID,           /* job_id missing or not an id */
};
const char *job_reject_name(enum job_reject_reason reason); /* "no_id" */

struct job_decode_opts {
    size_t max_bytes; /* 0: no bound */
};

/* Whom a result would be for: good even when the rest of the job is not.
 * Views into the data; all but job_id may be absent. */
struct job_identity {
    struct view job_id;
    struct view tenant_id; /* "default" when not given or not an id */
    struct view session_id;
    struct view correlation_id;
    struct view traceparent;
    struct view reply_to;
    int kind; /* enum job_kind, or -1 */
};

/* First pass. Failure means: dead letter, with the reason. */
int job_identify(const void *data, size_t len,
                 const struct job_decode_opts *opts, struct job_identity *out,
                 enum job_reject_reason *out_reason, struct err *e) MUST_USE;

/* Second pass, with defaults filled in (but not limits). Failure means: a
 * result with status validation_error. Lists live in the arena. */
int job_decode(const void *data, size_t len, const struct job_decode_opts *opts,
               struct arena *arena, struct job *out, struct err *e) MUST_USE;

/* Everything that can be judged without looking at the host. Failure means: a
 * result with status validation_error and this text. */
int job_validate(const struct job *job, const struct config *config,
                 struct err *e) MUST_USE;

/* The configured default for every limit the job does not name. Limits for
 * which there is no default stay RECORD_NO_UINT: no such limit. */
void job_default_limits(struct job_limits *limits, const struct config *config);

void job_init(struct job *job); /* v 1, everything else absent */
int job_encode(const struct job *job, struct buf *b, struct err *e) MUST_USE;

/* [A-Za-z0-9._:-]{1,128} */
bool job_is_id(struct view id);
/* Exactly 64 lower-case hexadecimal digits. */
bool job_is_sha256(struct view text);
/* Relative, not empty, no empty or ".." component, none over 255 bytes, no
 * NUL, at most 4096 bytes. */
bool job_is_inside_path(struct view path);
