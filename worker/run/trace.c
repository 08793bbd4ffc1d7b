/* SPDX-License-Identifier: MIT */
/* trace.c - see trace.h. */
#include "run/trace.h"

#include "base/log.h"
#include "base/str.h"
#include "wire/event.h"

void trace_event(struct telemetry *telemetry, const struct work *w,
                 const char *type, const char *status)
{
    struct event event;
    struct event_attribute attributes[] = {
        EVENT_ATTR_TEXT("messaging.destination.name", view_of(w->origin.topic)),
        EVENT_ATTR_INT("messaging.destination.partition.id",
                       w->origin.partition),
        EVENT_ATTR_INT("messaging.kafka.offset", w->origin.offset),
        EVENT_ATTR_TEXT("forkyard.job.language", w->job.language),
        EVENT_ATTR_TEXT("forkyard.job.status", view_of(status)),
    };

    event_init(&event);
    event.type = view_of(type);
    event.tenant_id = w->identity.tenant_id;
    event.job_id = w->identity.job_id;
    event.session_id = w->identity.session_id;
    event.attempt = w->origin.attempt;
    telemetry_emit(telemetry, &event, attributes, ARRAY_LEN(attributes));
}

int trace_audit(struct audit_log *log, const struct work *w,
                enum audit_event what, const struct result_usage *usage,
                uint64_t *out_seq, struct err *e)
{
    struct audit record;

    audit_init(&record);
    record.event_type = (int)what;
    record.job_id = w->identity.job_id;
    record.attempt = w->origin.attempt;
    if (w->hashes.code[0]) {
        record.code_sha256 = view_of(w->hashes.code);
        record.args_sha256 = view_of(w->hashes.args);
    }
    if (usage) {
        record.usage = *usage;
    }
    return audit_log_write(log, &record, out_seq, e);
}

void trace_audit_late(struct audit_log *log, const struct work *w,
                      enum audit_event what, const struct result_usage *usage,
                      uint64_t *out_seq)
{
    struct err e;

    if (trace_audit(log, w, what, usage, out_seq, &e) < 0) {
        log_warn("audit record lost", "job_id=%.*s error=%s",
                 VIEW_ARG(w->identity.job_id), e.msg);
    }
}
