/* SPDX-License-Identifier: MIT */
/* kafka_in_renew_test.c - a consumer that was shut out for good: what it holds
 * may end, then another one goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../lib/mock_broker.h"
#include "svc/kafka_in.h"

#define JOBS                     "forkyard.jobs.default"
#define JOB_COUNT                2
#define TAKEN_MAX                8
#define CONSUMER_GROUP_HEARTBEAT 68 /* Kafka's number of the request */

struct worker {
    struct mock_broker mock;
    uv_loop_t loop;
    struct config config;
    struct kafka_in *in;
    struct kafka_in_msg taken[TAKEN_MAX];
    size_t count;
    size_t slots;
    bool has_failed;
};

static void on_ready(void *arg)
{
    struct worker *w = arg;

    while (w->count < w->slots && kafka_in_take(w->in, &w->taken[w->count])) {
        w->count++;
    }
}

static void on_assigned(size_t partitions, void *arg)
{
    (void)partitions;
    (void)arg;
}

static void on_fatal(const struct err *why, void *arg)
{
    struct worker *w = arg;

    (void)why;
    w->has_failed = true;
}

static bool is_full(void *arg)
{
    const struct worker *w = arg;

    return w->count == w->slots;
}

static bool is_on(const struct worker *w, enum kafka_trouble_kind kind)
{
    return kafka_in_troubles(w->in)->rows[kind].is_on;
}

static bool is_shut_out(void *arg)
{
    return is_on(arg, KAFKA_TROUBLE_GROUP_RIGHT);
}

static bool is_too_old(void *arg)
{
    return is_on(arg, KAFKA_TROUBLE_TOO_OLD);
}

static void worker_open(struct worker *w)
{
    const struct kafka_in_callbacks callbacks = {.on_ready = on_ready,
                                                 .on_assigned = on_assigned,
                                                 .on_fatal = on_fatal,
                                                 .arg = w};
    struct err e = {0};

    mock_broker_start(&w->mock);
    mock_broker_topic(&w->mock, JOBS, 1);
    assert_int_equal(uv_loop_init(&w->loop), 0);
    for (int i = 0; i < JOB_COUNT; i++) {
        mock_broker_produce(&w->mock, JOBS, 0, NULL, "job", NULL);
    }
    mock_broker_config(&w->mock, &w->config);
    mock_broker_set(&w->config, "topics.queues", "default");
    if (kafka_in_open_jobs(&w->config, &w->loop, &callbacks, &w->in, &e) < 0) {
        fail_msg("%s", e.msg);
    }
}

static void worker_close(struct worker *w)
{
    for (size_t i = 0; i < w->count; i++) {
        if (w->taken[i].handle) {
            kafka_in_drop(w->in, &w->taken[i]);
        }
    }
    kafka_in_close(w->in);
    assert_false(w->has_failed);
    config_done(&w->config);
    mock_broker_end_loop(&w->loop);
    mock_broker_stop(&w->mock);
}

static void test_shut_out_while_a_job_runs(void **state)
{
    struct worker w = {.slots = 1};

    (void)state;
    worker_open(&w);
    mock_broker_run(&w.loop, is_full, &w);
    rd_kafka_mock_push_request_errors(
        w.mock.cluster, CONSUMER_GROUP_HEARTBEAT, 1,
        RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
    mock_broker_run(&w.loop, is_shut_out, &w);
    w.slots = 1 + JOB_COUNT;
    on_ready(&w);
    assert_int_equal(w.count, 1); /* nothing is taken any more */
    kafka_in_done(w.in, &w.taken[0]);
    mock_broker_run(&w.loop, is_full, &w);
    /* It could not be committed, so it runs again. */
    assert_int_equal(w.taken[1].offset, 0);
    assert_int_equal(w.taken[2].offset, 1);
    assert_false(is_on(&w, KAFKA_TROUBLE_GROUP_RIGHT));
    worker_close(&w);
}

/* From the start, and more than once. */
static void test_broker_is_too_old_for_a_while(void **state)
{
    struct worker w = {.slots = JOB_COUNT};

    (void)state;
    worker_open(&w);
    rd_kafka_mock_push_request_errors(w.mock.cluster, CONSUMER_GROUP_HEARTBEAT,
                                      2, RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION,
                                      RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION);
    mock_broker_run(&w.loop, is_too_old, &w);
    mock_broker_run(&w.loop, is_full, &w);
    assert_int_equal(kafka_in_troubles(w.in)->rows[KAFKA_TROUBLE_TOO_OLD].count,
                     2);
    assert_false(is_on(&w, KAFKA_TROUBLE_TOO_OLD));
    worker_close(&w);
}

static void test_close_while_shut_out(void **state)
{
    struct worker w = {.slots = 1};

    (void)state;
    worker_open(&w);
    mock_broker_run(&w.loop, is_full, &w);
    rd_kafka_mock_push_request_errors(
        w.mock.cluster, CONSUMER_GROUP_HEARTBEAT, 1,
        RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
    mock_broker_run(&w.loop, is_shut_out, &w);
    worker_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shut_out_while_a_job_runs),
        cmocka_unit_test(test_broker_is_too_old_for_a_while),
        cmocka_unit_test(test_close_while_shut_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
