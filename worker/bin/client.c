/* SPDX-License-Identifier: MIT */
/* client.c - jobs out, results in: see client.h.
 *
 * Runs in `forkyard run`, `submit` and `results`. Joins no group, commits
 * nothing. */
#include "bin/client.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <uthash.h>

#include "base/clock.h"
#include "base/mem.h"
#include "bin/cli.h"
#include "svc/kafka_out.h"
#include "svc/kafka_tail.h"

#define CONTENT_TYPE     "application/vnd.msgpack"
#define SCHEMA           "job/1"
#define TOPIC_MAX        250
#define FULL_WAIT_MS     100
#define CLOSE_TIMEOUT_MS 2000

struct client {
    const struct config *config;
    struct kafka_out *out;
    struct kafka_tail *tail;
    bool has_output;
    size_t failed;
    struct err last;
};

void client_new_id(char dst[CLIENT_ID_SIZE])
{
    unsigned char b[16];
    uint64_t ms = clock_unix_ns() / 1000000;

    if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b)) {
        abort(); /* the kernel always has 16 bytes once it has booted */
    }
    for (int i = 0; i < 6; i++) {
        b[i] = (unsigned char)(ms >> (8 * (5 - i)));
    }
    b[6] = (unsigned char)(0x70 | (b[6] & 0x0f)); /* version 7 */
    b[8] = (unsigned char)(0x80 | (b[8] & 0x3f)); /* RFC 9562 variant */
    (void)snprintf(dst, CLIENT_ID_SIZE,
                   "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
                   "%02x%02x%02x%02x%02x%02x",
                   b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9],
                   b[10], b[11], b[12], b[13], b[14], b[15]);
}

/* Without the output topic the results have it all, only later. */
static void add_output(struct client *client)
{
    char topic[TOPIC_MAX];
    struct err e = {0};

    (void)snprintf(topic, sizeof(topic), "%soutput",
                   client->config->topics_prefix);
    client->has_output =
        kafka_tail_add(client->tail, topic, KAFKA_TAIL_END, &e) == 0;
    if (!client->has_output) {
        cli_say("output is shown at the end: %s", e.msg);
    }
}

static int open_tail(struct client *client, enum client_reads reads,
                     struct err *e)
{
    char topic[TOPIC_MAX];

    if (reads == CLIENT_READS_NOTHING) {
        return 0;
    }
    (void)snprintf(topic, sizeof(topic), "%sresults",
                   client->config->topics_prefix);
    if (kafka_tail_open(client->config, topic, KAFKA_TAIL_END, &client->tail,
                        e) < 0) {
        return -1;
    }
    if (reads == CLIENT_READS_OUTPUT_TOO) {
        add_output(client);
    }
    return 0;
}

/* The producer last, and used at once: when its first connection is there
 * before its first record, librdkafka takes 50 ms to ask for another. */
static int open_both(struct client *client, enum client_reads reads,
                     struct err *e)
{
    if (open_tail(client, reads, e) < 0) {
        return -1;
    }
    return kafka_out_open(client->config, KAFKA_OUT_RELIABLE, NULL,
                          &client->out, e);
}

/* For a person who waits. The embedded broker has no long poll, so that a fetch
 * sleeps its whole wait; and an idempotent producer takes half a second to get
 * its first id. A send repeated after a lost answer may then run twice, which
 * the promise (at least once) allows. */
static int make_quick(struct config *config, struct err *e)
{
    static const char *const rows[][2] = {
        {"fetch.wait.max.ms", "5"},
        {"enable.idempotence", "false"},
    };
    char dotted[64];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        (void)snprintf(dotted, sizeof(dotted), "kafka.%s", rows[i][0]);
        if (!config_kafka_get(config, rows[i][0]) &&
            config_set(config, dotted, rows[i][1], e) < 0) {
            return -1;
        }
    }
    return 0;
}

int client_open(struct config *config, enum client_reads reads, bool is_quick,
                struct client **out, struct err *e)
{
    struct client *client = NULL;
    const char *address = config_kafka_get(config, "bootstrap.servers");

    if (is_quick && make_quick(config, e) < 0) {
        return -1;
    }
    client = xcalloc(1, sizeof(*client));
    client->config = config;
    if (open_both(client, reads, e) < 0) {
        client_close(client);
        return err_wrap(e,
                        "Kafka at %s (start one with `forkyard dev`, or name "
                        "yours with --brokers)",
                        address ? address : "?");
    }
    *out = client;
    return 0;
}

static void on_ack(const struct err *failure_or_null, void *arg)
{
    struct client *client = arg;

    if (failure_or_null) {
        client->failed++;
        client->last = *failure_or_null;
    }
}

static struct view key_of(const struct job *job)
{
    if (job->session_id.data) {
        return job->session_id;
    }
    return job->ordering_key.data ? job->ordering_key : job->job_id;
}

int client_send(struct client *client, const char *queue, const struct job *job,
                struct view bytes, struct err *e)
{
    char topic[TOPIC_MAX];
    struct kafka_header headers[] = {
        {"content-type", view_of(CONTENT_TYPE)},
        {"forkyard-schema", view_of(SCHEMA)},
        {"job_id", job->job_id},
        {"tenant_id",
         job->tenant_id.data ? job->tenant_id : view_of("default")},
        {"traceparent", job->traceparent},
    };
    size_t header_count = ARRAY_LEN(headers) - !job->traceparent.data;
    struct kafka_record record = {
        .topic = topic,
        .key = key_of(job),
        .value = bytes,
        .headers = headers,
        .header_count = header_count,
        .on_ack = on_ack,
        .arg = client,
    };

    (void)snprintf(topic, sizeof(topic), "%sjobs.%s",
                   client->config->topics_prefix, queue);
    while (kafka_out_send(client->out, &record, e) < 0) {
        if (!e || e->kind != ERR_RETRY) {
            return err_wrap(e, "%s", topic);
        }
        kafka_out_poll(client->out, FULL_WAIT_MS);
    }
    return 0;
}

size_t client_flush(struct client *client, int timeout_ms, struct err *e)
{
    uint64_t end = clock_mono_ms() + (uint64_t)timeout_ms;

    while (kafka_out_pending(client->out) > 0 && clock_mono_ms() < end) {
        kafka_out_poll(client->out, FULL_WAIT_MS);
    }
    if (client->failed > 0) {
        *e = client->last;
        return client->failed;
    }
    if (kafka_out_pending(client->out) > 0) {
        (void)err_set(e, ERR_RETRY, "no answer from Kafka within %d s",
                      timeout_ms / 1000);
    }
    return kafka_out_pending(client->out);
}

int client_next(struct client *client, int timeout_ms, struct view *out_value,
                struct err *e)
{
    struct view key;

    return kafka_tail_next(client->tail, timeout_ms, &key, out_value, NULL, e);
}

bool client_has_output(const struct client *client)
{
    return client->has_output;
}

/* The results were there first. */
bool client_is_output(const struct client *client)
{
    return kafka_tail_topic(client->tail) > 0;
}

void client_close(struct client *client)
{
    if (!client) {
        return;
    }
    kafka_tail_close(client->tail);
    if (client->out) {
        (void)kafka_out_close(client->out, CLOSE_TIMEOUT_MS);
    }
    free(client);
}

struct client_seen {
    UT_hash_handle hh;
    char id[];
};

static struct client_seen *find(struct client_seen *set, struct view id)
{
    struct client_seen *found = NULL;

    HASH_FIND(hh, set, id.data, id.len, found);
    return found;
}

bool client_seen_has(struct client_seen *set, struct view id)
{
    return find(set, id) != NULL;
}

bool client_seen_add(struct client_seen **set, struct view id)
{
    struct client_seen *entry;

    if (find(*set, id)) {
        return false;
    }
    entry = xcalloc(1, sizeof(*entry) + id.len + 1);
    if (id.len) {
        memcpy(entry->id, id.data, id.len);
    }
    HASH_ADD_KEYPTR(hh, *set, entry->id, id.len, entry);
    return true;
}

void client_seen_free(struct client_seen **set)
{
    struct client_seen *entry;
    struct client_seen *next;

    HASH_ITER(hh, *set, entry, next)
    {
        HASH_DEL(*set, entry);
        free(entry);
    }
}
