/* SPDX-License-Identifier: MIT */
/* executor_test.c - jobs in slots, with a real launcher and real boxes: input,
 * output, time, many jobs over few slots, and the launcher's end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/mem.h"
#include "lib/boxrun.h"
#include "run/executor.h"
#include "wire/bundle.h"

#define MIB   (1u << 20)
#define SLOTS 2 /* what boxrun's launcher has */

struct trial {
    const char *code; /* of /bin/sh -c */
    struct view input;
    uint64_t wall_ms;
    struct plan plan;
    /* what came of it */
    unsigned ends;
    enum verdict_stop stop;
    struct launch_ended ended;
    uint64_t out_total;
    uint64_t seen; /* by on_output */
    char out[256];
    char err[256];
};

static struct boxrun run;
static struct boxes *boxes;
static struct executor *ex;
static uv_loop_t loop;
static unsigned open_jobs;
static unsigned lost;

/* ---- what the engine would do ------------------------------------------ */

static void copy_text(struct collector *from, char *to, size_t size)
{
    struct view text = collector_text(from);
    size_t len = text.len < size - 1 ? text.len : size - 1;

    memcpy(to, text.data ? text.data : "", len);
    to[len] = 0;
}

static void on_end(const struct executor_end *end, void *arg)
{
    struct trial *job = arg;

    job->ends++;
    job->stop = end->stop;
    job->ended = *end->ended;
    job->out_total = end->out->total;
    copy_text(end->out, job->out, sizeof(job->out));
    copy_text(end->err, job->err, sizeof(job->err));
    open_jobs--;
}

static void on_output(unsigned which, const void *data, size_t len, void *arg)
{
    struct trial *job = arg;

    (void)data;
    job->seen += which == 0 ? len : 0;
}

static void on_ended(const struct launch_ended *ended, void *arg)
{
    (void)arg;
    executor_on_ended(ex, ended);
}

static void on_lost(void *arg)
{
    (void)arg;
    lost++;
    executor_lost(ex);
}

static int open_all(void **state)
{
    static const struct executor_callbacks jobs = {on_end, on_output};
    static const struct boxes_callbacks ends = {on_ended, on_lost, NULL};
    struct err e = {.msg = ""};

    (void)state;
    boxrun_open(&run, "auto");
    lost = open_jobs = 0;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(boxes_open(&loop, run.sock, &ends, &boxes, &e), 0);
    assert_int_equal(executor_open(&loop, boxes, SLOTS, &jobs, &ex, &e), 0);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    executor_close(ex);
    boxes_close(boxes); /* and the socket */
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&loop), 0);
    (void)waitpid(run.launcher, NULL, 0); /* a test may have done it */
    return 0;
}

static void make_plan(struct trial *job)
{
    const char *const argv[] = {"/bin/sh", "-c", job->code};
    struct err e = {.msg = ""};

    memset(&job->plan, 0, sizeof(job->plan));
    job->plan.box = boxrun_limits;
    job->plan.wall_time_ms = job->wall_ms ? job->wall_ms : 20000;
    job->plan.stdout_bytes = job->plan.stderr_bytes = 1024;
    buf_init(&job->plan.bundle, MIB);
    assert_int_equal(bundle_begin(&job->plan.bundle, ARRAY_LEN(argv), 1, 0, &e),
                     0);
    for (size_t i = 0; i < ARRAY_LEN(argv); i++) {
        assert_int_equal(bundle_string(&job->plan.bundle, view_of(argv[i]), &e),
                         0);
    }
    assert_int_equal(
        bundle_string(&job->plan.bundle, view_of("PATH=/usr/bin:/bin"), &e), 0);
    assert_int_equal(
        bundle_string(&job->plan.bundle, view_of("/workspace"), &e), 0);
}

static int try_start(struct trial *job)
{
    struct err e = {.msg = ""};

    make_plan(job);
    int status = executor_start(ex, &job->plan, job->input, job, &e);
    plan_done(&job->plan); /* the bundle was copied, as pipeline.c knows */
    open_jobs += status == 0;
    return status;
}

static void start(struct trial *job)
{
    assert_int_equal(try_start(job), 0);
}

static void run_all(void)
{
    while (open_jobs > 0) {
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
}

static void run_one(struct trial *job)
{
    start(job);
    run_all();
    assert_int_equal(job->ends, 1);
}

static void expect_success(const struct trial *job)
{
    if (job->stop != VERDICT_STOP_NONE || job->ended.is_refused ||
        job->ended.report.phase != BOX_PHASE_DONE ||
        job->ended.report.wait_status != 0) {
        fail_msg("stop %d refused %u '%s' status %x: %s%s", (int)job->stop,
                 job->ended.is_refused, job->ended.error,
                 job->ended.report.wait_status, job->out, job->err);
    }
}

/* ---- input and output --------------------------------------------------- */

static void gets_its_input(void **state)
{
    AUTO_FREE char *text = xmalloc(MIB);
    struct trial job = {.code = "wc -c; echo oops >&2"};

    (void)state;
    memset(text, 'x', MIB);
    job.input = (struct view){text, MIB};
    run_one(&job);
    expect_success(&job);
    assert_string_equal(job.out, "1048576\n");
    assert_string_equal(job.err, "oops\n");
    assert_int_equal(job.seen, strlen(job.out));
}

/* The pipes belong to the engine's user, the box is another one. */
static void opens_its_own_streams(void **state)
{
    struct trial job = {.code = "echo a >/dev/stdout; echo b >/dev/stderr;"
                                "cat /dev/stdin"};

    (void)state;
    run_one(&job);
    expect_success(&job);
    assert_string_equal(job.out, "a\n");
    assert_string_equal(job.err, "b\n");
}

/* Flags are of the open file, not of the descriptor: were it one for all
 * jobs, one could speak to the next through it. */
static void shares_no_stdin(void **state)
{
    struct trial first = {.code =
                              "python3 -c 'import fcntl, os; fcntl.fcntl(0, "
                              "fcntl.F_SETFL, os.O_NONBLOCK)'"};
    struct trial second = {.code = "python3 -c 'import fcntl, os; print(bool("
                                   "fcntl.fcntl(0, fcntl.F_GETFL) & "
                                   "os.O_NONBLOCK))'"};

    (void)state;
    run_one(&first);
    expect_success(&first);
    run_one(&second);
    assert_string_equal(second.out, "False\n");
}

static void stops_a_flood(void **state)
{
    struct trial job = {.code = "yes"};

    (void)state;
    run_one(&job);
    assert_int_equal(job.stop, VERDICT_STOP_STDOUT);
    assert_true(job.out_total > plan_flood_bytes(1024));
    /* One turn of reading and what the pipe holds, however late the kill. */
    assert_true(job.out_total < plan_flood_bytes(1024) + MIB);
    assert_int_equal(job.ended.stop, LAUNCH_STOP_ENGINE);
}

/* ---- time --------------------------------------------------------------- */

static void keeps_the_wall_clock(void **state)
{
    struct trial job = {.code = "sleep 30 & setsid sleep 30", .wall_ms = 300};

    (void)state;
    run_one(&job);
    assert_int_equal(job.stop, VERDICT_STOP_WALL);
    uint64_t us = verdict_wall_us(&job.ended);
    assert_in_range(us, 290 * 1000, 2000 * 1000);
}

/* The loop was busy with something else when the job started. */
static void counts_no_time_before_the_start(void **state)
{
    struct trial job = {.code = "sleep 0.1", .wall_ms = 1000};
    uint64_t until_ms = 0;

    (void)state;
    uv_update_time(&loop);
    until_ms = clock_mono_ms() + 1100;
    while (clock_mono_ms() < until_ms) {
    }
    run_one(&job);
    expect_success(&job);
}

static void on_resume(uv_timer_t *timer)
{
    assert_int_equal(kill(run.launcher, SIGCONT), 0);
    uv_close((uv_handle_t *)timer, NULL);
}

/* The launcher had other things to do for longer than the job may run. */
static void counts_no_time_before_the_program(void **state)
{
    struct trial job = {.code = "sleep 0.05; echo done", .wall_ms = 500};
    uv_timer_t resume;

    (void)state;
    assert_int_equal(uv_timer_init(&loop, &resume), 0);
    assert_int_equal(uv_timer_start(&resume, on_resume, 700, 0), 0);
    assert_int_equal(kill(run.launcher, SIGSTOP), 0);
    run_one(&job);
    expect_success(&job);
    assert_string_equal(job.out, "done\n");
}

/* ---- slots -------------------------------------------------------------- */

static void runs_many_over_few_slots(void **state)
{
    enum { MANY = 60 };
    static struct trial jobs[MANY];
    static char codes[MANY][32];
    unsigned next = 0;

    (void)state;
    for (unsigned i = 0; i < MANY; i++) {
        (void)snprintf(codes[i], sizeof(codes[i]), "echo job %u; exit %u", i,
                       i % 7);
        jobs[i].code = codes[i];
    }
    while (next < MANY || open_jobs > 0) {
        while (next < MANY && executor_has_slot(ex)) {
            start(&jobs[next++]);
        }
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
    for (unsigned i = 0; i < MANY; i++) {
        char want[32];

        (void)snprintf(want, sizeof(want), "job %u\n", i);
        assert_int_equal(jobs[i].ends, 1);
        assert_string_equal(jobs[i].out, want);
        assert_int_equal(jobs[i].ended.report.wait_status, (i % 7) << 8);
    }
    assert_int_equal(executor_running(ex), 0);
}

static void starts_nothing_without_a_slot(void **state)
{
    struct trial jobs[SLOTS + 1] = {
        {.code = "read x"}, {.code = "read x"}, {.code = "true"}};

    (void)state;
    start(&jobs[0]);
    start(&jobs[1]);
    assert_false(executor_has_slot(ex));
    assert_int_equal(try_start(&jobs[2]), -1);
    run_all();
}

/* The kernel lets few packets wait in a socket (net.unix.max_dgram_qlen); a
 * launcher that is busy for a moment must not cost a kill. */
static void loses_no_kill_in_a_full_socket(void **state)
{
    enum { FILLING = 600 }; /* above the usual settings of 10 and 512 */
    struct trial job = {.code = "echo here; sleep 60", .wall_ms = 100000};

    (void)state;
    start(&job);
    while (job.seen == 0) {
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
    assert_int_equal(kill(run.launcher, SIGSTOP), 0);
    for (unsigned i = 0; i < FILLING; i++) {
        boxes_kill(boxes, 0, UINT64_MAX, 0); /* nobody's */
    }
    executor_stop_all(ex, VERDICT_STOP_SHUTDOWN);
    assert_int_equal(kill(run.launcher, SIGCONT), 0);
    run_all();
    assert_int_equal(job.stop, VERDICT_STOP_SHUTDOWN);
    assert_int_equal(lost, 0);
}

/* ---- the launcher's end ------------------------------------------------- */

static void kill_launcher(void)
{
    assert_int_equal(kill(run.launcher, SIGKILL), 0);
    assert_int_equal(waitpid(run.launcher, NULL, 0), run.launcher);
}

/* Its box is past the steps in which it still has the launcher's socket. */
static void wait_seen(const struct trial *job)
{
    while (job->seen == 0) {
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
}

static void ends_what_ran_with_a_lost_launcher(void **state)
{
    struct trial jobs[] = {{.code = "echo here; sleep 60"},
                           {.code = "sleep 60"}};

    (void)state;
    start(&jobs[0]);
    start(&jobs[1]);
    wait_seen(&jobs[0]);
    kill_launcher();
    run_all();
    assert_int_equal(lost, 1);
    for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
        assert_int_equal(jobs[i].ends, 1);
        assert_int_equal(jobs[i].stop, VERDICT_STOP_SHUTDOWN);
    }
    assert_true(boxes_are_lost(boxes));
}

/* Noticed by the start itself, before the loop has seen the end of file. */
static void tells_of_a_lost_launcher_at_a_start(void **state)
{
    struct trial ran = {.code = "echo here; sleep 60"};
    struct trial late = {.code = "true"};

    (void)state;
    start(&ran);
    wait_seen(&ran);
    kill_launcher();
    assert_int_equal(try_start(&late), -1);
    assert_true(boxes_are_lost(boxes));
    assert_int_equal(lost, 1);
    assert_int_equal(ran.stop, VERDICT_STOP_SHUTDOWN);
    assert_int_equal(late.ends, 0);
    assert_int_equal(try_start(&late), -1);
    assert_int_equal(lost, 1);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, open_all, close_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(gets_its_input),
        CASE(opens_its_own_streams),
        CASE(shares_no_stdin),
        CASE(stops_a_flood),
        CASE(keeps_the_wall_clock),
        CASE(counts_no_time_before_the_start),
        CASE(counts_no_time_before_the_program),
        CASE(runs_many_over_few_slots),
        CASE(starts_nothing_without_a_slot),
        CASE(loses_no_kill_in_a_full_socket),
        CASE(ends_what_ran_with_a_lost_launcher),
        CASE(tells_of_a_lost_launcher_at_a_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
