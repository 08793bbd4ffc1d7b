/* SPDX-License-Identifier: MIT */
/* base64_test.c - the vectors of RFC 4648, and what is refused. */
#include <string.h>

#include "lib/unit.h"

#include "base/base64.h"

static void vectors(void **state)
{
    static const char *const rows[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xff\xfe\xfd", "//79"},
        {"\xfb\xf0", "+/A="},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t len = strlen(rows[i][0]);
        char text[32] = "";
        uint8_t bytes[32];
        size_t count = 99;

        assert_int_equal(base64_encode(rows[i][0], len, text), BASE64_LEN(len));
        assert_string_equal(text, rows[i][1]);
        assert_int_equal(base64_decode(text, strlen(text), bytes, &count), 0);
        assert_int_equal(count, len);
        assert_memory_equal(bytes, rows[i][0], len);
    }
}

static void every_byte(void **state)
{
    uint8_t bytes[256];
    uint8_t again[BASE64_LEN(sizeof(bytes))];
    char text[BASE64_LEN(sizeof(bytes))];
    size_t len = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 151 + 7);
    }
    assert_int_equal(base64_encode(bytes, sizeof(bytes), text), sizeof(text));
    assert_int_equal(base64_decode(text, sizeof(text), again, &len), 0);
    assert_int_equal(len, sizeof(bytes));
    assert_memory_equal(bytes, again, sizeof(bytes));
}

static void refused(void **state)
{
    static const char *const rows[] = {
        "Z",     "Zg",   "Zg=",  "Zg===",    "=",    "====",  "Z===",
        "Zm9\n", "Zm 9", "Zm-_", "Zg==Zg==", "=m9v", "Zm9v ",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t bytes[32];
        size_t len = 4711;

        if (base64_decode(rows[i], strlen(rows[i]), bytes, &len) != -1) {
            fail_msg("'%s' was taken", rows[i]);
        }
        assert_int_equal(len, 4711);
    }
    /* an end of a string is no digit */
    assert_int_equal(base64_decode("Zm\0v", 4, (uint8_t[8]){0}, &(size_t){0}),
                     -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(every_byte),
        cmocka_unit_test(refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
