/* SPDX-License-Identifier: MIT */
/* kafka_in_test.c - what is taken, in which share, and what is committed. */
#include <inttypes.h>
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
#include "svc/kafka_in.h"

#define JOBS      "forkyard.jobs.default"
#define TAKEN_MAX 4000
/* Less than a goodbye that nobody answers, and much more than one needs. */
#define CLOSE_SOON_MS 6000

/* A worker as the engine would be: takes while it has a free slot. */
struct worker {
    uv_loop_t *loop;
    struct config config;
    struct kafka_in *in;
    struct kafka_in_msg taken[TAKEN_MAX];
    size_t taken_count;
    size_t slots;
    size_t until; /* has_taken() and has_waiting() look for this many */
    size_t assigned;
    size_t changes;
    bool has_failed;
};

static void on_ready(void *arg)
{
    struct worker *w = arg;

    while (w->taken_count < w->slots &&
           kafka_in_take(w->in, &w->taken[w->taken_count])) {
        w->taken_count++;
    }
}

static void on_assigned(size_t partitions, void *arg)
{
    struct worker *w = arg;

    w->assigned = partitions;
    w->changes++;
}

static void on_fatal(const struct err *why, void *arg)
{
    struct worker *w = arg;

    (void)why;
    w->has_failed = true;
}

static struct worker *worker_new(struct mock_broker *mock, uv_loop_t *loop,
                                 const char *queues)
{
    struct worker *w = xcalloc(1, sizeof(*w));

    w->loop = loop;
    w->slots = TAKEN_MAX;
    mock_broker_config(mock, &w->config);
    mock_broker_set(&w->config, "topics.queues", queues);
    return w;
}

/* The mock lets every round of the classic protocol take almost a session. */
static void use_classic(struct worker *w)
{
    mock_broker_set(&w->config, "kafka.group.protocol", "classic");
    mock_broker_set(&w->config, "kafka.session.timeout.ms", "1500");
    mock_broker_set(&w->config, "kafka.heartbeat.interval.ms", "200");
}

static void worker_open(struct worker *w)
{
    struct kafka_in_callbacks callbacks = {.on_ready = on_ready,
                                           .on_assigned = on_assigned,
                                           .on_fatal = on_fatal,
                                           .arg = w};
    struct err e = {0};

    if (kafka_in_open_jobs(&w->config, w->loop, &callbacks, &w->in, &e) < 0) {
        fail_msg("%s", e.msg);
    }
}

static void worker_done(struct worker *w, size_t index)
{
    kafka_in_done(w->in, &w->taken[index]);
}

/* Gives back what was not finished, and leaves. */
static void worker_close(struct worker *w)
{
    for (size_t i = 0; i < w->taken_count; i++) {
        if (w->taken[i].handle) {
            kafka_in_drop(w->in, &w->taken[i]);
        }
    }
    kafka_in_close(w->in);
    assert_false(w->has_failed);
    config_done(&w->config);
    free(w);
}

static bool has_taken(void *arg)
{
    const struct worker *w = arg;

    return w->taken_count >= w->until;
}

static bool has_assigned(void *arg)
{
    const struct worker *w = arg;

    return w->assigned == w->until;
}

static bool has_waiting(void *arg)
{
    const struct worker *w = arg;

    return kafka_in_waiting(w->in) >= w->until;
}

static void run_until(struct worker *w, bool (*is_true)(void *), size_t until)
{
    w->until = until;
    mock_broker_run(w->loop, is_true, w);
}

struct commit_wait {
    struct mock_broker *mock;
    int64_t offset;
};

static bool is_committed(void *arg)
{
    struct commit_wait *wait = arg;

    return mock_broker_committed(wait->mock, "forkyard", JOBS, 0) ==
           wait->offset;
}

static void produce_numbers(struct mock_broker *mock, const char *topic,
                            int32_t partition, int count)
{
    for (int i = 0; i < count; i++) {
        char text[16];

        (void)snprintf(text, sizeof(text), "%d", i);
        mock_broker_send(mock, topic, partition, NULL, text, NULL);
    }
    mock_broker_flush(mock);
}

static void setup(struct mock_broker *mock, uv_loop_t *loop, int partitions)
{
    mock_broker_start(mock);
    mock_broker_topic(mock, JOBS, partitions);
    assert_int_equal(uv_loop_init(loop), 0);
}

static void teardown(struct mock_broker *mock, uv_loop_t *loop)
{
    mock_broker_end_loop(loop);
    mock_broker_stop(mock);
}

/* ------------------------------------------------------------------------- */

static void round_trip(const char *protocol)
{
    struct mock_broker mock;
    uv_loop_t loop;
    struct worker *w = NULL;
    const struct kafka_in_msg *m = NULL;
    const char *name = NULL;
    struct view value = {0};

    setup(&mock, &loop, 4);
    w = worker_new(&mock, &loop, "default:1");
    if (!strcmp(protocol, "classic")) {
        use_classic(w);
    }
    worker_open(w);
    mock_broker_produce(&mock, JOBS, 2, "key", "hello", "job_id");
    run_until(w, has_taken, 1);
    m = &w->taken[0];
    assert_string_equal(m->topic, JOBS);
    assert_string_equal(m->queue, "default");
    assert_int_equal(m->partition, 2);
    assert_int_equal(m->offset, 0);
    assert_true(m->timestamp_ms > 0);
    assert_true(view_is(m->key, "key"));
    assert_true(view_is(m->value, "hello"));
    assert_true(kafka_in_header(m, 0, &name, &value));
    assert_string_equal(name, "job_id");
    assert_true(view_is(value, "yes"));
    assert_false(kafka_in_header(m, 1, &name, &value));
    assert_int_equal(kafka_in_assigned(w->in), 4);
    worker_done(w, 0);
    worker_close(w);
    teardown(&mock, &loop);
}

static void test_round_trip(void **state)
{
    (void)state;
    round_trip("consumer");
}

static void test_round_trip_classic(void **state)
{
    (void)state;
    round_trip("classic");
}

static void test_commit_passes_only_finished(void **state)
{
    struct mock_broker mock;
    struct commit_wait wait = {.mock = &mock};
    uv_loop_t loop;
    struct worker *w = NULL;

    (void)state;
    setup(&mock, &loop, 1);
    w = worker_new(&mock, &loop, "default");
    produce_numbers(&mock, JOBS, 0, 5);
    worker_open(w);
    run_until(w, has_taken, 5);
    worker_done(w, 0);
    worker_done(w, 2);
    worker_done(w, 4);
    wait.offset = 1;
    mock_broker_run(&loop, is_committed, &wait);
    worker_done(w, 1);
    wait.offset = 3;
    mock_broker_run(&loop, is_committed, &wait);
    worker_close(w);
    /* 3 was dropped: neither it nor the finished 4 behind it is passed */
    assert_int_equal(mock_broker_committed(&mock, "forkyard", JOBS, 0), 3);
    teardown(&mock, &loop);
}

static void test_restart_gets_the_unfinished(void **state)
{
    struct mock_broker mock;
    uv_loop_t loop;
    struct worker *w = NULL;

    (void)state;
    setup(&mock, &loop, 1);
    produce_numbers(&mock, JOBS, 0, 6);
    w = worker_new(&mock, &loop, "default");
    worker_open(w);
    run_until(w, has_taken, 6);
    worker_done(w, 1);
    worker_done(w, 0);
    worker_done(w, 2);
    worker_close(w); /* commits on the way out */

    w = worker_new(&mock, &loop, "default");
    worker_open(w);
    run_until(w, has_taken, 3);
    assert_int_equal(w->taken[0].offset, 3);
    assert_int_equal(w->taken[2].offset, 5);
    assert_int_equal(kafka_in_waiting(w->in), 0);
    worker_close(w);
    teardown(&mock, &loop);
}

/* What the owner before finished behind an unfinished job is not given out
 * again, and the next commit still says so. */
static void restart_skips(const char *protocol)
{
    const size_t done[] = {1, 3, 4};
    const int64_t expected[] = {0, 2, 5};
    struct mock_broker mock;
    uv_loop_t loop;
    struct worker *w = NULL;

    setup(&mock, &loop, 1);
    produce_numbers(&mock, JOBS, 0, 6);
    for (int life = 0; life < 3; life++) {
        w = worker_new(&mock, &loop, "default");
        if (!strcmp(protocol, "classic")) {
            use_classic(w);
        }
        worker_open(w);
        run_until(w, has_taken, life == 0 ? 6 : ARRAY_LEN(expected));
        for (size_t i = 0; life == 0 && i < ARRAY_LEN(done); i++) {
            worker_done(w, done[i]);
        }
        for (size_t i = 0; life > 0 && i < ARRAY_LEN(expected); i++) {
            assert_int_equal(w->taken[i].offset, expected[i]);
        }
        assert_int_equal(kafka_in_waiting(w->in), 0);
        worker_close(w);
    }
    assert_int_equal(mock_broker_committed(&mock, "forkyard", JOBS, 0), 0);
    teardown(&mock, &loop);
}

static void test_restart_skips_the_finished(void **state)
{
    (void)state;
    restart_skips("consumer");
}

static void test_restart_skips_the_finished_classic(void **state)
{
    (void)state;
    restart_skips("classic");
}

static void metadata_is_not_used(const char *text)
{
    struct mock_broker mock;
    uv_loop_t loop;
    struct worker *w = NULL;

    setup(&mock, &loop, 1);
    produce_numbers(&mock, JOBS, 0, 4);
    mock_broker_commit(&mock, "forkyard", JOBS, 0, 1, text);
    w = worker_new(&mock, &loop, "default");
    worker_open(w);
    run_until(w, has_taken, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(w->taken[i].offset, i + 1);
    }
    worker_close(w);
    teardown(&mock, &loop);
}

static void test_metadata_not_believed(void **state)
{
    const char *texts[] = {"", "fy1.", "fy1.AAAA", "another program's",
                           "fy2.AQABBQ=="};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        metadata_is_not_used(texts[i]);
    }
}

/* More finished records in a row than one turn of the loop skips. */
static void test_many_are_skipped(void **state)
{
    enum { MANY = 3500 };
    struct mock_broker mock;
    uv_loop_t loop;
    struct worker *w = NULL;

    (void)state;
    setup(&mock, &loop, 1);
    produce_numbers(&mock, JOBS, 0, MANY);
    w = worker_new(&mock, &loop, "default");
    worker_open(w);
    run_until(w, has_taken, MANY);
    for (size_t i = 1; i < MANY - 1; i++) {
        worker_done(w, i);
    }
    worker_close(w);
    w = worker_new(&mock, &loop, "default");
    worker_open(w);
    run_until(w, has_taken, 2);
    assert_int_equal(w->taken[0].offset, 0);
    assert_int_equal(w->taken[1].offset, MANY - 1);
    worker_done(w, 0);
    worker_done(w, 1);
    worker_close(w);
    assert_int_equal(mock_broker_committed(&mock, "forkyard", JOBS, 0), MANY);
    teardown(&mock, &loop);
}

#define OFFSET_FETCH 9 /* Kafka's number of the request */

static void test_start_is_asked_for_again(void **state)
{
    struct mock_broker mock;
    uv_loop_t loop;
    struct worker *w = NULL;

    (void)state;
    setup(&mock, &loop, 2);
    produce_numbers(&mock, JOBS, 0, 2);
    mock_broker_commit(&mock, "forkyard", JOBS, 0, 1, "");
    rd_kafka_mock_push_request_errors(
        mock.cluster, OFFSET_FETCH, 2,
        RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
        RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT);
    w = worker_new(&mock, &loop, "default");
    worker_open(w);
    run_until(w, has_taken, 1);
    assert_int_equal(w->taken[0].offset, 1);
    assert_int_equal(kafka_in_assigned(w->in), 2);
    worker_close(w);
    teardown(&mock, &loop);
}

static bool has_refused(void *arg)
{
    struct commit_wait *wait = arg;

    return mock_broker_requests(wait->mock, OFFSET_FETCH) > 0;
}

/* The group waits for an assignment that waits for an answer. */
static void test_close_while_asking(void **state)
{
    struct mock_broker mock;
    struct commit_wait wait = {.mock = &mock};
    uv_loop_t loop;
    struct worker *w = NULL;
    uint64_t start_ms = 0;

    (void)state;
    setup(&mock, &loop, 1);
    mock_broker_record_requests(&mock);
    rd_kafka_mock_push_request_errors(
        mock.cluster, OFFSET_FETCH, 4,
        RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
        RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
        RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
        RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
    w = worker_new(&mock, &loop, "default");
    worker_open(w);
    mock_broker_run(&loop, has_refused, &wait);
    assert_int_equal(kafka_in_assigned(w->in), 0);
    start_ms = clock_mono_ms();
    worker_close(w);
    assert_true(clock_mono_ms() - start_ms < CLOSE_SOON_MS);
    teardown(&mock, &loop);
}

/* A committed offset that the log does not have: that partition stands still,
 * the other one goes on, and the commit stays as it is. */
static void test_offset_not_in_the_log(void **state)
{
    struct mock_broker mock;
    uv_loop_t loop;
    struct worker *w = NULL;

    (void)state;
    setup(&mock, &loop, 2);
    mock_broker_commit(&mock, "forkyard", JOBS, 0, 100, "");
    produce_numbers(&mock, JOBS, 0, 3);
    produce_numbers(&mock, JOBS, 1, 3);
    w = worker_new(&mock, &loop, "default");
    worker_open(w);
    run_until(w, has_taken, 3);
    mock_broker_produce(&mock, JOBS, 1, NULL, "x", NULL);
    run_until(w, has_taken, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(w->taken[i].partition, 1);
        worker_done(w, i);
    }
    worker_close(w);
    assert_int_equal(mock_broker_committed(&mock, "forkyard", JOBS, 0), 100);

    w = worker_new(&mock, &loop, "default");
    mock_broker_set(&w->config, "kafka.auto.offset.reset", "earliest");
    worker_open(w);
    run_until(w, has_taken, 3);
    assert_int_equal(w->taken[0].partition, 0);
    assert_int_equal(w->taken[0].offset, 0);
    worker_close(w);
    teardown(&mock, &loop);
}

static void test_queues_by_weight(void **state)
{
    const char *queues[] = {"high", "default", "low"};
    const size_t expected[] = {80, 30, 10};
    struct mock_broker mock;
    uv_loop_t loop;
    struct worker *w = NULL;
    size_t got[3] = {0};

    (void)state;
    mock_broker_start(&mock);
    assert_int_equal(uv_loop_init(&loop), 0);
    for (size_t i = 0; i < ARRAY_LEN(queues); i++) {
        char topic[64];

        (void)snprintf(topic, sizeof(topic), "forkyard.jobs.%s", queues[i]);
        mock_broker_topic(&mock, topic, 2);
        produce_numbers(&mock, topic, 0, 60);
        produce_numbers(&mock, topic, 1, 60);
    }
    w = worker_new(&mock, &loop, "high:8,default:3,low:1");
    w->slots = 0;
    mock_broker_set(&w->config, "kafka.queued.min.messages", "1000");
    worker_open(w);
    run_until(w, has_waiting, 360);
    w->slots = 120;
    on_ready(w);
    assert_int_equal(w->taken_count, 120);
    for (size_t i = 0; i < w->taken_count; i++) {
        for (size_t q = 0; q < ARRAY_LEN(queues); q++) {
            got[q] += !strcmp(w->taken[i].queue, queues[q]);
        }
    }
    for (size_t q = 0; q < ARRAY_LEN(queues); q++) {
        assert_int_equal(got[q], expected[q]);
    }
    /* and not in blocks: one of the twelve first is the low one's */
    for (size_t i = 0; i < 12; i++) {
        got[2] += !strcmp(w->taken[i].queue, "low");
    }
    assert_int_equal(got[2], expected[2] + 1);
    worker_close(w);
    teardown(&mock, &loop);
}

static void test_partitions_in_turn(void **state)
{
    struct mock_broker mock;
    uv_loop_t loop;
    struct worker *w = NULL;

    (void)state;
    setup(&mock, &loop, 3);
    for (int32_t p = 0; p < 3; p++) {
        produce_numbers(&mock, JOBS, p, 10);
    }
    w = worker_new(&mock, &loop, "default");
    w->slots = 0;
    worker_open(w);
    run_until(w, has_waiting, 30);
    w->slots = 30;
    on_ready(w);
    for (size_t i = 0; i < 30; i++) {
        assert_int_equal(w->taken[i].partition, w->taken[i % 3].partition);
        assert_int_equal(w->taken[i].offset, i / 3);
    }
    worker_close(w);
    teardown(&mock, &loop);
}

/* One slot: each record is taken because the one before was given back, never
 * because of a wake-up of its own. */
static void test_no_record_is_forgotten(void **state)
{
    struct mock_broker mock;
    uv_loop_t loop;
    struct worker *w = NULL;
    size_t finished = 0;

    (void)state;
    setup(&mock, &loop, 3);
    w = worker_new(&mock, &loop, "default");
    w->slots = 1;
    worker_open(w);
    for (int32_t p = 0; p < 3; p++) {
        produce_numbers(&mock, JOBS, p, 150);
    }
    while (finished < 450) {
        run_until(w, has_taken, 1);
        worker_done(w, 0);
        w->taken_count = 0;
        finished++;
        on_ready(w);
    }
    worker_close(w);
    for (int32_t p = 0; p < 3; p++) {
        assert_int_equal(mock_broker_committed(&mock, "forkyard", JOBS, p),
                         150);
    }
    teardown(&mock, &loop);
}

static void test_revoked_while_out(void **state)
{
    struct mock_broker mock;
    uv_loop_t loop;
    struct worker *a = NULL;
    struct worker *b = NULL;
    bool is_moved[4] = {false};

    (void)state;
    setup(&mock, &loop, 4);
    for (int32_t p = 0; p < 4; p++) {
        produce_numbers(&mock, JOBS, p, 2);
    }
    a = worker_new(&mock, &loop, "default");
    worker_open(a);
    run_until(a, has_taken, 8);
    for (size_t i = 0; i < 8; i++) {
        if (a->taken[i].offset == 0) {
            worker_done(a, i);
        }
    }
    b = worker_new(&mock, &loop, "default");
    worker_open(b);
    run_until(a, has_assigned, 2);
    /* the finished ones were committed before they moved */
    run_until(b, has_taken, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(b->taken[i].offset, 1);
        is_moved[b->taken[i].partition] = true;
    }
    /* a finishes what is b's by now: no effect, no harm */
    for (size_t i = 0; i < 8; i++) {
        if (a->taken[i].handle) {
            worker_done(a, i);
        }
    }
    worker_close(a);
    for (int32_t p = 0; p < 4; p++) {
        assert_int_equal(mock_broker_committed(&mock, "forkyard", JOBS, p),
                         is_moved[p] ? 1 : 2);
    }
    worker_close(b);
    teardown(&mock, &loop);
}

static void test_topic_not_there_yet(void **state)
{
    struct mock_broker mock;
    uv_loop_t loop;
    struct worker *w = NULL;

    (void)state;
    setup(&mock, &loop, 1);
    w = worker_new(&mock, &loop, "default,later");
    use_classic(w); /* with KIP-848 it is the broker's part, and no mock's */
    mock_broker_set(&w->config, "kafka.topic.metadata.refresh.interval.ms",
                    "200");
    worker_open(w);
    run_until(w, has_assigned, 1);
    mock_broker_topic(&mock, "forkyard.jobs.later", 2);
    run_until(w, has_assigned, 3);
    mock_broker_produce(&mock, "forkyard.jobs.later", 1, NULL, "x", NULL);
    run_until(w, has_taken, 1);
    assert_string_equal(w->taken[0].queue, "later");
    worker_close(w);
    teardown(&mock, &loop);
}

static void test_paused_takes_nothing(void **state)
{
    struct mock_broker mock;
    uv_loop_t loop;
    struct worker *w = NULL;

    (void)state;
    setup(&mock, &loop, 1);
    w = worker_new(&mock, &loop, "default");
    worker_open(w);
    run_until(w, has_assigned, 1);
    kafka_in_pause(w->in);
    produce_numbers(&mock, JOBS, 0, 3);
    run_until(w, has_waiting, 3);
    assert_int_equal(kafka_in_take(w->in, &w->taken[0]), 0);
    assert_int_equal(w->taken_count, 0);
    worker_close(w);
    teardown(&mock, &loop);
}

static void test_close_without_broker_is_bounded(void **state)
{
    struct mock_broker mock;
    uv_loop_t loop;
    struct worker *w = NULL;
    uint64_t start_ms = 0;

    (void)state;
    setup(&mock, &loop, 1);
    produce_numbers(&mock, JOBS, 0, 2);
    w = worker_new(&mock, &loop, "default");
    worker_open(w);
    run_until(w, has_taken, 2);
    mock_broker_down(&mock);
    worker_done(w, 0);
    start_ms = clock_mono_ms();
    worker_close(w);
    assert_true(clock_mono_ms() - start_ms < MOCK_BROKER_DEADLINE_MS);
    teardown(&mock, &loop);
}

static void open_must_fail(const char *name, const char *value,
                           const char *words)
{
    struct mock_broker mock;
    uv_loop_t loop;
    struct worker *w = NULL;
    struct kafka_in_callbacks callbacks = {
        .on_ready = on_ready, .on_assigned = on_assigned, .on_fatal = on_fatal};
    struct err e = {0};

    setup(&mock, &loop, 1);
    w = worker_new(&mock, &loop, "default");
    mock_broker_set(&w->config, name, value);
    assert_int_equal(
        kafka_in_open_jobs(&w->config, &loop, &callbacks, &w->in, &e), -1);
    assert_int_equal(e.kind, ERR_INPUT);
    if (!strstr(e.msg, words)) {
        fail_msg("'%s' does not say '%s'", e.msg, words);
    }
    config_done(&w->config);
    free(w);
    teardown(&mock, &loop);
}

static void test_bad_settings_are_named(void **state)
{
    (void)state;
    open_must_fail("kafka.no.such.thing", "1", "kafka.no.such.thing");
    open_must_fail("kafka.fetch.min.bytes", "many", "kafka.fetch.min.bytes");
    open_must_fail("kafka.enable.auto.commit", "true", "cannot be set");
    open_must_fail("topics.queues", "high:0", "weight of 'high'");
    open_must_fail("topics.queues", "a,b,a", "'a' twice");
    open_must_fail("topics.queues", "a/b", "no queue name");
}

static void test_producer_settings_are_left_out(void **state)
{
    struct mock_broker mock;
    uv_loop_t loop;
    struct worker *w = NULL;

    (void)state;
    setup(&mock, &loop, 1);
    w = worker_new(&mock, &loop, "default");
    mock_broker_set(&w->config, "kafka.linger.ms", "3");
    mock_broker_set(&w->config, "kafka.compression.type", "zstd");
    worker_open(w);
    run_until(w, has_assigned, 1);
    worker_close(w);
    teardown(&mock, &loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_round_trip_classic),
        cmocka_unit_test(test_commit_passes_only_finished),
        cmocka_unit_test(test_restart_gets_the_unfinished),
        cmocka_unit_test(test_restart_skips_the_finished),
        cmocka_unit_test(test_restart_skips_the_finished_classic),
        cmocka_unit_test(test_metadata_not_believed),
        cmocka_unit_test(test_many_are_skipped),
        cmocka_unit_test(test_start_is_asked_for_again),
        cmocka_unit_test(test_close_while_asking),
        cmocka_unit_test(test_offset_not_in_the_log),
        cmocka_unit_test(test_queues_by_weight),
        cmocka_unit_test(test_partitions_in_turn),
        cmocka_unit_test(test_no_record_is_forgotten),
        cmocka_unit_test(test_revoked_while_out),
        cmocka_unit_test(test_topic_not_there_yet),
        cmocka_unit_test(test_paused_takes_nothing),
        cmocka_unit_test(test_close_without_broker_is_bounded),
        cmocka_unit_test(test_bad_settings_are_named),
        cmocka_unit_test(test_producer_settings_are_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
