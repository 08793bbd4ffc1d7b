/* SPDX-License-Identifier: MIT */
/* bench_spawn.c - see bench_spawn.h. Runs in `forkyard bench` and, for the
 * rate, in children of it: loops inside one process would wait for each
 * other's memory map. */
#include "bin/bench_spawn.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/str.h"
#include "bin/bench_child.h"
#include "bin/cli.h"

#define LOOPS_MAX          16
#define START_ALLOWANCE_MS 10000

int bench_spawn_once(const char *program, double *out_us, struct err *e)
{
    union {
        const char *in;
        char *out;
    } unconst = {program};
    char *argv[] = {unconst.out, NULL};
    pid_t pid = 0;
    int status = 0;
    uint64_t from_us = clock_mono_us();
    int rc = posix_spawn(&pid, program, NULL, NULL, argv, environ);

    if (rc != 0) {
        errno = rc;
        return err_sys(e, "starting %s", program);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    *out_us = (double)(clock_mono_us() - from_us);
    if (status != 0) {
        return err_set(e, ERR_SYSTEM, "%s ended with %d", program, status);
    }
    return 0;
}

static double cpu_us(void)
{
    static const int whose[] = {RUSAGE_SELF, RUSAGE_CHILDREN};
    double sum = 0;

    for (size_t i = 0; i < ARRAY_LEN(whose); i++) {
        struct rusage used;

        (void)getrusage(whose[i], &used);
        sum += (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
               (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
    }
    return sum;
}

int bench_spawn_cpu(const char *program, unsigned runs, double *out_us,
                    struct err *e)
{
    double before_us = cpu_us();
    double wall_us = 0;

    for (unsigned i = 0; i < runs; i++) {
        if (bench_spawn_once(program, &wall_us, e) < 0) {
            return -1;
        }
    }
    *out_us = (cpu_us() - before_us) / runs;
    return 0;
}

static int read_rate(struct bench_child *child, unsigned ms, double *out,
                     struct err *e)
{
    char line[64];

    if (bench_child_line(child, (int)ms + START_ALLOWANCE_MS, line,
                         sizeof(line), e) < 0) {
        return err_wrap(e, "spawn loop");
    }
    *out = strtod(line, NULL);
    return 0;
}

int bench_spawn_rate(const char *program, unsigned loops, unsigned ms,
                     double *out_per_s, struct err *e)
{
    struct bench_child children[LOOPS_MAX] = {0};
    char time[24];
    const char *const args[] = {"bench-spawn", program, time, NULL};
    double sum = 0;
    int rc = 0;

    (void)snprintf(time, sizeof(time), "%u", ms);
    for (unsigned i = 0; rc == 0 && i < loops && i < LOOPS_MAX; i++) {
        rc = bench_child_start(&children[i], args, e);
    }
    for (unsigned i = 0; rc == 0 && i < loops && i < LOOPS_MAX; i++) {
        double rate = 0;

        rc = read_rate(&children[i], ms, &rate, e);
        sum += rate;
    }
    for (unsigned i = 0; i < LOOPS_MAX; i++) {
        bench_child_stop(&children[i]);
    }
    *out_per_s = sum;
    return rc;
}

int bench_spawn_main(int argc, char **argv)
{
    uint64_t ms = 0;
    uint64_t runs = 0;
    double us = 0;
    struct err e = {0};

    if (argc != 3 || str_parse_u64(argv[2], &ms, &e) < 0) {
        cli_die(CLI_EXIT_USAGE, "bench-spawn PROGRAM MS");
    }
    uint64_t from_us = clock_mono_us();
    do {
        if (bench_spawn_once(argv[1], &us, &e) < 0) {
            cli_die(CLI_EXIT_FAILED, "%s", e.msg);
        }
        runs++;
    } while (clock_mono_us() - from_us < ms * 1000);
    (void)printf("%.3f\n",
                 (double)runs * 1e6 / (double)(clock_mono_us() - from_us));
    return 0;
}
