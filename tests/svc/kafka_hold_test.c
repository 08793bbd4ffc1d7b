/* SPDX-License-Identifier: MIT */
/* kafka_hold_test.c - records that wait for an answer cost no processor, and
 * are sent all the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "../lib/mock_broker.h"
#include "base/clock.h"
#include "svc/kafka_out.h"

#define RESULTS    "forkyard.results"
#define PRODUCE    0 /* Kafka's number of the request */
#define IN_FLIGHT  5
#define BEHIND     50
#define ANSWER_MS  60000 /* longer than any test looks */
#define SETTLE_MS  500   /* until it is noticed that nobody answers */
#define MEASURE_MS 1500
/* A thread that does not sleep takes what of a processor others leave it. */
#define SHARE_MAX 0.1

struct sender {
    struct mock_broker mock;
    struct config config;
    uv_loop_t loop;
    uv_timer_t timer;
    struct kafka_out *out;
    uint64_t until_ms;
    size_t answered;
    size_t failed;
    size_t until;
};

static void on_ack(const struct err *failure, void *arg)
{
    struct sender *s = arg;

    *(failure ? &s->failed : &s->answered) += 1;
}

static bool has_answers(void *arg)
{
    const struct sender *s = arg;

    return s->answered + s->failed >= s->until;
}

static bool is_late(void *arg)
{
    const struct sender *s = arg;

    return clock_mono_ms() >= s->until_ms;
}

/* Only so that the loop looks at the clock. */
static void on_tick(uv_timer_t *timer)
{
    (void)timer;
}

static void run_for(struct sender *s, uint64_t ms)
{
    s->until_ms = clock_mono_ms() + ms;
    mock_broker_run(&s->loop, is_late, s);
}

static void run_until(struct sender *s, size_t answers)
{
    s->until = answers;
    mock_broker_run(&s->loop, has_answers, s);
    assert_int_equal(s->answered, answers);
}

static void send_some(struct sender *s, size_t count)
{
    const struct kafka_record record = {
        .topic = RESULTS,
        .key = view_of("key"),
        .value = view_of("value"),
        .on_ack = on_ack,
        .arg = s,
    };
    struct err e = {0};

    for (size_t i = 0; i < count; i++) {
        if (kafka_out_send(s->out, &record, &e) < 0) {
            fail_msg("%s", e.msg);
        }
    }
}

static void answer_after(struct sender *s, int ms)
{
    assert_int_equal(rd_kafka_mock_broker_set_rtt(s->mock.cluster, 1, ms), 0);
}

/* One record is answered. */
static void sender_open(struct sender *s)
{
    struct err e = {0};

    mock_broker_start(&s->mock);
    mock_broker_topic(&s->mock, RESULTS, 2);
    mock_broker_config(&s->mock, &s->config);
    assert_int_equal(uv_loop_init(&s->loop), 0);
    if (kafka_out_open(&s->config, KAFKA_OUT_RELIABLE, &s->loop, &s->out, &e) <
        0) {
        fail_msg("%s", e.msg);
    }
    (void)uv_timer_init(&s->loop, &s->timer);
    (void)uv_timer_start(&s->timer, on_tick, 10, 10);
    send_some(s, 1);
    run_until(s, 1);
}

/* One by one, so that each is a request; then those BEHIND. */
static void send_all(struct sender *s)
{
    for (size_t i = 0; i < IN_FLIGHT; i++) {
        send_some(s, 1);
        run_for(s, 20);
    }
    send_some(s, BEHIND);
}

static void sender_close(struct sender *s)
{
    (void)kafka_out_close(s->out, 0);
    uv_close((uv_handle_t *)&s->timer, NULL);
    config_done(&s->config);
    mock_broker_end_loop(&s->loop);
    mock_broker_stop(&s->mock);
}

static double used_ms(void)
{
    struct rusage use;

    assert_int_equal(getrusage(RUSAGE_SELF, &use), 0);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000 +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1000;
}

static void test_waiting_is_quiet(void **state)
{
    struct sender s = {.answered = 0};
    double used = 0;
    uint64_t since_ms = 0;
    double share = 0;

    (void)state;
    sender_open(&s);
    answer_after(&s, ANSWER_MS);
    send_all(&s);
    run_for(&s, SETTLE_MS);
    used = used_ms();
    since_ms = clock_mono_ms();
    run_for(&s, MEASURE_MS);
    share = (used_ms() - used) / (double)(clock_mono_ms() - since_ms);
    if (share > SHARE_MAX) {
        fail_msg("%.2f of a processor while nothing happened", share);
    }
    assert_int_equal(s.answered, 1);
    assert_int_equal(kafka_out_pending(s.out), IN_FLIGHT + BEHIND);
    sender_close(&s);
}

static void test_an_answer_lets_all_go(void **state)
{
    struct sender s = {.answered = 0};

    (void)state;
    sender_open(&s);
    answer_after(&s, SETTLE_MS + 500);
    send_all(&s);
    run_for(&s, SETTLE_MS);
    assert_int_equal(s.answered, 1);
    answer_after(&s, 0);
    run_until(&s, 1 + IN_FLIGHT + BEHIND);
    sender_close(&s);
}

/* What was in flight is to be sent again, of which the owner hears nothing. */
static void test_refused_for_now(void **state)
{
    const rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS;
    const int ms = SETTLE_MS + 500;
    struct sender s = {.answered = 0};

    (void)state;
    sender_open(&s);
    assert_int_equal(rd_kafka_mock_broker_push_request_error_rtts(
                         s.mock.cluster, 1, PRODUCE, IN_FLIGHT, error, ms,
                         error, ms, error, ms, error, ms, error, ms),
                     0);
    send_all(&s);
    run_for(&s, SETTLE_MS);
    assert_int_equal(s.answered, 1);
    run_until(&s, 1 + IN_FLIGHT + BEHIND);
    sender_close(&s);
}

static void test_connection_is_lost_meanwhile(void **state)
{
    struct sender s = {.answered = 0};

    (void)state;
    sender_open(&s);
    answer_after(&s, ANSWER_MS);
    send_all(&s);
    run_for(&s, SETTLE_MS);
    answer_after(&s, 0);
    assert_int_equal(rd_kafka_mock_broker_set_down(s.mock.cluster, 1), 0);
    run_for(&s, 100);
    assert_int_equal(rd_kafka_mock_broker_set_up(s.mock.cluster, 1), 0);
    run_until(&s, 1 + IN_FLIGHT + BEHIND);
    sender_close(&s);
}

static void test_close_sends_the_rest(void **state)
{
    struct sender s = {.answered = 0};

    (void)state;
    sender_open(&s);
    answer_after(&s, SETTLE_MS + 500);
    send_all(&s);
    run_for(&s, SETTLE_MS);
    assert_int_equal(s.answered, 1);
    answer_after(&s, 0);
    assert_int_equal(kafka_out_close(s.out, MOCK_BROKER_DEADLINE_MS), 0);
    s.out = NULL;
    assert_int_equal(s.answered, 1 + IN_FLIGHT + BEHIND);
    sender_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waiting_is_quiet),
        cmocka_unit_test(test_an_answer_lets_all_go),
        cmocka_unit_test(test_refused_for_now),
        cmocka_unit_test(test_connection_is_lost_meanwhile),
        cmocka_unit_test(test_close_sends_the_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
