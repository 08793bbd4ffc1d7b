/* SPDX-License-Identifier: MIT */
/* fy_job_test.c - jobs from fields, JSON and msgpack, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/forkyard.h"
#include "lib/fy_job.h"
#include "lib/fy_options.h"

static struct fy_error error;

static void is_refused(int rc, int code, const char *text)
{
    assert_int_equal(rc, -1);
    assert_int_equal(error.code, code);
    if (!strstr(error.text, text)) {
        fail_msg("'%s' is not in '%s'", text, error.text);
    }
}

static void is_taken(int rc)
{
    if (rc < 0) {
        fail_msg("%s", error.text);
    }
}

static struct fy_job *from_json(const char *text)
{
    struct fy_job *job = NULL;

    is_taken(fy_job_from_json(text, strlen(text), &job, &error));
    return job;
}

/* What a worker would read. */
static const struct job *read_job(struct fy_job *job)
{
    struct fy_options *options = fy_options_new();
    const struct job *record = NULL;
    struct view bytes;
    struct err e = {0};

    if (fy_job_judge(job, &options->config, &record, &bytes, &e) < 0) {
        fail_msg("%s", e.msg);
    }
    fy_options_free(options);
    return record;
}

static void fields_arrive(void **state)
{
    static const char binary[] = {0, 1, (char)0xff};
    struct fy_job *job = fy_job_new();
    const struct job *r;

    (void)state;
    is_taken(fy_job_set_text(job, "language", "python", &error));
    is_taken(fy_job_set_text(job, "code", "print(1)", &error));
    is_taken(fy_job_set_bytes(job, "stdin", binary, 3, &error));
    is_taken(fy_job_set_uint(job, "limits.wall_time_ms", 2000, &error));
    is_taken(fy_job_set_uint(job, "limits.memory_bytes", 1 << 26, &error));
    is_taken(fy_job_set_bool(job, "stream", 1, &error));
    is_taken(fy_job_add_text(job, "args", "one", &error));
    is_taken(fy_job_add_text(job, "args", "two", &error));
    is_taken(fy_job_put_text(job, "env", "A.B", "c=d", &error));
    is_taken(
        fy_job_set_json(job, "network", "{\"mode\":\"loopback\"}", &error));
    r = read_job(job);
    assert_int_equal(r->job_id.len, 36);
    assert_true(view_is(r->language, "python"));
    assert_true(view_is(r->code, "print(1)"));
    assert_int_equal(r->stdin_.len, 3);
    assert_memory_equal(r->stdin_.data, binary, 3);
    assert_int_equal(r->limits.wall_time_ms, 2000);
    assert_int_equal(r->limits.memory_bytes, 1 << 26);
    assert_true(r->stream);
    assert_int_equal(r->args_count, 2);
    assert_true(view_is(r->args[1], "two"));
    assert_true(view_is(r->env[0].key, "A.B"));
    assert_true(view_is(r->env[0].value, "c=d"));
    assert_int_equal(r->network.mode, JOB_NETWORK_LOOPBACK);
    fy_job_free(job);
}

static void files_arrive(void **state)
{
    struct fy_job *job = fy_job_new();
    const struct job *r;

    (void)state;
    is_taken(fy_job_set_text(job, "language", "shell", &error));
    is_taken(fy_job_set_text(job, "entrypoint", "bin/go", &error));
    is_taken(fy_job_add_file(job, "bin/go", "echo", 4, 0755, &error));
    is_taken(fy_job_add_file(job, "data", "\0\377", 2, 0644, &error));
    is_taken(fy_job_add_file(job, "empty", NULL, 0, 0644, &error));
    r = read_job(job);
    assert_int_equal(r->files_count, 3);
    assert_true(view_is(r->files[0].path, "bin/go"));
    assert_int_equal(r->files[0].mode, 0755);
    assert_int_equal(r->files[1].content.len, 2);
    assert_memory_equal(r->files[1].content.data, "\0\377", 2);
    assert_int_equal(r->files[2].content.len, 0);
    fy_job_free(job);
}

static void a_change_is_read_again(void **state)
{
    struct fy_job *job = from_json("{\"language\":\"shell\",\"code\":\"1\"}");

    (void)state;
    assert_true(view_is(read_job(job)->code, "1"));
    is_taken(fy_job_set_text(job, "code", "2", &error));
    assert_true(view_is(read_job(job)->code, "2"));
    is_taken(fy_job_set_text(job, "job_id", "mine", &error));
    assert_string_equal(fy_job_id(job), "mine");
    assert_true(view_is(read_job(job)->job_id, "mine"));
    fy_job_free(job);
}

static void wrong_fields_are_named(void **state)
{
    struct fy_job *job = fy_job_new();
    const int input = FY_ERROR_INPUT;

    (void)state;
    is_refused(fy_job_set_text(job, "langauge", "x", &error), input,
               "langauge: a job has no such field");
    is_refused(fy_job_set_text(job, "limits.", "x", &error), input,
               "no such field");
    is_refused(fy_job_set_text(job, "", "x", &error), input, "no such field");
    is_refused(fy_job_set_uint(job, "limits.wall_time", 1, &error), input,
               "limits.wall_time: a job has no such field");
    is_refused(fy_job_set_uint(job, "files.path", 1, &error), input,
               "no such field");
    is_refused(fy_job_set_text(job, "limits.wall_time_ms", "1s", &error), input,
               "limits.wall_time_ms: is not a text");
    is_refused(fy_job_set_uint(job, "code", 1, &error), input,
               "code: is not a number");
    is_refused(fy_job_set_bool(job, "code", 1, &error), input,
               "code: is not true or false");
    is_refused(fy_job_set_bytes(job, "language", "x", 1, &error), input,
               "language: is not bytes");
    is_refused(fy_job_add_text(job, "env", "x", &error), input,
               "env: is not a list");
    is_refused(fy_job_put_text(job, "args", "k", "v", &error), input,
               "args: is not a map");
    is_refused(fy_job_set_text(job, "code", "\377", &error), input,
               "code: is not UTF-8");
    is_refused(fy_job_put_text(job, "env", "\377", "v", &error), input,
               "env: a key that is not UTF-8");
    is_refused(fy_job_set_json(job, "limits", "{", &error), input,
               "limits: not JSON");
    is_refused(fy_job_set_uint(job, "limits.memory_bytes", UINT64_MAX, &error),
               FY_ERROR_LIMIT, "limits.memory_bytes: is over");
    /* none of it left a trace */
    is_refused(fy_job_check(job, NULL, &error), input, "");
    assert_null(strstr(error.text, "limits"));
    fy_job_free(job);
}

static void check_names_the_field(void **state)
{
    struct fy_job *job =
        from_json("{\"language\":\"shell\",\"code\":\"x\",\"args\":7}");

    (void)state;
    is_refused(fy_job_check(job, NULL, &error), FY_ERROR_INPUT, "args");
    fy_job_free(job);
    job =
        from_json("{\"language\":\"shell\",\"code\":\"x\",\"job_id\":\"a b\"}");
    is_refused(fy_job_check(job, NULL, &error), FY_ERROR_INPUT, "job_id");
    fy_job_free(job);
    job = from_json("{\"language\":\"shell\",\"code\":\"x\","
                    "\"env\":{\"base64\":\"QUJD\"}}");
    is_refused(fy_job_check(job, NULL, &error), FY_ERROR_INPUT, "env");
    fy_job_free(job);
}

static void maxima_are_those_of_the_options(void **state)
{
    struct fy_options *options = fy_options_new();
    struct fy_job *job = from_json("{\"language\":\"shell\",\"code\":\"x\","
                                   "\"limits\":{\"wall_time_ms\":5000}}");

    (void)state;
    is_taken(fy_job_check(job, options, &error));
    is_taken(fy_options_set(options, "limits.max.wall_time", "2s", &error));
    is_refused(fy_job_check(job, options, &error), FY_ERROR_INPUT,
               "limits.wall_time_ms");
    is_taken(fy_options_set(options, "limits.max.wall_time", "1m", &error));
    is_taken(fy_job_check(job, options, &error));
    /* judged again, though it was read before */
    is_taken(fy_job_set_json(job, "args", "[\"0123456789\"]", &error));
    is_taken(fy_options_set(options, "job.max_bytes", "1024", &error));
    is_taken(fy_job_check(job, options, &error));
    for (int i = 0; i < 100; i++) {
        is_taken(fy_job_add_text(job, "args", "0123456789", &error));
    }
    is_taken(fy_job_check(job, NULL, &error));
    is_refused(fy_job_check(job, options, &error), FY_ERROR_LIMIT, "1024");
    fy_job_free(job);
    fy_options_free(options);
}

static void no_json_is_refused(void **state)
{
    struct fy_job *job = NULL;

    (void)state;
    is_refused(fy_job_from_json("{\n\"a\":,}", 8, &job, &error), FY_ERROR_INPUT,
               "line 2");
    is_refused(fy_job_from_json("[]", 2, &job, &error), FY_ERROR_INPUT,
               "a job is an object");
    is_refused(fy_job_from_json("{\"a\":1,\"a\":2}", 13, &job, &error),
               FY_ERROR_INPUT, "duplicate");
    assert_null(job);
    /* nobody wants to know why */
    assert_int_equal(fy_job_from_json("[]", 2, &job, NULL), -1);
}

static void msgpack_is_sent_as_it_came(void **state)
{
    /* {"job_id": "a", "new": 1}, the 1 in a longer form than ours */
    static const char bytes[] = "\x82\xa6job_id\xa1"
                                "a\xa3new\xcc\x01";
    struct fy_job *job = NULL;
    const void *out;
    size_t len;

    (void)state;
    is_taken(fy_job_from_msgpack(bytes, sizeof(bytes) - 1, &job, &error));
    assert_string_equal(fy_job_id(job), "a");
    is_taken(fy_job_msgpack(job, &out, &len, &error));
    assert_int_equal(len, sizeof(bytes) - 1);
    assert_memory_equal(out, bytes, len);
    fy_job_free(job);
    is_refused(fy_job_from_msgpack(bytes, sizeof(bytes) - 2, &job, &error),
               FY_ERROR_INPUT, "");
}

static void unknown_fields_are_kept(void **state)
{
    static const char bytes[] = "\x81\xa3new\x01";
    struct fy_job *job = NULL;
    char *text = NULL;

    (void)state;
    is_taken(fy_job_from_msgpack(bytes, sizeof(bytes) - 1, &job, &error));
    assert_int_equal(strlen(fy_job_id(job)), 36);
    is_taken(fy_job_set_text(job, "language", "node", &error));
    is_taken(fy_job_set_text(job, "job_id", "b", &error));
    is_taken(fy_job_json(job, &text, &error));
    assert_string_equal(text,
                        "{\"job_id\":\"b\",\"new\":1,\"language\":\"node\"}");
    fy_free(text);
    fy_job_free(job);
}

static void no_map_of_msgpack(void **state)
{
    struct fy_job *job = NULL;

    (void)state;
    is_taken(fy_job_from_msgpack("\x07", 1, &job, &error));
    assert_string_equal(fy_job_id(job), "");
    is_refused(fy_job_set_text(job, "code", "x", &error), FY_ERROR_INPUT,
               "a job is a map");
    is_refused(fy_job_check(job, NULL, &error), FY_ERROR_INPUT, "");
    fy_job_free(job);
}

static void settings_are_named(void **state)
{
    struct fy_options *options = fy_options_new();
    char wrong[] = "FORKYARD_JOB_MAX_BYTS=1";
    char right[] = "FORKYARD_TOPICS_PREFIX=x.";
    char *bad[] = {wrong, NULL};
    char *good[] = {right, NULL};

    (void)state;
    is_refused(fy_options_set(options, "topics.prefx", "a", &error),
               FY_ERROR_INPUT, "topics.prefix");
    is_refused(fy_options_load_env(options, bad, &error), FY_ERROR_INPUT,
               "FORKYARD_JOB_MAX_BYTES");
    is_taken(fy_options_load_env(options, good, &error));
    assert_string_equal(options->config.topics_prefix, "x.");
    is_refused(fy_options_load_file(options, "/nowhere.yaml", &error),
               FY_ERROR_SYSTEM, "/nowhere.yaml");
    fy_options_free(options);
}

static void copies_of_settings_are_apart(void **state)
{
    struct fy_options *one = fy_options_new();
    struct fy_options *two;

    (void)state;
    is_taken(fy_options_set(one, "kafka.client.id", "a", &error));
    is_taken(fy_options_set(one, "topics.prefix", "a.", &error));
    two = fy_options_from(&one->config);
    is_taken(fy_options_set(one, "kafka.client.id", "b", &error));
    is_taken(fy_options_set(one, "topics.prefix", "b.", &error));
    is_taken(fy_options_set(two, "kafka.acks", "all", &error));
    fy_options_free(one);
    assert_string_equal(config_kafka_get(&two->config, "client.id"), "a");
    assert_string_equal(two->config.topics_prefix, "a.");
    fy_options_free(two);
}

static void ids_sort_by_time(void **state)
{
    char a[FY_ID_SIZE];
    char b[FY_ID_SIZE];

    (void)state;
    assert_int_equal(fy_id_new(a), 0);
    assert_int_equal(fy_id_new(b), 0);
    assert_int_equal(strlen(a), FY_ID_SIZE - 1);
    assert_int_equal(a[14], '7');
    assert_non_null(strchr("89ab", a[19]));
    assert_true(strncmp(a, b, 13) <= 0);
    assert_string_not_equal(a, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_arrive),
        cmocka_unit_test(files_arrive),
        cmocka_unit_test(a_change_is_read_again),
        cmocka_unit_test(wrong_fields_are_named),
        cmocka_unit_test(check_names_the_field),
        cmocka_unit_test(maxima_are_those_of_the_options),
        cmocka_unit_test(no_json_is_refused),
        cmocka_unit_test(msgpack_is_sent_as_it_came),
        cmocka_unit_test(unknown_fields_are_kept),
        cmocka_unit_test(no_map_of_msgpack),
        cmocka_unit_test(settings_are_named),
        cmocka_unit_test(copies_of_settings_are_apart),
        cmocka_unit_test(ids_sort_by_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
