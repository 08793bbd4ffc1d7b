/* SPDX-License-Identifier: MIT */
/* fy_client.c - jobs out, results in.
 *
 * Happy path: open fixes where in the results topic we start reading; send puts
 * a job into the producer's queue and its id among the awaited; every call that
 * waits serves the producer's answers and the reader's records.
 *
 * Failures: a job that Kafka did not acknowledge is counted for flush, and told
 * to its callback and to whoever awaits it. A record that is no result of an
 * awaited job is passed over.
 *
 * On close: waits for what is queued, then all callbacks were called. Runs in
 * any program. Joins no group, commits nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "lib/fy_awaited.h"
#include "lib/fy_error.h"
#include "lib/fy_job.h"
#include "lib/fy_options.h"
#include "lib/fy_result.h"
#include "svc/kafka_conf.h"
#include "svc/kafka_out.h"
#include "svc/kafka_tail.h"
#include "wire/cancel.h"
#include "wire/chunk.h"

#define TOPIC_MAX     250  /* Kafka takes 249 characters */
#define CHUNK_ARENA   4096 /* a chunk has no lists */
#define CANCEL_MAX    65536
#define DEFAULT_QUEUE "default"
/* While answers of the producer are due, reading is interrupted this often. */
#define ANSWER_MS 20
/* Else so often: whoever waits without end hears of trouble. */
#define SLICE_MS 500

struct fy_client {
    struct config config;
    struct kafka_out *out;
    struct kafka_tail *tail; /* NULL: reads nothing */
    bool has_output;
    struct fy_awaited awaited;
    fy_output_fn on_output;
    void *output_arg;
    size_t unsent; /* since the last flush */
    struct err last;
    char trouble[300]; /* of opening the output topic */
};

/* Who waits for an acknowledgement. */
struct sending {
    struct fy_client *client;
    fy_sent_fn on_sent;
    void *arg;
    char id[];
};

/* --- open and close ------------------------------------------------------ */

static int open_tail(struct fy_client *client, unsigned reads, struct err *e)
{
    AUTO_FREE char *results = kafka_conf_topic(&client->config, "results");
    AUTO_FREE char *output = kafka_conf_topic(&client->config, "output");
    struct err why = {0};

    if (!(reads & FY_READ_RESULTS)) {
        return 0;
    }
    if (kafka_tail_open(&client->config, results, KAFKA_TAIL_END, &client->tail,
                        e) < 0) {
        return -1;
    }
    if (!(reads & FY_READ_OUTPUT)) {
        return 0;
    }
    client->has_output =
        kafka_tail_add(client->tail, output, KAFKA_TAIL_END, &why) == 0;
    client->awaited.keeps = client->has_output;
    (void)snprintf(client->trouble, sizeof(client->trouble), "%.290s", why.msg);
    return 0;
}

/* The producer last, and used at once: when its first connection is there
 * before its first record, librdkafka takes 50 ms to ask for another. */
static int open_both(struct fy_client *client, unsigned reads, struct err *e)
{
    if ((reads & FY_READ_OUTPUT) && !(reads & FY_READ_RESULTS)) {
        return err_set(e, ERR_INPUT,
                       "reads: FY_READ_OUTPUT goes with FY_READ_RESULTS");
    }
    if (open_tail(client, reads, e) < 0) {
        return -1;
    }
    return kafka_out_open(&client->config, KAFKA_OUT_RELIABLE, NULL,
                          &client->out, e);
}

int fy_client_open(const struct fy_options *options, unsigned reads,
                   struct fy_client **out, struct fy_error *error)
{
    struct fy_client *client = xcalloc(1, sizeof(*client));
    struct err e = {0};

    config_copy(&client->config, &options->config);
    if (open_both(client, reads, &e) < 0) {
        (void)fy_client_close(client, 0);
        return fy_error_set(error, &e);
    }
    *out = client;
    return 0;
}

size_t fy_client_close(struct fy_client *client, int timeout_ms)
{
    size_t unsent;

    if (!client) {
        return 0;
    }
    /* first: its callbacks come now */
    unsent = kafka_out_close(client->out, timeout_ms);
    kafka_tail_close(client->tail);
    fy_awaited_done(&client->awaited);
    config_done(&client->config);
    free(client);
    return unsent;
}

int fy_client_has_output(const struct fy_client *client)
{
    return client->has_output;
}

const char *fy_client_trouble(const struct fy_client *client)
{
    const char *out = kafka_out_trouble(client->out);
    const char *tail = client->tail ? kafka_tail_trouble(client->tail) : "";

    if (*out || *tail) {
        return *out ? out : tail;
    }
    return client->trouble;
}

/* --- sending ------------------------------------------------------------- */

static void on_ack(const struct err *failure_or_null, void *arg)
{
    struct sending *sending = arg;
    struct fy_client *client = sending->client;
    struct fy_error error;

    if (failure_or_null) {
        client->unsent++;
        client->last = *failure_or_null;
        fy_awaited_fail(&client->awaited, view_of(sending->id),
                        failure_or_null);
        (void)fy_error_set(&error, failure_or_null);
    }
    if (sending->on_sent) {
        sending->on_sent(sending->id, failure_or_null ? &error : NULL,
                         sending->arg);
    }
    free(sending);
}

/* A record whose acknowledgement somebody waits for. */
static int send_record(struct fy_client *client, struct kafka_record *record,
                       struct view id, fy_sent_fn on_sent, void *arg,
                       struct err *e)
{
    struct sending *sending;

    if (kafka_out_has_failed(client->out)) {
        return err_set(e, ERR_SYSTEM, "the producer has given up: %s",
                       kafka_out_trouble(client->out));
    }
    sending = xcalloc(1, sizeof(*sending) + id.len + 1);
    sending->client = client;
    sending->on_sent = on_sent;
    sending->arg = arg;
    memcpy(sending->id, id.data, id.len);
    record->on_ack = on_ack;
    record->arg = sending;
    if (kafka_out_send(client->out, record, e) < 0) {
        free(sending);
        return -1;
    }
    return 0;
}

/* All jobs of a session, or of one order, go to one partition. */
static struct view key_of(const struct job *job)
{
    if (job->session_id.data) {
        return job->session_id;
    }
    return job->ordering_key.data ? job->ordering_key : job->job_id;
}

static int name_topic(const struct fy_client *client, const char *queue,
                      char out[TOPIC_MAX], struct err *e)
{
    int len =
        snprintf(out, TOPIC_MAX, "%sjobs.%s", client->config.topics_prefix,
                 queue ? queue : DEFAULT_QUEUE);

    if (len >= TOPIC_MAX) {
        return err_set(e, ERR_INPUT, "queue: the topic's name is too long");
    }
    return 0;
}

static int send_job(struct fy_client *client, const struct job *job,
                    struct view bytes, const char *topic, fy_sent_fn on_sent,
                    void *arg, struct err *e)
{
    struct kafka_header headers[] = {
        {"content-type", view_of("application/vnd.msgpack")},
        {"forkyard-schema", view_of("job/1")},
        {"job_id", job->job_id},
        {"tenant_id", job->tenant_id},
        {"traceparent", job->traceparent},
    };
    struct kafka_record record = {
        .topic = topic,
        .key = key_of(job),
        .value = bytes,
        .headers = headers,
        .header_count = ARRAY_LEN(headers) - !job->traceparent.data,
    };

    return send_record(client, &record, job->job_id, on_sent, arg, e);
}

int fy_client_send(struct fy_client *client, struct fy_job *job,
                   const char *queue, fy_sent_fn on_sent, void *arg,
                   struct fy_error *error)
{
    const struct job *record = NULL;
    struct view bytes;
    char topic[TOPIC_MAX];
    bool was_awaited;
    struct err e = {0};

    if (fy_job_judge(job, &client->config, &record, &bytes, &e) < 0 ||
        name_topic(client, queue, topic, &e) < 0) {
        return fy_error_set(error, &e);
    }
    was_awaited = fy_awaited_has(&client->awaited, record->job_id);
    if (client->tail) {
        fy_awaited_add(&client->awaited, record->job_id);
    }
    if (send_job(client, record, bytes, topic, on_sent, arg, &e) < 0) {
        if (!was_awaited) {
            fy_awaited_forget(&client->awaited, record->job_id);
        }
        return fy_error_set(error, &e);
    }
    return 0;
}

static int encode_cancel(const char *job_id, enum fy_cancel_mode mode,
                         const char *reason, struct buf *bytes, struct err *e)
{
    struct cancel cancel;
    char id[FY_ID_SIZE];

    if (fy_id_new(id) < 0) {
        return err_set(e, ERR_SYSTEM, "cancel_id: no random bytes for one");
    }
    cancel_init(&cancel);
    cancel.cancel_id = view_of(id);
    cancel.target.present = true;
    cancel.target.job_id = view_of(job_id);
    cancel.reason = view_of(reason);
    cancel.mode = mode == FY_CANCEL_KILL ? CANCEL_KILL : CANCEL_GRACEFUL;
    if (cancel_validate(&cancel, e) < 0) {
        return -1;
    }
    return cancel_encode(&cancel, bytes, e);
}

int fy_client_cancel(struct fy_client *client, const char *job_id,
                     enum fy_cancel_mode mode, const char *reason,
                     struct fy_error *error)
{
    AUTO_BUF struct buf bytes;
    AUTO_FREE char *topic = kafka_conf_topic(&client->config, "control");
    struct kafka_header headers[] = {
        {"content-type", view_of("application/vnd.msgpack")},
        {"forkyard-schema", view_of("cancel/1")},
        {"job_id", view_of(job_id)},
    };
    struct kafka_record record = {
        .topic = topic,
        .key = view_of(job_id),
        .headers = headers,
        .header_count = ARRAY_LEN(headers),
    };
    struct err e = {0};

    buf_init(&bytes, CANCEL_MAX);
    if (encode_cancel(job_id, mode, reason, &bytes, &e) < 0) {
        return fy_error_set(error, &e);
    }
    record.value = buf_view(&bytes);
    /* Its own failure is not that of the job: no id among the awaited. */
    return send_record(client, &record, view_of(""), NULL, NULL, &e) < 0
               ? fy_error_set(error, &e)
               : 0;
}

/* --- waiting ------------------------------------------------------------- */

#define NEVER UINT64_MAX

static uint64_t deadline_of(int timeout_ms)
{
    return timeout_ms < 0 ? NEVER : clock_mono_ms() + (uint64_t)timeout_ms;
}

/* How long to wait now, at most max_ms. */
static int slice(uint64_t deadline_ms, int max_ms)
{
    uint64_t now_ms = clock_mono_ms();

    if (now_ms >= deadline_ms) {
        return 0;
    }
    return deadline_ms - now_ms < (uint64_t)max_ms ? (int)(deadline_ms - now_ms)
                                                   : max_ms;
}

/* True when it is the first of a job we wait for. Its key is its job_id, so
 * that those of others are not even decoded. */
static bool take_result(struct fy_client *client, struct view key,
                        struct view value)
{
    struct fy_result *result = NULL;

    if (!fy_awaited_wants(&client->awaited, key) ||
        fy_result_new(value, &result, NULL) < 0) {
        return false;
    }
    if (!view_eq(fy_result_record(result)->job_id, key)) {
        fy_result_free(result);
        return false;
    }
    fy_awaited_arrive(&client->awaited, key, result);
    return true;
}

static void tell_output(const struct fy_client *client,
                        const struct chunk *chunk, struct view value)
{
    AUTO_FREE char *id = view_dup(chunk->job_id);
    const struct fy_output output = {
        .job_id = id,
        .attempt = chunk->attempt,
        .seq = chunk->seq,
        .offset = chunk->offset,
        .stream = record_enum_name(&chunk_stream_enum, chunk->stream),
        .data = chunk->data.data,
        .len = chunk->data.len,
        .is_last = chunk->last,
        .record = value.data,
        .record_len = value.len,
    };

    client->on_output(&output, client->output_arg);
}

static bool take_output(struct fy_client *client, struct view key,
                        struct view value)
{
    struct arena arena;
    struct chunk chunk;
    bool is_ours;

    if (!client->on_output || !value.data ||
        !fy_awaited_has(&client->awaited, key)) {
        return false;
    }
    arena_init(&arena, CHUNK_ARENA);
    is_ours = chunk_decode(value.data, value.len, &arena, &chunk, NULL) == 0 &&
              view_eq(chunk.job_id, key);
    if (is_ours) {
        tell_output(client, &chunk, value);
    }
    arena_done(&arena);
    return is_ours;
}

/* One record, or none: 1 when it was ours. */
static int read_one(struct fy_client *client, int timeout_ms, struct err *e)
{
    struct view key;
    struct view value;
    int got = kafka_tail_next(client->tail, timeout_ms, &key, &value, NULL, e);

    if (got <= 0) {
        return got;
    }
    /* the results were added first */
    return kafka_tail_topic(client->tail) > 0 ? take_output(client, key, value)
                                              : take_result(client, key, value);
}

static int serve(struct fy_client *client, int timeout_ms, struct err *e)
{
    uint64_t deadline_ms = deadline_of(timeout_ms);
    bool is_last;
    int got;

    do {
        size_t due = kafka_out_pending(client->out);
        int wait_ms = slice(deadline_ms, due ? ANSWER_MS : SLICE_MS);

        /* looked at before: with no time, once is enough */
        is_last = wait_ms == 0;
        if (!client->tail) {
            kafka_out_poll(client->out, wait_ms);
            got = kafka_out_pending(client->out) < due;
        } else {
            kafka_out_poll(client->out, 0);
            got = read_one(client, wait_ms, e);
        }
    } while (got == 0 && !is_last);
    return got;
}

int fy_client_poll(struct fy_client *client, int timeout_ms,
                   struct fy_error *error)
{
    struct err e = {0};
    int rc = serve(client, timeout_ms, &e);

    return rc < 0 ? fy_error_set(error, &e) : rc;
}

size_t fy_client_unsent(const struct fy_client *client)
{
    return kafka_out_pending(client->out);
}

static int flush(struct fy_client *client, int timeout_ms, struct err *e)
{
    uint64_t deadline_ms = deadline_of(timeout_ms);
    const char *trouble;
    size_t pending;
    size_t unsent;
    int wait_ms;

    do {
        wait_ms = slice(deadline_ms, SLICE_MS);
        kafka_out_poll(client->out, wait_ms);
        pending = kafka_out_pending(client->out);
    } while (pending > 0 && wait_ms > 0);
    unsent = client->unsent + pending;
    client->unsent = 0;
    if (unsent == 0) {
        return 0;
    }
    trouble = kafka_out_trouble(client->out);
    if (pending > 0) {
        (void)err_set(&client->last, ERR_RETRY, "no answer from Kafka yet");
    }
    return err_set(e, client->last.kind,
                   "%zu message(s) are not known to have arrived: %s%s%s",
                   unsent, client->last.msg, *trouble ? "; " : "", trouble);
}

int fy_client_flush(struct fy_client *client, int timeout_ms,
                    struct fy_error *error)
{
    struct err e = {0};

    return flush(client, timeout_ms, &e) < 0 ? fy_error_set(error, &e) : 0;
}

static int await(struct fy_client *client, struct view id, int timeout_ms,
                 struct fy_result **out, struct err *e)
{
    uint64_t deadline_ms = deadline_of(timeout_ms);
    int wait_ms;
    int rc;

    if (!client->tail) {
        return err_set(e, ERR_INPUT, "reads: this client reads no results");
    }
    for (;;) {
        rc = fy_awaited_take(&client->awaited, id, out, e);
        wait_ms = slice(deadline_ms, SLICE_MS);
        if (rc != 0) {
            return rc;
        }
        if (serve(client, wait_ms, e) < 0) {
            return -1;
        }
        if (wait_ms == 0) {
            return fy_awaited_take(&client->awaited, id, out, e);
        }
    }
}

int fy_client_await(struct fy_client *client, const char *job_id,
                    int timeout_ms, struct fy_result **out,
                    struct fy_error *error)
{
    struct err e = {0};
    int rc = await(client, view_of(job_id), timeout_ms, out, &e);

    return rc < 0 ? fy_error_set(error, &e) : rc;
}

int fy_client_run(struct fy_client *client, struct fy_job *job,
                  const char *queue, int timeout_ms, struct fy_result **out,
                  struct fy_error *error)
{
    struct err e = {0};
    int rc;

    /* Its failure to be sent comes back from await() as its own. */
    if (fy_client_send(client, job, queue, NULL, NULL, error) < 0) {
        return -1;
    }
    rc = await(client, view_of(fy_job_id(job)), timeout_ms, out, &e);
    fy_client_forget(client, fy_job_id(job));
    return rc < 0 ? fy_error_set(error, &e) : rc;
}

/* --- which jobs ---------------------------------------------------------- */

int fy_client_watch(struct fy_client *client, const char *job_id,
                    struct fy_error *error)
{
    struct err e = {0};

    if (!client->tail) {
        (void)err_set(&e, ERR_INPUT, "reads: this client reads no results");
        return fy_error_set(error, &e);
    }
    if (!job_is_id(view_of(job_id))) {
        (void)err_set(&e, ERR_INPUT, "job_id: is not an id");
        return fy_error_set(error, &e);
    }
    fy_awaited_add(&client->awaited, view_of(job_id));
    return 0;
}

void fy_client_forget(struct fy_client *client, const char *job_id)
{
    fy_awaited_forget(&client->awaited, view_of(job_id));
}

size_t fy_client_awaited(const struct fy_client *client)
{
    return client->awaited.count;
}

void fy_client_on_output(struct fy_client *client, fy_output_fn fn, void *arg)
{
    client->on_output = fn;
    client->output_arg = arg;
}
