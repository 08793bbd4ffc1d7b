/* SPDX-License-Identifier: MIT */
/* fy_client_test.c - the library against a broker: what is sent, which result
 * counts, and what is said when it does not work. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../lib/mock_broker.h"
#include "lib/forkyard.h"
#include "lib/fy_options.h"
#include "svc/kafka_tail.h"
#include "wire/cancel.h"
#include "wire/chunk.h"
#include "wire/result.h"

#define WAIT_MS MOCK_BROKER_DEADLINE_MS

struct fixture {
    struct mock_broker mock;
    struct fy_options *options;
    struct fy_client *client;
    struct fy_error error;
    /* of on_sent */
    size_t sent;
    size_t failed;
    struct fy_error why;
    char last_id[JOB_ID_MAX_BYTES + 1];
    /* of on_output */
    size_t outputs;
    char output[64];
};

static void setup(struct fixture *f)
{
    static const char *const topics[] = {"forkyard.jobs.default",
                                         "forkyard.results", "forkyard.output",
                                         "forkyard.control"};
    struct config config;

    memset(f, 0, sizeof(*f));
    mock_broker_start(&f->mock);
    for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
        mock_broker_topic(&f->mock, topics[i], 3);
    }
    mock_broker_config(&f->mock, &config);
    f->options = fy_options_from(&config);
    config_done(&config);
}

static void teardown(struct fixture *f)
{
    (void)fy_client_close(f->client, WAIT_MS);
    fy_options_free(f->options);
    mock_broker_stop(&f->mock);
}

static void is_done(const struct fixture *f, int rc, int wanted)
{
    if (rc != wanted) {
        fail_msg("%d, wanted %d: %s", rc, wanted, f->error.text);
    }
}

static void is_refused(const struct fixture *f, int rc, int code,
                       const char *text)
{
    assert_int_equal(rc, -1);
    if (f->error.code != code || !strstr(f->error.text, text)) {
        fail_msg("wanted %d '%s', got %d '%s'", code, text, f->error.code,
                 f->error.text);
    }
}

static void set(struct fixture *f, const char *name, const char *value)
{
    is_done(f, fy_options_set(f->options, name, value, &f->error), 0);
}

static void open_client(struct fixture *f, unsigned reads)
{
    is_done(f, fy_client_open(f->options, reads, &f->client, &f->error), 0);
}

static struct fy_job *make(struct fixture *f, const char *id)
{
    struct fy_job *job = fy_job_new();

    is_done(f, fy_job_set_text(job, "job_id", id, &f->error), 0);
    is_done(f, fy_job_set_text(job, "language", "shell", &f->error), 0);
    is_done(f, fy_job_set_text(job, "code", "true", &f->error), 0);
    return job;
}

static void on_sent(const char *job_id, const struct fy_error *failure,
                    void *arg)
{
    struct fixture *f = arg;

    (void)snprintf(f->last_id, sizeof(f->last_id), "%s", job_id);
    f->sent += !failure;
    if (failure) {
        f->failed++;
        f->why = *failure;
    }
}

static int send_to(struct fixture *f, const char *id, const char *queue)
{
    struct fy_job *job = make(f, id);
    int rc = fy_client_send(f->client, job, queue, on_sent, f, &f->error);

    fy_job_free(job);
    return rc;
}

/* Acknowledged when it returns. */
static void produce(struct fixture *f, const char *topic, const char *key,
                    const struct buf *value)
{
    assert_int_equal(
        rd_kafka_producev(f->mock.producer, RD_KAFKA_V_TOPIC(topic),
                          RD_KAFKA_V_KEY((void *)(uintptr_t)key, strlen(key)),
                          RD_KAFKA_V_VALUE(value->data, value->len),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                          RD_KAFKA_V_END),
        0);
    mock_broker_flush(&f->mock);
}

static void produce_result(struct fixture *f, const char *key, const char *id,
                           int64_t exit_code)
{
    AUTO_BUF struct buf bytes;
    struct result r;

    result_init(&r);
    r.job_id = view_of(id);
    r.attempt = 1;
    r.state = RESULT_STATE_FINISHED;
    r.status = exit_code ? STATUS_NONZERO_EXIT : STATUS_SUCCESS;
    r.exit_code = exit_code;
    buf_init(&bytes, 65536);
    assert_int_equal(result_encode(&r, &bytes, NULL), 0);
    produce(f, "forkyard.results", key, &bytes);
}

static void produce_chunk(struct fixture *f, const char *id, const char *text)
{
    AUTO_BUF struct buf bytes;
    struct chunk c;

    chunk_init(&c);
    c.job_id = view_of(id);
    c.attempt = 1;
    c.seq = 0;
    c.stream = CHUNK_STDERR;
    c.data = view_of(text);
    c.offset = 0;
    c.timestamp_unix_nano = 1;
    buf_init(&bytes, 65536);
    assert_int_equal(chunk_encode(&c, &bytes, NULL), 0);
    produce(f, "forkyard.output", id, &bytes);
}

/* The exit code of what is awaited. */
static int await_code(struct fixture *f, const char *id)
{
    struct fy_result *result = NULL;
    int code = -1;

    is_done(f, fy_client_await(f->client, id, WAIT_MS, &result, &f->error), 1);
    assert_int_equal(fy_result_exit_code(result, &code), 1);
    fy_result_free(result);
    return code;
}

/* The one record of a topic: key and value on the heap. */
static void read_one(struct fixture *f, const char *topic, char **key,
                     char **value, size_t *len)
{
    struct kafka_tail *tail = NULL;
    struct view k;
    struct view v;
    bool at_end = false;

    assert_int_equal(kafka_tail_open(&f->options->config, topic,
                                     KAFKA_TAIL_BEGINNING, &tail, NULL),
                     0);
    assert_int_equal(kafka_tail_next(tail, WAIT_MS, &k, &v, &at_end, NULL), 1);
    *key = view_dup(k);
    *value = view_dup(v);
    *len = v.len;
    while (!at_end) {
        assert_int_equal(kafka_tail_next(tail, WAIT_MS, &k, &v, &at_end, NULL),
                         0);
    }
    kafka_tail_close(tail);
}

/* --- sending ------------------------------------------------------------- */

static void a_job_arrives_as_it_is(void **state)
{
    struct fixture f;
    struct fy_job *job;
    AUTO_FREE char *key = NULL;
    AUTO_FREE char *value = NULL;
    const void *bytes;
    size_t len;
    size_t wanted;

    (void)state;
    setup(&f);
    open_client(&f, FY_READ_NOTHING);
    job = make(&f, "j1");
    is_done(&f, fy_job_set_text(job, "session_id", "s1", &f.error), 0);
    is_done(&f, fy_client_send(f.client, job, NULL, on_sent, &f, &f.error), 0);
    assert_int_equal(fy_client_unsent(f.client), 1);
    is_done(&f, fy_client_flush(f.client, WAIT_MS, &f.error), 0);
    assert_int_equal(fy_client_unsent(f.client), 0);
    assert_int_equal(f.sent, 1);
    assert_string_equal(f.last_id, "j1");
    read_one(&f, "forkyard.jobs.default", &key, &value, &len);
    assert_string_equal(key, "s1"); /* all jobs of a session in one place */
    is_done(&f, fy_job_msgpack(job, &bytes, &wanted, &f.error), 0);
    assert_int_equal(len, wanted);
    assert_memory_equal(value, bytes, len);
    fy_job_free(job);
    teardown(&f);
}

static void a_bad_job_is_not_sent(void **state)
{
    struct fixture f;
    struct fy_job *job = NULL;

    (void)state;
    setup(&f);
    set(&f, "limits.max.wall_time", "1s");
    open_client(&f, FY_READ_RESULTS);
    job = make(&f, "j1");
    is_done(&f, fy_job_set_uint(job, "limits.wall_time_ms", 1001, &f.error), 0);
    is_refused(&f, fy_client_send(f.client, job, NULL, on_sent, &f, &f.error),
               FY_ERROR_INPUT, "limits.wall_time_ms");
    assert_int_equal(fy_client_unsent(f.client), 0);
    assert_int_equal(fy_client_awaited(f.client), 0);
    fy_job_free(job);
    teardown(&f);
}

static void an_unknown_queue_is_told(void **state)
{
    struct fixture f;
    struct fy_result *result = NULL;

    (void)state;
    setup(&f);
    set(&f, "kafka.topic.metadata.propagation.max.ms", "50");
    open_client(&f, FY_READ_RESULTS);
    is_done(&f, send_to(&f, "j1", "nowhere"), 0);
    is_refused(&f, fy_client_flush(f.client, WAIT_MS, &f.error), FY_ERROR_RETRY,
               "1 message(s)");
    assert_non_null(strstr(f.error.text, "forkyard.jobs.nowhere"));
    assert_int_equal(f.failed, 1);
    assert_int_equal(f.why.code, FY_ERROR_RETRY);
    /* told to whoever awaits, once, and not again by flush */
    is_refused(&f, fy_client_await(f.client, "j1", 0, &result, &f.error),
               FY_ERROR_RETRY, "job j1: forkyard.jobs.nowhere");
    is_refused(&f, fy_client_await(f.client, "j1", 0, &result, &f.error),
               FY_ERROR_INPUT, "is not awaited");
    is_done(&f, fy_client_flush(f.client, WAIT_MS, &f.error), 0);
    teardown(&f);
}

static void no_broker_is_told_with_its_reason(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    set(&f, "kafka.bootstrap.servers", "127.0.0.1:1");
    set(&f, "kafka.message.timeout.ms", "300");
    open_client(&f, FY_READ_NOTHING); /* does not wait */
    is_done(&f, send_to(&f, "j1", NULL), 0);
    is_refused(&f, fy_client_flush(f.client, WAIT_MS, &f.error), FY_ERROR_RETRY,
               "refused");
    assert_non_null(strstr(fy_client_trouble(f.client), "127.0.0.1:1"));
    assert_int_equal(f.failed, 1);
    teardown(&f);
}

static void flush_ends_at_its_time(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    set(&f, "kafka.bootstrap.servers", "127.0.0.1:1");
    open_client(&f, FY_READ_NOTHING);
    is_done(&f, send_to(&f, "j1", NULL), 0);
    is_refused(&f, fy_client_flush(f.client, 20, &f.error), FY_ERROR_RETRY,
               "1 message(s) are not known to have arrived");
    assert_int_equal(f.failed, 0);
    /* and close tells those who wait */
    assert_int_equal(fy_client_close(f.client, 0), 1);
    assert_int_equal(f.failed, 1);
    assert_int_equal(f.why.code, FY_ERROR_RETRY);
    f.client = NULL;
    teardown(&f);
}

static void a_full_queue_takes_nothing(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    set(&f, "kafka.queue.buffering.max.messages", "1");
    set(&f, "kafka.linger.ms", "5000");
    open_client(&f, FY_READ_RESULTS);
    is_done(&f, send_to(&f, "j1", NULL), 0);
    is_refused(&f, send_to(&f, "j2", NULL), FY_ERROR_RETRY, "full");
    assert_int_equal(fy_client_unsent(f.client), 1);
    assert_int_equal(fy_client_awaited(f.client), 1);
    is_done(&f, fy_client_flush(f.client, WAIT_MS, &f.error), 0);
    assert_int_equal(f.sent, 1);
    teardown(&f);
}

static void a_cancel_message_is_by_its_schema(void **state)
{
    struct fixture f;
    struct arena arena;
    struct cancel cancel;
    AUTO_FREE char *key = NULL;
    AUTO_FREE char *value = NULL;
    size_t len;
    struct err e = {0};

    (void)state;
    setup(&f);
    open_client(&f, FY_READ_NOTHING);
    is_refused(
        &f,
        fy_client_cancel(f.client, "not an id", FY_CANCEL_KILL, NULL, &f.error),
        FY_ERROR_INPUT, "job_id");
    is_done(
        &f,
        fy_client_cancel(f.client, "j1", FY_CANCEL_KILL, "enough", &f.error),
        0);
    is_done(&f, fy_client_flush(f.client, WAIT_MS, &f.error), 0);
    read_one(&f, "forkyard.control", &key, &value, &len);
    assert_string_equal(key, "j1");
    arena_init(&arena, 65536);
    assert_int_equal(cancel_decode(value, len, &arena, &cancel, &e), 0);
    assert_int_equal(cancel_validate(&cancel, &e), 0);
    assert_true(view_is(cancel.target.job_id, "j1"));
    assert_true(view_is(cancel.reason, "enough"));
    assert_int_equal(cancel.mode, CANCEL_KILL);
    arena_done(&arena);
    teardown(&f);
}

/* --- results ------------------------------------------------------------- */

static void the_first_result_counts(void **state)
{
    struct fixture f;
    struct fy_result *result = NULL;

    (void)state;
    setup(&f);
    produce_result(&f, "j1", "j1", 9); /* before we looked */
    open_client(&f, FY_READ_RESULTS);
    is_done(&f, send_to(&f, "j1", NULL), 0);
    is_done(&f, send_to(&f, "j2", NULL), 0);
    produce_result(&f, "stranger", "stranger", 8);
    produce_result(&f, "j1", "j2", 7); /* the key is another's */
    produce_result(&f, "j1", "j1", 1);
    produce_result(&f, "j1", "j1", 2);
    assert_int_equal(await_code(&f, "j1"), 1);
    /* the second one was next in its partition: read, and passed over */
    produce_result(&f, "j2", "j2", 3);
    assert_int_equal(await_code(&f, NULL), 3);
    assert_int_equal(fy_client_awaited(f.client), 0);
    is_done(&f, fy_client_await(f.client, NULL, 20, &result, &f.error), 0);
    assert_null(result);
    teardown(&f);
}

static void run_is_all_in_one(void **state)
{
    struct fixture f;
    struct fy_result *result = NULL;
    struct fy_job *job;

    (void)state;
    setup(&f);
    open_client(&f, FY_READ_RESULTS);
    job = make(&f, "j1");
    produce_result(&f, "j1", "j1", 0);
    is_done(&f, fy_client_run(f.client, job, NULL, WAIT_MS, &result, &f.error),
            1);
    assert_true(fy_result_is_success(result));
    fy_result_free(result);
    result = NULL;
    /* nobody runs it: the time ends, and so does the waiting */
    is_done(&f, fy_client_run(f.client, job, NULL, 30, &result, &f.error), 0);
    assert_null(result);
    assert_int_equal(fy_client_awaited(f.client), 0);
    fy_job_free(job);
    teardown(&f);
}

static void jobs_of_others_can_be_watched(void **state)
{
    struct fixture f;
    struct fy_result *result = NULL;

    (void)state;
    setup(&f);
    open_client(&f, FY_READ_RESULTS);
    is_refused(&f, fy_client_watch(f.client, "a b", &f.error), FY_ERROR_INPUT,
               "job_id");
    is_done(&f, fy_client_watch(f.client, "other", &f.error), 0);
    produce_result(&f, "other", "other", 4);
    assert_int_equal(await_code(&f, "other"), 4);
    is_done(&f, fy_client_watch(f.client, "other", &f.error), 0);
    fy_client_forget(f.client, "other");
    is_refused(&f, fy_client_await(f.client, "other", 0, &result, &f.error),
               FY_ERROR_INPUT, "job_id other: is not awaited");
    teardown(&f);
}

static void on_output(const struct fy_output *output, void *arg)
{
    struct fixture *f = arg;

    f->outputs++;
    assert_string_equal(output->stream, "stderr");
    assert_true(output->record_len > output->len);
    (void)snprintf(f->output, sizeof(f->output), "%s:%.*s", output->job_id,
                   (int)output->len, (const char *)output->data);
}

static void poll_until(struct fixture *f, size_t outputs)
{
    while (f->outputs < outputs) {
        is_done(f, fy_client_poll(f->client, WAIT_MS, &f->error), 1);
    }
}

static void output_comes_until_it_is_forgotten(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    open_client(&f, FY_READ_RESULTS | FY_READ_OUTPUT);
    assert_true(fy_client_has_output(f.client));
    fy_client_on_output(f.client, on_output, &f);
    is_done(&f, fy_client_watch(f.client, "a", &f.error), 0);
    produce_chunk(&f, "stranger", "no");
    produce_chunk(&f, "a", "one");
    poll_until(&f, 1);
    assert_string_equal(f.output, "a:one");
    produce_result(&f, "a", "a", 0);
    assert_int_equal(await_code(&f, "a"), 0);
    produce_chunk(&f, "a", "late");
    poll_until(&f, 2);
    assert_string_equal(f.output, "a:late");
    fy_client_forget(f.client, "a");
    produce_chunk(&f, "a", "too late");
    is_done(&f, fy_client_watch(f.client, "b", &f.error), 0);
    produce_result(&f, "b", "b", 0);
    assert_int_equal(await_code(&f, "b"), 0);
    assert_int_equal(f.outputs, 2);
    teardown(&f);
}

static void a_reader_has_each_job_once(void **state)
{
    struct fixture f;
    struct fy_reader *reader = NULL;
    struct fy_result *result = NULL;
    AUTO_BUF struct buf nonsense;
    int at_end = 0;
    int refused = 0;
    int found = 0;
    int codes = 0;

    (void)state;
    setup(&f);
    buf_init(&nonsense, 10);
    assert_int_equal(buf_append(&nonsense, "\xc1", 1, NULL), 0);
    produce_result(&f, "a", "a", 1);
    produce(&f, "forkyard.results", "a", &nonsense);
    produce_result(&f, "a", "a", 4);
    produce_result(&f, "b", "b", 2);
    is_done(&f, fy_reader_open(f.options, FY_FROM_BEGINNING, &reader, &f.error),
            0);
    while (!at_end) {
        int rc = fy_reader_next(reader, WAIT_MS, &result, &at_end, &f.error);
        int code = 0;

        if (rc < 0) {
            refused++;
            is_refused(&f, rc, FY_ERROR_INPUT, "no result");
        }
        if (rc > 0) {
            found++;
            (void)fy_result_exit_code(result, &code);
            codes += code;
            fy_result_free(result);
        }
    }
    assert_int_equal(found, 2);
    assert_int_equal(codes, 3);
    assert_int_equal(refused, 1);
    fy_reader_close(reader);
    teardown(&f);
}

/* --- open ---------------------------------------------------------------- */

static void what_is_wrong_is_told_at_open(void **state)
{
    struct fixture f;
    struct fy_reader *reader = NULL;
    struct fy_result *result = NULL;

    (void)state;
    setup(&f);
    is_refused(&f,
               fy_client_open(f.options, FY_READ_OUTPUT, &f.client, &f.error),
               FY_ERROR_INPUT, "reads");
    set(&f, "kafka.no.such.property", "1");
    is_refused(&f,
               fy_client_open(f.options, FY_READ_NOTHING, &f.client, &f.error),
               FY_ERROR_INPUT, "kafka.no.such.property");
    fy_options_free(f.options);
    f.options = fy_options_new();
    set(&f, "kafka.bootstrap.servers", f.mock.address);
    set(&f, "topics.prefix", "absent.");
    is_refused(&f,
               fy_client_open(f.options, FY_READ_RESULTS, &f.client, &f.error),
               FY_ERROR_INPUT, "absent.results");
    is_refused(&f, fy_reader_open(f.options, FY_FROM_END, &reader, &f.error),
               FY_ERROR_INPUT, "absent.results");
    open_client(&f, FY_READ_NOTHING);
    is_refused(&f, fy_client_await(f.client, "a", 0, &result, &f.error),
               FY_ERROR_INPUT, "reads no results");
    is_refused(&f, fy_client_watch(f.client, "a", &f.error), FY_ERROR_INPUT,
               "reads no results");
    teardown(&f);
}

static void an_absent_broker_is_told_at_open(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    set(&f, "kafka.bootstrap.servers", "127.0.0.1:1");
    is_refused(&f,
               fy_client_open(f.options, FY_READ_RESULTS, &f.client, &f.error),
               FY_ERROR_RETRY, "refused");
    teardown(&f);
}

static void output_is_extra(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    mock_broker_topic(&f.mock, "less.results", 1);
    set(&f, "topics.prefix", "less.");
    open_client(&f, FY_READ_RESULTS | FY_READ_OUTPUT);
    assert_false(fy_client_has_output(f.client));
    assert_non_null(strstr(fy_client_trouble(f.client), "less.output"));
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_arrives_as_it_is),
        cmocka_unit_test(a_bad_job_is_not_sent),
        cmocka_unit_test(an_unknown_queue_is_told),
        cmocka_unit_test(no_broker_is_told_with_its_reason),
        cmocka_unit_test(flush_ends_at_its_time),
        cmocka_unit_test(a_full_queue_takes_nothing),
        cmocka_unit_test(a_cancel_message_is_by_its_schema),
        cmocka_unit_test(the_first_result_counts),
        cmocka_unit_test(run_is_all_in_one),
        cmocka_unit_test(jobs_of_others_can_be_watched),
        cmocka_unit_test(output_comes_until_it_is_forgotten),
        cmocka_unit_test(a_reader_has_each_job_once),
        cmocka_unit_test(what_is_wrong_is_told_at_open),
        cmocka_unit_test(an_absent_broker_is_told_at_open),
        cmocka_unit_test(output_is_extra),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
