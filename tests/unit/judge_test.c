/* SPDX-License-Identifier: MIT */
/* judge_test.c - what counts as the same output, and what does not. */
#include "wire/judge.h"

#include <string.h>

#include "lib/unit.h"

static const struct {
    const char *got;
    const char *expected;
    bool same;
} rows[] = {
    {"", "", true},
    {"42\n", "42\n", true},
    {"42", "42\n", true},
    {"42\n\n\n", "42", true},
    {"42 \t\n", "42\n", true},
    {"42\r\n43\r\n", "42\n43\n", true},
    {"a \nb\t\n", "a\nb", true},
    {"a\n \n\t\n", "a", true},
    {"  \n\n", "", true},
    {"", "\n\n \n", true},
    {"a\v\f\n", "a\n", true},
    {"42", "43", false},
    {"42\n", "", false},
    {"", "42\n", false},
    {" 42\n", "42\n", false},      /* in front it counts */
    {"4  2\n", "4 2\n", false},    /* and between */
    {"a\n\nb\n", "a\nb\n", false}, /* as empty lines do */
    {"\na\n", "a\n", false},
    {"a\nb\n", "a\n", false},
    {"a\n", "a\nb\n", false},
    {"A\n", "a\n", false},
    {"a b\n", "a\nb\n", false},
    {"0.10\n", "0.1\n", false},
    {"a\r b\n", "a b\n", false},
};

static void lines_are_compared(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (judge_same(view_of(rows[i].got), view_of(rows[i].expected)) !=
            rows[i].same) {
            fail_msg("row %zu: \"%s\" and \"%s\"", i, rows[i].got,
                     rows[i].expected);
        }
    }
}

static void any_byte_is_one(void **state)
{
    static const struct view zero = {"a\0b\n", 4};
    static const struct view other = {"a\0c\n", 4};
    static const struct view cut = {"a", 1};
    static const struct view ends_with_zero = {"a\0", 2};
    static const struct view nbsp = {"a\xc2\xa0", 3}; /* no space of ours */

    (void)state;
    assert_true(judge_same(zero, zero));
    assert_false(judge_same(zero, other));
    assert_false(judge_same(zero, cut));
    assert_false(judge_same(ends_with_zero, cut));
    assert_false(judge_same(nbsp, cut));
}

/* A stream that was never written to. */
static void nothing_is_empty(void **state)
{
    static const struct view absent = {NULL, 0};

    (void)state;
    assert_true(judge_same(absent, view_of("\n")));
    assert_true(judge_same(absent, absent));
    assert_false(judge_same(absent, view_of("x")));
    assert_false(judge_same(view_of("x"), absent));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_compared),
        cmocka_unit_test(any_byte_is_one),
        cmocka_unit_test(nothing_is_empty),
    };

    return cmocka_run_group_tests_name("judge", tests, NULL, NULL);
}
