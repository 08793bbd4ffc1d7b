/* SPDX-License-Identifier: MIT */
/* carry_test.c - Does a job pay for the one before it in its slot? Memory of
 * the kernel's own (queues, segments) is given back when it pleases, after the
 * box is gone, and is charged to the slot's cgroup until then. */
#include "lib/unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/fd.h"
#include "lib/boxrun.h"

#define MIB          (UINT64_C(1) << 20)
#define ROUNDS       9
#define MUCH_BYTES   (400 * MIB)
#define LITTLE_BYTES (16 * MIB)

static struct boxrun run;
static struct boxrun_result r;
static struct buf program;

static int open_run(void **state)
{
    const char *directory = getenv("TEST_PROBES");
    struct err e = {.msg = ""};
    char path[512];

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/attack_memory",
                   directory ? directory : "build/probe");
    buf_init(&program, 8 * MIB);
    assert_int_equal(fd_read_file(path, &program, &e), 0);
    boxrun_open(&run, "auto");
    return 0;
}

static int close_run(void **state)
{
    (void)state;
    boxrun_close(&run);
    buf_done(&program);
    return 0;
}

static void expect_well(void)
{
    if (r.ended.is_refused || r.ended.report.phase != BOX_PHASE_DONE ||
        r.ended.report.wait_status != 0 || r.ended.cgroup.oom_kills > 0) {
        fail_msg("refused %u '%s' phase %u step %s status %x oom %d out %s",
                 r.ended.is_refused, r.ended.error, r.ended.report.phase,
                 r.ended.report.step, r.ended.report.wait_status,
                 (int)r.ended.cgroup.oom_kills, r.out);
    }
}

static void leave_much(const char *what)
{
    const char *argv[] = {"/workspace/x", what, "1", "token", NULL};
    struct boxrun_job job = {.argv = argv,
                             .file_path = "x",
                             .file_text = (const char *)program.data,
                             .file_len = program.len,
                             .limits = boxrun_limits};

    job.limits.memory_bytes = MUCH_BYTES;
    job.limits.max_open_files = 200;
    boxrun_run(&run, &job, &r);
    expect_well();
    assert_string_equal(r.out, "up\ntold 268435456\n");
}

static void run_script(const char *script, uint64_t memory_bytes)
{
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    struct boxrun_job job = {.argv = argv, .limits = boxrun_limits};

    job.limits.memory_bytes = memory_bytes;
    boxrun_run(&run, &job, &r);
    expect_well();
}

static const char *const leftovers[] = {"sysv_messages", "sysv_shm", "memfds"};

static void next_may_have_less(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        leave_much(leftovers[i % ARRAY_LEN(leftovers)]);
        run_script("true", LITTLE_BYTES);
    }
}

/* The limit stays as it was written, so the kernel is not asked. */
static void next_is_not_charged_with_it(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        leave_much(leftovers[i % ARRAY_LEN(leftovers)]);
        run_script("true", MUCH_BYTES);
        if (r.ended.cgroup.memory_peak_bytes > LITTLE_BYTES) {
            fail_msg("true is charged with %" PRIu64 " bytes after %s",
                     r.ended.cgroup.memory_peak_bytes,
                     leftovers[i % ARRAY_LEN(leftovers)]);
        }
    }
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, open_run, close_run)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(next_may_have_less),
        CASE(next_is_not_charged_with_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
