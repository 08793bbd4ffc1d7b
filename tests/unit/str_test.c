/* SPDX-License-Identifier: MIT */
/* str_test.c - are numbers with and without units read strictly? */
#include <string.h>

#include "lib/unit.h"

#include "base/str.h"

struct row {
    const char *text;
    int rc;
    uint64_t value;
};

typedef int (*parse_fn)(const char *, uint64_t *, struct err *);

static void check_rows(parse_fn parse, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t value = 4711;
        struct err e = {.kind = ERR_NONE};

        if (parse(rows[i].text, &value, &e) != rows[i].rc) {
            fail_msg("'%s': expected %d", rows[i].text, rows[i].rc);
        }
        assert_int_equal(value, rows[i].rc == 0 ? rows[i].value : 4711);
        assert_int_equal(e.kind, rows[i].rc == 0 ? ERR_NONE : ERR_INPUT);
    }
}

static void whole_numbers(void **state)
{
    static const struct row rows[] = {
        {"0", 0, 0},
        {"007", 0, 7},
        {"18446744073709551615", 0, UINT64_MAX},
        {"18446744073709551616", -1, 0},
        {"99999999999999999999", -1, 0},
        {"", -1, 0},
        {"-1", -1, 0},
        {"+1", -1, 0},
        {" 1", -1, 0},
        {"1 ", -1, 0},
        {"1x", -1, 0},
        {"0x10", -1, 0},
    };

    (void)state;
    check_rows(str_parse_u64, rows, ARRAY_LEN(rows));
}

static void signed_numbers(void **state)
{
    int64_t value = 0;

    (void)state;
    assert_int_equal(str_parse_i64("-9223372036854775808", &value, NULL), 0);
    assert_true(value == INT64_MIN);
    assert_int_equal(str_parse_i64("9223372036854775807", &value, NULL), 0);
    assert_true(value == INT64_MAX);
    assert_int_equal(str_parse_i64("9223372036854775808", &value, NULL), -1);
    assert_int_equal(str_parse_i64("-9223372036854775809", &value, NULL), -1);
    assert_int_equal(str_parse_i64("-", &value, NULL), -1);
    assert_int_equal(str_parse_i64("--1", &value, NULL), -1);
    assert_true(value == INT64_MAX);
}

static void durations(void **state)
{
    static const struct row rows[] = {
        {"1500", 0, 1500},
        {"1500ms", 0, 1500},
        {"30s", 0, 30000},
        {"5m", 0, 300000},
        {"2h", 0, 7200000},
        {"1d", 0, 86400000},
        {"1 s", 0, 1000},
        {"0", 0, 0},
        {"s", -1, 0},
        {"1.5s", -1, 0},
        {"-1s", -1, 0},
        {"1w", -1, 0},
        {"18446744073709551615h", -1, 0},
    };

    (void)state;
    check_rows(str_parse_duration_ms, rows, ARRAY_LEN(rows));
}

static void sizes(void **state)
{
    static const struct row rows[] = {
        {"4096", 0, 4096},
        {"64KiB", 0, 65536},
        {"64k", 0, 65536},
        {"512MiB", 0, 536870912},
        {"512M", 0, 536870912},
        {"1GiB", 0, 1073741824},
        {"1G", 0, 1073741824},
        {"2T", 0, 2199023255552},
        {"9B", 0, 9},
        {"KiB", -1, 0},
        {"1KiBs", -1, 0},
        {"1 000", -1, 0},
        {"18446744073709551615K", -1, 0},
    };

    (void)state;
    check_rows(str_parse_size, rows, ARRAY_LEN(rows));
}

static void booleans(void **state)
{
    static const char *const yes[] = {"true", "Yes", "ON", "1"};
    static const char *const no[] = {"false", "no", "off", "0"};
    bool value = false;
    struct err e;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        assert_int_equal(str_parse_bool(yes[i], &value, &e), 0);
        assert_true(value);
        assert_int_equal(str_parse_bool(no[i], &value, &e), 0);
        assert_false(value);
    }
    assert_int_equal(str_parse_bool("maybe", &value, &e), -1);
    assert_string_equal(e.msg, "'maybe' is neither true nor false");
    assert_int_equal(str_parse_bool("", &value, &e), -1);
}

static void copies_are_bounded(void **state)
{
    char dst[4] = "zzz";

    (void)state;
    assert_true(str_copy(dst, sizeof(dst), "abc"));
    assert_string_equal(dst, "abc");
    assert_false(str_copy(dst, sizeof(dst), "wxyz"));
    assert_string_equal(dst, "wxy");
    assert_false(str_copy(dst, 0, "q"));
    assert_string_equal(dst, "wxy");
    assert_true(str_starts("forkyard", "fork"));
    assert_false(str_starts("for", "fork"));
}

static void sizes_for_people(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } rows[] = {
        {0, "0 B"},
        {1023, "1023 B"},
        {1024, "1.0 KiB"},
        {4096, "4.0 KiB"},
        {1572864, "1.5 MiB"},
        {1048575, "1.0 MiB"},
        {1ULL << 30, "1.0 GiB"},
        {5ULL << 50, "5120.0 TiB"},
    };
    char text[32];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        str_format_size(rows[i].bytes, text, sizeof(text));
        assert_string_equal(text, rows[i].text);
    }
    str_format_us(999, text, sizeof(text));
    assert_string_equal(text, "999 us");
    str_format_us(12345, text, sizeof(text));
    assert_string_equal(text, "12 ms");
    str_format_us(3400000, text, sizeof(text));
    assert_string_equal(text, "3.4 s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers),
        cmocka_unit_test(signed_numbers),
        cmocka_unit_test(durations),
        cmocka_unit_test(sizes),
        cmocka_unit_test(booleans),
        cmocka_unit_test(copies_are_bounded),
        cmocka_unit_test(sizes_for_people),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
