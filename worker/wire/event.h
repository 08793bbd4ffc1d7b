/* SPDX-License-Identifier: MIT */
/* event.h - the telemetry message: one thing that happened in the fleet. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "wire/record.h"

enum event_severity {
    EVENT_DEBUG,
    EVENT_INFO,
    EVENT_WARN,
    EVENT_ERROR,
};
extern const struct record_enum event_severity_enum;

struct event {
    uint64_t v;
    struct view event_id;
    uint64_t seq; /* counts the events of one worker process from 0 */
    uint64_t timestamp_unix_nano;
    struct view type; /* "job.started", "worker.heartbeat", ... */
    int severity;     /* enum event_severity */
    struct view worker_id;
    struct view tenant_id;
    struct view job_id;
    uint64_t attempt;
    struct view session_id;
    struct view attributes; /* raw map: event_put_attributes() */
};

extern const struct record event_record;

void event_init(struct event *event); /* v 1, info, the rest absent */
int event_encode(const struct event *event, struct buf *b,
                 struct err *e) MUST_USE;
int event_decode(const void *data, size_t len, struct arena *arena,
                 struct event *out, struct err *e) MUST_USE;
int event_validate(const struct event *event, struct err *e) MUST_USE;

/* One attribute; the macros below make rows of an array of them. */
enum event_attribute_type {
    EVENT_TEXT,
    EVENT_UINT,
    EVENT_INT,
    EVENT_DOUBLE,
    EVENT_BOOL,
};

struct event_attribute {
    const char *name;
    enum event_attribute_type type;
    struct view text;
    uint64_t u;
    int64_t i;
    double d;
    bool b;
};

#define EVENT_ATTR_TEXT(key, val)                                              \
    (struct event_attribute)                                                   \
    {                                                                          \
        .name = (key), .type = EVENT_TEXT, .text = (val)                       \
    }
#define EVENT_ATTR_UINT(key, val)                                              \
    (struct event_attribute)                                                   \
    {                                                                          \
        .name = (key), .type = EVENT_UINT, .u = (val)                          \
    }
#define EVENT_ATTR_INT(key, val)                                               \
    (struct event_attribute)                                                   \
    {                                                                          \
        .name = (key), .type = EVENT_INT, .i = (val)                           \
    }
#define EVENT_ATTR_DOUBLE(key, val)                                            \
    (struct event_attribute)                                                   \
    {                                                                          \
        .name = (key), .type = EVENT_DOUBLE, .d = (val)                        \
    }
#define EVENT_ATTR_BOOL(key, val)                                              \
    (struct event_attribute)                                                   \
    {                                                                          \
        .name = (key), .type = EVENT_BOOL, .b = (val)                          \
    }

/* Appends a msgpack map; buf_view() of it is what event.attributes takes.
 * Absent texts are left out, and numbers that are none. */
int event_put_attributes(const struct event_attribute *attributes, size_t count,
                         struct buf *b, struct err *e) MUST_USE;
