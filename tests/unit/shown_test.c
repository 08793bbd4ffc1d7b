/* SPDX-License-Identifier: MIT */
/* shown_test.c - can text of strangers do more on a terminal than be read? */
#include "lib/unit.h"

#include <string.h>

#include "base/base.h"
#include "base/shown.h"

#define MAX 16

static void check(struct view text, const char *wanted)
{
    char out[MAX + 1];
    size_t len = shown_text(text, MAX, out);

    assert_string_equal(out, wanted);
    assert_int_equal(len, strlen(wanted));
}

static void text_stays(void **state)
{
    (void)state;
    check(view_of(""), "");
    check((struct view){NULL, 0}, "");
    check(view_of("plain text ~"), "plain text ~");
    check(view_of("h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8d\xb4"),
          "h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8d\xb4");
    /* neighbours of what is not shown */
    check(view_of("\xc2\xa0|\xe2\x80\x8d|\xe2\x80\xaf|\xe2\x81\xa5"),
          "\xc2\xa0|\xe2\x80\x8d|\xe2\x80\xaf|\xe2\x81\xa5");
}

static void what_is_more_than_text_is_gone(void **state)
{
    (void)state;
    check(view_of("\033[31mred"), "?[31mred");
    check(view_of("a\rb\nc\x7f"), "a?b?c?");
    check((struct view){"a\0b", 3}, "a?b");
    check(view_of("\x9b"
                  "31m"),
          "?31m"); /* no UTF-8 */
    check(view_of("\xc2\x9b"
                  "31m"),
          "?31m"); /* UTF-8 of the same */
    check(view_of("\xe2\x80\xae"
                  "exe"),
          "?exe"); /* right to left */
    check(view_of("\xe2\x81\xa6|\xe2\x81\xa9|\xe2\x80\xa8"), "?|?|?");
    check(view_of("\xe2\x80"), "??"); /* half of one */
    check(view_of("\xff\xfe"), "??");
}

static void no_half_character(void **state)
{
    char out[MAX + 1];

    (void)state;
    check(view_of("0123456789abcdefg"), "0123456789abcdef");
    check(view_of("0123456789abcde\xc3\xa9"), "0123456789abcde");
    check(view_of("0123456789abcd\xc3\xa9"), "0123456789abcd\xc3\xa9");
    assert_int_equal(shown_text(view_of("x"), 0, out), 0);
    assert_string_equal(out, "");
}

static void the_first_line(void **state)
{
    char out[MAX + 1];

    (void)state;
    assert_int_equal(shown_line(view_of("one\ntwo"), MAX, out), 3);
    assert_string_equal(out, "one");
    assert_int_equal(shown_line(view_of("\n"), MAX, out), 0);
    assert_int_equal(shown_line((struct view){NULL, 0}, MAX, out), 0);
    assert_int_equal(shown_line(view_of("one"), MAX, out), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_stays),
        cmocka_unit_test(what_is_more_than_text_is_gone),
        cmocka_unit_test(no_half_character),
        cmocka_unit_test(the_first_line),
    };

    return cmocka_run_group_tests_name("shown", tests, NULL, NULL);
}
