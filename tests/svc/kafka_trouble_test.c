/* SPDX-License-Identifier: MIT */
/* kafka_trouble_test.c - what is kept of a client's complaints. That each of
 * them comes from a broker: tests/kafka/security.py, bad_times.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "svc/kafka_trouble.h"

#define ALL KAFKA_TROUBLE_AUTHENTICATION, KAFKA_TROUBLE_OTHER

static struct kafka_trouble trouble;

static int fresh(void **state)
{
    (void)state;
    trouble = (struct kafka_trouble){.client = "jobs"};
    return 0;
}

static void must_say(enum kafka_trouble_kind first,
                     enum kafka_trouble_kind last, const char *text)
{
    char words[512] = "";

    assert_true(
        kafka_trouble_words(&trouble, first, last, words, sizeof(words)));
    if (!strstr(words, text)) {
        fail_msg("'%s' does not say '%s'", words, text);
    }
}

static void test_every_kind_has_a_name_and_a_remedy(void **state)
{
    (void)state;
    for (int i = 0; i < KAFKA_TROUBLE_KINDS; i++) {
        assert_non_null(kafka_trouble_name((enum kafka_trouble_kind)i));
        assert_non_null(kafka_trouble_remedy((enum kafka_trouble_kind)i));
    }
}

static void test_begins_and_ends(void **state)
{
    char words[512] = "";

    (void)state;
    assert_false(kafka_trouble_words(&trouble, ALL, words, sizeof(words)));
    kafka_trouble_note(&trouble, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
                       "jobs.low: refused");
    must_say(ALL, "jobs.low: refused (forkyard acls apply");
    assert_false(kafka_trouble_words(&trouble, KAFKA_TROUBLE_AUTHENTICATION,
                                     KAFKA_TROUBLE_TOO_OLD, words,
                                     sizeof(words)));
    kafka_trouble_over(&trouble, KAFKA_TROUBLE_TOPIC_RIGHT);
    assert_false(kafka_trouble_words(&trouble, ALL, words, sizeof(words)));
    assert_int_equal(trouble.rows[KAFKA_TROUBLE_TOPIC_RIGHT].count, 1);
}

static void test_first_kind_is_told_first(void **state)
{
    (void)state;
    kafka_trouble_note(&trouble, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, "large");
    kafka_trouble_note(&trouble, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
                       "group");
    must_say(ALL, "group (");
    kafka_trouble_all_over(&trouble);
    assert_false(trouble.rows[KAFKA_TROUBLE_TOO_LARGE].is_on);
}

/* Who is not let in cannot be reached either, which is no news. */
static void test_refusal_explains_silence(void **state)
{
    (void)state;
    kafka_trouble_note(&trouble, RD_KAFKA_RESP_ERR__AUTHENTICATION, "who?");
    kafka_trouble_note(&trouble, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, "down");
    assert_false(trouble.rows[KAFKA_TROUBLE_UNREACHABLE].is_on);
    assert_int_equal(trouble.rows[KAFKA_TROUBLE_UNREACHABLE].count, 1);
    must_say(ALL, "who?");
    kafka_trouble_over(&trouble, KAFKA_TROUBLE_AUTHENTICATION);
    kafka_trouble_note(&trouble, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, "down");
    must_say(ALL, "down");
}

/* One line a minute; what was not said is counted in the next one. */
static void test_is_said_once(void **state)
{
    struct kafka_trouble_row *row = &trouble.rows[KAFKA_TROUBLE_TLS];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        kafka_trouble_note(&trouble, RD_KAFKA_RESP_ERR__SSL, "handshake");
    }
    assert_int_equal(row->count, 1000);
    assert_int_equal(row->said, 1);
    row->said_ms -= 60001;
    kafka_trouble_note(&trouble, RD_KAFKA_RESP_ERR__SSL, "handshake");
    assert_int_equal(row->said, 1001);
}

static void test_unknown_codes_are_others(void **state)
{
    (void)state;
    assert_int_equal(kafka_trouble_kind_of(RD_KAFKA_RESP_ERR_UNKNOWN),
                     KAFKA_TROUBLE_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_every_kind_has_a_name_and_a_remedy, fresh),
        cmocka_unit_test_setup(test_begins_and_ends, fresh),
        cmocka_unit_test_setup(test_first_kind_is_told_first, fresh),
        cmocka_unit_test_setup(test_refusal_explains_silence, fresh),
        cmocka_unit_test_setup(test_is_said_once, fresh),
        cmocka_unit_test_setup(test_unknown_codes_are_others, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
