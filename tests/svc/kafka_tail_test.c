/* SPDX-License-Identifier: MIT */
/* kafka_tail_test.c - where reading starts, and how its end is known. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../lib/mock_broker.h"
#include "base/clock.h"
#include "svc/kafka_tail.h"

#define RESULTS  "forkyard.results"
#define OUTPUT   "forkyard.output"
#define METADATA 3 /* Kafka's number of the request */

struct fixture {
    struct mock_broker mock;
    struct config config;
    struct kafka_tail *tail;
    struct view key;
    struct view value;
    struct err e;
    bool at_end;
};

static void setup(struct fixture *f, int partitions)
{
    memset(f, 0, sizeof(*f));
    mock_broker_start(&f->mock);
    mock_broker_topic(&f->mock, RESULTS, partitions);
    mock_broker_config(&f->mock, &f->config);
}

static void teardown(struct fixture *f)
{
    kafka_tail_close(f->tail);
    config_done(&f->config);
    mock_broker_stop(&f->mock);
}

static void open_tail(struct fixture *f, enum kafka_tail_start start)
{
    if (kafka_tail_open(&f->config, RESULTS, start, &f->tail, &f->e) < 0) {
        fail_msg("%s", f->e.msg);
    }
}

static int next(struct fixture *f, int timeout_ms)
{
    return kafka_tail_next(f->tail, timeout_ms, &f->key, &f->value, &f->at_end,
                           &f->e);
}

static void produce(struct fixture *f, int32_t partition, const char *value)
{
    mock_broker_produce(&f->mock, RESULTS, partition, "k", value, NULL);
}

/* ------------------------------------------------------------------------- */

static void test_end_sees_only_later(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f, 3);
    for (int32_t p = 0; p < 3; p++) {
        produce(&f, p, "before");
    }
    open_tail(&f, KAFKA_TAIL_END);
    /* produced before anything was fetched: only the fixed position counts */
    produce(&f, 2, "after");
    while (next(&f, MOCK_BROKER_DEADLINE_MS) == 0) {
        assert_true(f.at_end);
    }
    assert_true(view_is(f.value, "after"));
    assert_true(view_is(f.key, "k"));
    teardown(&f);
}

static void test_beginning_to_the_end(void **state)
{
    struct fixture f;
    int count = 0;
    int got = 0;

    (void)state;
    setup(&f, 3);
    for (int i = 0; i < 10; i++) {
        produce(&f, i % 2, "x"); /* the third stays empty */
    }
    open_tail(&f, KAFKA_TAIL_BEGINNING);
    do {
        got = next(&f, MOCK_BROKER_DEADLINE_MS);
        assert_true(got >= 0);
        count += got;
    } while (!f.at_end);
    assert_int_equal(count, 10);
    assert_int_equal(next(&f, 1), 0);
    assert_true(f.at_end);
    teardown(&f);
}

static void test_empty_topic_is_at_its_end(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f, 2);
    open_tail(&f, KAFKA_TAIL_BEGINNING);
    assert_int_equal(next(&f, 1), 0);
    assert_true(f.at_end);
    teardown(&f);
}

static void test_missing_topic_is_named(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f, 1);
    assert_int_equal(kafka_tail_open(&f.config, "forkyard.nothing",
                                     KAFKA_TAIL_END, &f.tail, &f.e),
                     -1);
    assert_int_equal(f.e.kind, ERR_INPUT);
    assert_non_null(strstr(f.e.msg, "forkyard.nothing"));
    teardown(&f);
}

static void test_two_topics_in_one(void **state)
{
    struct fixture f;
    bool has_seen[2] = {false, false};

    (void)state;
    setup(&f, 2);
    mock_broker_topic(&f.mock, OUTPUT, 3);
    mock_broker_produce(&f.mock, OUTPUT, 2, "k", "before", NULL);
    open_tail(&f, KAFKA_TAIL_END);
    assert_int_equal(kafka_tail_add(f.tail, OUTPUT, KAFKA_TAIL_END, &f.e), 0);
    produce(&f, 1, "of results");
    mock_broker_produce(&f.mock, OUTPUT, 2, "k", "of output", NULL);
    while (!has_seen[0] || !has_seen[1]) {
        if (next(&f, MOCK_BROKER_DEADLINE_MS) == 1) {
            size_t topic = kafka_tail_topic(f.tail);

            assert_in_range(topic, 0, 1);
            assert_true(view_is(f.value, topic ? "of output" : "of results"));
            has_seen[topic] = true;
        }
    }
    teardown(&f);
}

static void test_a_topic_that_cannot_be_added(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f, 1);
    open_tail(&f, KAFKA_TAIL_END);
    assert_int_equal(
        kafka_tail_add(f.tail, "forkyard.nothing", KAFKA_TAIL_END, &f.e), -1);
    assert_non_null(strstr(f.e.msg, "forkyard.nothing"));
    produce(&f, 0, "after");
    while (next(&f, MOCK_BROKER_DEADLINE_MS) == 0) {
        assert_true(f.at_end);
    }
    assert_true(view_is(f.value, "after"));
    assert_int_equal(kafka_tail_topic(f.tail), 0);
    teardown(&f);
}

/* Until somebody has asked again, with a deadline. */
static void *elect_a_leader(void *arg)
{
    struct fixture *f = arg;
    uint64_t deadline_ms = clock_mono_ms() + MOCK_BROKER_DEADLINE_MS;

    while (mock_broker_requests(&f->mock, METADATA) < 4 &&
           clock_mono_ms() < deadline_ms) {
        const struct timespec moment = {.tv_nsec = 10000000};

        (void)nanosleep(&moment, NULL); /* the mock tells nobody */
    }
    (void)rd_kafka_mock_partition_set_leader(f->mock.cluster, RESULTS, 1, 1);
    return NULL;
}

/* As while a broker comes back. */
static void test_a_leader_is_waited_for(void **state)
{
    struct fixture f;
    pthread_t thread;

    (void)state;
    setup(&f, 3);
    produce(&f, 1, "x");
    assert_int_equal(
        rd_kafka_mock_partition_set_leader(f.mock.cluster, RESULTS, 1, -1), 0);
    mock_broker_record_requests(&f.mock);
    assert_int_equal(pthread_create(&thread, NULL, elect_a_leader, &f), 0);
    open_tail(&f, KAFKA_TAIL_BEGINNING);
    (void)pthread_join(thread, NULL);
    while (next(&f, MOCK_BROKER_DEADLINE_MS) == 0) {
        assert_false(f.at_end);
    }
    assert_true(view_is(f.value, "x"));
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_end_sees_only_later),
        cmocka_unit_test(test_beginning_to_the_end),
        cmocka_unit_test(test_empty_topic_is_at_its_end),
        cmocka_unit_test(test_missing_topic_is_named),
        cmocka_unit_test(test_two_topics_in_one),
        cmocka_unit_test(test_a_topic_that_cannot_be_added),
        cmocka_unit_test(test_a_leader_is_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
