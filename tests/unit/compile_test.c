/* SPDX-License-Identifier: MIT */
/* compile_test.c - what becomes of a compile stage: its files go to the run,
 * or the job ends with the compiler's output and the reason. */
#include "run/compile.h"

#include <string.h>

#include "lib/unit.h"
#include "run/program.h"
#include "wire/collection.h"

#define RAN(word)                                                              \
    .has_report = 1, .report = {.phase = BOX_PHASE_DONE,                       \
                                .wait_status = (word),                         \
                                .exec_us = 1000,                               \
                                .end_us = 501000}
#define EXITED(n) ((uint32_t)(n) << 8)

static const struct launch_ready host = {.controllers = CGROUP_CPU};
static struct config config;
static struct job job;
static struct job_file files[2];
static struct view argv[2];
static struct plan run;
static struct plan stage;
static struct compile c;
static struct collector out;
static struct collector err;
static struct buf sent;

static int setup(void **state)
{
    enum status status = STATUS_SUCCESS;
    struct err e = {.msg = ""};

    (void)state;
    config_init(&config);
    job_init(&job);
    job.job_id = view_of("j");
    job.language = view_of("shell");
    job.code = view_of("true");
    argv[0] = view_of("make");
    job.compile.present = true;
    job.compile.argv = argv;
    job.compile.argv_count = 1;
    job.files = files;
    collector_init(&out, 1000);
    collector_init(&err, 1000);
    buf_init(&sent, 1 << 20);
    memset(&c, 0, sizeof(c));
    if (plan_make(&job, &config, &host, &run, &status, &e) < 0 ||
        compile_plan(&job, &config, &run, &stage, &e) < 0) {
        fail_msg("%s", e.msg);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    plan_done(&run);
    plan_done(&stage);
    compile_done(&c);
    collector_done(&out);
    collector_done(&err);
    buf_done(&sent);
    config_done(&config);
    return 0;
}

/* ---- what the box sends -------------------------------------------------- */

static void put(struct collection_head *head, struct view path,
                struct view content)
{
    head->path_len = (uint32_t)path.len;
    head->content_len = content.len;
    assert_int_equal(buf_append(&sent, head, sizeof(*head), NULL), 0);
    assert_int_equal(buf_append(&sent, path.data, path.len, NULL), 0);
    assert_int_equal(buf_append(&sent, content.data, content.len, NULL), 0);
}

static void found(const char *path, const char *content, uint32_t mode,
                  uint64_t size)
{
    struct collection_head head;

    collection_head_init(&head, COLLECTION_FOUND);
    head.state =
        strlen(content) == size ? COLLECTION_WHOLE : COLLECTION_NO_ROOM;
    head.size_bytes = size;
    head.mode = mode;
    put(&head, view_of(path), view_of(content));
}

static void end_with(const struct collection_left *left)
{
    struct collection_head head;

    collection_head_init(&head, COLLECTION_END);
    put(&head, view_of(""), (struct view){(const char *)left, sizeof(*left)});
}

static void end(void)
{
    end_with(&(struct collection_left){.counts = {0}});
}

static void take(const struct launch_ended *ended, enum verdict_stop stop)
{
    const struct executor_end box = {.ended = ended,
                                     .stop = stop,
                                     .out = &out,
                                     .err = &err,
                                     .collection = buf_view(&sent)};

    compile_done(&c);
    compile_take(&job, &config, &box, &stage, &run, &c);
}

static void take_exit(int code)
{
    const struct launch_ended ended = {RAN(EXITED(code))};

    take(&ended, VERDICT_STOP_NONE);
}

static void expect_failed(enum status status, const char *reason)
{
    assert_false(c.success);
    if (c.verdict.status != status || strcmp(c.verdict.reason, reason) != 0) {
        fail_msg("%s: \"%s\"", status_name(c.verdict.status), c.verdict.reason);
    }
}

/* ---- before -------------------------------------------------------------- */

static void the_stage_has_a_plan_of_its_own(void **state)
{
    struct bundle_reader r;
    struct bundle_file file;
    struct bundle_wanted wanted;

    (void)state;
    assert_true(run.has_compile_stage);
    assert_int_equal(run.bundle.len, 0); /* written after the stage */
    assert_int_equal(stage.limits.memory_bytes, 512 << 20);
    assert_int_equal(stage.box.memory_bytes, 512 << 20);
    assert_int_equal(stage.box.tmp_bytes, stage.limits.disk_bytes);
    assert_int_equal(stage.network, LAUNCH_NET_NONE);
    assert_int_equal(stage.wall_time_ms, 60000);
    assert_int_equal(bundle_open(&r, stage.bundle.data, stage.bundle.len), 0);
    assert_int_equal(r.head.argc, 2);
    assert_string_equal(bundle_next_string(&r), "/usr/bin/env");
    assert_string_equal(bundle_next_string(&r), "make");
    for (uint32_t i = 0; i < r.head.envc + 1; i++) {
        assert_non_null(bundle_next_string(&r));
    }
    assert_int_equal(bundle_next_file(&r, &file), 0);
    assert_string_equal(file.path, "main.sh");
    assert_int_equal(bundle_next_wanted(&r, &wanted), 0);
    assert_string_equal(wanted.folder, ".");
    assert_int_equal(wanted.fetch_count, 0);
    assert_int_equal(wanted.room_bytes, config.compile_max_bytes + 4);
    assert_true(stage.collection_bytes > config.compile_max_bytes);
}

static void a_compiler_has_its_own_calls(void **state)
{
    enum status status = STATUS_SUCCESS;
    struct err e = {.msg = ""};

    (void)state;
    assert_int_equal(stage.profile, SECCOMP_PROGRAM); /* make runs anything */
    plan_done(&run);
    plan_done(&stage);
    job.compile.present = false;
    job.language = view_of("c");
    assert_int_equal(plan_make(&job, &config, &host, &run, &status, &e), 0);
    assert_true(run.has_compile_stage);
    assert_int_equal(compile_plan(&job, &config, &run, &stage, &e), 0);
    assert_int_equal(stage.profile, SECCOMP_COMPILER);
    assert_int_equal(run.profile, SECCOMP_PROGRAM);
}

/* They come back with the rest, and take no room from it. */
static void there_is_room_for_what_the_job_brings(void **state)
{
    struct err e = {.msg = ""};

    (void)state;
    plan_done(&stage);
    files[0] = (struct job_file){true, view_of("lib/a"), view_of("12345"),
                                 RECORD_NO_UINT};
    job.files_count = 1;
    assert_int_equal(compile_plan(&job, &config, &run, &stage, &e), 0);
    assert_int_equal(stage.wanted.room_bytes,
                     config.compile_max_bytes + 4 + 5 + 5 +
                         sizeof(struct collection_head));
    assert_int_equal(stage.wanted.found_bytes, stage.wanted.room_bytes);
}

/* ---- after --------------------------------------------------------------- */

static void what_it_left_is_what_is_run(void **state)
{
    struct bundle_reader r;
    struct bundle_file file;
    struct bundle_wanted wanted;

    (void)state;
    found("main.sh", "true", 0644, 4);
    found("build/tool", "ELF", 0751, 3);
    end();
    take_exit(0);
    assert_true(c.success);
    assert_int_equal(bundle_open(&r, run.bundle.data, run.bundle.len), 0);
    assert_string_equal(bundle_next_string(&r), "/bin/sh");
    assert_string_equal(bundle_next_string(&r), "/workspace/main.sh");
    for (uint32_t i = 0; i < r.head.envc + 1; i++) {
        assert_non_null(bundle_next_string(&r));
    }
    assert_int_equal(r.head.file_count, 2);
    assert_int_equal(bundle_next_file(&r, &file), 0);
    assert_string_equal(file.path, "main.sh");
    assert_int_equal(bundle_next_file(&r, &file), 0);
    assert_string_equal(file.path, "build/tool");
    assert_int_equal(file.mode, 0751);
    assert_true(view_is(file.content, "ELF"));
    /* And what the run is to bring back is wanted of the run. */
    assert_int_equal(bundle_next_wanted(&r, &wanted), 0);
    assert_string_equal(wanted.folder, "artifacts");
}

static void its_output_is_kept(void **state)
{
    struct result result;

    (void)state;
    result_init(&result);
    compile_report(&c, &result);
    assert_false(result.compile.present); /* there was none */
    collector_add(&out, "made\n", 5);
    collector_add(&err, "main.c: warning\n", 16);
    end();
    take_exit(0);
    compile_report(&c, &result);
    assert_true(result.compile.present);
    assert_true(result.compile.success);
    assert_int_equal(result.compile.status, STATUS_SUCCESS);
    assert_int_equal(result.compile.exit_code, 0);
    assert_true(view_is(result.compile.stdout_, "made\n"));
    assert_true(view_is(result.compile.stderr_, "main.c: warning\n"));
    assert_false(result.compile.stderr_truncated);
    assert_int_equal(result.compile.duration_us, 500000);
    assert_int_equal(result.compile.usage.wall_us, 500000);
}

static void an_error_of_the_compiler_is_one(void **state)
{
    struct result result;

    (void)state;
    collector_add(&err, "syntax", 6);
    end();
    take_exit(2);
    expect_failed(STATUS_COMPILE_ERROR, "compile: exit code 2");
    assert_int_equal(run.bundle.len, 0);
    result_init(&result);
    compile_report(&c, &result);
    assert_false(result.compile.success);
    assert_int_equal(result.compile.status, STATUS_NONZERO_EXIT);
    assert_int_equal(result.compile.exit_code, 2);
    assert_true(view_is(result.compile.stderr_, "syntax"));
}

static void a_limit_of_the_compiler_is_told(void **state)
{
    const struct launch_ended late = {
        .stop = LAUNCH_STOP_ENGINE, .start_us = 1, .ended_us = 60000001};
    const struct launch_ended fat = {.cgroup = {.oom_kills = 1}};

    (void)state;
    take(&late, VERDICT_STOP_WALL);
    expect_failed(STATUS_COMPILE_ERROR,
                  "compile: wall time limit of 60000 ms reached: measured "
                  "60000 ms");
    assert_true(c.verdict.has_limit);
    assert_int_equal(c.verdict.limit, STATUS_LIMIT_WALL_TIME);
    assert_int_equal(c.verdict.by, STATUS_BY_WORKER_TIMER);
    take(&fat, VERDICT_STOP_NONE);
    assert_int_equal(c.verdict.status, STATUS_COMPILE_ERROR);
    assert_int_equal(c.status, STATUS_MEMORY_LIMIT_EXCEEDED);
    assert_int_equal(c.verdict.limit, STATUS_LIMIT_MEMORY);
    assert_int_equal(c.verdict.by, STATUS_BY_KERNEL_OOM);
}

static void what_is_not_there_is_the_jobs_fault(void **state)
{
    const struct launch_ended ended = {
        .has_report = 1,
        .report = {.phase = BOX_PHASE_EXEC, .step = "exec", .sys = 2}};

    (void)state;
    take(&ended, VERDICT_STOP_NONE);
    expect_failed(STATUS_COMPILE_ERROR,
                  "compile: exec: No such file or directory");
}

/* No compiler is to blame for these. */
static void what_is_ours_stays_ours(void **state)
{
    const struct launch_ended refused = {.is_refused = 1, .error = "no box"};
    const struct launch_ended silent = {.init_status = 9};

    (void)state;
    take(&refused, VERDICT_STOP_NONE);
    expect_failed(STATUS_SETUP_ERROR, "no box");
    assert_false(c.usage.present);
    take(&silent, VERDICT_STOP_NONE);
    assert_int_equal(c.verdict.status, STATUS_INTERNAL_ERROR);
}

/* A run with half of the files would be another program. */
static void all_files_go_or_none(void **state)
{
    static const struct {
        enum collection_left_kind kind;
        const char *why;
    } rows[] = {
        {COLLECTION_LEFT_MANY, "there are too many, or too large ones"},
        {COLLECTION_LEFT_UNSEEN, "there are too many"},
        {COLLECTION_LEFT_DEEP, "some lie too deep"},
        {COLLECTION_LEFT_LONG, "some have too long a path"},
        {COLLECTION_LEFT_UNREADABLE, "some cannot be read"},
    };
    char want[256];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct collection_left left = {.counts = {0}};

        left.counts[rows[i].kind] = 1;
        buf_clear(&sent);
        found("main", "x", 0755, 1);
        end_with(&left);
        take_exit(0);
        (void)snprintf(want, sizeof(want),
                       "compile: not all files can go to the run: %s "
                       "(compile.max_bytes is 33554432)",
                       rows[i].why);
        expect_failed(STATUS_COMPILE_ERROR, want);
    }
    buf_clear(&sent);
    found("main", "", 0755, 1 << 30);
    end();
    take_exit(0);
    expect_failed(STATUS_COMPILE_ERROR,
                  "compile: not all files can go to the run: they are too "
                  "large (compile.max_bytes is 33554432)");
    buf_clear(&sent); /* not even an end */
    take_exit(0);
    expect_failed(STATUS_COMPILE_ERROR,
                  "compile: its files could not be brought back");
    assert_int_equal(c.status, STATUS_COMPILE_ERROR);
    assert_int_equal(run.bundle.len, 0);
}

static void links_do_not_go_and_it_is_told(void **state)
{
    const struct collection_left left = {
        .counts = {[COLLECTION_LEFT_LINK] = 2, [COLLECTION_LEFT_SPECIAL] = 1}};

    (void)state;
    found("main.sh", "true", 0644, 4);
    end_with(&left);
    take_exit(0);
    assert_true(c.success);
    assert_string_equal(c.warning, "compile: 3 links and other entries that "
                                   "are no files did not go to the run");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_stage_has_a_plan_of_its_own),
        TEST(a_compiler_has_its_own_calls),
        TEST(there_is_room_for_what_the_job_brings),
        TEST(what_it_left_is_what_is_run),
        TEST(its_output_is_kept),
        TEST(an_error_of_the_compiler_is_one),
        TEST(a_limit_of_the_compiler_is_told),
        TEST(what_is_not_there_is_the_jobs_fault),
        TEST(what_is_ours_stays_ours),
        TEST(all_files_go_or_none),
        TEST(links_do_not_go_and_it_is_told),
    };

    return cmocka_run_group_tests_name("compile", tests, NULL, NULL);
}
