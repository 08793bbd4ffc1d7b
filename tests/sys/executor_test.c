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
#include "lib/trial.h"

#define MIB   (1u << 20)
#define SLOTS TRIAL_SLOTS

/* ---- input and output --------------------------------------------------- */

static void gets_its_input(void **state)
{
    AUTO_FREE char *text = xmalloc(MIB);
    struct trial job = {.code = "wc -c; echo oops >&2"};

    (void)state;
    memset(text, 'x', MIB);
    job.input = (struct view){text, MIB};
    trial_run_one(&job);
    trial_expect_success(&job);
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
    trial_run_one(&job);
    trial_expect_success(&job);
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
    trial_run_one(&first);
    trial_expect_success(&first);
    trial_run_one(&second);
    assert_string_equal(second.out, "False\n");
}

static void stops_a_flood(void **state)
{
    struct trial job = {.code = "yes"};

    (void)state;
    trial_run_one(&job);
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
    trial_run_one(&job);
    assert_int_equal(job.stop, VERDICT_STOP_WALL);
    uint64_t us = verdict_wall_us(&job.ended);
    assert_in_range(us, 290 * 1000, 2000 * 1000);
}

/* The whole box hears of its end first, and may still write. */
static void asks_before_it_kills(void **state)
{
    struct trial job = {.code = "trap 'echo parent; wait; exit 7' TERM\n"
                                "(trap 'echo child; exit' TERM\n"
                                "while :; do sleep 0.01; done) &\n"
                                "while :; do sleep 0.01; done",
                        .wall_ms = 300,
                        .grace_ms = 20000};

    (void)state;
    trial_run_one(&job);
    assert_int_equal(job.stop, VERDICT_STOP_WALL);
    assert_int_equal(job.ended.stop, LAUNCH_STOP_ENGINE);
    assert_int_equal(job.ended.has_report, 1);
    assert_int_equal(job.ended.report.wait_status, 7 << 8);
    assert_non_null(strstr(job.out, "parent\n"));
    assert_non_null(strstr(job.out, "child\n"));
    assert_true(verdict_wall_us(&job.ended) < 15 * 1000000);
}

static void kills_what_does_not_end(void **state)
{
    struct trial job = {.code = "trap '' TERM; echo up; sleep 30 & wait",
                        .wall_ms = 200,
                        .grace_ms = 300};

    (void)state;
    trial_run_one(&job);
    assert_int_equal(job.stop, VERDICT_STOP_WALL);
    assert_int_equal(job.ended.has_report, 0);
    assert_string_equal(job.out, "up\n");
    assert_in_range(verdict_wall_us(&job.ended), 490 * 1000, 10 * 1000000);
}

/* From inside the box a signal to its init means nothing. */
static void hears_no_signal_from_inside(void **state)
{
    struct trial job = {.code = "kill -TERM 1; sleep 0.1; echo still here"};

    (void)state;
    trial_run_one(&job);
    trial_expect_success(&job);
    assert_string_equal(job.out, "still here\n");
}

static void ends_what_is_idle(void **state)
{
    struct trial job = {.code = "echo up; sleep 30", .idle_ms = 300};

    (void)state;
    trial_run_one(&job);
    assert_int_equal(job.ended.stop, LAUNCH_STOP_IDLE);
    assert_in_range(job.ended.idle_us, 300 * 1000, 10 * 1000000);
    assert_string_equal(job.out, "up\n");
}

/* Either of the two is enough not to be idle. */
static void lets_live_what_writes_or_works(void **state)
{
    struct trial writes = {.code = "i=0; while [ $i -lt 10 ]; do echo; "
                                   "sleep 0.1; i=$((i+1)); done",
                           .idle_ms = 400};
    struct trial works = {.code = "exec timeout 1 sh -c 'while :; do :; done'",
                          .idle_ms = 400};

    (void)state;
    trial_run_one(&writes);
    trial_expect_success(&writes);
    trial_run_one(&works);
    assert_int_equal(works.ended.stop, LAUNCH_STOP_NONE);
    assert_int_equal(works.ended.report.wait_status, 124 << 8);
}

/* With cgroup v1 the kernel ends one process, and the watch the others; with
 * v2 it ends them all, and counts each. */
static void ends_all_that_is_out_of_memory(void **state)
{
    struct trial job = {
        .code = "python3 -c 'b = bytearray(1 << 30)'; echo on; sleep 30",
        .limits = boxrun_limits};

    (void)state;
    if (!(trials.run.ready.controllers & CGROUP_MEMORY)) {
        skip();
    }
    job.limits.memory_bytes = 64 << 20;
    trial_run_one(&job);
    if (trials.run.ready.cgroup_version == CGROUP_V1) {
        assert_int_equal(job.ended.cgroup.oom_kills, 1);
        assert_int_equal(job.ended.stop, LAUNCH_STOP_OOM);
    } else {
        assert_true(job.ended.cgroup.oom_kills >= 1);
        assert_int_equal(job.ended.init_status, SIGKILL);
    }
    assert_true(verdict_wall_us(&job.ended) < 15 * 1000000);
}

/* The loop was busy with something else when the job started. */
static void counts_no_time_before_the_start(void **state)
{
    struct trial job = {.code = "sleep 0.1", .wall_ms = 1000};
    uint64_t until_ms = 0;

    (void)state;
    uv_update_time(&trials.loop);
    until_ms = clock_mono_ms() + 1100;
    while (clock_mono_ms() < until_ms) {
    }
    trial_run_one(&job);
    trial_expect_success(&job);
}

static void on_resume(uv_timer_t *timer)
{
    assert_int_equal(kill(trials.run.launcher, SIGCONT), 0);
    uv_close((uv_handle_t *)timer, NULL);
}

/* The launcher had other things to do for longer than the job may run. */
static void counts_no_time_before_the_program(void **state)
{
    struct trial job = {.code = "sleep 0.05; echo done", .wall_ms = 500};
    uv_timer_t resume;

    (void)state;
    assert_int_equal(uv_timer_init(&trials.loop, &resume), 0);
    assert_int_equal(uv_timer_start(&resume, on_resume, 700, 0), 0);
    assert_int_equal(kill(trials.run.launcher, SIGSTOP), 0);
    trial_run_one(&job);
    trial_expect_success(&job);
    assert_string_equal(job.out, "done\n");
}

/* The same, and the program came to another limit while it still had time. */
static void tells_the_limit_that_was_first(void **state)
{
    struct trial job = {
        .code = "while :; do :; done", .wall_ms = 500, .limits = boxrun_limits};
    uv_timer_t resume;

    (void)state;
    job.limits.cpu_time_ms = 50;
    assert_int_equal(uv_timer_init(&trials.loop, &resume), 0);
    assert_int_equal(uv_timer_start(&resume, on_resume, 700, 0), 0);
    assert_int_equal(kill(trials.run.launcher, SIGSTOP), 0);
    trial_run_one(&job);
    assert_int_equal(job.ended.stop, LAUNCH_STOP_CPU);
    assert_int_equal(job.stop, VERDICT_STOP_NONE);
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
    while (next < MANY || trials.open_jobs > 0) {
        while (next < MANY && executor_has_slot(trials.ex)) {
            trial_start(&jobs[next++]);
        }
        (void)uv_run(&trials.loop, UV_RUN_ONCE);
    }
    for (unsigned i = 0; i < MANY; i++) {
        char want[32];

        (void)snprintf(want, sizeof(want), "job %u\n", i);
        assert_int_equal(jobs[i].ends, 1);
        assert_string_equal(jobs[i].out, want);
        assert_int_equal(jobs[i].ended.report.wait_status, (i % 7) << 8);
    }
    assert_int_equal(executor_running(trials.ex), 0);
}

static void starts_nothing_without_a_slot(void **state)
{
    struct trial jobs[SLOTS + 1] = {
        {.code = "read x"}, {.code = "read x"}, {.code = "true"}};

    (void)state;
    trial_start(&jobs[0]);
    trial_start(&jobs[1]);
    assert_false(executor_has_slot(trials.ex));
    assert_int_equal(trial_try_start(&jobs[2]), -1);
    trial_run_all();
}

/* The kernel lets few packets wait in a socket (net.unix.max_dgram_qlen); a
 * launcher that is busy for a moment must not cost a kill. */
static void loses_no_kill_in_a_full_socket(void **state)
{
    enum { FILLING = 600 }; /* above the usual settings of 10 and 512 */
    struct trial job = {.code = "echo here; sleep 60", .wall_ms = 100000};

    (void)state;
    trial_start(&job);
    while (job.seen == 0) {
        (void)uv_run(&trials.loop, UV_RUN_ONCE);
    }
    assert_int_equal(kill(trials.run.launcher, SIGSTOP), 0);
    for (unsigned i = 0; i < FILLING; i++) {
        boxes_kill(trials.boxes, 0, UINT64_MAX, 0); /* nobody's */
    }
    executor_stop(trials.ex, NULL, VERDICT_STOP_SHUTDOWN);
    assert_int_equal(kill(trials.run.launcher, SIGCONT), 0);
    trial_run_all();
    assert_int_equal(job.stop, VERDICT_STOP_SHUTDOWN);
    assert_int_equal(trials.lost, 0);
}

/* ---- the launcher's end ------------------------------------------------- */

static void kill_launcher(void)
{
    assert_int_equal(kill(trials.run.launcher, SIGKILL), 0);
    assert_int_equal(waitpid(trials.run.launcher, NULL, 0),
                     trials.run.launcher);
}

static void ends_what_ran_with_a_lost_launcher(void **state)
{
    struct trial jobs[] = {{.code = "echo here; sleep 60"},
                           {.code = "sleep 60"}};

    (void)state;
    trial_start(&jobs[0]);
    trial_start(&jobs[1]);
    trial_wait_seen(&jobs[0]);
    kill_launcher();
    trial_run_all();
    assert_int_equal(trials.lost, 1);
    for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
        assert_int_equal(jobs[i].ends, 1);
        assert_int_equal(jobs[i].stop, VERDICT_STOP_SHUTDOWN);
    }
    assert_true(boxes_are_lost(trials.boxes));
}

/* Noticed by the start itself, before the loop has seen the end of file. */
static void tells_of_a_lost_launcher_at_a_start(void **state)
{
    struct trial ran = {.code = "echo here; sleep 60"};
    struct trial late = {.code = "true"};

    (void)state;
    trial_start(&ran);
    trial_wait_seen(&ran);
    kill_launcher();
    assert_int_equal(trial_try_start(&late), -1);
    assert_true(boxes_are_lost(trials.boxes));
    assert_int_equal(trials.lost, 1);
    assert_int_equal(ran.stop, VERDICT_STOP_SHUTDOWN);
    assert_int_equal(late.ends, 0);
    assert_int_equal(trial_try_start(&late), -1);
    assert_int_equal(trials.lost, 1);
}

#define CASE(test)                                                             \
    cmocka_unit_test_setup_teardown(test, trial_open, trial_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(gets_its_input),
        CASE(opens_its_own_streams),
        CASE(shares_no_stdin),
        CASE(stops_a_flood),
        CASE(keeps_the_wall_clock),
        CASE(asks_before_it_kills),
        CASE(kills_what_does_not_end),
        CASE(hears_no_signal_from_inside),
        CASE(ends_what_is_idle),
        CASE(lets_live_what_writes_or_works),
        CASE(ends_all_that_is_out_of_memory),
        CASE(counts_no_time_before_the_start),
        CASE(counts_no_time_before_the_program),
        CASE(tells_the_limit_that_was_first),
        CASE(runs_many_over_few_slots),
        CASE(starts_nothing_without_a_slot),
        CASE(loses_no_kill_in_a_full_socket),
        CASE(ends_what_ran_with_a_lost_launcher),
        CASE(tells_of_a_lost_launcher_at_a_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
