/* SPDX-License-Identifier: MIT */
/* cancel.h - the control message that stops jobs, and its acknowledgement:
 * the same record with an outcome. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "wire/record.h"

enum cancel_mode { CANCEL_GRACEFUL, CANCEL_KILL };
enum cancel_outcome {
    CANCEL_BEFORE_START,
    CANCEL_RUNNING,
    CANCEL_ALREADY_FINISHED,
    CANCEL_NOT_FOUND,
};
extern const struct record_enum cancel_mode_enum;
extern const struct record_enum cancel_outcome_enum;

/* Exactly one of the ids, or labels (with or without tenant_id). */
struct cancel_target {
    bool present;
    struct view job_id;
    struct view session_id;
    struct view tenant_id;
    struct record_pair *labels;
    size_t labels_count;
};

struct cancel {
    uint64_t v;
    struct view cancel_id;
    struct cancel_target target;
    struct view reason;
    int mode; /* enum cancel_mode */
    uint64_t grace_ms;
    int outcome; /* enum cancel_outcome; only in the acknowledgement */
};

extern const struct record cancel_record;

void cancel_init(struct cancel *cancel); /* v 1, the rest absent */
int cancel_encode(const struct cancel *cancel, struct buf *b,
                  struct err *e) MUST_USE;
/* mode defaults to graceful. */
int cancel_decode(const void *data, size_t len, struct arena *arena,
                  struct cancel *out, struct err *e) MUST_USE;
int cancel_validate(const struct cancel *cancel, struct err *e) MUST_USE;
