/* SPDX-License-Identifier: MIT */
/* kafka_start_test.c - where partitions begin, asked of a coordinator that is
 * away for longer than one question waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../lib/mock_broker.h"
#include "base/clock.h"
#include "svc/kafka_conf.h"
#include "svc/kafka_in_conf.h"
#include "svc/kafka_start.h"

#define JOBS    "forkyard.jobs.default"
#define GROUP   "forkyard"
#define TICK_MS 20
#define OFFSET  7

struct asker {
    struct mock_broker mock;
    struct config config;
    uv_loop_t loop;
    uv_timer_t timer;
    rd_kafka_t *rk;
    struct kafka_wake *wake;
    struct kafka_start *start;
    uint64_t until_ms;
    unsigned answers;
    int64_t offset;
    char metadata[32];
};

static void on_wake(void *arg)
{
    struct asker *a = arg;

    kafka_start_serve(a->start);
}

static void on_tick(uv_timer_t *timer)
{
    struct asker *a = timer->data;

    kafka_start_tick(a->start);
}

static void on_known(rd_kafka_topic_partition_list_t *list, void *arg)
{
    struct asker *a = arg;
    const rd_kafka_topic_partition_t *row = &list->elems[0];

    assert_int_equal(list->cnt, 1);
    a->answers++;
    a->offset = row->offset;
    assert_true(row->metadata_size < sizeof(a->metadata));
    memcpy(a->metadata, row->metadata, row->metadata_size);
}

static bool has_answer(void *arg)
{
    const struct asker *a = arg;

    return a->answers > 0;
}

static bool is_late(void *arg)
{
    const struct asker *a = arg;

    return clock_mono_ms() >= a->until_ms;
}

static void asker_open(struct asker *a)
{
    rd_kafka_conf_t *conf = NULL;
    struct err e = {0};

    mock_broker_start(&a->mock);
    mock_broker_topic(&a->mock, JOBS, 1);
    mock_broker_commit(&a->mock, GROUP, JOBS, 0, OFFSET, "finished");
    mock_broker_config(&a->mock, &a->config);
    assert_int_equal(uv_loop_init(&a->loop), 0);
    if (kafka_in_conf(&a->config, GROUP, false, &conf, &e) < 0 ||
        kafka_conf_client(conf, RD_KAFKA_CONSUMER, a, &a->rk, &e) < 0 ||
        kafka_wake_open(&a->loop, on_wake, a, &a->wake, &e) < 0) {
        fail_msg("%s", e.msg);
    }
    a->start = kafka_start_open(a->rk, GROUP, a->wake, on_known, a);
    (void)uv_timer_init(&a->loop, &a->timer);
    a->timer.data = a;
    (void)uv_timer_start(&a->timer, on_tick, TICK_MS, TICK_MS);
}

static void asker_close(struct asker *a)
{
    uv_close((uv_handle_t *)&a->timer, NULL);
    kafka_start_close(a->start);
    kafka_conf_destroy(a->rk);
    kafka_wake_close(a->wake);
    mock_broker_end_loop(&a->loop);
    config_done(&a->config);
    mock_broker_stop(&a->mock);
}

static void ask(struct asker *a)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(1);

    rd_kafka_topic_partition_list_add(list, JOBS, 0);
    kafka_start_ask(a->start, list);
    rd_kafka_topic_partition_list_destroy(list);
}

/* Without the loop, so that what it has heard is not looked at yet. */
static void wait_for_thread(const struct asker *a)
{
    uint64_t until_ms = clock_mono_ms() + MOCK_BROKER_DEADLINE_MS;

    while (kafka_start_is_waiting(a->start)) {
        assert_true(clock_mono_ms() < until_ms);
        uv_sleep(1);
    }
}

static void test_coordinator_is_there(void **state)
{
    struct asker a = {.offset = -1};

    (void)state;
    asker_open(&a);
    ask(&a);
    assert_true(kafka_start_is_asking(a.start));
    mock_broker_run(&a.loop, has_answer, &a);
    assert_false(kafka_start_is_asking(a.start));
    assert_false(kafka_start_is_waiting(a.start));
    assert_int_equal(a.offset, OFFSET);
    assert_string_equal(a.metadata, "finished");
    asker_close(&a);
}

/* A question that was given up while the coordinator was looked for must not
 * be remembered when it is there again. */
static void test_coordinator_away_for_long(void **state)
{
    struct asker a = {.offset = -1};

    (void)state;
    asker_open(&a);
    mock_broker_down(&a.mock);
    ask(&a);
    a.until_ms = clock_mono_ms() + KAFKA_START_TRY_MS + 500;
    mock_broker_run(&a.loop, is_late, &a);
    assert_true(kafka_start_is_asking(a.start));
    assert_int_equal(a.answers, 0);
    assert_int_equal(rd_kafka_mock_broker_set_up(a.mock.cluster, 1), 0);
    mock_broker_run(&a.loop, has_answer, &a);
    assert_int_equal(a.offset, OFFSET);
    assert_string_equal(a.metadata, "finished");
    assert_int_equal(a.answers, 1);
    asker_close(&a);
}

/* What was forgotten is not answered, and is no answer to the next one. */
static void test_forgotten_while_asked(void **state)
{
    struct asker a = {.offset = -1};

    (void)state;
    asker_open(&a);
    ask(&a);
    wait_for_thread(&a);
    rd_kafka_topic_partition_list_destroy(kafka_start_forget(a.start));
    assert_false(kafka_start_is_asking(a.start));
    mock_broker_commit(&a.mock, GROUP, JOBS, 0, OFFSET + 1, "further");
    ask(&a);
    mock_broker_run(&a.loop, has_answer, &a);
    assert_int_equal(a.offset, OFFSET + 1);
    assert_string_equal(a.metadata, "further");
    assert_int_equal(a.answers, 1);
    asker_close(&a);
}

/* No client may be destroyed under a thread that asks with it. */
static void test_close_while_asking(void **state)
{
    struct asker a = {.offset = -1};

    (void)state;
    asker_open(&a);
    mock_broker_down(&a.mock);
    ask(&a);
    assert_true(kafka_start_is_waiting(a.start));
    asker_close(&a);
    assert_int_equal(a.answers, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_coordinator_is_there),
        cmocka_unit_test(test_forgotten_while_asked),
        cmocka_unit_test(test_close_while_asking),
        cmocka_unit_test(test_coordinator_away_for_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
