/* SPDX-License-Identifier: MIT */
/* kafka_out_test.c - every record is answered, whatever the broker does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../lib/mock_broker.h"
#include "base/clock.h"
#include "base/mem.h"
#include "svc/kafka_out.h"
#include "svc/kafka_tail.h"

#define RESULTS "forkyard.results"

struct answers {
    size_t ok;
    size_t failed;
    enum err_kind kind;
    size_t until;
};

static void on_ack(const struct err *failure, void *arg)
{
    struct answers *answers = arg;

    if (failure) {
        answers->failed++;
        answers->kind = failure->kind;
        return;
    }
    answers->ok++;
}

static bool has_answers(void *arg)
{
    const struct answers *answers = arg;

    return answers->ok + answers->failed >= answers->until;
}

static struct kafka_record record(struct answers *answers)
{
    return (struct kafka_record){
        .topic = RESULTS,
        .key = view_of("key"),
        .value = view_of("value"),
        .on_ack = answers ? on_ack : NULL,
        .arg = answers,
    };
}

static void must_send(struct kafka_out *out, const struct kafka_record *r)
{
    struct err e = {0};

    if (kafka_out_send(out, r, &e) < 0) {
        fail_msg("%s", e.msg);
    }
}

static struct kafka_out *open_out(const struct config *config,
                                  enum kafka_out_class class, uv_loop_t *loop)
{
    struct kafka_out *out = NULL;
    struct err e = {0};

    if (kafka_out_open(config, class, loop, &out, &e) < 0) {
        fail_msg("%s", e.msg);
    }
    return out;
}

static void setup(struct mock_broker *mock, struct config *config,
                  uv_loop_t *loop)
{
    mock_broker_start(mock);
    mock_broker_topic(mock, RESULTS, 2);
    mock_broker_config(mock, config);
    assert_int_equal(uv_loop_init(loop), 0);
}

static void teardown(struct mock_broker *mock, struct config *config,
                     uv_loop_t *loop)
{
    mock_broker_end_loop(loop);
    config_done(config);
    mock_broker_stop(mock);
}

/* ------------------------------------------------------------------------- */

static void read_back(const struct config *config, size_t count)
{
    struct kafka_tail *tail = NULL;
    struct view key = {0};
    struct view value = {0};
    struct err e = {0};

    assert_int_equal(
        kafka_tail_open(config, RESULTS, KAFKA_TAIL_BEGINNING, &tail, &e), 0);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(kafka_tail_next(tail, MOCK_BROKER_DEADLINE_MS, &key,
                                         &value, NULL, &e),
                         1);
        assert_true(view_is(key, "key"));
        assert_true(view_is(value, "value"));
    }
    kafka_tail_close(tail);
}

static void acknowledged(enum kafka_out_class class)
{
    struct kafka_header headers[] = {{"job_id", view_of("j1")},
                                     {"content-type", view_of("text")}};
    struct answers answers = {.until = 3};
    struct mock_broker mock;
    struct config config;
    uv_loop_t loop;
    struct kafka_out *out = NULL;
    struct kafka_record r = record(&answers);

    setup(&mock, &config, &loop);
    out = open_out(&config, class, &loop);
    r.headers = headers;
    r.header_count = 2;
    for (int i = 0; i < 3; i++) {
        must_send(out, &r);
    }
    assert_int_equal(kafka_out_pending(out), 3);
    mock_broker_run(&loop, has_answers, &answers);
    assert_int_equal(answers.ok, 3);
    assert_int_equal(kafka_out_pending(out), 0);
    read_back(&config, 3);
    assert_int_equal(kafka_out_close(out, 1000), 0);
    teardown(&mock, &config, &loop);
}

static void test_acknowledged(void **state)
{
    (void)state;
    acknowledged(KAFKA_OUT_RELIABLE);
    acknowledged(KAFKA_OUT_FAST);
}

static void test_without_loop(void **state)
{
    struct answers answers = {0};
    struct mock_broker mock;
    struct config config;
    uv_loop_t loop;
    struct kafka_out *out = NULL;
    struct kafka_record r = record(&answers);
    uint64_t deadline_ms = clock_mono_ms() + MOCK_BROKER_DEADLINE_MS;

    (void)state;
    setup(&mock, &config, &loop);
    out = open_out(&config, KAFKA_OUT_RELIABLE, NULL);
    must_send(out, &r);
    while (answers.ok == 0 && clock_mono_ms() < deadline_ms) {
        kafka_out_poll(out, 100);
    }
    assert_int_equal(answers.ok, 1);
    assert_int_equal(kafka_out_close(out, 1000), 0);
    teardown(&mock, &config, &loop);
}

static void test_broker_gone_is_told(void **state)
{
    struct answers answers = {.until = 1};
    struct mock_broker mock;
    struct config config;
    uv_loop_t loop;
    struct kafka_out *out = NULL;
    struct kafka_record r = record(&answers);
    struct kafka_record nobody_waits = record(NULL);

    (void)state;
    setup(&mock, &config, &loop);
    mock_broker_set(&config, "kafka.message.timeout.ms", "300");
    out = open_out(&config, KAFKA_OUT_RELIABLE, &loop);
    must_send(out, &r);
    mock_broker_run(&loop, has_answers, &answers); /* connected */
    mock_broker_down(&mock);
    answers = (struct answers){.until = 1};
    must_send(out, &nobody_waits);
    must_send(out, &r);
    mock_broker_run(&loop, has_answers, &answers);
    assert_int_equal(answers.failed, 1);
    assert_int_equal(answers.kind, ERR_RETRY);
    assert_int_equal(kafka_out_lost(out), 1);
    assert_int_equal(kafka_out_close(out, 100), 0);
    teardown(&mock, &config, &loop);
}

static bool works_again(void *arg)
{
    return !kafka_out_has_failed(arg);
}

/* An idempotent producer that may not be one gives up for good: everybody is
 * told, and another one takes its place. */
static void test_failed_client_is_replaced(void **state)
{
    struct mock_broker mock;
    struct config config;
    struct answers answers = {.until = 1};
    struct kafka_record r = record(&answers);
    uv_loop_t loop;

    (void)state;
    setup(&mock, &config, &loop);
    rd_kafka_mock_push_request_errors(
        mock.cluster, 22 /* InitProducerId */, 1,
        RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED);
    struct kafka_out *out = open_out(&config, KAFKA_OUT_RELIABLE, &loop);
    must_send(out, &r);
    mock_broker_run(&loop, has_answers, &answers);
    assert_int_equal(answers.failed, 1);
    assert_int_equal(answers.kind, ERR_RETRY);
    assert_true(kafka_out_has_failed(out));
    assert_true(
        kafka_out_troubles(out)->rows[KAFKA_TROUBLE_CLUSTER_RIGHT].is_on);
    mock_broker_run(&loop, works_again, out);
    answers = (struct answers){.until = 1};
    must_send(out, &r);
    mock_broker_run(&loop, has_answers, &answers);
    assert_int_equal(answers.ok, 1);
    assert_false(
        kafka_out_troubles(out)->rows[KAFKA_TROUBLE_CLUSTER_RIGHT].is_on);
    (void)kafka_out_close(out, 1000);
    teardown(&mock, &config, &loop);
}

static void test_close_answers_everybody(void **state)
{
    struct answers answers = {0};
    struct mock_broker mock;
    struct config config;
    uv_loop_t loop;
    struct kafka_out *out = NULL;
    struct kafka_record r = record(&answers);
    uint64_t start_ms = 0;

    (void)state;
    setup(&mock, &config, &loop);
    mock_broker_down(&mock);
    out = open_out(&config, KAFKA_OUT_RELIABLE, &loop);
    must_send(out, &r);
    must_send(out, &r);
    start_ms = clock_mono_ms();
    assert_int_equal(kafka_out_close(out, 200), 2);
    assert_true(clock_mono_ms() - start_ms < 10000);
    assert_int_equal(answers.failed, 2);
    assert_int_equal(answers.kind, ERR_RETRY);
    teardown(&mock, &config, &loop);
}

static void test_full_queue(void **state)
{
    struct answers answers = {0};
    struct mock_broker mock;
    struct config config;
    uv_loop_t loop;
    struct kafka_out *out = NULL;
    struct kafka_record r = record(&answers);
    struct kafka_record nobody_waits = record(NULL);
    struct err e = {0};

    (void)state;
    setup(&mock, &config, &loop);
    mock_broker_down(&mock);
    mock_broker_set(&config, "kafka.queue.buffering.max.messages", "2");
    out = open_out(&config, KAFKA_OUT_FAST, &loop);
    must_send(out, &nobody_waits);
    must_send(out, &nobody_waits);
    assert_int_equal(kafka_out_send(out, &r, &e), -1);
    assert_int_equal(e.kind, ERR_RETRY);
    must_send(out, &nobody_waits); /* dropped and counted */
    assert_int_equal(kafka_out_lost(out), 1);
    assert_int_equal(kafka_out_close(out, 50), 2);
    assert_int_equal(answers.failed, 0); /* it was never taken */
    teardown(&mock, &config, &loop);
}

static void test_too_large_never_fits(void **state)
{
    struct mock_broker mock;
    struct config config;
    uv_loop_t loop;
    struct kafka_out *out = NULL;
    struct kafka_record r = record(NULL);
    AUTO_FREE char *large = xcalloc(1, 300000);
    struct err e = {0};

    (void)state;
    setup(&mock, &config, &loop);
    mock_broker_set(&config, "job.max_bytes", "65536");
    mock_broker_set(&config, "result.max_bytes", "65536");
    out = open_out(&config, KAFKA_OUT_RELIABLE, &loop);
    r.value = (struct view){.data = large, .len = 300000};
    assert_int_equal(kafka_out_send(out, &r, &e), -1);
    assert_int_equal(e.kind, ERR_LIMIT);
    r.value.len = 2 * 65536; /* a dead letter of twice the size does */
    must_send(out, &r);
    assert_int_equal(kafka_out_close(out, 10000), 0);
    teardown(&mock, &config, &loop);
}

static void test_secret_is_not_shown(void **state)
{
    struct mock_broker mock;
    struct config config;
    uv_loop_t loop;
    struct kafka_out *out = NULL;
    struct err e = {0};

    (void)state;
    setup(&mock, &config, &loop);
    mock_broker_set(&config, "kafka.ssl.key.password.typo", "hunter2");
    assert_int_equal(
        kafka_out_open(&config, KAFKA_OUT_RELIABLE, &loop, &out, &e), -1);
    assert_int_equal(e.kind, ERR_INPUT);
    assert_non_null(strstr(e.msg, "kafka.ssl.key.password.typo"));
    assert_null(strstr(e.msg, "hunter2"));
    teardown(&mock, &config, &loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_acknowledged),
        cmocka_unit_test(test_without_loop),
        cmocka_unit_test(test_broker_gone_is_told),
        cmocka_unit_test(test_failed_client_is_replaced),
        cmocka_unit_test(test_close_answers_everybody),
        cmocka_unit_test(test_full_queue),
        cmocka_unit_test(test_too_large_never_fits),
        cmocka_unit_test(test_secret_is_not_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
