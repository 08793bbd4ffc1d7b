/* SPDX-License-Identifier: MIT */
/* plan_test.c - does a job become the right program, environment, files and
 * limits, and is a job that cannot be met refused by name? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "run/plan.h"
#include "wire/bundle.h"
#include "wire/config.h"

static struct config config;
static struct launch_ready host = {.controllers = CGROUP_MEMORY | CGROUP_PIDS |
                                                  CGROUP_CPU};
static struct plan plan;
static struct job job;

static int setup(void **state)
{
    (void)state;
    config_init(&config);
    job_init(&job);
    job.job_id = view_of("j");
    job.language = view_of("shell");
    job.code = view_of("true");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    plan_done(&plan);
    config_done(&config);
    return 0;
}

static void make_plan(void)
{
    enum status status = STATUS_SUCCESS;
    struct err e = {.msg = ""};

    if (plan_make(&job, &config, &host, &plan, &status, &e) < 0) {
        fail_msg("%s: %s", status_name(status), e.msg);
    }
}

/* The bundle's strings, in order, must be these. */
static void expect_strings(struct bundle_reader *r, const char *const *want)
{
    assert_int_equal(bundle_open(r, plan.bundle.data, plan.bundle.len), 0);
    for (size_t i = 0; want[i]; i++) {
        const char *got = bundle_next_string(r);
        assert_non_null(got);
        assert_string_equal(got, want[i]);
    }
}

static void code_becomes_a_file(void **state)
{
    static const char *const want[] = {"/bin/sh",
                                       "/workspace/main.sh",
                                       "PATH=/usr/local/bin:/usr/bin:/bin",
                                       "HOME=/workspace",
                                       "USER=job",
                                       "LANG=C.UTF-8",
                                       "TMPDIR=/tmp",
                                       "/workspace/",
                                       NULL};
    struct bundle_reader r;
    struct bundle_file file;

    (void)state;
    make_plan();
    expect_strings(&r, want);
    assert_int_equal(r.head.argc, 2);
    assert_int_equal(r.head.envc, 5);
    assert_int_equal(r.head.file_count, 1);
    assert_int_equal(bundle_next_file(&r, &file), 0);
    assert_string_equal(file.path, "main.sh");
    assert_int_equal(file.mode, 0644);
    assert_int_equal(file.content.len, 4);
}

static void job_overrides_the_environment(void **state)
{
    static const char *const want[] = {"/bin/sh",
                                       "/workspace/main.sh",
                                       "a b",
                                       "",
                                       "HOME=/workspace",
                                       "USER=job",
                                       "LANG=C.UTF-8",
                                       "TMPDIR=/tmp",
                                       "PATH=/x",
                                       "A=1=2",
                                       "/tmp/d",
                                       NULL};
    struct view args[] = {view_of("a b"), view_of("")};
    struct record_pair env[] = {{view_of("PATH"), view_of("/x")},
                                {view_of("A"), view_of("1=2")}};
    struct bundle_reader r;

    (void)state;
    job.args = args;
    job.args_count = 2;
    job.env = env;
    job.env_count = 2;
    job.cwd = view_of("/tmp/d");
    make_plan();
    expect_strings(&r, want);
}

static void files_keep_modes_and_the_entry_runs(void **state)
{
    struct job_file files[] = {
        {true, view_of("a/run"), view_of("x"), RECORD_NO_UINT},
        {true, view_of("data"), view_of("y"), RECORD_NO_UINT},
        {true, view_of("tool"), view_of("z"), 0711},
    };
    static const unsigned modes[] = {0755, 0644, 0711};
    struct bundle_reader r;
    struct bundle_file file;

    (void)state;
    job.language = view_of("binary");
    job.code = (struct view){NULL, 0};
    job.files = files;
    job.files_count = 3;
    job.entrypoint = view_of("a/run");
    make_plan();
    assert_int_equal(bundle_open(&r, plan.bundle.data, plan.bundle.len), 0);
    assert_int_equal(r.head.argc, 1);
    assert_string_equal(bundle_next_string(&r), "/workspace/a/run");
    for (uint32_t i = 0; i < r.head.envc + 1; i++) {
        assert_non_null(bundle_next_string(&r));
    }
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(bundle_next_file(&r, &file), 0);
        assert_int_equal(file.mode, modes[i]);
    }
}

static void limits_are_the_jobs_or_the_defaults(void **state)
{
    (void)state;
    job.limits.present = true;
    job.limits.memory_bytes = 123 << 20;
    make_plan();
    assert_int_equal(plan.box.memory_bytes, 123 << 20);
    assert_int_equal(plan.limits.memory_bytes, 123 << 20);
    assert_int_equal(plan.box.max_processes, config.default_max_processes);
    assert_int_equal(plan.wall_time_ms, config.default_wall_time_ms);
    assert_int_equal(plan.network, LAUNCH_NET_NONE);
    /* What has no default stays unnamed in the result. */
    assert_int_equal(plan.limits.idle_time_ms, RECORD_NO_UINT);
}

static void the_bundle_ends_with_what_is_wanted(void **state)
{
    struct job_fetch fetch = {true, view_of("out/x"), false, 9};
    struct bundle_reader r;
    struct bundle_file file;
    struct bundle_wanted wanted;
    struct bundle_fetch got;

    (void)state;
    job.fetch_files = &fetch;
    job.fetch_files_count = 1;
    job.limits.artifact_bytes = 123;
    make_plan();
    assert_int_equal(bundle_open(&r, plan.bundle.data, plan.bundle.len), 0);
    for (uint32_t i = 0; i < r.head.argc + r.head.envc + 1; i++) {
        assert_non_null(bundle_next_string(&r));
    }
    assert_int_equal(bundle_next_file(&r, &file), 0);
    assert_int_equal(bundle_next_wanted(&r, &wanted), 0);
    assert_int_equal(wanted.found_bytes, 123);
    assert_int_equal(wanted.max_found, config.default_max_artifacts);
    assert_int_equal(wanted.fetch_count, 1);
    assert_int_equal(bundle_next_fetch(&r, &got), 0);
    assert_string_equal(got.path, "out/x");
    assert_ptr_equal(r.at, r.end);
    assert_int_equal(plan.limits.max_artifacts, config.default_max_artifacts);
    assert_true(plan.collection_bytes > config.result_max_bytes);
}

/* No pipe, no look: a job that wants nothing back pays for nothing. */
static void a_job_may_want_nothing_back(void **state)
{
    (void)state;
    job.limits.max_artifacts = 0;
    make_plan();
    assert_int_equal(plan.collection_bytes, 0);
}

static void refused(enum status want, const char *text)
{
    enum status status = STATUS_SUCCESS;
    struct err e = {.msg = ""};

    assert_int_equal(plan_make(&job, &config, &host, &plan, &status, &e), -1);
    if (status != want || !strstr(e.msg, text)) {
        fail_msg("want %s \"%s\", got %s \"%s\"", status_name(want), text,
                 status_name(status), e.msg);
    }
    plan_done(&plan);
}

static void what_cannot_be_met_is_refused(void **state)
{
    struct view one[] = {view_of("x")};

    (void)state;
    job.session_id = view_of("s");
    refused(STATUS_SETUP_ERROR, "session_id");
    job.session_id = (struct view){NULL, 0};
    job.network.present = true;
    job.network.mode = JOB_NETWORK_OPEN;
    refused(STATUS_SETUP_ERROR, "network.mode");
    job.network.mode = JOB_NETWORK_LOOPBACK;
    job.secrets = one;
    job.secrets_count = 1;
    refused(STATUS_SETUP_ERROR, "secrets");
    job.secrets_count = 0;
    make_plan();
    assert_int_equal(plan.network, LAUNCH_NET_LOOPBACK);
}

static void isolated_is_all_or_nothing(void **state)
{
    const struct launch_ready lean = host;

    (void)state;
    job.security_level = JOB_SECURITY_SANDBOXED;
    host.is_root = 1;
    host.landlock = 7;
    host.controllers = CGROUP_MEMORY | CGROUP_PIDS | CGROUP_CPU;
    make_plan();
    assert_int_equal(plan.security_level, JOB_SECURITY_SANDBOXED);
    plan_done(&plan);
    job.security_level = JOB_SECURITY_ISOLATED;
    make_plan();
    assert_int_equal(plan.security_level, JOB_SECURITY_ISOLATED);
    plan_done(&plan);
    host.landlock = 0;
    refused(STATUS_SETUP_ERROR, "isolated: missing Landlock");
    host.landlock = 7;
    host.is_root = 0;
    refused(STATUS_SETUP_ERROR, "isolated: missing a user id per slot");
    host.is_root = 1;
    host.controllers = CGROUP_MEMORY | CGROUP_PIDS;
    refused(STATUS_SETUP_ERROR, "isolated: missing cpu cgroup");
    host = lean;
}

static void unknown_languages_are_named(void **state)
{
    (void)state;
    job.language = view_of("cobol");
    refused(STATUS_VALIDATION_ERROR, "language: \"cobol\"");
    job.language = view_of("shell");
    job.language_version = view_of("zsh");
    refused(STATUS_VALIDATION_ERROR, "language_version");
    job.language_version = view_of("bash");
    make_plan();
}

static void no_more_is_expected_than_is_kept(void **state)
{
    (void)state;
    job.expected_output = view_of("12345");
    job.limits.stdout_bytes = 4;
    refused(STATUS_VALIDATION_ERROR,
            "expected_output: 5 bytes are more than is kept of standard "
            "output, limits.stdout_bytes, 4");
    job.limits.stdout_bytes = 5;
    make_plan();
}

static void a_quota_needs_its_cgroup(void **state)
{
    static const struct launch_ready bare = {.controllers = 0};
    enum status status = STATUS_SUCCESS;
    struct err e = {.msg = ""};

    (void)state;
    job.limits.cpu_quota_millicores = 500;
    assert_int_equal(plan_make(&job, &config, &bare, &plan, &status, &e), -1);
    assert_non_null(strstr(e.msg, "cpu_quota_millicores"));
    plan_done(&plan);
    make_plan();
    assert_int_equal(plan.box.cpu_quota_millicores, 500);
}

static void floods_stop_far_above_what_is_kept(void **state)
{
    (void)state;
    make_plan();
    assert_int_equal(plan_flood_bytes(0), PLAN_FLOOD_MIN_BYTES);
    assert_int_equal(plan_flood_bytes(1 << 20), 16 << 20);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(code_becomes_a_file),
        TEST(job_overrides_the_environment),
        TEST(files_keep_modes_and_the_entry_runs),
        TEST(limits_are_the_jobs_or_the_defaults),
        TEST(the_bundle_ends_with_what_is_wanted),
        TEST(a_job_may_want_nothing_back),
        TEST(what_cannot_be_met_is_refused),
        TEST(isolated_is_all_or_nothing),
        TEST(unknown_languages_are_named),
        TEST(no_more_is_expected_than_is_kept),
        TEST(a_quota_needs_its_cgroup),
        TEST(floods_stop_far_above_what_is_kept),
    };

    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
