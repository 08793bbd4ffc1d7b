/* SPDX-License-Identifier: MIT */
/* report_test.c - does a result say what was observed, also of a box that was
 * killed, and does it fit its maximum? */
#include "run/report.h"

#include <string.h>

#include "lib/unit.h"

static const struct launch_ready host = {
    .is_root = 1, .cgroup_version = CGROUP_V1, .uid_base = 5000};
static const struct report_worker worker = {
    .id = "w", .host = "h", .pid = 7, .boxes = &host, .result_max_bytes = 8192};
static struct plan plan;
static struct job job;
static struct collector out;
static struct collector err;
static struct report_hashes hashes;
static struct returns returns;

static void make(struct result *result, const struct launch_ended *ended,
                 const struct verdict *verdict)
{
    const struct executor_end end = {
        .ended = ended, .out = &out, .err = &err, .slot = ended->slot};
    const struct report_run run = {
        .job = &job,
        .plan = &plan,
        .end = &end,
        .verdict = verdict,
        .returns = &returns,
        .hashes = &hashes,
        .now_unix_ns = 9000000000000u,
        .now_mono_us = 10000000u,
    };

    report_ran(result, &run, &worker);
}

static int setup(void **state)
{
    (void)state;
    job_init(&job);
    job.job_id = view_of("j");
    plan.limits = job.limits;
    plan.security_level = JOB_SECURITY_SANDBOXED;
    report_hash(&job, &hashes);
    collector_init(&out, 1 << 20);
    collector_init(&err, 1 << 20);
    memset(&returns, 0, sizeof(returns));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    collector_done(&out);
    collector_done(&err);
    return 0;
}

static void a_killed_box_has_its_cgroups_cpu(void **state)
{
    const struct launch_ended killed = {
        .slot = 3,
        .start_us = 1000000,
        .ended_us = 2000000,
        .usage.cpu_user_us = 10,
        .cgroup = {.cpu_us = 700000, .cpu_system_us = 200000},
    };
    const struct verdict v = {.status = STATUS_TIME_LIMIT_EXCEEDED};
    struct result result;

    (void)state;
    make(&result, &killed, &v);
    assert_int_equal(result.usage.cpu_user_us, 500000);
    assert_int_equal(result.usage.cpu_system_us, 200000);
    assert_int_equal(result.usage.wall_us, 1000000);
    /* It ran only after init had verified every layer. */
    assert_true(result.isolation.no_new_privs);
    assert_int_equal(result.isolation.uid, 5003);
    assert_true(view_is(result.isolation.seccomp, "program/1"));
    assert_int_equal(result.isolation.security_level, JOB_SECURITY_SANDBOXED);
    plan.security_level = JOB_SECURITY_ISOLATED;
    make(&result, &killed, &v);
    assert_int_equal(result.isolation.security_level, JOB_SECURITY_ISOLATED);
}

static void times_are_on_one_clock(void **state)
{
    const struct launch_ended ended = {
        .has_report = 1,
        .start_us = 1000000,
        .ended_us = 4000000,
        .report = {.phase = BOX_PHASE_DONE,
                   .verified = BOX_VERIFIED_ALL,
                   .exec_us = 1500000,
                   .end_us = 3500000},
    };
    const struct verdict v = {.status = STATUS_SUCCESS, .has_exit_code = true};
    const struct report_origin origin = {.topic = "t",
                                         .record_unix_ms = 8990000,
                                         .received_ns = 8991000000000u,
                                         .attempt = 2};
    struct result result;

    (void)state;
    make(&result, &ended, &v);
    report_add_origin(&result, &worker, &origin);
    assert_int_equal(result.timings.setup_us, 500000);
    assert_int_equal(result.timings.run_us, 2000000);
    assert_int_equal(result.timings.cleanup_us, 500000);
    /* 8.5 s before "now" on either clock. */
    assert_int_equal(result.timings.started_unix_nano, 8991500000000u);
    assert_int_equal(result.timings.queue_ms, 1500);
    assert_int_equal(result.attempt, 2);
    assert_int_equal(result.exit_code, 0);
    assert_false(result.error.present);
}

static void a_result_that_is_too_large_loses_output(void **state)
{
    static char text[100000];
    const struct launch_ended ended = {.has_report = 1,
                                       .report = {.phase = BOX_PHASE_DONE}};
    const struct verdict v = {.status = STATUS_SUCCESS};
    struct result result;
    struct result again;
    struct arena arena;
    struct buf b;
    struct err e = {.msg = ""};

    (void)state;
    memset(text, 'x', sizeof(text));
    collector_add(&out, text, sizeof(text));
    make(&result, &ended, &v);
    report_add_origin(&result, &worker,
                      &(struct report_origin){
                          .topic = "t", .record_unix_ms = -1, .attempt = 1});
    assert_false(result.stdout_truncated);
    buf_init(&b, 1 << 20);
    if (report_encode(&result, &worker, &b, &e) < 0) {
        fail_msg("%s", e.msg);
    }
    assert_true(b.len <= worker.result_max_bytes);
    arena_init(&arena, 1 << 20);
    assert_int_equal(result_decode(b.data, b.len, &arena, &again, &e), 0);
    assert_true(again.stdout_truncated);
    assert_true(again.stdout_.len > 1000);
    assert_int_equal(again.stdout_bytes_total, sizeof(text));
    arena_done(&arena);
    buf_done(&b);
}

/* ---- contents that do not fit -------------------------------------------- */

static char bytes[100000];
static struct result_artifact artifacts[100];
static struct result_file files[2];
static struct arena arena;
static struct buf b;
static struct result again;

/* With these files a result of a success is encoded and read again. */
static void encode_with_files(size_t artifacts_count, size_t files_count)
{
    const struct launch_ended ended = {.has_report = 1,
                                       .report = {.phase = BOX_PHASE_DONE}};
    const struct verdict v = {.status = STATUS_SUCCESS};
    struct result result;
    struct err e = {.msg = ""};

    returns.artifacts = artifacts;
    returns.artifacts_count = artifacts_count;
    returns.files = files;
    returns.files_count = files_count;
    make(&result, &ended, &v);
    report_add_origin(&result, &worker,
                      &(struct report_origin){
                          .topic = "t", .record_unix_ms = -1, .attempt = 1});
    buf_init(&b, 2 * worker.result_max_bytes);
    if (report_encode(&result, &worker, &b, &e) < 0) {
        fail_msg("%s", e.msg);
    }
    assert_true(b.len <= worker.result_max_bytes);
    arena_init(&arena, 1 << 20);
    assert_int_equal(result_decode(b.data, b.len, &arena, &again, &e), 0);
}

static void set_artifact(size_t i, size_t len)
{
    artifacts[i] = (struct result_artifact){.present = true,
                                            .name = view_of("name"),
                                            .size_bytes = len,
                                            .content = {bytes, len}};
}

static void set_file(size_t i, size_t len)
{
    files[i] = (struct result_file){.present = true,
                                    .path = view_of("path"),
                                    .mode = RECORD_NO_UINT,
                                    .size_bytes = len,
                                    .content = {bytes, len}};
}

static void done_with_files(void)
{
    arena_done(&arena);
    buf_done(&b);
}

static bool has_warning(const char *text)
{
    for (size_t i = 0; i < again.warnings_count; i++) {
        if (view_is(again.warnings[i], text)) {
            return true;
        }
    }
    return false;
}

/* The largest gives way, and it is said; the rest stays, and so does what was
 * said before. */
static void contents_give_way_and_it_is_said(void **state)
{
    struct view before[] = {view_of("before")};

    (void)state;
    returns.warnings = before;
    returns.warnings_count = 1;
    set_artifact(0, 900);
    set_artifact(1, 6000);
    set_artifact(2, 1000);
    set_file(0, 5000);
    set_file(1, 10);
    encode_with_files(3, 2);
    assert_int_equal(again.warnings_count, 2);
    assert_true(has_warning("before"));
    assert_true(has_warning("files, artifacts: 1 contents are not here: the "
                            "result may have 8192 bytes"));
    assert_int_equal(again.artifacts[0].content.len, 900);
    assert_null(again.artifacts[1].content.data);
    assert_int_equal(again.artifacts[1].size_bytes, 6000);
    assert_int_equal(again.artifacts[2].content.len, 1000);
    assert_int_equal(again.files[0].content.len, 5000);
    assert_false(again.files[0].truncated);
    done_with_files();
}

static void a_file_without_content_is_truncated(void **state)
{
    (void)state;
    set_file(0, 9000);
    set_file(1, 10);
    encode_with_files(0, 2);
    assert_null(again.files[0].content.data);
    assert_true(again.files[0].truncated);
    assert_int_equal(again.files[0].size_bytes, 9000);
    assert_int_equal(again.files[1].content.len, 10);
    assert_false(again.files[1].truncated);
    done_with_files();
}

/* Also when it is too large to be encoded at all, and with many of them. */
static void many_contents_give_way_at_once(void **state)
{
    uint64_t left = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(artifacts); i++) {
        set_artifact(i, 500);
    }
    encode_with_files(ARRAY_LEN(artifacts), 0);
    assert_int_equal(again.artifacts_count, ARRAY_LEN(artifacts));
    for (size_t i = 0; i < again.artifacts_count; i++) {
        left += again.artifacts[i].content.data ? 1 : 0;
    }
    assert_in_range(left, 1, 12);
    assert_int_equal(again.warnings_count, 1);
    done_with_files();
}

/* Halving a larger output saves a smaller file. */
static void an_output_gives_way_to_a_smaller_file(void **state)
{
    (void)state;
    collector_add(&out, bytes, sizeof(bytes));
    set_file(0, 3000);
    encode_with_files(0, 1);
    assert_int_equal(again.files[0].content.len, 3000);
    assert_true(again.stdout_truncated);
    assert_int_equal(again.warnings_count, 0);
    done_with_files();
}

static void a_missing_file_is_an_error_of_collecting(void **state)
{
    const struct launch_ended ended = {.has_report = 1,
                                       .report = {.phase = BOX_PHASE_DONE}};
    const struct verdict v = {.status = STATUS_FILE_ERROR,
                              .reason = "fetch_files: x: no such file"};
    struct result result;

    (void)state;
    make(&result, &ended, &v);
    assert_int_equal(result.error.phase, RESULT_PHASE_COLLECT);
    assert_true(view_is(result.error.type, "file_error"));
    assert_true(view_is(result.status_reason, v.reason));
}

/* ---- expected_output ------------------------------------------------------
 */

static int judged(const char *text, enum status status, uint64_t exec_us)
{
    const struct launch_ended ended = {
        .has_report = 1,
        .report = {.phase = BOX_PHASE_DONE, .exec_us = exec_us}};
    const struct verdict v = {.status = status};
    struct result result;

    collector_done(&out);
    collector_init(&out, 10);
    collector_add(&out, text, strlen(text));
    make(&result, &ended, &v);
    return result.verdict;
}

static void an_expected_output_gives_a_verdict(void **state)
{
    (void)state;
    assert_int_equal(judged("42\n", STATUS_SUCCESS, 1), RECORD_NO_ENUM);
    job.expected_output = view_of("42");
    assert_int_equal(judged("42 \n", STATUS_SUCCESS, 1),
                     RESULT_VERDICT_ACCEPTED);
    assert_int_equal(judged("43\n", STATUS_SUCCESS, 1),
                     RESULT_VERDICT_WRONG_ANSWER);
    /* Nothing may be expected, too. */
    job.expected_output = view_of("");
    assert_int_equal(judged("\n", STATUS_SUCCESS, 1), RESULT_VERDICT_ACCEPTED);
    assert_int_equal(judged("x", STATUS_SUCCESS, 1),
                     RESULT_VERDICT_WRONG_ANSWER);
}

static void only_a_success_is_accepted(void **state)
{
    static const enum status failed[] = {
        STATUS_NONZERO_EXIT, STATUS_SIGNALLED, STATUS_TIME_LIMIT_EXCEEDED,
        STATUS_MEMORY_LIMIT_EXCEEDED, STATUS_FILE_ERROR};

    (void)state;
    job.expected_output = view_of("42");
    for (size_t i = 0; i < ARRAY_LEN(failed); i++) {
        assert_int_equal(judged("42", failed[i], 1),
                         RESULT_VERDICT_WRONG_ANSWER);
    }
    /* A program that did not run, and what is our fault, is not judged. */
    assert_int_equal(judged("", STATUS_FILE_ERROR, 0), RECORD_NO_ENUM);
    assert_int_equal(judged("", STATUS_SETUP_ERROR, 0), RECORD_NO_ENUM);
    assert_int_equal(judged("42", STATUS_INTERNAL_ERROR, 1), RECORD_NO_ENUM);
}

/* Not even when all that was cut would not have counted. */
static void what_was_cut_is_not_accepted(void **state)
{
    (void)state;
    job.expected_output = view_of("42");
    assert_int_equal(judged("42\n\n\n\n\n\n\n\n", STATUS_SUCCESS, 1),
                     RESULT_VERDICT_ACCEPTED);
    assert_int_equal(judged("42\n\n\n\n\n\n\n\n\n", STATUS_SUCCESS, 1),
                     RESULT_VERDICT_WRONG_ANSWER);
    /* Nor is our own word about it. */
    job.expected_output = view_of("42\n\n\n\n[... 1 bytes not kept ...]");
    assert_int_equal(judged("42\n\n\n\n\n\n\n\n\n", STATUS_SUCCESS, 1),
                     RESULT_VERDICT_WRONG_ANSWER);
}

static void hashes_tell_arguments_apart(void **state)
{
    struct view ab_c[] = {view_of("ab"), view_of("c")};
    struct view a_bc[] = {view_of("a"), view_of("bc")};
    struct report_hashes one;
    struct report_hashes two;

    (void)state;
    job.args_count = 2;
    job.args = ab_c;
    report_hash(&job, &one);
    job.args = a_bc;
    report_hash(&job, &two);
    assert_string_not_equal(one.args, two.args);
    assert_string_equal(one.code, two.code);
    job.code = view_of("abc");
    report_hash(&job, &one);
    /* FIPS 180-2, the one-block message */
    assert_string_equal(
        one.code,
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_killed_box_has_its_cgroups_cpu),
        TEST(times_are_on_one_clock),
        TEST(a_result_that_is_too_large_loses_output),
        TEST(contents_give_way_and_it_is_said),
        TEST(a_file_without_content_is_truncated),
        TEST(many_contents_give_way_at_once),
        TEST(an_output_gives_way_to_a_smaller_file),
        TEST(a_missing_file_is_an_error_of_collecting),
        TEST(an_expected_output_gives_a_verdict),
        TEST(only_a_success_is_accepted),
        TEST(what_was_cut_is_not_accepted),
        TEST(hashes_tell_arguments_apart),
    };

    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
