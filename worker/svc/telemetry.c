/* SPDX-License-Identifier: MIT */
/* telemetry.c - see telemetry.h. */
#include "svc/telemetry.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "svc/kafka_out.h"

#define EVENT_MAX_BYTES 65536

struct telemetry {
    struct kafka_out *out; /* NULL: switched off */
    const char *worker_id;
    char topic[256];
    uint64_t seq;
    uint64_t lost; /* here, before the queue */
    struct buf bytes;
    struct buf attributes;
};

int telemetry_open(const struct config *config, uv_loop_t *loop,
                   const char *worker_id, struct telemetry **out, struct err *e)
{
    struct telemetry *t = xcalloc(1, sizeof(*t));

    t->worker_id = worker_id;
    buf_init(&t->bytes, EVENT_MAX_BYTES);
    buf_init(&t->attributes, EVENT_MAX_BYTES);
    (void)snprintf(t->topic, sizeof(t->topic), "%stelemetry",
                   config->topics_prefix);
    if (config->events_telemetry &&
        kafka_out_open(config, KAFKA_OUT_FAST, loop, &t->out, e) < 0) {
        telemetry_close(t, 0);
        return -1;
    }
    *out = t;
    return 0;
}

static int send_event(struct telemetry *t, const struct event *event,
                      struct err *e)
{
    static const struct kafka_header headers[] = {
        {"content-type", {"application/vnd.msgpack", 23}},
        {"forkyard-schema", {"event/1", 7}},
    };

    buf_clear(&t->bytes);
    if (event_encode(event, &t->bytes, e) < 0) {
        return -1;
    }
    const struct kafka_record record = {
        .topic = t->topic,
        .key = view_of(t->worker_id),
        .value = buf_view(&t->bytes),
        .headers = headers,
        .header_count = ARRAY_LEN(headers),
    };
    return kafka_out_send(t->out, &record, e);
}

void telemetry_emit(struct telemetry *t, struct event *event,
                    const struct event_attribute *attributes, size_t count)
{
    char id[160];
    struct err e;

    if (!t->out) {
        return;
    }
    (void)snprintf(id, sizeof(id), "%s.%" PRIu64, t->worker_id, t->seq);
    event->event_id = view_of(id);
    event->seq = t->seq++;
    event->timestamp_unix_nano = clock_unix_ns();
    event->worker_id = view_of(t->worker_id);
    buf_clear(&t->attributes);
    if (event_put_attributes(attributes, count, &t->attributes, &e) == 0) {
        event->attributes = buf_view(&t->attributes);
    }
    if (send_event(t, event, &e) < 0) {
        t->lost++;
        log_debug("telemetry event lost", "error=%s", e.msg);
    }
}

const struct kafka_out *telemetry_producer(const struct telemetry *t)
{
    return t->out;
}

uint64_t telemetry_lost(const struct telemetry *t)
{
    return t->lost + (t->out ? kafka_out_lost(t->out) : 0);
}

void telemetry_close(struct telemetry *t, int timeout_ms)
{
    if (!t) {
        return;
    }
    if (t->out) {
        (void)kafka_out_close(t->out, timeout_ms);
    }
    buf_done(&t->bytes);
    buf_done(&t->attributes);
    free(t);
}
