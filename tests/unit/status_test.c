/* SPDX-License-Identifier: MIT */
/* status_test.c - names of endings, and which of several is told. */
#include "packed.h"

#include "wire/status.h"

static void test_every_status_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < STATUS_COUNT; i++) {
        const char *name = status_name((enum status)i);

        assert_string_not_equal(name, "unknown");
        assert_int_equal(status_find(view_of(name)), i);
    }
    assert_string_equal(status_name(STATUS_COUNT), "unknown");
    assert_int_equal(status_find(view_of("done")), -1);
    assert_int_equal(status_find((struct view){NULL, 0}), -1);
    assert_int_equal(status_enum.count, STATUS_COUNT);
    assert_int_equal(status_by_enum.count, STATUS_BY_COUNT);
    assert_int_equal(status_limit_enum.count, STATUS_LIMIT_COUNT);
}

static void test_precedence(void **state)
{
    /* The contract's order. */
    static const enum status order[] = {
        STATUS_INTERNAL_ERROR,
        STATUS_CANCELLED,
        STATUS_TIME_LIMIT_EXCEEDED,
        STATUS_MEMORY_LIMIT_EXCEEDED,
        STATUS_OUTPUT_LIMIT_EXCEEDED,
        STATUS_PROCESS_LIMIT_EXCEEDED,
        STATUS_DISK_LIMIT_EXCEEDED,
        STATUS_SECURITY_VIOLATION,
        STATUS_SIGNALLED,
        STATUS_NONZERO_EXIT,
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        uint32_t holds = 0;

        for (size_t j = i; j < ARRAY_LEN(order); j++) {
            holds |= STATUS_BIT(order[j]);
        }
        assert_int_equal(status_pick(holds), order[i]);
    }
    assert_int_equal(status_pick(0), STATUS_SUCCESS);
    assert_int_equal(status_pick(STATUS_BIT(STATUS_SUCCESS)), STATUS_SUCCESS);
}

static void test_every_status_can_be_picked(void **state)
{
    (void)state;
    for (int i = 0; i < STATUS_COUNT; i++) {
        assert_int_equal(status_pick(STATUS_BIT(i)), i);
    }
}

static void test_every_limit_means_an_ending(void **state)
{
    (void)state;
    for (int i = 0; i < STATUS_LIMIT_COUNT; i++) {
        assert_true(status_of_limit((enum status_limit)i) != STATUS_SUCCESS);
    }
    assert_int_equal(status_of_limit(STATUS_LIMIT_STACK),
                     STATUS_MEMORY_LIMIT_EXCEEDED);
    assert_int_equal(status_of_limit(STATUS_LIMIT_IDLE_TIME),
                     STATUS_TIME_LIMIT_EXCEEDED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_status_has_a_name_of_its_own),
        cmocka_unit_test(test_precedence),
        cmocka_unit_test(test_every_status_can_be_picked),
        cmocka_unit_test(test_every_limit_means_an_ending),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
