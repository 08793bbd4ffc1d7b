/* SPDX-License-Identifier: MIT */
/* event.c - the telemetry message: its table, and maps of attributes. Written
 * by the engine, read by the command line tools. Pure. */
#include "wire/event.h"

#include <math.h>

static const char *const severity_names[] = {"debug", "info", "warn", "error"};

const struct record_enum event_severity_enum = {severity_names,
                                                ARRAY_LEN(severity_names)};

/* clang-format off */
static const struct record_field fields[] = {
    RECORD_ROW(event, v, RECORD_UINT, RECORD_REQUIRED, 0),
    RECORD_ROW(event, event_id, RECORD_STR, RECORD_REQUIRED, 0),
    RECORD_ROW(event, seq, RECORD_UINT, RECORD_PLAIN, 0),
    RECORD_ROW(event, timestamp_unix_nano, RECORD_UINT, RECORD_REQUIRED, 0),
    RECORD_ROW(event, type, RECORD_STR, RECORD_REQUIRED, 0),
    RECORD_ENUM_ROW(event, severity, RECORD_PLAIN, &event_severity_enum),
    RECORD_ROW(event, worker_id, RECORD_STR, RECORD_PLAIN, 0),
    RECORD_ROW(event, tenant_id, RECORD_STR, RECORD_PLAIN, 0),
    RECORD_ROW(event, job_id, RECORD_STR, RECORD_PLAIN, 0),
    RECORD_ROW(event, attempt, RECORD_UINT, RECORD_PLAIN, 0),
    RECORD_ROW(event, session_id, RECORD_STR, RECORD_PLAIN, 0),
    RECORD_ROW(event, attributes, RECORD_RAW, RECORD_MAP, 0),
};
/* clang-format on */

const struct record event_record = {
    "event",
    sizeof(struct event),
    fields,
    ARRAY_LEN(fields),
};

void event_init(struct event *event)
{
    record_init(&event_record, event);
    event->v = 1;
    event->severity = EVENT_INFO;
}

int event_encode(const struct event *event, struct buf *b, struct err *e)
{
    return record_encode(&event_record, event, b, e);
}

int event_decode(const void *data, size_t len, struct arena *arena,
                 struct event *out, struct err *e)
{
    return record_decode(&event_record, data, len, arena, out, e);
}

int event_validate(const struct event *event, struct err *e)
{
    if (event->v != 1) {
        return err_set(e, ERR_INPUT, "v: only version 1 is known");
    }
    if (event->event_id.len == 0) {
        return err_set(e, ERR_INPUT, "event_id: is missing");
    }
    if (event->type.len == 0) {
        return err_set(e, ERR_INPUT, "type: is missing");
    }
    if (event->timestamp_unix_nano == RECORD_NO_UINT) {
        return err_set(e, ERR_INPUT, "timestamp_unix_nano: is missing");
    }
    return 0;
}

static bool is_absent(const struct event_attribute *a)
{
    return (a->type == EVENT_TEXT && a->text.data == NULL) ||
           (a->type == EVENT_DOUBLE && !isfinite(a->d));
}

static int put_value(const struct event_attribute *a, struct buf *b,
                     struct err *e)
{
    switch (a->type) {
    case EVENT_TEXT:
        /* Bytes that are no text stay bytes. */
        return view_is_text(a->text) ? mpk_put_str(b, a->text, e)
                                     : mpk_put_bin(b, a->text, e);
    case EVENT_UINT:
        return mpk_put_uint(b, a->u, e);
    case EVENT_INT:
        return mpk_put_int(b, a->i, e);
    case EVENT_DOUBLE:
        return mpk_put_double(b, a->d, e);
    case EVENT_BOOL:
        return mpk_put_bool(b, a->b, e);
    default:
        return err_set(e, ERR_BUG, "%s: no such type", a->name);
    }
}

int event_put_attributes(const struct event_attribute *attributes, size_t count,
                         struct buf *b, struct err *e)
{
    size_t held = 0;

    for (size_t i = 0; i < count; i++) {
        held += is_absent(&attributes[i]) ? 0 : 1;
    }
    if (mpk_put_map(b, held, e) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        const struct event_attribute *a = &attributes[i];

        if (is_absent(a)) {
            continue;
        }
        if (mpk_put_cstr(b, a->name, e) < 0 || put_value(a, b, e) < 0) {
            return -1;
        }
    }
    return 0;
}
