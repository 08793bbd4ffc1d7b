/* SPDX-License-Identifier: MIT */
/* letter_problem_test.c - what is wrong with the job of a dead letter? */
#include "packed.h"

#include "base/base.h"
#include "wire/letter_problem.h"

static void it_is_said(void **state)
{
    static const struct {
        const char *json;
        const char *words; /* NULL: nothing is wrong */
    } rows[] = {
        {"{'job_id': 'a', 'language': 'shell', 'code': 'true'}", NULL},
        {"{'job_id': 'a', 'language': 'shell'}", "code"},
        {"{'job_id': 'a', 'language': 'shell', 'code': 'true',"
         " 'max_attempts': 'x'}",
         "max_attempts"},
        {"{'language': 'shell', 'code': 'true'}", "no_id"},
        {"{'v': 9, 'job_id': 'a'}", "unknown_version"},
        {"'text'", "undecodable"},
    };
    struct config config;

    (void)state;
    config_init(&config);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct packed p;
        struct err e = {0};
        int rc = 0;

        packed_json(&p, rows[i].json);
        rc = letter_problem(&config, buf_view(&p.bytes), &e);
        if (rc != (rows[i].words ? -1 : 0) ||
            (rows[i].words && !strstr(e.msg, rows[i].words))) {
            fail_msg("row %zu: %d %s", i, rc, e.msg);
        }
        packed_done(&p);
    }
    config_done(&config);
}

static void what_is_no_message_is_said(void **state)
{
    struct config config;
    struct err e = {0};

    (void)state;
    config_init(&config);
    assert_int_equal(letter_problem(&config, (struct view){NULL, 0}, &e), -1);
    assert_non_null(strstr(e.msg, "undecodable"));
    assert_int_equal(config_set(&config, "job.max_bytes", "1MiB", &e), 0);
    AUTO_FREE char *large = xcalloc(1, (1U << 20) + 1);
    assert_int_equal(
        letter_problem(&config, (struct view){large, (1U << 20) + 1}, &e), -1);
    assert_non_null(strstr(e.msg, "oversized"));
    config_done(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_said),
        cmocka_unit_test(what_is_no_message_is_said),
    };

    return cmocka_run_group_tests_name("letter_problem", tests, NULL, NULL);
}
