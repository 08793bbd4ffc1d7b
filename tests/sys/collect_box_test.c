/* SPDX-License-Identifier: MIT */
/* collect_box_test.c - files that come back out of real boxes: when, with what
 * limits, and whatever the job has left there. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "lib/trial.h"
#include "lib/unit.h"
#include "sys/cgroup.h"
#include "sys/collect.h"
#include "wire/collection.h"

#define MIB (1u << 20)

#define WANT_ALL                                                               \
    {                                                                          \
        64 * MIB, 64 * MIB, 100, "artifacts", 0                                \
    }

static struct collection_reader reader;
static struct collection_entry entry;

static void open_collection(const struct trial *job)
{
    collection_open(&reader, buf_view(&job->collection), job->fetch ? 1 : 0,
                    job->wanted.max_found);
}

static void expect_next(struct view content)
{
    assert_int_equal(collection_next(&reader, &entry), 1);
    assert_true(view_eq(entry.content, content));
}

static void expect_collected(struct trial *job, uint64_t content_bytes)
{
    uint64_t sum = 0;
    int status;

    trial_expect_success(job);
    open_collection(job);
    while ((status = collection_next(&reader, &entry)) == 1) {
        sum += entry.content.len;
    }
    assert_int_equal(status, 0);
    assert_int_equal(sum, content_bytes);
    buf_done(&job->collection);
}

static void brings_files_back(void **state)
{
    struct trial job = {.code = "mkdir artifacts; echo a >artifacts/a;"
                                "echo b >b; echo c >c",
                        .wanted = WANT_ALL,
                        .fetch = "b"};
    struct trial none = {.code = "true", .wanted = WANT_ALL};

    (void)state;
    trial_run_one(&job);
    trial_expect_success(&job);
    open_collection(&job);
    expect_next(view_of("b\n"));
    expect_next(view_of("a\n"));
    assert_true(view_is(entry.path, "a"));
    assert_int_equal(collection_next(&reader, &entry), 0);
    buf_done(&job.collection);
    trial_run_one(&none);
    trial_expect_success(&none);
    assert_int_equal(none.collection.len, 0);
    buf_done(&none.collection);
}

/* Of a process, by the host's /proc; how many. */
static size_t children_of(pid_t pid, pid_t *out, size_t max)
{
    char path[64];
    char text[512] = "";
    size_t count = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid,
                   (int)pid);
    if (fd_read_small(AT_FDCWD, path, text, sizeof(text)) <= 0) {
        return 0;
    }
    for (char *at = text; *at && count < max; count++) {
        out[count] = (pid_t)strtol(at, &at, 10);
        at += *at == ' ' ? 1 : 0;
    }
    return count;
}

static pid_t first_child(pid_t pid)
{
    pid_t child = 0;

    return children_of(pid, &child, 1) ? child : 0;
}

/* Of the box that runs: of all that the launcher has made, it has a child. */
static pid_t init_of_box(void)
{
    pid_t made[16];
    size_t count = children_of(trials.run.launcher, made, ARRAY_LEN(made));

    for (size_t i = 0; i < count; i++) {
        if (first_child(made[i]) > 0) {
            return made[i];
        }
    }
    fail_msg("no box runs");
    return 0;
}

static bool is_asleep(pid_t pid)
{
    char path[64];
    char text[256] = "";
    const char *after_name;

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    if (fd_read_small(AT_FDCWD, path, text, sizeof(text)) <= 0) {
        return false;
    }
    after_name = strrchr(text, ')');
    return after_name && after_name[2] == 'S';
}

/* Leaves more than a pipe holds, ends well when it is asked to, and leaves a
 * process that does not. */
#define LARGE_BYTES 3000000
#define HELD                                                                   \
    "mkdir artifacts; head -c 3000000 /dev/zero >artifacts/f;"                 \
    "(trap '' TERM; setsid sleep 60 &); trap 'exit 0' TERM; echo here;"        \
    "sleep 60 & wait"

/* Returns when init is alone and waits for its files to be read: nobody does,
 * as long as the loop stands. Fails when something else lives on. */
static void wait_held(pid_t init)
{
    uint64_t until_ms = clock_mono_ms() + 20000;

    while (first_child(init) > 0 || !is_asleep(init)) {
        assert_true(clock_mono_ms() < until_ms);
    }
    assert_int_equal(kill(init, 0), 0);
}

static pid_t start_held(struct trial *job)
{
    trial_start(job);
    trial_wait_seen(job);
    return init_of_box();
}

static pid_t start_and_hold(struct trial *job)
{
    pid_t init = start_held(job);

    assert_int_equal(kill(first_child(init), SIGTERM), 0);
    wait_held(init);
    return init;
}

static void stand_still(uint64_t ms)
{
    uint64_t until_ms = clock_mono_ms() + ms;

    while (clock_mono_ms() < until_ms) {
    }
}

/* As the executor will, once the loop turns: before, so that the launcher
 * hears of it, and has the time to act, while init waits. */
static void stop_at_wall(const struct trial *job)
{
    const struct boxes_stop stop = {.after_us = job->wall_ms * 1000,
                                    .grace_us = job->grace_ms * 1000};

    for (uint32_t slot = 0; slot < TRIAL_SLOTS; slot++) {
        boxes_stop(trials.boxes, slot, 1, &stop); /* one of them has it */
    }
}

/* What the program started is dead before its files are looked at. */
static void reads_files_when_all_is_dead(void **state)
{
    struct trial job = {.code = HELD, .wanted = WANT_ALL};

    (void)state;
    (void)start_and_hold(&job);
    trial_run_all();
    expect_collected(&job, LARGE_BYTES);
}

/* From the end of the program to the end of its box. To start even the
 * shortest takes an emulated machine a minute of a hundredth of a processor. */
static uint64_t time_to_collect(uint64_t millicores)
{
    struct trial job = {.code = "exec truncate -s 20M f",
                        .wanted = WANT_ALL,
                        .fetch = "f",
                        .wall_ms = 300000,
                        .limits = boxrun_limits};

    job.limits.cpu_quota_millicores = millicores;
    job.limits.file_size_bytes = 64 * MIB;
    trial_run_one(&job);
    expect_collected(&job, 20 * MIB);
    return job.ended.ended_us - job.ended.report.end_us;
}

/* Held to a hundredth of a processor the best of them takes eleven times as
 * long as the worst with a whole one. */
#define SHARES     2
#define TIMES_MORE 4

static void holds_no_share_against_it(void **state)
{
    uint64_t least = UINT64_MAX;
    uint64_t most = 0;

    (void)state;
    if (!(trials.run.ready.controllers & CGROUP_CPU)) {
        skip(); /* no share of a processor is kept here */
    }
    for (int i = 0; i < SHARES; i++) {
        uint64_t small = time_to_collect(10);
        uint64_t large = time_to_collect(1000);

        least = small < least ? small : least;
        most = large > most ? large : most;
    }
    print_message("# collected in %llu us, with a whole processor %llu\n",
                  (unsigned long long)least, (unsigned long long)most);
    assert_in_range(least, 0, most * TIMES_MORE);
}

static void holds_no_time_limit_against_it(void **state)
{
    struct trial job = {.code = HELD, .wall_ms = 1500, .wanted = WANT_ALL};

    (void)state;
    (void)start_and_hold(&job);
    stand_still(1500);
    stop_at_wall(&job);
    stand_still(200);
    trial_run_all();
    expect_collected(&job, LARGE_BYTES);
    assert_in_range(verdict_wall_us(&job.ended), 0, 1500 * 1000);
}

/* A job over its time ends when it is asked to: the grace is for the job, and
 * not for its files. */
static void holds_no_grace_against_it(void **state)
{
    struct trial job = {
        .code = HELD, .wall_ms = 500, .grace_ms = 500, .wanted = WANT_ALL};
    pid_t init;

    (void)state;
    init = start_held(&job);
    stop_at_wall(&job);
    wait_held(init);
    stand_still(1000);
    trial_run_all();
    assert_int_equal(job.stop, VERDICT_STOP_WALL);
    open_collection(&job);
    assert_int_equal(collection_next(&reader, &entry), 1);
    assert_int_equal(entry.content.len, LARGE_BYTES);
    assert_int_equal(collection_next(&reader, &entry), 0);
    buf_done(&job.collection);
}

/* Not for ever: what has come is all there is, and the program's own end
 * stands. */
static void gives_up_a_collection_that_stands(void **state)
{
    struct trial job = {
        .code = HELD, .wall_ms = 1000, .grace_ms = 250, .wanted = WANT_ALL};
    pid_t init;

    (void)state;
    init = start_and_hold(&job);
    assert_int_equal(kill(init, SIGSTOP), 0);
    trial_run_all();
    trial_expect_success(&job);
    assert_int_equal(job.ended.has_report, 1);
    open_collection(&job);
    while (collection_next(&reader, &entry) == 1) {
    }
    assert_int_equal(collection_next(&reader, &entry), -1);
    buf_done(&job.collection);
}

static void stops_a_collection_with_its_box(void **state)
{
    struct trial job = {.code = HELD, .wanted = WANT_ALL};

    (void)state;
    (void)start_and_hold(&job);
    executor_stop(trials.ex, NULL, VERDICT_STOP_SHUTDOWN);
    trial_run_all();
    assert_int_equal(job.stop, VERDICT_STOP_SHUTDOWN);
    open_collection(&job);
    while (collection_next(&reader, &entry) == 1) {
    }
    assert_int_equal(collection_next(&reader, &entry), -1);
    buf_done(&job.collection);
}

static void takes_no_more_than_there_is_room(void **state)
{
    struct trial job = {
        .code = "mkdir artifacts; head -c 3000000 /dev/zero >artifacts/f",
        .wanted = WANT_ALL,
        .collection_bytes = 100000};

    (void)state;
    trial_run_one(&job);
    trial_expect_success(&job);
    assert_true(job.is_collection_over);
    assert_true(job.collection.len <= 100000);
    buf_done(&job.collection);
}

/* A box at its memory limit has no page left to copy into. */
static void needs_no_memory_of_the_box(void **state)
{
    struct trial job = {.code = "mkdir artifacts; cd artifacts;"
                                "for i in 1 2 3 4 5 6 7 8; do"
                                " head -c 7M /dev/zero >$i; done",
                        .wanted = WANT_ALL};

    (void)state;
    job.limits = boxrun_limits;
    job.limits.memory_bytes = 64 * MIB;
    job.limits.workspace_bytes = 60 * MIB;
    trial_run_one(&job);
    expect_collected(&job, 56 * MIB);
}

static uint64_t left_of(const char *code, enum collection_left_kind kind)
{
    struct trial job = {.code = code, .wanted = WANT_ALL};

    job.limits = boxrun_limits;
    job.limits.max_inodes = 2 * COLLECT_SEEN_MAX;
    trial_run_one(&job);
    expect_collected(&job, 0);
    return reader.left.counts[kind];
}

#define PYTHON(code) "mkdir artifacts; cd artifacts; python3 -c '" code "'"

/* Deeper than the walk and than any path. Under Landlock the kernel's time to
 * make them grows with the square of the depth. */
static void survives_what_a_job_can_leave(void **state)
{
    (void)state;
    assert_int_equal(left_of(PYTHON("import os\n"
                                    "for i in range(3000):\n"
                                    " os.mkdir(\"d\"); os.chdir(\"d\")\n"),
                             COLLECTION_LEFT_DEEP),
                     1);
    assert_int_equal(
        left_of(PYTHON("import os\n"
                       "for i in range(100100): os.symlink(\"/\", str(i))"),
                COLLECTION_LEFT_UNSEEN),
        1);
    assert_int_equal(left_of("mkdir a; ln -s a artifacts; echo x >a/x",
                             COLLECTION_LEFT_NO_FOLDER),
                     1);
    assert_int_equal(
        left_of(PYTHON("import socket\ns = socket.socket(socket.AF_UNIX)\n"
                       "s.bind(\"socket\")"),
                COLLECTION_LEFT_SPECIAL),
        1);
}

#define CASE(test)                                                             \
    cmocka_unit_test_setup_teardown(test, trial_open, trial_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(brings_files_back),
        CASE(reads_files_when_all_is_dead),
        CASE(holds_no_share_against_it),
        CASE(holds_no_time_limit_against_it),
        CASE(holds_no_grace_against_it),
        CASE(gives_up_a_collection_that_stands),
        CASE(stops_a_collection_with_its_box),
        CASE(takes_no_more_than_there_is_room),
        CASE(needs_no_memory_of_the_box),
        CASE(survives_what_a_job_can_leave),
    };

    return cmocka_run_group_tests_name("collect_box", tests, NULL, NULL);
}
