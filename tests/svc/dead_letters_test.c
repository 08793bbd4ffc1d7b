/* SPDX-License-Identifier: MIT */
/* dead_letters_test.c - which letters does the reader bring, and when does it
 * end? */
#include "lib/unit.h"

#include <string.h>

#include "../lib/mock_broker.h"
#include "svc/dead_letters.h"

#define DEAD  "forkyard.dead"
#define FETCH 1 /* Kafka's number of the request */

struct fixture {
    struct mock_broker mock;
    struct config config;
    struct dead_reader *reader;
    struct dead_letter letter;
    struct err e;
};

static void setup(struct fixture *f, int partitions)
{
    memset(f, 0, sizeof(*f));
    mock_broker_start(&f->mock);
    if (partitions > 0) {
        mock_broker_topic(&f->mock, DEAD, partitions);
    }
    mock_broker_config(&f->mock, &f->config);
}

static void teardown(struct fixture *f)
{
    dead_reader_close(f->reader);
    config_done(&f->config);
    mock_broker_stop(&f->mock);
}

static void produce(struct fixture *f, int32_t partition, int count)
{
    for (int i = 0; i < count; i++) {
        mock_broker_send(&f->mock, DEAD, partition, "k", "x", NULL);
    }
    mock_broker_flush(&f->mock);
}

static void open_reader(struct fixture *f, const struct dead_position *only,
                        size_t count)
{
    if (dead_reader_open(&f->config, only, count, &f->reader, &f->e) < 0) {
        fail_msg("%s", f->e.msg);
    }
}

static int count_letters(struct fixture *f)
{
    int count = 0;
    int got = 0;

    while ((got = dead_reader_next(f->reader, &f->letter, &f->e)) > 0) {
        count++;
    }
    if (got < 0) {
        fail_msg("%s", f->e.msg);
    }
    return count;
}

/* ------------------------------------------------------------------------- */

static void nothing_is_there(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f, 3);
    open_reader(&f, NULL, 0);
    assert_int_equal(count_letters(&f), 0);
    teardown(&f);
}

static void what_comes_later_is_left(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f, 2);
    produce(&f, 0, 1);
    for (int i = 0; i < 100; i++) { /* one batch comes with each answer */
        produce(&f, 1, 1);
    }
    open_reader(&f, NULL, 0);
    produce(&f, 0, 5);
    assert_int_equal(count_letters(&f), 101);
    teardown(&f);
}

static void only_these_each_once(void **state)
{
    static const struct dead_position only[] = {{1, 4}, {0, 2}, {1, 1},
                                                {0, 2}, {1, 4}, {1, 4}};
    struct fixture f;

    (void)state;
    setup(&f, 2);
    produce(&f, 0, 3);
    produce(&f, 1, 6);
    open_reader(&f, only, ARRAY_LEN(only));
    assert_int_equal(count_letters(&f), 3);
    teardown(&f);
}

static void what_is_not_there_is_told(void **state)
{
    static const struct {
        struct dead_position at;
        const char *words;
    } rows[] = {
        {{0, 3}, "partition 0 has 0 to 2"},
        {{1, 0}, "partition 1 is empty"},
        {{2, 0}, "has partitions 0 to 1"},
    };
    struct fixture f;

    (void)state;
    setup(&f, 2);
    produce(&f, 0, 3);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(
            dead_reader_open(&f.config, &rows[i].at, 1, &f.reader, &f.e), -1);
        assert_int_equal(f.e.kind, ERR_INPUT);
        assert_non_null(strstr(f.e.msg, rows[i].words));
    }
    teardown(&f);
}

static void no_topic_has_a_remedy(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f, 0);
    assert_int_equal(dead_reader_open(&f.config, NULL, 0, &f.reader, &f.e), -1);
    assert_int_equal(f.e.kind, ERR_INPUT);
    assert_non_null(strstr(f.e.msg, DEAD));
    assert_non_null(strstr(f.e.msg, "forkyard topics apply"));
    teardown(&f);
}

/* One that may see the topic, as who may delete it, need not be one that may
 * read it. */
static void a_refused_read_ends(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f, 1);
    produce(&f, 0, 1);
    open_reader(&f, NULL, 0);
    rd_kafka_mock_push_request_errors(
        f.mock.cluster, FETCH, 2, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
        RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    assert_int_equal(dead_reader_next(f.reader, &f.letter, &f.e), -1);
    assert_int_equal(f.e.kind, ERR_INPUT);
    assert_non_null(strstr(f.e.msg, "operator=User:NAME"));
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_there),
        cmocka_unit_test(what_comes_later_is_left),
        cmocka_unit_test(only_these_each_once),
        cmocka_unit_test(what_is_not_there_is_told),
        cmocka_unit_test(no_topic_has_a_remedy),
        cmocka_unit_test(a_refused_read_ends),
    };

    return cmocka_run_group_tests_name("dead_letters", tests, NULL, NULL);
}
