/* SPDX-License-Identifier: MIT */
/* audit.h - the audit message: the write-ahead record of one step of a job,
 * chained by hashes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "wire/record.h"
#include "wire/result.h"

enum audit_event {
    AUDIT_RECEIVED,
    AUDIT_STARTED,
    AUDIT_FINISHED,
    AUDIT_PUBLISHED,
};
extern const struct record_enum audit_event_enum;

enum { AUDIT_MAX_CHECKS = 1000 };

/* One check that was made before or after the step. */
struct audit_check {
    bool present;
    struct view name;
    bool passed;
    struct view detail;
};

struct audit {
    uint64_t v;
    uint64_t seq; /* counts the records of one worker process from 0 */
    uint64_t timestamp_unix_nano;
    int event_type; /* enum audit_event */
    struct view worker_id;
    struct view job_id;
    uint64_t attempt;
    struct view code_sha256; /* 64 hex digits, like the next and prev_hash */
    struct view args_sha256;
    struct audit_check *checks;
    size_t checks_count;
    struct result_usage usage;
    struct view prev_hash; /* SHA-256 of the worker's record before */
};

extern const struct record audit_record;

void audit_init(struct audit *audit); /* v 1, the rest absent */
int audit_encode(const struct audit *audit, struct buf *b,
                 struct err *e) MUST_USE;
int audit_decode(const void *data, size_t len, struct arena *arena,
                 struct audit *out, struct err *e) MUST_USE;
int audit_validate(const struct audit *audit, struct err *e) MUST_USE;
