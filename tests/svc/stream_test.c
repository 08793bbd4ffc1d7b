/* SPDX-License-Identifier: MIT */
/* stream_test.c - a job's output as chunks: all of it, in order, in few
 * records, and no trouble when the job ends before the broker answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../lib/mock_broker.h"
#include "run/stream.h"
#include "svc/kafka_tail.h"

#define OUTPUT   "forkyard.output"
#define JOB_ID   "job-1"
#define WRITES   1000
#define FEW      (WRITES / 10)
#define READ_MAX (64 * 1024)

struct fixture {
    struct mock_broker mock;
    struct config config;
    uv_loop_t loop;
    struct kafka_out *out;
    struct kafka_tail *tail;
    struct stream stream;
    struct buf texts[2];
    size_t chunks;
    bool has_last;
};

static void setup(struct fixture *f)
{
    struct err e = {0};

    memset(f, 0, sizeof(*f));
    mock_broker_start(&f->mock);
    mock_broker_topic(&f->mock, OUTPUT, 2);
    mock_broker_config(&f->mock, &f->config);
    assert_int_equal(uv_loop_init(&f->loop), 0);
    if (kafka_tail_open(&f->config, OUTPUT, KAFKA_TAIL_END, &f->tail, &e) < 0 ||
        kafka_out_open(&f->config, KAFKA_OUT_RELIABLE, &f->loop, &f->out, &e) <
            0) {
        fail_msg("%s", e.msg);
    }
    f->stream = (struct stream){.out = f->out,
                                .topic = OUTPUT,
                                .job_id = view_of(JOB_ID),
                                .attempt = 1};
    buf_init(&f->texts[0], 1 << 20);
    buf_init(&f->texts[1], 1 << 20);
}

static void teardown(struct fixture *f)
{
    stream_done(&f->stream);
    kafka_tail_close(f->tail);
    (void)kafka_out_close(f->out, MOCK_BROKER_DEADLINE_MS);
    mock_broker_end_loop(&f->loop);
    buf_done(&f->texts[0]);
    buf_done(&f->texts[1]);
    config_done(&f->config);
    mock_broker_stop(&f->mock);
}

static bool is_all_acknowledged(void *arg)
{
    const struct fixture *f = arg;

    return kafka_out_pending(f->out) == 0;
}

/* Each chunk continues its stream, and the count of them. */
static void take(struct fixture *f, struct view value)
{
    struct arena arena;
    struct chunk chunk;
    struct err e = {0};

    arena_init(&arena, 4096);
    if (chunk_decode(value.data, value.len, &arena, &chunk, &e) < 0) {
        fail_msg("%s", e.msg);
    }
    assert_true(view_is(chunk.job_id, JOB_ID));
    assert_int_equal(chunk.seq, f->chunks);
    assert_false(f->has_last);
    f->chunks++;
    f->has_last = chunk.last;
    if (chunk.stream != CHUNK_CONTROL) {
        struct buf *text = &f->texts[chunk.stream];

        assert_int_equal(chunk.offset, text->len);
        assert_int_equal(buf_append(text, chunk.data.data, chunk.data.len, &e),
                         0);
    }
    arena_done(&arena);
}

static void read_to_the_last(struct fixture *f)
{
    struct view key;
    struct view value;
    struct err e = {0};

    while (!f->has_last) {
        assert_int_equal(kafka_tail_next(f->tail, MOCK_BROKER_DEADLINE_MS, &key,
                                         &value, NULL, &e),
                         1);
        take(f, value);
    }
}

static void assert_text(const struct buf *text, const char *expected)
{
    assert_int_equal(text->len, strlen(expected));
    assert_memory_equal(text->data, expected, text->len);
}

/* ------------------------------------------------------------------------- */

static void test_the_first_bytes_go_at_once(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    stream_send(&f.stream, CHUNK_STDOUT, "a", 1);
    assert_int_equal(kafka_out_pending(f.out), 1);
    stream_send(&f.stream, CHUNK_STDERR, "b", 1);
    stream_send(&f.stream, CHUNK_STDOUT, "c", 1);
    assert_int_equal(kafka_out_pending(f.out), 1);
    /* the answer lets go of what waited, in turn */
    mock_broker_run(&f.loop, is_all_acknowledged, &f);
    assert_int_equal(f.stream.seq, 3);
    stream_end(&f.stream);
    read_to_the_last(&f);
    assert_int_equal(f.chunks, 4);
    assert_text(&f.texts[CHUNK_STDOUT], "ac");
    assert_text(&f.texts[CHUNK_STDERR], "b");
    teardown(&f);
}

static void test_small_writes_become_few_records(void **state)
{
    char expected[WRITES * 8] = "";
    struct fixture f;
    size_t len = 0;

    (void)state;
    setup(&f);
    for (int i = 0; i < WRITES; i++) {
        int n = snprintf(expected + len, sizeof(expected) - len, "%d\n", i);

        stream_send(&f.stream, i % 2 ? CHUNK_STDERR : CHUNK_STDOUT,
                    expected + len, (size_t)n);
        len += (size_t)n;
    }
    stream_end(&f.stream);
    stream_done(&f.stream); /* long before the answers */
    read_to_the_last(&f);
    assert_in_range(f.chunks, 2, FEW);
    assert_int_equal(f.texts[0].len + f.texts[1].len, len);
    teardown(&f);
}

static void test_large_reads_are_not_held(void **state)
{
    static const char block[READ_MAX];
    struct fixture f;

    (void)state;
    setup(&f);
    for (int i = 0; i < 8; i++) {
        stream_send(&f.stream, CHUNK_STDOUT, block, sizeof(block));
        stream_send(&f.stream, CHUNK_STDERR, "x", 1);
    }
    /* at most one read and the few bytes beside it are kept back */
    assert_in_range(f.stream.offsets[CHUNK_STDOUT], 7 * READ_MAX, 8 * READ_MAX);
    stream_end(&f.stream);
    read_to_the_last(&f);
    assert_int_equal(f.texts[CHUNK_STDOUT].len, 8 * READ_MAX);
    assert_text(&f.texts[CHUNK_STDERR], "xxxxxxxx");
    teardown(&f);
}

static void test_an_end_without_a_byte(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    stream_end(&f.stream);
    read_to_the_last(&f);
    assert_int_equal(f.chunks, 1);
    teardown(&f);
}

static void test_no_stream_is_nothing(void **state)
{
    struct stream none = {0};

    (void)state;
    stream_send(&none, CHUNK_STDOUT, "x", 1);
    stream_end(&none);
    stream_done(&none);
    assert_null(none.flow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_bytes_go_at_once),
        cmocka_unit_test(test_small_writes_become_few_records),
        cmocka_unit_test(test_large_reads_are_not_held),
        cmocka_unit_test(test_an_end_without_a_byte),
        cmocka_unit_test(test_no_stream_is_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
