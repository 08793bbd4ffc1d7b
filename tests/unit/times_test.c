/* SPDX-License-Identifier: MIT */
/* times_test.c - which points in time are understood, and as which? */
#include "lib/unit.h"

#include <string.h>

#include "base/base.h"
#include "base/times.h"

/* The figures are those of `date -u -d TEXT +%s`. */
static void times_are_understood(void **state)
{
    static const struct {
        const char *text;
        uint64_t unix_ms;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-11-26T22:40:16Z", 1795732816000},
        {"2026-11-26t22:40:16z", 1795732816000},
        {"2026-11-26 22:40:16Z", 1795732816000},
        {"2026-11-26T22:40:16.5Z", 1795732816500},
        {"2026-11-26T22:40:16.123456789Z", 1795732816123},
        {"2026-11-27T00:10:16+01:30", 1795732816000},
        {"2026-11-26T14:40:16-08:00", 1795732816000},
        {"2024-02-29T00:00:00Z", 1709164800000},
        {"2016-12-31T23:59:60Z", 1483228800000},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t got = 1;
        struct err e = {0};

        if (times_parse(rows[i].text, &got, &e) < 0 || got != rows[i].unix_ms) {
            fail_msg("%s: %llu %s", rows[i].text, (unsigned long long)got,
                     e.msg);
        }
    }
}

static void others_are_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "2026",
        "2026-11-26",
        "2026-11-26T22:40:16",
        "2026-11-26T22:40Z",
        "2026-11-26T22:40:16Zx",
        "2026-11-26T22:40:16.Z",
        "2026-11-26T22:40:16+0100",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-11-26T24:00:00Z",
        "2026-11-26T22:60:16Z",
        "2026-11-26T22:40:61Z",
        "2026-11-26T22:40:16+24:00",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+01:00",
        "-2026-11-26T22:40:16Z",
        "2026-1 -26T22:40:16Z",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t got = 7;
        struct err e = {0};

        if (times_parse(rows[i], &got, &e) == 0 || got != 7) {
            fail_msg("'%s' is taken for %llu", rows[i],
                     (unsigned long long)got);
        }
        assert_int_equal(e.kind, ERR_INPUT);
        assert_non_null(strstr(e.msg, rows[i]));
    }
}

static void a_duration_is_of_the_past(void **state)
{
    uint64_t got = 0;
    struct err e = {0};

    (void)state;
    assert_int_equal(times_parse_past("90m", 10000000, &got, &e), 0);
    assert_int_equal(got, 10000000 - 90 * 60 * 1000);
    assert_int_equal(times_parse_past("7d", 10000000, &got, &e), 0);
    assert_int_equal(got, 0);
    assert_int_equal(times_parse_past("2026-11-26T22:40:16Z", 5, &got, &e), 0);
    assert_int_equal(got, 1795732816000);
    assert_int_equal(times_parse_past("yesterday", 5, &got, &e), -1);
    assert_non_null(strstr(e.msg, "yesterday"));
}

static void times_are_written(void **state)
{
    char out[TIMES_SIZE];

    (void)state;
    assert_string_equal(times_format(1795732816999, out),
                        "2026-11-26T22:40:16Z");
    assert_string_equal(times_format(0, out), "1970-01-01T00:00:00Z");
    assert_string_equal(times_format(-1, out), "-");
    assert_string_equal(times_format(INT64_MAX, out), "-");
    assert_string_equal(times_format(253402300799999, out),
                        "9999-12-31T23:59:59Z");
    assert_string_equal(times_format(253402300800000, out), "-");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_understood),
        cmocka_unit_test(others_are_refused),
        cmocka_unit_test(a_duration_is_of_the_past),
        cmocka_unit_test(times_are_written),
    };

    return cmocka_run_group_tests_name("times", tests, NULL, NULL);
}
