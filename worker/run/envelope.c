/* SPDX-License-Identifier: MIT */
/* envelope.c - see envelope.h. Runs in the engine. */
#include "run/envelope.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* Ours, at most; a dead letter has the original's before them. */
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

/* Whoever traces may say so in the body or, as tracers do, in a header. */
static struct view traceparent_of(const struct envelope_facts *f)
{
    const char *name = NULL;
    struct view value = f->identity->traceparent;

    for (size_t i = 0; !value.data && kafka_in_header(f->msg, i, &name, &value);
         i++) {
        if (strcmp(name, "traceparent") != 0) {
            value.data = NULL;
        }
    }
    return value;
}

void envelope_of_result(struct envelope *h, const struct envelope_facts *f)
{
    begin(h, 0);
    (void)snprintf(h->numbers[0], sizeof(h->numbers[0]), "%" PRIu64,
                   f->origin->attempt);
    add(h, "content-type", view_of("application/vnd.msgpack"));
    add(h, "forkyard-schema", view_of("result/1"));
    add(h, "job_id", f->identity->job_id);
    add(h, "tenant_id", f->identity->tenant_id);
    add(h, "attempt", view_of(h->numbers[0]));
    add(h, "traceparent", traceparent_of(f));
}

/* The last parts of the names are those of Kafka Connect's dead letters. */
void envelope_of_dead_letter(struct envelope *h, const struct envelope_facts *f)
{
    const char *name = NULL;
    struct view value;

    begin(h, count_headers(f->msg));
    for (size_t i = 0; kafka_in_header(f->msg, i, &name, &value); i++) {
        h->list[h->count++] = (struct kafka_header){name, value};
    }
    (void)snprintf(h->numbers[0], sizeof(h->numbers[0]), "%d",
                   f->origin->partition);
    (void)snprintf(h->numbers[1], sizeof(h->numbers[1]), "%" PRId64,
                   f->origin->offset);
    add(h, "forkyard.dlq.topic", view_of(f->origin->topic));
    add(h, "forkyard.dlq.partition", view_of(h->numbers[0]));
    add(h, "forkyard.dlq.offset", view_of(h->numbers[1]));
    add(h, "forkyard.dlq.stage", view_of("decode"));
    add(h, "forkyard.dlq.exception.class.name", f->why);
    add(h, "forkyard.dlq.exception.message", f->words);
    add(h, "forkyard.dlq.worker.id", view_of(f->worker_id));
}

void envelope_done(struct envelope *envelope)
{
    free(envelope->list);
    envelope->list = NULL;
}
