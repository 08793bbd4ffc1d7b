/* SPDX-License-Identifier: MIT */
/* audit.c - the audit message: its table. Written by the engine, read by the
 * command line tools. Pure; the hashes are computed elsewhere. */
#include "wire/audit.h"

#include "wire/job.h"

static const char *const event_names[] = {"received", "started", "finished",
                                          "published"};

const struct record_enum audit_event_enum = {event_names,
                                             ARRAY_LEN(event_names)};

/* clang-format off */
static const struct record_field check_fields[] = {
    RECORD_ROW(audit_check, name, RECORD_STR, RECORD_REQUIRED, 0),
    RECORD_ROW(audit_check, passed, RECORD_BOOL,
               RECORD_REQUIRED | RECORD_ALWAYS, 0),
    RECORD_ROW(audit_check, detail, RECORD_STR, RECORD_PLAIN, 0),
};

static const struct record check_record = {
    "check", sizeof(struct audit_check), check_fields,
    ARRAY_LEN(check_fields),
};

static const struct record_field fields[] = {
    RECORD_ROW(audit, v, RECORD_UINT, RECORD_REQUIRED, 0),
    RECORD_ROW(audit, seq, RECORD_UINT, RECORD_REQUIRED, 0),
    RECORD_ROW(audit, timestamp_unix_nano, RECORD_UINT, RECORD_REQUIRED, 0),
    RECORD_ENUM_ROW(audit, event_type, RECORD_REQUIRED, &audit_event_enum),
    RECORD_ROW(audit, worker_id, RECORD_STR, RECORD_PLAIN, 0),
    RECORD_ROW(audit, job_id, RECORD_STR, RECORD_REQUIRED, 0),
    RECORD_ROW(audit, attempt, RECORD_UINT, RECORD_PLAIN, 0),
    RECORD_ROW(audit, code_sha256, RECORD_STR, RECORD_PLAIN, 0),
    RECORD_ROW(audit, args_sha256, RECORD_STR, RECORD_PLAIN, 0),
    RECORD_OBJECTS_ROW(audit, checks, RECORD_PLAIN, AUDIT_MAX_CHECKS,
                       &check_record),
    RECORD_OBJECT_ROW(audit, usage, RECORD_PLAIN, &result_usage_record),
    RECORD_ROW(audit, prev_hash, RECORD_STR, RECORD_PLAIN, 0),
};
/* clang-format on */

const struct record audit_record = {
    "audit",
    sizeof(struct audit),
    fields,
    ARRAY_LEN(fields),
};

void audit_init(struct audit *audit)
{
    record_init(&audit_record, audit);
    audit->v = 1;
}

int audit_encode(const struct audit *audit, struct buf *b, struct err *e)
{
    return record_encode(&audit_record, audit, b, e);
}

int audit_decode(const void *data, size_t len, struct arena *arena,
                 struct audit *out, struct err *e)
{
    return record_decode(&audit_record, data, len, arena, out, e);
}

int audit_validate(const struct audit *audit, struct err *e)
{
    const struct {
        const char *name;
        struct view value;
    } digests[] = {
        {"code_sha256", audit->code_sha256},
        {"args_sha256", audit->args_sha256},
        {"prev_hash", audit->prev_hash},
    };

    if (audit->v != 1) {
        return err_set(e, ERR_INPUT, "v: only version 1 is known");
    }
    if (!job_is_id(audit->job_id)) {
        return err_set(e, ERR_INPUT, "job_id: is missing or is not an id");
    }
    if (audit->event_type == RECORD_NO_ENUM) {
        return err_set(e, ERR_INPUT, "event_type: is missing");
    }
    for (size_t i = 0; i < ARRAY_LEN(digests); i++) {
        if (digests[i].value.data != NULL && !job_is_sha256(digests[i].value)) {
            return err_set(e, ERR_INPUT, "%s: must be 64 hex digits",
                           digests[i].name);
        }
    }
    return 0;
}
