/* SPDX-License-Identifier: MIT */
/* fy_result_test.c - results by their fields, and which of them are awaited. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/fy_awaited.h"
#include "lib/fy_result.h"

static struct fy_result *make(const char *id, int64_t exit_code)
{
    struct fy_result *result = NULL;
    struct result record;
    AUTO_BUF struct buf bytes;
    struct err e = {0};

    result_init(&record);
    record.job_id = view_of(id);
    record.attempt = 1;
    record.state = RESULT_STATE_FINISHED;
    record.status = exit_code ? STATUS_NONZERO_EXIT : STATUS_SUCCESS;
    record.success = !exit_code;
    record.status_reason = view_of("why \"so\"");
    record.exit_code = exit_code;
    record.stdout_ = (struct view){"a\0b", 3};
    record.usage.present = true;
    record.usage.wall_us = 12;
    buf_init(&bytes, 65536);
    if (result_encode(&record, &bytes, &e) < 0 ||
        fy_result_new(buf_view(&bytes), &result, &e) < 0) {
        fail_msg("%s", e.msg);
    }
    return result;
}

static void fields_are_there(void **state)
{
    struct fy_result *r = make("a", 3);
    uint64_t number = 0;
    size_t len = 0;
    int code = 0;

    (void)state;
    assert_string_equal(fy_result_job_id(r), "a");
    assert_string_equal(fy_result_status(r), "nonzero_exit");
    assert_string_equal(fy_result_reason(r), "why \"so\"");
    assert_false(fy_result_is_success(r));
    assert_int_equal(fy_result_exit_code(r, &code), 1);
    assert_int_equal(code, 3);
    assert_memory_equal(fy_result_stdout(r, &len), "a\0b", 3);
    assert_int_equal(len, 3);
    assert_null(fy_result_stderr(r, &len));
    assert_string_equal(fy_result_text(r, "status"), "nonzero_exit");
    assert_int_equal(fy_result_uint(r, "usage.wall_us", &number), 1);
    assert_int_equal(number, 12);
    assert_memory_equal(fy_result_bytes(r, "stdout", &len), "a\0b", 3);
    assert_int_equal(len, 3);
    assert_non_null(fy_result_msgpack(r, &len));
    assert_true(len > 20);
    assert_non_null(strstr(fy_result_json(r), "\"status\":\"nonzero_exit\""));
    assert_ptr_equal(fy_result_json(r), fy_result_json(r));
    fy_result_free(r);
}

static void what_is_not_there_is_told(void **state)
{
    static const char *const paths[] = {"nothing",         "usage.nothing",
                                        "usage.wall_us.x", "files.0.path",
                                        "status.0",        "usage"};
    struct fy_result *r = make("a", 0);
    uint64_t number = 7;
    size_t len = 9;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        assert_null(fy_result_text(r, paths[i]));
        assert_null(fy_result_bytes(r, paths[i], &len));
        assert_int_equal(len, 0);
        assert_int_equal(fy_result_uint(r, paths[i], &number), 0);
    }
    assert_null(fy_result_text(r, "usage.wall_us"));
    assert_int_equal(fy_result_uint(r, "status", &number), 0);
    assert_int_equal(number, 7);
    fy_result_free(r);
}

static void no_result_is_refused(void **state)
{
    struct fy_result *r = NULL;
    struct err e = {0};

    (void)state;
    assert_int_equal(fy_result_new((struct view){"\xc1", 1}, &r, &e), -1);
    assert_int_equal(fy_result_new((struct view){NULL, 0}, &r, &e), -1);
    assert_non_null(strstr(e.msg, "without a value"));
    assert_null(r);
}

/* --- awaited ------------------------------------------------------------- */

static void arrive(struct fy_awaited *a, const char *id, int64_t exit_code)
{
    assert_true(fy_awaited_wants(a, view_of(id)));
    fy_awaited_arrive(a, view_of(id), make(id, exit_code));
}

/* 1, 0 or -1, and the exit code. */
static int take(struct fy_awaited *a, const char *id, int *out_code)
{
    struct fy_result *r = NULL;
    struct err e = {0};
    int rc = fy_awaited_take(a, view_of(id), &r, &e);

    *out_code = -1;
    if (rc > 0) {
        (void)fy_result_exit_code(r, out_code);
    }
    fy_result_free(r);
    return rc;
}

static void the_first_counts(void **state)
{
    struct fy_awaited a = {0};
    int code;

    (void)state;
    fy_awaited_add(&a, view_of("a"));
    assert_int_equal(take(&a, "a", &code), 0);
    arrive(&a, "a", 5);
    assert_false(fy_awaited_wants(&a, view_of("a")));
    assert_int_equal(a.count, 1);
    assert_int_equal(take(&a, "a", &code), 1);
    assert_int_equal(code, 5);
    assert_int_equal(a.count, 0);
    /* a second one finds nobody */
    assert_false(fy_awaited_wants(&a, view_of("a")));
    assert_false(fy_awaited_has(&a, view_of("a")));
    assert_int_equal(take(&a, "a", &code), -1);
}

static void any_is_the_first_that_came(void **state)
{
    struct fy_awaited a = {0};
    int code;

    (void)state;
    fy_awaited_add(&a, view_of("a"));
    fy_awaited_add(&a, view_of("b"));
    fy_awaited_add(&a, view_of("c"));
    assert_int_equal(take(&a, NULL, &code), 0);
    arrive(&a, "c", 3);
    arrive(&a, "a", 1);
    assert_int_equal(take(&a, NULL, &code), 1);
    assert_int_equal(code, 3);
    assert_int_equal(take(&a, NULL, &code), 1);
    assert_int_equal(code, 1);
    assert_int_equal(take(&a, NULL, &code), 0);
    assert_int_equal(a.count, 1);
    fy_awaited_done(&a);
}

static void failures_are_told_once(void **state)
{
    const struct err why = {.kind = ERR_RETRY, .msg = "timed out"};
    struct fy_awaited a = {0};
    struct err e = {0};
    struct fy_result *r = NULL;
    int code;

    (void)state;
    fy_awaited_add(&a, view_of("a"));
    fy_awaited_fail(&a, view_of("a"), &why);
    fy_awaited_fail(&a, view_of("unknown"), &why);
    assert_int_equal(fy_awaited_take(&a, view_of(NULL), &r, &e), -1);
    assert_string_equal(e.msg, "job a: timed out");
    assert_int_equal(e.kind, ERR_RETRY);
    assert_int_equal(a.count, 0);
    /* Kafka had it all the same */
    fy_awaited_add(&a, view_of("a"));
    fy_awaited_fail(&a, view_of("a"), &why);
    arrive(&a, "a", 0);
    assert_int_equal(take(&a, "a", &code), 1);
    assert_int_equal(code, 0);
    /* the other way round: the result stays */
    fy_awaited_add(&a, view_of("a"));
    arrive(&a, "a", 0);
    fy_awaited_fail(&a, view_of("a"), &why);
    assert_int_equal(take(&a, NULL, &code), 1);
    fy_awaited_done(&a);
}

static void ids_are_kept_for_output(void **state)
{
    struct fy_awaited a = {.keeps = true};
    int code;

    (void)state;
    fy_awaited_add(&a, view_of("a"));
    arrive(&a, "a", 0);
    assert_int_equal(take(&a, "a", &code), 1);
    assert_true(fy_awaited_has(&a, view_of("a")));
    assert_false(fy_awaited_wants(&a, view_of("a")));
    assert_int_equal(take(&a, "a", &code), -1);
    assert_int_equal(a.count, 0);
    /* sent again */
    fy_awaited_add(&a, view_of("a"));
    arrive(&a, "a", 4);
    assert_int_equal(take(&a, "a", &code), 1);
    assert_int_equal(code, 4);
    fy_awaited_forget(&a, view_of("a"));
    assert_false(fy_awaited_has(&a, view_of("a")));
    fy_awaited_forget(&a, view_of("a"));
    assert_int_equal(a.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_there),
        cmocka_unit_test(what_is_not_there_is_told),
        cmocka_unit_test(no_result_is_refused),
        cmocka_unit_test(the_first_counts),
        cmocka_unit_test(any_is_the_first_that_came),
        cmocka_unit_test(failures_are_told_once),
        cmocka_unit_test(ids_are_kept_for_output),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
