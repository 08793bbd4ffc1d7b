/* SPDX-License-Identifier: MIT */
/* reaper_test.c - Does init learn how its payload ended, and which call of
 * whichever process ended the job? */
#include "lib/unit.h"

#include <errno.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/base.h"
#include "lib/absent.h"
#include "sys/proc.h"
#include "sys/reaper.h"
#include "sys/seccomp.h"
#include "sys/seccomp_learn.h"

/* What init is at, seen by its payload. */
struct scene {
    int listener_fd;
    int ready[2]; /* a byte: go on */
};

struct play {
    int (*payload)(struct scene *scene); /* what it exits with */
    void (*before)(struct scene *scene, pid_t payload);
    struct seccomp_seen *seen; /* learns */
};

static void end_job(void)
{
    (void)syscall(SYS_kexec_load, 0, 0, NULL, 0);
    _exit(77); /* nobody may come here */
}

/* Plays init: what comes back is for the parent to look at. */
static void init_main(const struct play *play, int result_fd)
{
    struct scene scene = {.listener_fd = -1};
    struct seccomp_set set;
    struct reaper_end end;
    struct err e;

    proc_reset_signals(); /* cmocka has handlers of its own */
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 || pipe(scene.ready) ||
        seccomp_compile(play->seen, &set, &e) < 0 || reaper_prepare() < 0 ||
        seccomp_apply(&set.programs[0], &scene.listener_fd) < 0) {
        _exit(98);
    }
    pid_t payload = fork(); /* not vfork: both go on */
    if (payload == 0) {
        sigset_t none;

        close(scene.listener_fd); /* as exec does */
        sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        _exit(play->payload(&scene));
    }
    if (play->before) {
        play->before(&scene, payload);
    }
    if (reaper_wait(payload, scene.listener_fd, set.seen, &end) < 0) {
        _exit(97);
    }
    (void)!write(result_fd, &end, sizeof(end));
    (void)kill(payload, SIGKILL);
    _exit(scene.listener_fd < 0 ? 1 : 0);
}

/* *out_status: of init; 1 when it had no listener. */
static struct reaper_end play(const struct play *what, int *out_status)
{
    struct reaper_end end = {.wait_status = -1};
    int fds[2];

    assert_return_code(pipe(fds), errno);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        init_main(what, fds[1]);
    }
    close(fds[1]);
    assert_int_equal(read(fds[0], &end, sizeof(end)), sizeof(end));
    close(fds[0]);
    assert_int_equal(waitpid(pid, out_status, 0), pid);
    return end;
}

static void expect_call(const struct reaper_end *end, int number)
{
    assert_true(end->has_call);
    assert_int_equal(end->call.arch, seccomp_arch_native());
    assert_int_equal(end->call.number, number);
}

/* ---- without a call --------------------------------------------------------
 */

static int exit_5(struct scene *scene)
{
    (void)scene;
    return 5;
}

static int by_signal(struct scene *scene)
{
    (void)scene;
    (void)kill(getpid(), SIGSYS);
    return 0;
}

static void ends_are_told(void **state)
{
    const struct play exits = {.payload = exit_5};
    const struct play dies = {.payload = by_signal};
    int status = 0;

    (void)state;
    struct reaper_end end = play(&exits, &status);
    assert_false(end.has_call);
    assert_int_equal(end.wait_status, 5 << 8);
    assert_int_equal(status, 0);
    end = play(&dies, &status);
    assert_false(end.has_call);
    assert_int_equal(end.wait_status & 0x7f, SIGSYS);
}

/* A child of a child that has ended, and its process id. */
static pid_t make_orphan(struct scene *scene)
{
    pid_t orphan = -1;
    pid_t middle = fork();

    if (middle == 0) {
        orphan = fork();
        if (orphan != 0) {
            (void)!write(scene->ready[1], &orphan, sizeof(orphan));
        }
        _exit(0);
    }
    (void)waitpid(middle, NULL, 0);
    (void)!read(scene->ready[0], &orphan, sizeof(orphan));
    return orphan;
}

/* A process that nobody has reaped can still be signalled. */
static bool is_reaped(pid_t pid)
{
    for (int i = 0; i < 10000; i++) {
        if (kill(pid, 0) < 0 && errno == ESRCH) {
            return true;
        }
        (void)poll(NULL, 0, 1);
    }
    return false;
}

static int leave_orphans(struct scene *scene)
{
    pid_t orphans[20];

    for (size_t i = 0; i < ARRAY_LEN(orphans); i++) {
        orphans[i] = make_orphan(scene);
    }
    for (size_t i = 0; i < ARRAY_LEN(orphans); i++) {
        if (!is_reaped(orphans[i])) {
            return 1;
        }
    }
    return 5;
}

static void orphans_are_reaped(void **state)
{
    const struct play orphans = {.payload = leave_orphans};
    int status = 0;

    (void)state;
    struct reaper_end end = play(&orphans, &status);
    assert_false(end.has_call);
    assert_int_equal(end.wait_status, 5 << 8);
}

static void nobody_to_wait_for(void **state)
{
    struct reaper_end end;
    int status = 0;

    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        _exit(reaper_prepare() < 0 || reaper_wait(1, -1, NULL, &end) != -1 ||
              errno != ECHILD);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* ---- with one --------------------------------------------------------------
 */

static int call_itself(struct scene *scene)
{
    (void)scene;
    end_job();
    return 0;
}

/* From a process that nobody waits for, while the payload goes on. */
static int call_below(struct scene *scene)
{
    (void)scene;
    if (fork() == 0) {
        if (fork() == 0) {
            (void)setsid();
            end_job();
        }
        _exit(0);
    }
    for (;;) {
        pause();
    }
}

static void calls_are_told(void **state)
{
    const struct play itself = {.payload = call_itself};
    const struct play below = {.payload = call_below};
    int status = 0;

    (void)state;
    struct reaper_end end = play(&itself, &status);
    expect_call(&end, SYS_kexec_load);
    assert_int_equal(status, 0);
    end = play(&below, &status);
    expect_call(&end, SYS_kexec_load);
}

/* The child has called when the parent ends. */
static int call_and_end(struct scene *scene)
{
    char go;

    if (fork() == 0) {
        end_job();
    }
    (void)!read(scene->ready[0], &go, 1);
    return 0;
}

static void wait_for_both(struct scene *scene, pid_t payload)
{
    struct pollfd listener = {scene->listener_fd, POLLIN, 0};
    siginfo_t info;

    if (poll(&listener, 1, -1) != 1 || write(scene->ready[1], "", 1) != 1 ||
        waitid(P_PID, (id_t)payload, &info, WEXITED | WNOWAIT) < 0) {
        _exit(94);
    }
}

static void a_call_counts_more_than_an_end(void **state)
{
    const struct play both = {.payload = call_and_end, .before = wait_for_both};
    int status = 0;

    (void)state;
    struct reaper_end end = play(&both, &status);
    expect_call(&end, SYS_kexec_load);
}

#ifdef __x86_64__
static int call_x32(struct scene *scene)
{
    (void)scene;
    (void)syscall(0x40000000 + SYS_getpid);
    return 0;
}

static int call_i386(struct scene *scene)
{
    long rc = 20; /* getpid */

    (void)scene;
    __asm__ volatile("int $0x80" : "+a"(rc) : : "memory");
    return 0;
}

static void foreign_calls_are_told(void **state)
{
    const struct play x32 = {.payload = call_x32};
    const struct play i386 = {.payload = call_i386};
    int status = 0;
    char name[64];

    (void)state;
    struct reaper_end end = play(&x32, &status);
    expect_call(&end, 0x40000000 + SYS_getpid);
    end = play(&i386, &status);
    if (!end.has_call && (end.wait_status & 0x7f) == SIGSEGV) {
        skip(); /* a kernel without i386 */
    }
    assert_true(end.has_call);
    seccomp_call_name(&end.call, name, sizeof(name));
    assert_string_equal(name, "i386:getpid");
}
#endif

/* ---- learning ---------------------------------------------------------------
 */

static int refused_twice(struct scene *scene)
{
    (void)scene;
    for (int i = 0; i < 2; i++) {
        errno = 0;
        /* Not named: ENOSYS. Made: there is none of this name. */
        if (syscall(SYS_mq_unlink, "forkyard-none") != -1 || errno != ENOENT) {
            return 1;
        }
    }
    /* Forbidden: EPERM. Made: it wants pointers. */
    if (syscall(SYS_name_to_handle_at, 3, NULL, NULL, NULL, 0) != -1 ||
        errno != EFAULT) {
        return 2;
    }
    /* Refused for its argument. Made: it says what was before. */
    if (syscall(SYS_personality, 0x40000) < 0) {
        return 3;
    }
    errno = 0;
    return syscall(5000) == -1 && errno == ENOSYS ? 5 : 4;
}

static int many_refused(struct scene *scene)
{
    (void)scene;
    for (int i = 0; i < 4; i++) {
        if (fork() == 0) {
            for (int k = 0; k < 250; k++) {
                (void)syscall(SYS_mq_unlink, "forkyard-none");
            }
            _exit(0);
        }
    }
    while (waitpid(-1, NULL, 0) > 0) {
    }
    return 0;
}

static void refused_calls_are_noted_and_made(void **state)
{
    struct seccomp_seen *seen = NULL;
    struct err e;
    int status = 0;
    unsigned noted = 0;

    (void)state;
    assert_int_equal(seccomp_learn_open(&seen, &e), 0);
    const struct play refused = {.payload = refused_twice, .seen = seen};
    struct reaper_end end = play(&refused, &status);
    assert_false(end.has_call);
    assert_int_equal(end.wait_status, 5 << 8);
    for (size_t i = 0; i < SECCOMP_BPF_CALLS; i++) {
        noted += seen->counts[i] > 0;
    }
    assert_int_equal(noted, 3);
    assert_int_equal(seen->counts[SYS_mq_unlink], 2);
    assert_int_equal(seen->counts[SYS_name_to_handle_at], 1);
    assert_int_equal(seen->args[SYS_name_to_handle_at][0], 3);
    assert_int_equal(seen->counts[SYS_personality], 1);
    assert_int_equal(seen->args[SYS_personality][0], 0x40000);
    const struct play many = {.payload = many_refused, .seen = seen};
    end = play(&many, &status);
    assert_int_equal(end.wait_status, 0);
    assert_int_equal(seen->counts[SYS_mq_unlink], 1002);
    seccomp_learn_close(seen);
}

static void what_ends_a_job_is_not_learnt(void **state)
{
    struct seccomp_seen *seen = NULL;
    struct err e;
    int status = 0;

    (void)state;
    assert_int_equal(seccomp_learn_open(&seen, &e), 0);
    const struct play itself = {.payload = call_itself, .seen = seen};
    struct reaper_end end = play(&itself, &status);
    expect_call(&end, SYS_kexec_load);
    assert_int_equal(seen->counts[SYS_kexec_load], 0);
#ifdef __x86_64__
    const struct play x32 = {.payload = call_x32, .seen = seen};
    end = play(&x32, &status);
    expect_call(&end, 0x40000000 + SYS_getpid);
#endif
    seccomp_learn_close(seen);
}

/* ---- beside another listener -----------------------------------------------
 */

/* A sandbox around the worker may have the one listener there can be. */
static void kills_where_it_cannot_listen(void **state)
{
    const struct play itself = {.payload = call_itself};
    int status = 0;

    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (absent_listener() < 0) {
            _exit(99);
        }
        struct reaper_end end = play(&itself, &status);
        _exit(end.has_call || (end.wait_status & 0x7f) != SIGSYS ||
              status != 1 << 8);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_are_told),
        cmocka_unit_test(orphans_are_reaped),
        cmocka_unit_test(nobody_to_wait_for),
        cmocka_unit_test(calls_are_told),
        cmocka_unit_test(a_call_counts_more_than_an_end),
#ifdef __x86_64__
        cmocka_unit_test(foreign_calls_are_told),
#endif
        cmocka_unit_test(refused_calls_are_noted_and_made),
        cmocka_unit_test(what_ends_a_job_is_not_learnt),
        cmocka_unit_test(kills_where_it_cannot_listen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
