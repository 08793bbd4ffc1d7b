/* SPDX-License-Identifier: MIT */
/* envelope.c - see envelope.h. Runs in the engine. */
#include "run/envelope.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* Ours, at most; the others are the original's, before them. */
#define OWN_HEADERS 8

static size_t count_headers(const struct kafka_in_msg *msg)
{
    const char *name = NULL;
    struct view value;
    size_t count = 0;

    while (kafka_in_header(msg, count, &name, &value)) {
        count++;
    }
    return count;
}

static void begin(struct envelope *out, size_t others)
{
    memset(out, 0, sizeof(*out));
    out->list = xcalloc(others + OWN_HEADERS, sizeof(*out->list));
}

static void add(struct envelope *h, const char *name, struct view value)
{
    if (value.data) {
        h->list[h->count++] = (struct kafka_header){name, value};
    }
}

static void add_number(struct envelope *h, size_t i, const char *name,
                       uint64_t value)
{
    (void)snprintf(h->numbers[i], sizeof(h->numbers[i]), "%" PRIu64, value);
    add(h, name, view_of(h->numbers[i]));
}

static bool is_of_waiting(const char *name)
{
    static const char *const names[] = {
        ENVELOPE_LATER_DUE, ENVELOPE_LATER_TOPIC, ENVELOPE_LATER_WHY};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!strcmp(name, names[i])) {
            return true;
        }
    }
    return false;
}

static bool is_of_one_run(const char *name)
{
    return is_of_waiting(name) || !strcmp(name, "attempt");
}

static bool is_none(const char *name)
{
    (void)name;
    return false;
}

/* The original's headers, without some. */
static void begin_with(struct envelope *h, const struct kafka_in_msg *msg,
                       bool (*is_left_out)(const char *name))
{
    const char *name = NULL;
    struct view value;

    begin(h, count_headers(msg));
    for (size_t i = 0; kafka_in_header(msg, i, &name, &value); i++) {
        if (!is_left_out(name)) {
            h->list[h->count++] = (struct kafka_header){name, value};
        }
    }
}

struct view envelope_find(const struct kafka_in_msg *msg, const char *name)
{
    const char *found = NULL;
    struct view value;

    for (size_t i = 0; kafka_in_header(msg, i, &found, &value); i++) {
        if (!strcmp(found, name)) {
            return value;
        }
    }
    return (struct view){0};
}

/* Whoever traces may say so in the body or, as tracers do, in a header. */
static struct view traceparent_of(const struct work *w)
{
    return w->identity.traceparent.data ? w->identity.traceparent
                                        : envelope_find(&w->msg, "traceparent");
}

void envelope_of_result(struct envelope *h, const struct work *w)
{
    begin(h, 0);
    add(h, "content-type", view_of("application/vnd.msgpack"));
    add(h, "forkyard-schema", view_of("result/1"));
    add(h, "job_id", w->identity.job_id);
    add(h, "tenant_id", w->identity.tenant_id);
    add_number(h, 0, "attempt", w->origin.attempt);
    add(h, "traceparent", traceparent_of(w));
}

/* The last parts of the names are those of Kafka Connect's dead letters. */
void envelope_of_dead_letter(struct envelope *h,
                             const struct envelope_death *death)
{
    const struct kafka_in_msg *msg = death->msg;

    begin_with(h, msg, is_none);
    add(h, "forkyard.dlq.topic", view_of(msg->topic));
    add_number(h, 0, "forkyard.dlq.partition", (uint64_t)msg->partition);
    add_number(h, 1, "forkyard.dlq.offset", (uint64_t)msg->offset);
    add(h, "forkyard.dlq.stage", view_of(death->stage));
    add(h, "forkyard.dlq.exception.class.name", view_of(death->why));
    add(h, "forkyard.dlq.exception.message", view_of(death->words));
    add(h, "forkyard.dlq.worker.id", view_of(death->worker_id));
}

void envelope_of_later(struct envelope *h, const struct kafka_in_msg *msg,
                       const struct later *later)
{
    begin_with(h, msg, is_of_one_run);
    add_number(h, 0, "attempt", later->attempt);
    add_number(h, 1, ENVELOPE_LATER_DUE, later->due_unix_ms);
    add(h, ENVELOPE_LATER_TOPIC, view_of(msg->topic));
    add(h, ENVELOPE_LATER_WHY, view_of(later->why));
}

void envelope_of_original(struct envelope *h, const struct kafka_in_msg *msg)
{
    begin_with(h, msg, is_none);
}

void envelope_of_return(struct envelope *h, const struct kafka_in_msg *msg)
{
    begin_with(h, msg, is_of_waiting);
}

void envelope_done(struct envelope *envelope)
{
    free(envelope->list);
    envelope->list = NULL;
}
