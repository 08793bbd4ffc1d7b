/* SPDX-License-Identifier: MIT */
/* listener_test.c - What are boxes where a filter around the worker has the one
 * listener there can be? Weaker in what they tell, not in what they allow; and
 * of no use to learn in. */
#include "lib/unit.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/absent.h"
#include "lib/boxrun.h"
#include "run/boxes.h"
#include "sys/proc.h"
#include "sys/seccomp_learn.h"
#include "wire/config.h"

static struct boxrun run;
static struct boxrun_result r;
static struct seccomp_seen *seen;

static int open_worker(void **state)
{
    (void)state;
    boxrun_open(&run, "none");
    return 0;
}

static int open_learner(void **state)
{
    struct config config;
    struct err e = {.msg = ""};

    (void)state;
    config_init(&config);
    assert_return_code(config_set(&config, "box.cgroup", "none", &e), 0);
    assert_return_code(config_set(&config, "worker.slots", "1", &e), 0);
    if (seccomp_learn_open(&seen, &e) < 0 ||
        boxes_fork_learner(&config, seen, &run.sock, &run.launcher, &e) < 0 ||
        boxes_wait_ready(run.sock, &run.ready, &e) < 0) {
        fail_msg("launcher: %s", e.msg);
    }
    config_done(&config);
    return 0;
}

static int close_run(void **state)
{
    (void)state;
    boxrun_close(&run);
    seccomp_learn_close(seen);
    return 0;
}

static void run_call(long number)
{
    char code[200];
    const char *argv[] = {"/usr/bin/python3", "-c", code, NULL};
    const struct boxrun_job job = {.argv = argv, .limits = boxrun_limits};

    (void)snprintf(code, sizeof(code),
                   "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
                   "print(libc.syscall(%ld, 0), ctypes.get_errno())",
                   number);
    boxrun_run(&run, &job, &r);
}

static void calls_kill_and_are_not_told(void **state)
{
    (void)state;
    run_call(SYS_bpf);
    assert_int_equal(r.ended.report.phase, BOX_PHASE_DONE);
    assert_int_equal(r.ended.report.verified, BOX_VERIFIED_ALL);
    assert_int_equal(r.ended.report.tells_calls, 0);
    assert_int_equal(r.ended.report.has_call, 0);
    assert_int_equal(r.ended.report.wait_status & 0x7f, SIGSYS);
    assert_string_equal(r.out, "");
    run_call(SYS_mq_unlink);
    assert_string_equal(r.out, "-1 38\n"); /* ENOSYS */
}

static void nothing_is_learnt(void **state)
{
    (void)state;
    run_call(SYS_mq_unlink);
    assert_string_equal(r.out, "");
    assert_int_equal(r.ended.report.phase, BOX_PHASE_ISOLATE);
    assert_string_equal(r.ended.report.step, "seccomp");
    assert_int_equal(r.ended.report.sys, EBUSY);
    assert_int_equal(seen->counts[SYS_mq_unlink], 0);
}

static void a_learner_makes_the_call(void **state)
{
    (void)state;
    run_call(SYS_mq_unlink);
    assert_string_equal(r.out, "-1 14\n"); /* EFAULT */
    assert_int_equal(seen->counts[SYS_mq_unlink], 1);
    assert_int_equal(seen->args[SYS_mq_unlink][0], 0);
}

static const struct CMUnitTest worker_tests[] = {
    cmocka_unit_test(calls_kill_and_are_not_told),
};
static const struct CMUnitTest learner_tests[] = {
    cmocka_unit_test(nothing_is_learnt),
};
static const struct CMUnitTest free_tests[] = {
    cmocka_unit_test(a_learner_makes_the_call),
};

int main(void)
{
    int failed = cmocka_run_group_tests_name("learner", free_tests,
                                             open_learner, close_run);

    seen = NULL;
    /* From here on, for good. */
    if (absent_listener() < 0) {
        perror("a listener of our own");
        return 1;
    }
    failed += cmocka_run_group_tests_name("worker beside a listener",
                                          worker_tests, open_worker, close_run);
    failed += cmocka_run_group_tests_name(
        "learner beside a listener", learner_tests, open_learner, close_run);
    return failed;
}
