/* SPDX-License-Identifier: MIT */
/* letter_filter_test.c - is a letter one of those that are meant? */
#include "lib/unit.h"

#include "base/base.h"
#include "wire/letter_filter.h"

#define BURIED 1000

static bool takes(const struct letter_filter *filter, int64_t buried_unix_ms)
{
    const struct letter letter = {
        .topic = view_of("p.jobs.low"),
        .reason = view_of("attempts_spent"),
        .stage = view_of("run"),
    };
    const struct job_identity identity = {
        .job_id = view_of("j"),
        .tenant_id = view_of("acme"),
    };

    return letter_filter_takes(filter, &letter, &identity, buried_unix_ms,
                               "p.");
}

static void each_must_hold(void **state)
{
    static const struct {
        struct letter_filter filter;
        bool is_taken;
    } rows[] = {
        {{0}, true},
        {{.job = "j"}, true},
        {{.job = "J"}, false},
        {{.job = ""}, false},
        {{.tenant = "acme"}, true},
        {{.tenant = "acm"}, false},
        {{.reason = "attempts_spent"}, true},
        {{.reason = "attempts"}, false},
        {{.stage = "run"}, true},
        {{.stage = "decode"}, false},
        {{.topic = "p.jobs.low"}, true},
        {{.topic = "jobs.low"}, true},
        {{.topic = "low"}, false},
        {{.topic = ""}, false},
        {{.since_unix_ms = BURIED}, true},
        {{.since_unix_ms = BURIED + 1}, false},
        {{.until_unix_ms = BURIED + 1}, true},
        {{.until_unix_ms = BURIED}, false},
        {{.since_unix_ms = 1, .until_unix_ms = BURIED + 1}, true},
        {{.job = "j", .tenant = "acme", .stage = "run"}, true},
        {{.job = "j", .tenant = "acme", .stage = "return"}, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (takes(&rows[i].filter, BURIED) != rows[i].is_taken) {
            fail_msg("row %zu", i);
        }
        assert_int_equal(letter_filter_is_empty(&rows[i].filter), i == 0);
    }
}

static void no_time_is_no_time(void **state)
{
    const struct letter_filter none = {0};
    const struct letter_filter since = {.since_unix_ms = 1};
    const struct letter_filter until = {.until_unix_ms = UINT64_MAX};

    (void)state;
    assert_true(takes(&none, -1));
    assert_false(takes(&since, -1));
    assert_false(takes(&until, -1));
}

static void what_is_no_job_has_no_id(void **state)
{
    static const struct letter_filter filters[] = {
        {.job = "j"}, {.tenant = "default"}, {.topic = "t"}, {.reason = "x"}};
    const struct letter letter = {0};
    const struct job_identity identity = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        assert_false(
            letter_filter_takes(&filters[i], &letter, &identity, 1, "p."));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_must_hold),
        cmocka_unit_test(no_time_is_no_time),
        cmocka_unit_test(what_is_no_job_has_no_id),
    };

    return cmocka_run_group_tests_name("letter_filter", tests, NULL, NULL);
}
