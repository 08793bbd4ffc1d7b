/* SPDX-License-Identifier: MIT */
/* golden_test.c - every golden message decodes, and what we encode from it
 * says the same. Run from the top of the tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <glob.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "messages.h"
#include "wire/config.h"
#include "wire/mpk_json.h"

#define GOLDEN_DIR "schemas/golden"

/* "result-full.msgpack" is a result. */
static const struct record *message_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;

    for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
        size_t len = strlen(messages[i]->name);

        if (strncmp(name, messages[i]->name, len) == 0 && name[len] == '-') {
            return messages[i];
        }
    }
    fail_msg("%s: no message of this name", path);
    return messages[0];
}

static void read_golden(const char *path, struct buf *b)
{
    struct err e = {.msg = ""};

    buf_init(b, 1U << 20);
    if (fd_read_file(path, b, &e) < 0) {
        fail_msg("%s: %s", path, e.msg);
    }
}

static json_t *json_of(const struct buf *b)
{
    struct err e = {.msg = ""};
    json_t *json = NULL;

    if (mpk_json_from(b->data, b->len, &json, &e) < 0) {
        fail_msg("%s", e.msg);
    }
    return json;
}

static void check_same(const char *path, json_t *left, json_t *right)
{
    if (!json_equal(left, right)) {
        fail_msg("%s: differs\n%s\n%s", path,
                 json_dumps(left, JSON_INDENT(1) | JSON_SORT_KEYS),
                 json_dumps(right, JSON_INDENT(1) | JSON_SORT_KEYS));
    }
}

static void check_round_trip(const char *path)
{
    const struct record *record = message_of(path);
    AUTO_FREE char *out = xcalloc(1, record->size);
    struct arena arena;
    struct buf in;
    struct buf again;
    struct err e = {.msg = ""};

    read_golden(path, &in);
    arena_init(&arena, 1U << 20);
    buf_init(&again, 1U << 20);
    if (record_decode(record, in.data, in.len, &arena, out, &e) < 0 ||
        record_encode(record, out, &again, &e) < 0) {
        fail_msg("%s: %s", path, e.msg);
    }
    json_t *left = json_of(&in);
    json_t *right = json_of(&again);
    check_same(path, left, right);
    json_decref(left);
    json_decref(right);
    buf_done(&again);
    buf_done(&in);
    arena_done(&arena);
}

/* NAME.json holds what NAME.msgpack says, in both directions. */
static void check_json(const char *path)
{
    char json_path[256];
    json_error_t why;
    struct buf in;
    struct buf packed;
    struct err e = {.msg = ""};

    (void)snprintf(json_path, sizeof(json_path), "%.*s.json",
                   (int)(strlen(path) - strlen(".msgpack")), path);
    json_t *expected = json_load_file(json_path, 0, &why);
    if (expected == NULL) {
        fail_msg("%s: %s", json_path, why.text);
    }
    read_golden(path, &in);
    json_t *found = json_of(&in);
    check_same(path, expected, found);
    buf_init(&packed, 1U << 20);
    assert_int_equal(mpk_json_to(expected, &packed, &e), 0);
    json_t *back = json_of(&packed);
    check_same(json_path, expected, back);
    json_decref(expected);
    json_decref(found);
    json_decref(back);
    buf_done(&packed);
    buf_done(&in);
}

static void for_each_golden(const char *pattern, void (*check)(const char *))
{
    glob_t found;

    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        check(found.gl_pathv[i]);
    }
    globfree(&found);
}

static void test_every_golden_survives_a_round_trip(void **state)
{
    (void)state;
    for_each_golden(GOLDEN_DIR "/*.msgpack", check_round_trip);
}

static void test_json_says_what_msgpack_says(void **state)
{
    (void)state;
    for_each_golden(GOLDEN_DIR "/*.msgpack", check_json);
}

static void check_job(const char *path)
{
    struct config config;
    struct arena arena;
    struct buf in;
    struct job job;
    struct err e = {.msg = ""};

    config_init(&config);
    arena_init(&arena, 1U << 20);
    read_golden(path, &in);
    if (job_decode(in.data, in.len, NULL, &arena, &job, &e) < 0 ||
        job_validate(&job, &config, &e) < 0) {
        fail_msg("%s: %s", path, e.msg);
    }
    buf_done(&in);
    arena_done(&arena);
    config_done(&config);
}

static void test_golden_jobs_are_acceptable(void **state)
{
    (void)state;
    for_each_golden(GOLDEN_DIR "/job-*.msgpack", check_job);
}

/* Producers in C, in Node and on the command line give these same bytes. */
static void test_json_of_a_job_decodes_as_a_job(void **state)
{
    struct arena arena;
    struct job job;
    struct buf b;
    struct err e = {.msg = ""};
    json_t *json = json_load_file(GOLDEN_DIR "/job-full.json", 0, NULL);

    (void)state;
    arena_init(&arena, 0);
    buf_init(&b, 1U << 20);
    assert_non_null(json);
    assert_int_equal(mpk_json_to(json, &b, &e), 0);
    assert_int_equal(job_decode(b.data, b.len, NULL, &arena, &job, &e), 0);
    assert_int_equal(job.files_count, 2);
    assert_memory_equal(job.files[1].content.data, "\x00\x01\xfe\xff", 4);
    json_decref(json);
    buf_done(&b);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_golden_survives_a_round_trip),
        cmocka_unit_test(test_json_says_what_msgpack_says),
        cmocka_unit_test(test_golden_jobs_are_acceptable),
        cmocka_unit_test(test_json_of_a_job_decodes_as_a_job),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
