/* SPDX-License-Identifier: MIT */
/* throttled_test.c - A box that has used up its share of a processor waits for
 * the next one. Does it die at once all the same? Judged beside boxes that wait
 * for nothing, killed in turns with it: no absolute time. */
#include "lib/unit.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"
#include "lib/boxrun.h"
#include "sys/cgroup.h"

/* Kills of each kind, at moments spread over a period of the scheduler's. */
#define TURNS 11
/* 10 millicores are 1 ms in 100, and the kernel takes what was used beyond from
 * the periods to come: without help such a box dies 100 times as late. */
#define TIMES_MAX 15

static struct boxrun run;
static struct boxrun_result r;

static int open_run(void **state)
{
    (void)state;
    boxrun_open(&run, "auto");
    return 0;
}

static int close_run(void **state)
{
    (void)state;
    boxrun_close(&run);
    return 0;
}

/* Reads one byte that the job writes. */
static void wait_for_word(const struct boxrun_box *box)
{
    char byte;

    assert_int_equal(read(box->out_fd, &byte, 1), 1);
}

/* From the request to the death of all processes, in microseconds. */
static uint64_t time_of_death(const char *script, uint64_t millicores,
                              unsigned turn)
{
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    struct boxrun_job job = {.argv = argv, .limits = boxrun_limits};
    struct boxrun_box box;

    job.limits.cpu_quota_millicores = millicores;
    job.limits.cpu_time_ms = 60000;
    boxrun_settle(&run);
    boxrun_start(&run, &job, &box);
    wait_for_word(&box);
    (void)poll(NULL, 0, (int)(turn * 10)); /* another moment of the period */
    uint64_t asked_us = clock_mono_us();
    boxrun_kill(&run, &box);
    boxrun_end(&run, &box, &r);
    assert_int_equal(r.ended.stop, LAUNCH_STOP_ENGINE);
    assert_false(r.ended.has_report);
    return r.ended.ended_us - asked_us;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static uint64_t median(uint64_t *times)
{
    qsort(times, TURNS, sizeof(*times), compare);
    return times[TURNS / 2];
}

/* Several that burn: one alone is sometimes about to get its turn. */
static void dies_at_once(void **state)
{
    static const char burn[] =
        "for i in 1 2 3; do while :; do :; done & done; echo; wait";
    uint64_t throttled[TURNS];
    uint64_t free[TURNS];

    (void)state;
    if (!(run.ready.controllers & CGROUP_CPU)) {
        skip(); /* no share of a processor is kept here */
    }
    for (unsigned i = 0; i < TURNS; i++) {
        throttled[i] = time_of_death(burn, 10, i);
        free[i] = time_of_death(burn, 64000, i);
    }
    uint64_t slow = median(throttled);
    uint64_t fast = median(free);
    print_message("# median: throttled %llu us, free %llu us\n",
                  (unsigned long long)slow, (unsigned long long)fast);
    assert_in_range(slow, 0, fast * TIMES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(dies_at_once)};

    return cmocka_run_group_tests_name("throttled", tests, open_run, close_run);
}
