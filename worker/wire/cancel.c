/* SPDX-License-Identifier: MIT */
/* cancel.c - the control message: its table, and whom it may name. Read by the
 * engine, written by the command line tools. Pure. */
#include "wire/cancel.h"

#include "wire/job.h"

static const char *const mode_names[] = {"graceful", "kill"};
static const char *const outcome_names[] = {
    "cancelled_before_start",
    "cancelled_running",
    "already_finished",
    "not_found",
};

const struct record_enum cancel_mode_enum = {mode_names, ARRAY_LEN(mode_names)};
const struct record_enum cancel_outcome_enum = {outcome_names,
                                                ARRAY_LEN(outcome_names)};

/* clang-format off */
static const struct record_field target_fields[] = {
    RECORD_ROW(cancel_target, job_id, RECORD_STR, RECORD_PLAIN, 0),
    RECORD_ROW(cancel_target, session_id, RECORD_STR, RECORD_PLAIN, 0),
    RECORD_ROW(cancel_target, tenant_id, RECORD_STR, RECORD_PLAIN, 0),
    RECORD_LIST_ROW(cancel_target, labels, RECORD_STRMAP, RECORD_PLAIN,
                    JOB_MAX_LABELS),
};

static const struct record target_record = {
    "target", sizeof(struct cancel_target), target_fields,
    ARRAY_LEN(target_fields),
};

static const struct record_field fields[] = {
    RECORD_ROW(cancel, v, RECORD_UINT, RECORD_REQUIRED, 0),
    RECORD_ROW(cancel, cancel_id, RECORD_STR, RECORD_REQUIRED,
               JOB_ID_MAX_BYTES),
    RECORD_OBJECT_ROW(cancel, target, RECORD_REQUIRED, &target_record),
    RECORD_ROW(cancel, reason, RECORD_STR, RECORD_PLAIN, 0),
    RECORD_ENUM_ROW(cancel, mode, RECORD_PLAIN, &cancel_mode_enum),
    RECORD_ROW(cancel, grace_ms, RECORD_UINT, RECORD_PLAIN, 0),
    RECORD_ENUM_ROW(cancel, outcome, RECORD_PLAIN, &cancel_outcome_enum),
};
/* clang-format on */

const struct record cancel_record = {
    "cancel",
    sizeof(struct cancel),
    fields,
    ARRAY_LEN(fields),
};

void cancel_init(struct cancel *cancel)
{
    record_init(&cancel_record, cancel);
    cancel->v = 1;
}

int cancel_encode(const struct cancel *cancel, struct buf *b, struct err *e)
{
    return record_encode(&cancel_record, cancel, b, e);
}

int cancel_decode(const void *data, size_t len, struct arena *arena,
                  struct cancel *out, struct err *e)
{
    if (record_decode(&cancel_record, data, len, arena, out, e) < 0) {
        return -1;
    }
    if (out->mode == RECORD_NO_ENUM) {
        out->mode = CANCEL_GRACEFUL;
    }
    return 0;
}

static int check_target(const struct cancel_target *target, struct err *e)
{
    const struct {
        const char *name;
        struct view value;
    } ids[] = {
        {"job_id", target->job_id},
        {"session_id", target->session_id},
        {"tenant_id", target->tenant_id},
    };
    int named = 0;

    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        if (ids[i].value.data == NULL) {
            continue;
        }
        if (!job_is_id(ids[i].value)) {
            return err_set(e, ERR_INPUT, "target.%s: is not an id",
                           ids[i].name);
        }
        named++;
    }
    /* Labels choose among a tenant's jobs, or among all. */
    if (named > 1 || (named == 0 && target->labels_count == 0)) {
        return err_set(e, ERR_INPUT,
                       "target: must have exactly one of job_id, session_id "
                       "and tenant_id, or labels");
    }
    if (target->labels_count > 0 && named == 1 &&
        target->tenant_id.data == NULL) {
        return err_set(e, ERR_INPUT,
                       "target.labels: go with tenant_id or alone");
    }
    return 0;
}

int cancel_validate(const struct cancel *cancel, struct err *e)
{
    if (cancel->v != 1) {
        return err_set(e, ERR_INPUT, "v: only version 1 is known");
    }
    if (!job_is_id(cancel->cancel_id)) {
        return err_set(e, ERR_INPUT, "cancel_id: is missing or is not an id");
    }
    return check_target(&cancel->target, e);
}
