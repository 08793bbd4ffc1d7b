/* SPDX-License-Identifier: MIT */
/* again_test.c - which endings are tried again, how often, and after what
 * wait? */
#include "lib/unit.h"

#include <string.h>

#include "base/base.h"
#include "base/str.h"
#include "run/again.h"

#define NS_PER_MS 1000000U
#define DUE_MS    1000U

static struct config config;
static struct job job;
static struct again_backoff backoff;

static int setup(void **state)
{
    (void)state;
    config_init(&config);
    job_init(&job);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    config_done(&config);
    return 0;
}

static enum again after(enum status status, uint64_t attempt)
{
    return again_decide(&job, status, attempt, DUE_MS);
}

/* The contract's default, and only that. */
static void our_own_failures_by_default(void **state)
{
    (void)state;
    for (int i = 0; i < STATUS_COUNT; i++) {
        bool is_ours = i == STATUS_WORKER_LOST || i == STATUS_INTERNAL_ERROR;

        assert_int_equal(after(i, 1), is_ours ? AGAIN_YES : AGAIN_NO);
    }
}

static void what_the_job_names_instead(void **state)
{
    struct view named[] = {view_of("signalled"), view_of("nonzero_exit")};

    (void)state;
    job.retry_on = named;
    job.retry_on_count = ARRAY_LEN(named);
    assert_int_equal(after(STATUS_SIGNALLED, 1), AGAIN_YES);
    assert_int_equal(after(STATUS_NONZERO_EXIT, 1), AGAIN_YES);
    assert_int_equal(after(STATUS_INTERNAL_ERROR, 1), AGAIN_NO);
    assert_int_equal(after(STATUS_SUCCESS, 1), AGAIN_NO);
}

static void as_often_as_it_says(void **state)
{
    (void)state;
    assert_int_equal(after(STATUS_INTERNAL_ERROR, JOB_DEFAULT_ATTEMPTS - 1),
                     AGAIN_YES);
    assert_int_equal(after(STATUS_INTERNAL_ERROR, JOB_DEFAULT_ATTEMPTS),
                     AGAIN_SPENT);
    job.max_attempts = 5;
    assert_int_equal(after(STATUS_INTERNAL_ERROR, 4), AGAIN_YES);
    assert_int_equal(after(STATUS_INTERNAL_ERROR, 5), AGAIN_SPENT);
    assert_int_equal(after(STATUS_INTERNAL_ERROR, 999), AGAIN_SPENT);
    assert_int_equal(after(STATUS_SUCCESS, 5), AGAIN_NO);
}

static void not_past_its_end(void **state)
{
    (void)state;
    job.expires_unix_nano = (uint64_t)DUE_MS * NS_PER_MS;
    assert_int_equal(after(STATUS_INTERNAL_ERROR, 1), AGAIN_SPENT);
    job.expires_unix_nano = (uint64_t)(DUE_MS + 1) * NS_PER_MS;
    assert_int_equal(after(STATUS_INTERNAL_ERROR, 1), AGAIN_YES);
}

static void parsed(const char *text)
{
    struct err e = {.msg = ""};

    assert_int_equal(config_set(&config, "retry.backoff", text, &e), 0);
    if (again_backoff_parse(&config, &backoff, &e) < 0) {
        fail_msg("%s", e.msg);
    }
}

static const char *wait_after(uint64_t attempt)
{
    return again_tier_after(&backoff, attempt)->name;
}

static void longer_each_time_the_last_repeats(void **state)
{
    struct err e;

    (void)state;
    assert_int_equal(again_backoff_parse(&config, &backoff, &e), 0);
    assert_string_equal(wait_after(1), "5s");
    assert_string_equal(wait_after(2), "1m");
    assert_string_equal(wait_after(3), "10m");
    assert_string_equal(wait_after(4), "1h");
    assert_string_equal(wait_after(99), "1h");
    parsed("1m, 5s");
    assert_string_equal(wait_after(1), "1m");
    assert_string_equal(wait_after(2), "5s");
    assert_string_equal(wait_after(3), "5s");
}

static void refused(const char *text, const char *words)
{
    struct err e = {.msg = ""};

    assert_int_equal(config_set(&config, "retry.backoff", text, &e), 0);
    assert_int_equal(again_backoff_parse(&config, &backoff, &e), -1);
    if (!strstr(e.msg, words)) {
        fail_msg("\"%s\" does not say \"%s\"", e.msg, words);
    }
}

static void other_waits_are_refused(void **state)
{
    char many[3 * (JOB_MAX_ATTEMPTS + 1) + 1] = "";

    (void)state;
    refused("2s", "retry.backoff: '2s' is none of 5s, 1m, 10m, 1h");
    refused("", "is none of");
    refused("5s,", "is none of");
    refused("5s,,1m", "is none of");
    for (int i = 0; i <= JOB_MAX_ATTEMPTS; i++) {
        memcpy(many + 3 * (size_t)i, "5s,", 3);
    }
    many[sizeof(many) - 2] = '\0';
    refused(many, "retry.backoff: more than");
}

static void the_longest_wait_that_is_not_too_long(void **state)
{
    static const struct {
        uint64_t remaining_ms;
        const char *name; /* NULL: none */
    } rows[] = {
        {0, NULL},        {4999, NULL},    {5000, "5s"},
        {59999, "5s"},    {60000, "1m"},   {600000, "10m"},
        {3599999, "10m"}, {3600000, "1h"}, {UINT64_MAX, "1h"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct again_tier *tier = again_tier_within(rows[i].remaining_ms);

        if (rows[i].name) {
            assert_non_null(tier);
            assert_string_equal(tier->name, rows[i].name);
        } else {
            assert_null(tier);
        }
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(our_own_failures_by_default),
        TEST(what_the_job_names_instead),
        TEST(as_often_as_it_says),
        TEST(not_past_its_end),
        TEST(longer_each_time_the_last_repeats),
        TEST(other_waits_are_refused),
        TEST(the_longest_wait_that_is_not_too_long),
    };

    return cmocka_run_group_tests_name("again", tests, NULL, NULL);
}
