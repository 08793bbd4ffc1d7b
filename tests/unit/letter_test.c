/* SPDX-License-Identifier: MIT */
/* letter_test.c - what do the headers of a dead letter say, and which of them
 * does its job keep? */
#include "lib/unit.h"

#include <string.h>

#include "base/base.h"
#include "base/str.h"
#include "wire/letter.h"

static void empty_says_nothing(void **state)
{
    struct letter l;

    (void)state;
    letter_init(&l);
    assert_null(l.topic.data);
    assert_int_equal(l.partition, -1);
    assert_int_equal(l.offset, -1);
    assert_int_equal(l.attempt, -1);
}

static void all_of_it(void **state)
{
    struct letter l;

    (void)state;
    letter_init(&l);
    letter_take(&l, "traceparent", view_of("00-x"));
    letter_take(&l, "forkyard.dlq.topic", view_of("forkyard.jobs.low"));
    letter_take(&l, "forkyard.dlq.partition", view_of("7"));
    letter_take(&l, "forkyard.dlq.offset", view_of("9223372036854775807"));
    letter_take(&l, "forkyard.dlq.stage", view_of("run"));
    letter_take(&l, "forkyard.dlq.exception.class.name", view_of("word"));
    letter_take(&l, "forkyard.dlq.exception.message", view_of("a sentence"));
    letter_take(&l, "forkyard.dlq.worker.id", view_of("w1"));
    letter_take(&l, "attempt", view_of("2"));
    letter_take(&l, "attempt", view_of("3"));
    assert_true(view_is(l.topic, "forkyard.jobs.low"));
    assert_int_equal(l.partition, 7);
    assert_int_equal(l.offset, INT64_MAX);
    assert_true(view_is(l.stage, "run"));
    assert_true(view_is(l.reason, "word"));
    assert_true(view_is(l.words, "a sentence"));
    assert_true(view_is(l.worker_id, "w1"));
    assert_int_equal(l.attempt, 3);
    assert_null(l.redriven.data);
    letter_take(&l, "forkyard.redriven.from", view_of("3:17"));
    assert_true(view_is(l.redriven, "3:17"));
}

static void only_topics_of_jobs(void **state)
{
    static const struct {
        struct view topic;
        bool is_of_jobs;
    } rows[] = {
        {{"forkyard.jobs.low", 17}, true},
        {{"forkyard.jobs.a.B_c-9", 21}, true},
        {{"forkyard.jobs.", 14}, false},
        {{"forkyard.jobs.low\0x", 19}, false},
        {{"forkyard.jobs.l/w", 17}, false},
        {{"forkyard.retry.5s", 17}, false},
        {{"other.jobs.low", 14}, false},
        {{"forkyard", 8}, false},
        {{"", 0}, false},
        {{NULL, 0}, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct letter l = {.topic = rows[i].topic};

        if (letter_is_of_jobs(&l, "forkyard.jobs.") != rows[i].is_of_jobs) {
            fail_msg("row %zu: %.*s", i, VIEW_ARG(rows[i].topic));
        }
    }
}

static void what_is_no_number_is_not_told(void **state)
{
    static const char *const bad[] = {"",
                                      "-1",
                                      "x",
                                      "1x",
                                      "9223372036854775808",
                                      "99999999999999999999",
                                      "00000000000000000000000001",
                                      " 1"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct letter l;

        letter_init(&l);
        letter_take(&l, "forkyard.dlq.offset", view_of(bad[i]));
        if (l.offset != -1) {
            fail_msg("'%s' is taken for %lld", bad[i], (long long)l.offset);
        }
    }
}

static void one_life_is_forgotten(void **state)
{
    static const char *const gone[] = {"attempt",
                                       "forkyard.dlq.topic",
                                       "forkyard.dlq.",
                                       "forkyard.later.due",
                                       "forkyard.later.topic",
                                       "forkyard.redriven.from"};
    static const char *const kept[] = {
        "traceparent", "job_id",     "attempts", "tenant_id",
        "Attempt",     "forkyard.x", ""};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(gone); i++) {
        assert_false(letter_keeps(gone[i]));
    }
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        assert_true(letter_keeps(kept[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_says_nothing),
        cmocka_unit_test(all_of_it),
        cmocka_unit_test(what_is_no_number_is_not_told),
        cmocka_unit_test(only_topics_of_jobs),
        cmocka_unit_test(one_life_is_forgotten),
    };

    return cmocka_run_group_tests_name("letter", tests, NULL, NULL);
}
