/* SPDX-License-Identifier: MIT */
/* forged_init_test.c - the launcher against a box init that was taken over:
 * words out of turn, floods, odd packets, forged numbers, and whatever can be
 * done to the socket that the next box of the slot inherits. Every job gets
 * its one answer, nothing stays open, and the next honest box works.
 *
 * box_job_run() is linked through here (Makefile), in the launcher's own
 * image: once its layers are up, the init of a box does as the row says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/base.h"
#include "lib/boxrun.h"
#include "run/box_data.h"
#include "sys/box_inside.h"
#include "sys/ipc.h"

#define JOBS      4 /* with a forged init, per row */
#define KILL_MS   300
#define WORDS_MAX 100000

/* No image: boxes begin in this program. */
const unsigned char box_data[1] = {0};
const uint64_t box_data_size = 0;

void __real_box_job_run(struct box_init *in);
void __wrap_box_job_run(struct box_init *in);

struct attempt {
    const char *name;
    bool after_job; /* the job is read first, and not run */
    void (*act)(struct box_init *in);
};

/* Shared with every box. */
static struct {
    const struct attempt *attempt; /* NULL: honest */
    unsigned done;
} * shared;

static struct boxrun run;

/* ---- what a forged init does --------------------------------------------- */

/* Counted before: for some words one is killed at once. */
static ssize_t say_bytes(const struct box_init *in, const void *data,
                         size_t size, int flags)
{
    ssize_t n = 0;

    shared->done++;
    n = send(in->slot->job_fd, data, size, MSG_NOSIGNAL | flags);
    shared->done -= n != (ssize_t)size;
    return n;
}

static void say(struct box_init *in, uint32_t phase)
{
    in->report.phase = phase;
    (void)say_bytes(in, &in->report, sizeof(in->report), 0);
}

static void linger(void)
{
    (void)poll(NULL, 0, 60000); /* until killed */
}

static void say_ready_again(struct box_init *in)
{
    say(in, BOX_PHASE_READY);
    linger();
}

static void say_done_too_early(struct box_init *in)
{
    say(in, BOX_PHASE_DONE);
    linger();
}

static void say_collect(struct box_init *in)
{
    say(in, BOX_PHASE_COLLECT);
    linger();
}

static void say_running(struct box_init *in)
{
    say(in, BOX_PHASE_RUNNING);
    linger();
}

static void say_phase_of_nobody(struct box_init *in)
{
    say(in, UINT32_MAX);
    linger();
}

static void say_nothing_in_a_packet(struct box_init *in)
{
    char none = 0;

    (void)say_bytes(in, &none, 0, 0);
    linger();
}

static void say_three_bytes(struct box_init *in)
{
    (void)say_bytes(in, "abc", 3, 0);
    linger();
}

static void say_too_much(struct box_init *in)
{
    static char large[8192];

    memset(large, 1, sizeof(large));
    (void)say_bytes(in, large, sizeof(large), 0);
    linger();
}

static void fill(struct box_init *in, int byte, uint32_t phase)
{
    memset(&in->report, byte, sizeof(in->report));
    say(in, phase);
}

static void forge_an_end(struct box_init *in)
{
    fill(in, 0xff, BOX_PHASE_DONE);
    _exit(0);
}

static void forge_a_failure(struct box_init *in)
{
    fill(in, 'A', BOX_PHASE_FILES);
    _exit(0);
}

static void forge_two_ends(struct box_init *in)
{
    say(in, BOX_PHASE_DONE);
    say(in, BOX_PHASE_DONE);
    say(in, BOX_PHASE_READY);
    linger();
}

static void flood(struct box_init *in)
{
    for (int i = 0; i < WORDS_MAX; i++) {
        say(in, i % 2 ? BOX_PHASE_COLLECT : BOX_PHASE_RUNNING);
    }
    _exit(0);
}

static void flood_and_end(struct box_init *in)
{
    say(in, BOX_PHASE_DONE);
    in->report.phase = BOX_PHASE_READY;
    while (say_bytes(in, &in->report, sizeof(in->report), MSG_DONTWAIT) > 0) {
    }
    _exit(0);
}

static void send_descriptors(struct box_init *in)
{
    int fds[BOX_FD_MAX];
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = in->slot->job_fd;
    }
    in->report.phase = BOX_PHASE_RUNNING;
    shared->done++; /* before: as in say_bytes() */
    for (int i = 0; i < 50; i++) {
        if (ipc_send(in->slot->job_fd, &in->report, sizeof(in->report), fds,
                     ARRAY_LEN(fds), &e) < 0) {
            shared->done--;
            break;
        }
    }
    say(in, BOX_PHASE_DONE);
    _exit(0);
}

static void say_no_word(struct box_init *in)
{
    (void)in;
    shared->done++;
    linger();
}

static void die_with_the_job(struct box_init *in)
{
    (void)in;
    shared->done++;
    _exit(0);
}

/* ---- to the socket that the next box has too ----------------------------- */

static void shut(struct box_init *in, int how)
{
    shared->done += shutdown(in->slot->job_fd, how) == 0;
}

static void shut_reading(struct box_init *in)
{
    say(in, BOX_PHASE_DONE);
    shut(in, SHUT_RD);
    _exit(0);
}

static void shut_writing(struct box_init *in)
{
    say(in, BOX_PHASE_DONE);
    shut(in, SHUT_WR);
    _exit(0);
}

static void shut_both_and_stay(struct box_init *in)
{
    shut(in, SHUT_RDWR);
    linger();
}

static void never_wait(struct box_init *in)
{
    say(in, BOX_PHASE_DONE);
    shared->done += fcntl(in->slot->job_fd, F_SETFL, O_RDWR | O_NONBLOCK) == 0;
    _exit(0);
}

static void set_option(struct box_init *in, int option, const void *value,
                       socklen_t size)
{
    say(in, BOX_PHASE_DONE);
    shared->done +=
        setsockopt(in->slot->job_fd, SOL_SOCKET, option, value, size) == 0;
    _exit(0);
}

static void wait_briefly(struct box_init *in)
{
    const struct timeval soon = {.tv_usec = 1};

    set_option(in, SO_RCVTIMEO, &soon, sizeof(soon));
}

static void take_little(struct box_init *in)
{
    const int least = 1;

    set_option(in, SO_SNDBUF, &least, sizeof(least));
}

static void peek_for_ever(struct box_init *in)
{
    const int from = 0;

    set_option(in, SO_PEEK_OFF, &from, sizeof(from));
}

/* ---- rows ---------------------------------------------------------------- */

#define BEFORE(act)                                                            \
    {                                                                          \
        "before its job: " #act, false, act                                    \
    }
#define AFTER(act)                                                             \
    {                                                                          \
        "after its job: " #act, true, act                                      \
    }

static const struct attempt attempts[] = {
    BEFORE(say_ready_again),
    BEFORE(say_done_too_early),
    BEFORE(say_collect),
    BEFORE(say_running),
    BEFORE(say_phase_of_nobody),
    BEFORE(say_nothing_in_a_packet),
    BEFORE(say_three_bytes),
    BEFORE(say_too_much),
    BEFORE(forge_an_end),
    BEFORE(flood),
    BEFORE(send_descriptors),
    BEFORE(shut_reading),
    BEFORE(shut_writing),
    BEFORE(shut_both_and_stay),
    BEFORE(never_wait),
    AFTER(say_ready_again),
    AFTER(say_phase_of_nobody),
    AFTER(say_nothing_in_a_packet),
    AFTER(say_three_bytes),
    AFTER(say_too_much),
    AFTER(say_no_word),
    AFTER(say_collect),
    AFTER(die_with_the_job),
    AFTER(forge_an_end),
    AFTER(forge_a_failure),
    AFTER(forge_two_ends),
    AFTER(flood),
    AFTER(flood_and_end),
    AFTER(send_descriptors),
    AFTER(shut_reading),
    AFTER(shut_writing),
    AFTER(shut_both_and_stay),
    AFTER(never_wait),
    AFTER(wait_briefly),
    AFTER(take_little),
    AFTER(peek_for_ever),
};

static void read_job(const struct box_init *in)
{
    struct box_job job;
    int fds[BOX_FD_MAX];
    struct err e;

    if (ipc_recv(in->slot->job_fd, &job, sizeof(job), fds, BOX_FD_MAX, &e) !=
        sizeof(job)) {
        _exit(1);
    }
}

void __wrap_box_job_run(struct box_init *in)
{
    struct pollfd job = {.fd = in->slot->job_fd, .events = POLLIN};

    if (shared->attempt && !shared->attempt->after_job) {
        shared->attempt->act(in);
        _exit(0);
    }
    /* Honest when it was made: what it is, is decided when its job comes. */
    (void)poll(&job, 1, -1);
    if (shared->attempt && shared->attempt->after_job) {
        read_job(in);
        shared->attempt->act(in);
        _exit(0);
    }
    __real_box_job_run(in);
}

/* ---- what must hold ------------------------------------------------------ */

static unsigned open_files(pid_t pid)
{
    char path[64];
    unsigned count = 0;
    DIR *dir = NULL;

    (void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    dir = opendir(path);
    assert_non_null(dir);
    while (readdir(dir)) {
        count++;
    }
    (void)closedir(dir);
    return count;
}

static void run_in(uint32_t slot, unsigned kill_after_ms,
                   struct boxrun_result *out)
{
    const char *argv[] = {"/bin/sh", "-c", "echo well", NULL};
    const struct boxrun_job job = {.argv = argv,
                                   .limits = boxrun_limits,
                                   .slot = slot,
                                   .kill_after_ms = kill_after_ms};

    boxrun_run(&run, &job, out);
}

static void expect_well(const char *name)
{
    struct boxrun_result r;

    for (uint32_t slot = 0; slot < 2; slot++) {
        run_in(slot, 0, &r);
        if (strcmp(r.out, "well\n") != 0 || !r.ended.has_report) {
            fail_msg("%s: then an honest job in slot %u: '%s' %s step %s", name,
                     slot, r.out, r.ended.error, r.ended.report.step);
        }
    }
}

static void is_survived(const struct attempt *attempt)
{
    struct boxrun_result r;
    unsigned files = 0;

    boxrun_settle(&run);
    files = open_files(run.launcher);
    shared->done = 0;
    shared->attempt = attempt;
    for (uint32_t i = 0; i < JOBS; i++) {
        run_in(i % 2, KILL_MS, &r); /* answered, whatever the answer is */
        assert_true(strnlen(r.ended.report.step, sizeof(r.ended.report.step)) <
                    sizeof(r.ended.report.step));
    }
    shared->attempt = NULL;
    for (uint32_t i = 0; i < 2; i++) {
        run_in(i, KILL_MS, &r); /* boxes that were made forged */
    }
    if (shared->done == 0) {
        fail_msg("%s: was never done", attempt->name);
    }
    expect_well(attempt->name);
    boxrun_settle(&run);
    if (open_files(run.launcher) != files) {
        fail_msg("%s: %u files are open in the launcher, not %u", attempt->name,
                 open_files(run.launcher), files);
    }
}

static void survives(void **state)
{
    is_survived(*state);
}

static int open_run(void **state)
{
    (void)state;
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    shared->attempt = NULL;
    boxrun_open(&run, "auto");
    return 0;
}

static int close_run(void **state)
{
    (void)state;
    boxrun_close(&run);
    return 0;
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(attempts)];

    for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
        tests[i] = (struct CMUnitTest){
            .name = attempts[i].name,
            .test_func = survives,
            .initial_state = (void *)(uintptr_t)&attempts[i],
        };
    }
    return cmocka_run_group_tests(tests, open_run, close_run);
}
