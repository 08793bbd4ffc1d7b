/* SPDX-License-Identifier: MIT */
/* submit_input_test.c - which jobs come out of which input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bin/submit_input.h"
#include "wire/job.h"

#define PIECES_MAX 16

struct pieces {
    size_t count;
    size_t failed;
    char where[PIECES_MAX][64];
    char id[PIECES_MAX][JOB_ID_MAX_BYTES + 1];
    char error[PIECES_MAX][200];
};

static void on_piece(struct fy_job *job, const char *where,
                     const struct err *failure, void *arg)
{
    struct pieces *p = arg;
    size_t i = p->count++;

    assert_true(i < PIECES_MAX);
    (void)snprintf(p->where[i], sizeof(p->where[i]), "%s", where);
    if (failure) {
        p->failed++;
        (void)snprintf(p->error[i], sizeof(p->error[i]), "%.190s",
                       failure->msg);
        return;
    }
    (void)snprintf(p->id[i], sizeof(p->id[i]), "%s", fy_job_id(job));
}

static struct pieces read_bytes(const void *data, size_t len)
{
    struct pieces p = {0};

    submit_input_read((struct view){data, len}, on_piece, &p);
    return p;
}

static struct pieces read_text(const char *text)
{
    return read_bytes(text, strlen(text));
}

static void lines_are_jobs(void **state)
{
    struct pieces p = read_text("{\"job_id\":\"a\"}\n\n  {\"job_id\":\"b\"}");

    (void)state;
    assert_int_equal(p.count, 2);
    assert_string_equal(p.id[0], "a");
    assert_string_equal(p.id[1], "b");
    assert_string_equal(p.where[1], "line 3");
}

static void bad_line_costs_that_line_only(void **state)
{
    struct pieces p =
        read_text("{\"job_id\":\"a\"}\n{\"job_id\":\n{\"job_id\":\"c\"}\n");

    (void)state;
    assert_int_equal(p.count, 3);
    assert_int_equal(p.failed, 1);
    assert_string_equal(p.where[1], "line 2");
    assert_non_null(strstr(p.error[1], "not JSON"));
    assert_string_equal(p.id[2], "c");
}

static void bad_first_line(void **state)
{
    struct pieces p = read_text("nonsense\n{\"job_id\":\"b\"}\n");

    (void)state;
    assert_int_equal(p.count, 2);
    assert_int_equal(p.failed, 1);
    assert_string_equal(p.id[1], "b");
}

static void value_over_many_lines(void **state)
{
    struct pieces p = read_text("{\n \"job_id\":\n \"a\"\n}\n{\"job_id\":"
                                "\"b\"}\n");

    (void)state;
    assert_int_equal(p.count, 2);
    assert_int_equal(p.failed, 0);
    assert_string_equal(p.id[0], "a");
    assert_string_equal(p.where[0], "line 1");
    assert_string_equal(p.where[1], "line 5");
}

static void broken_value_over_many_lines(void **state)
{
    struct pieces p = read_text("{\n \"job_id\": \"a\",\n \"args\": [1,,]\n}");

    (void)state;
    assert_int_equal(p.count, 1);
    assert_int_equal(p.failed, 1);
    assert_string_equal(p.where[0], "line 3");
}

static void list_of_jobs(void **state)
{
    struct pieces p =
        read_text("[{\"job_id\":\"a\"},\n 7,\n {\"job_id\":\"c\"}]");

    (void)state;
    assert_int_equal(p.count, 3);
    assert_int_equal(p.failed, 1);
    assert_string_equal(p.where[1], "line 1, job 2");
    assert_string_equal(p.id[2], "c");
}

static void missing_id_is_made(void **state)
{
    struct pieces p = read_text("{}\n{}\n");

    (void)state;
    assert_int_equal(p.failed, 0);
    assert_int_equal(strlen(p.id[0]), 36);
    assert_int_equal(p.id[0][14], '7'); /* UUID version */
    assert_string_not_equal(p.id[0], p.id[1]);
}

static void twice_the_same_key_is_refused(void **state)
{
    struct pieces p = read_text("{\"job_id\":\"a\",\"job_id\":\"b\"}");

    (void)state;
    assert_int_equal(p.failed, 1);
}

static void msgpack_messages(void **state)
{
    /* {"job_id": "a"}, {"v": 1} */
    static const char two[] = "\x81\xa6job_id\xa1"
                              "a"
                              "\x81\xa1v\x01";
    struct pieces p = read_bytes(two, sizeof(two) - 1);

    (void)state;
    assert_int_equal(p.count, 2);
    assert_int_equal(p.failed, 0);
    assert_string_equal(p.id[0], "a");
    assert_int_equal(strlen(p.id[1]), 36);
    assert_string_equal(p.where[1], "message 2");
}

static void cut_msgpack(void **state)
{
    static const char cut[] = "\x81\xa6job";
    struct pieces p = read_bytes(cut, sizeof(cut) - 1);

    (void)state;
    assert_int_equal(p.count, 1);
    assert_int_equal(p.failed, 1);
}

static void huge_announcement(void **state)
{
    static const char huge[] = "\xdf\xff\xff\xff\xff";
    struct pieces p = read_bytes(huge, sizeof(huge) - 1);

    (void)state;
    assert_int_equal(p.failed, 1);
}

static void nothing(void **state)
{
    (void)state;
    assert_int_equal(read_text("").count, 0);
    assert_int_equal(read_text(" \n\n").count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_jobs),
        cmocka_unit_test(bad_line_costs_that_line_only),
        cmocka_unit_test(bad_first_line),
        cmocka_unit_test(value_over_many_lines),
        cmocka_unit_test(broken_value_over_many_lines),
        cmocka_unit_test(list_of_jobs),
        cmocka_unit_test(missing_id_is_made),
        cmocka_unit_test(twice_the_same_key_is_refused),
        cmocka_unit_test(msgpack_messages),
        cmocka_unit_test(cut_msgpack),
        cmocka_unit_test(huge_announcement),
        cmocka_unit_test(nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
