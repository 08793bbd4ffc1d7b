/* SPDX-License-Identifier: MIT */
/* err_test.c - does an error say what went wrong, and survive any length? */
#include <errno.h>
#include <string.h>

#include "lib/unit.h"

#include "base/err.h"

static void set_fills_kind_and_text(void **state)
{
    struct err e = {.sys = 77};

    (void)state;
    assert_int_equal(err_set(&e, ERR_LIMIT, "%d of %s", 3, "four"), -1);
    assert_int_equal(e.kind, ERR_LIMIT);
    assert_int_equal(e.sys, 0);
    assert_string_equal(e.msg, "3 of four");
}

static void sys_keeps_errno(void **state)
{
    struct err e;

    (void)state;
    errno = ENOENT;
    assert_int_equal(err_sys(&e, "open %s", "x"), -1);
    assert_int_equal(e.kind, ERR_SYSTEM);
    assert_int_equal(e.sys, ENOENT);
    assert_int_equal(errno, ENOENT);
    assert_string_equal(e.msg, "open x: No such file or directory");
    errno = 9999;
    (void)err_sys(&e, "odd");
    assert_string_equal(e.msg, "odd: errno 9999");
}

static void wrap_puts_context_in_front(void **state)
{
    struct err e;

    (void)state;
    (void)err_set(&e, ERR_INPUT, "bad");
    assert_int_equal(err_wrap(&e, "job %d", 7), -1);
    assert_int_equal(e.kind, ERR_INPUT);
    assert_string_equal(e.msg, "job 7: bad");
}

static void long_texts_are_cut_at_the_end(void **state)
{
    char text[2000];
    struct err e;

    (void)state;
    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    (void)err_set(&e, ERR_BUG, "%s", text);
    assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
    (void)err_wrap(&e, "here");
    assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
    assert_memory_equal(e.msg, "here: aaa", 9);
    (void)err_wrap(&e, "%s", text);
    assert_true(strlen(e.msg) < sizeof(e.msg));
    errno = EPERM;
    (void)err_sys(&e, "%s", text);
    assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
}

static void null_error_is_ignored(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, ERR_BUG, "x"), -1);
    assert_int_equal(err_sys(NULL, "x"), -1);
    assert_int_equal(err_wrap(NULL, "x"), -1);
}

static void kinds_have_names(void **state)
{
    (void)state;
    assert_string_equal(err_kind_name(ERR_NONE), "none");
    assert_string_equal(err_kind_name(ERR_RETRY), "retry");
    assert_string_equal(err_kind_name(ERR_BUG), "bug");
    assert_string_equal(err_kind_name((enum err_kind)99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_fills_kind_and_text),
        cmocka_unit_test(sys_keeps_errno),
        cmocka_unit_test(wrap_puts_context_in_front),
        cmocka_unit_test(long_texts_are_cut_at_the_end),
        cmocka_unit_test(null_error_is_ignored),
        cmocka_unit_test(kinds_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
