/* SPDX-License-Identifier: MIT */
/* buf_test.c - do buffers keep their maximum, and views tell text from bytes?
 */
#include <string.h>

#include "lib/unit.h"

#include "base/buf.h"

static void append_grows_up_to_the_maximum(void **state)
{
    AUTO_BUF struct buf b;
    struct err e;

    (void)state;
    buf_init(&b, 1000);
    for (int i = 0; i < 10; i++) {
        char block[100];

        memset(block, 'a' + i, sizeof(block));
        assert_int_equal(buf_append(&b, block, sizeof(block), &e), 0);
    }
    assert_int_equal(b.len, 1000);
    assert_int_equal(b.data[0], 'a');
    assert_int_equal(b.data[999], 'j');
    assert_int_equal(buf_append(&b, "x", 1, &e), -1);
    assert_int_equal(e.kind, ERR_LIMIT);
    assert_string_equal(e.msg, "1 bytes more than the maximum of 1000");
    assert_int_equal(b.len, 1000);
}

static void nothing_is_appended_on_failure(void **state)
{
    AUTO_BUF struct buf b;
    struct err e;

    (void)state;
    buf_init(&b, 8);
    assert_int_equal(buf_append(&b, "12345", 5, &e), 0);
    assert_int_equal(buf_append(&b, "12345", 5, &e), -1);
    assert_int_equal(buf_append(&b, "", SIZE_MAX, &e), -1);
    assert_int_equal(buf_printf(&b, &e, "%s", "6789"), -1);
    assert_int_equal(e.kind, ERR_LIMIT);
    assert_true(view_is(buf_view(&b), "12345"));
    assert_int_equal(buf_printf(&b, &e, "%d", 678), 0);
    assert_true(view_is(buf_view(&b), "12345678"));
}

static void cleared_keeps_its_memory(void **state)
{
    AUTO_BUF struct buf b;
    uint8_t *before;

    (void)state;
    buf_init(&b, 100);
    assert_int_equal(buf_append(&b, "abc", 3, NULL), 0);
    before = b.data;
    buf_clear(&b);
    assert_int_equal(b.len, 0);
    assert_int_equal(buf_printf(&b, NULL, "%s-%d", "n", 5), 0);
    assert_ptr_equal(b.data, before);
    assert_true(view_is(buf_view(&b), "n-5"));
    buf_done(&b);
    assert_int_equal(buf_append(&b, "again", 5, NULL), 0);
}

static void absent_is_not_empty(void **state)
{
    struct view absent = view_of(NULL);
    AUTO_FREE char *copy = view_dup((struct view){.data = "a\0b", .len = 3});

    (void)state;
    assert_null(absent.data);
    assert_true(view_is(view_of(""), ""));
    assert_false(view_is(absent, ""));
    assert_true(view_eq(absent, view_of(NULL)));
    assert_false(view_eq(absent, view_of("")));
    assert_false(view_is(view_of("ab"), "abc"));
    assert_null(view_dup(absent));
    assert_memory_equal(copy, "a\0b", 4);
}

static void text_is_strict_utf8(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        bool is_text;
    } rows[] = {
        {"", 0, true},
        {"plain", 5, true},
        {"\xc3\xa4", 2, true},
        {"\xe2\x82\xac", 3, true},
        {"\xf0\x9f\x98\x80", 4, true},
        {"\xef\xbf\xbf", 3, true},
        {"\xf4\x8f\xbf\xbf", 4, true},
        {"a\0b", 3, false},
        {"\x80", 1, false},
        {"\xc0\xaf", 2, false},         /* overlong slash */
        {"\xe0\x80\xaf", 3, false},     /* overlong slash */
        {"\xed\xa0\x80", 3, false},     /* surrogate */
        {"\xf4\x90\x80\x80", 4, false}, /* over U+10FFFF */
        {"\xff", 1, false},
        {"\xc3", 1, false}, /* cut */
        {"\xe2\x82", 2, false},
        {"\xf0\x9f\x98\x41", 4, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(view_is_text((struct view){.data = rows[i].bytes,
                                                    .len = rows[i].len}),
                         rows[i].is_text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(append_grows_up_to_the_maximum),
        cmocka_unit_test(nothing_is_appended_on_failure),
        cmocka_unit_test(cleared_keeps_its_memory),
        cmocka_unit_test(absent_is_not_empty),
        cmocka_unit_test(text_is_strict_utf8),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
