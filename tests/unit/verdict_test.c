/* SPDX-License-Identifier: MIT */
/* verdict_test.c - Is every way a box can end told by its right name? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/audit.h>
#include <signal.h>
#include <string.h>

#include "run/verdict.h"
#include "sys/mounts.h"

#define MIB         (UINT64_C(1) << 20)
#define NONE        (-1)
#define EXITED(n)   ((uint32_t)(n) << 8)
#define KILLED(sig) ((uint32_t)(sig))

static const struct plan plan = {
    .box = {.memory_bytes = 64 * MIB,
            .file_size_bytes = MIB,
            .workspace_bytes = 2 * MIB,
            .tmp_bytes = 3 * MIB,
            .max_inodes = 50,
            .cpu_time_ms = 1000,
            .max_processes = 8},
    .wall_time_ms = 2000,
    .idle_time_ms = 500,
    .stdout_bytes = MIB,
    .stderr_bytes = MIB,
};

/* One observation and what must be said about it. */
struct row {
    const char *name;
    struct launch_ended ended;
    enum verdict_stop stop;
    enum status status;
    int by;
    int limit;
    uint64_t limit_value;
    const char *reason; /* part of it */
};

#define RAN_AND(word, ...)                                                     \
    .has_report = 1, .report = {.phase = BOX_PHASE_DONE,                       \
                                .wait_status = (word),                         \
                                .exec_us = 1000,                               \
                                .end_us = 2500000,                             \
                                __VA_ARGS__}
#define RAN(word) RAN_AND(word, .sys = 0)

static const struct row rows[] = {
    {"exit 0", {RAN(EXITED(0))}, 0, STATUS_SUCCESS, NONE, NONE, 0, ""},
    {"exit 3",
     {RAN(EXITED(3))},
     0,
     STATUS_NONZERO_EXIT,
     NONE,
     NONE,
     0,
     "exit code 3"},
    {"own signal",
     {RAN(KILLED(SIGSEGV))},
     0,
     STATUS_SIGNALLED,
     STATUS_BY_SELF,
     NONE,
     0,
     "SIGSEGV"},
    {"kill -9 by itself is no memory limit",
     {RAN(KILLED(SIGKILL))},
     0,
     STATUS_SIGNALLED,
     STATUS_BY_SELF,
     NONE,
     0,
     "SIGKILL"},
    {"killed by the kernel for memory",
     {RAN(KILLED(SIGKILL)),
      .cgroup = {.oom_kills = 1, .memory_peak_bytes = 64 * MIB}},
     0,
     STATUS_MEMORY_LIMIT_EXCEEDED,
     STATUS_BY_KERNEL_OOM,
     STATUS_LIMIT_MEMORY,
     64 * MIB,
     "memory limit of 67108864 bytes"},
    {"init killed by the kernel for memory",
     {.init_status = 9, .cgroup = {.oom_kills = 2}},
     0,
     STATUS_MEMORY_LIMIT_EXCEEDED,
     STATUS_BY_KERNEL_OOM,
     STATUS_LIMIT_MEMORY,
     64 * MIB,
     "memory"},
    {"the watch saw too much memory",
     {.stop = LAUNCH_STOP_MEMORY},
     0,
     STATUS_MEMORY_LIMIT_EXCEEDED,
     STATUS_BY_WORKER_GUARD,
     STATUS_LIMIT_MEMORY,
     64 * MIB,
     "memory"},
    {"wall clock",
     {.stop = LAUNCH_STOP_ENGINE, .start_us = 1, .ended_us = 2003001},
     VERDICT_STOP_WALL,
     STATUS_TIME_LIMIT_EXCEEDED,
     STATUS_BY_WORKER_TIMER,
     STATUS_LIMIT_WALL_TIME,
     2000,
     "measured 2003 ms"},
    {"idle",
     {.stop = LAUNCH_STOP_IDLE, .idle_us = 512000},
     0,
     STATUS_TIME_LIMIT_EXCEEDED,
     STATUS_BY_WORKER_TIMER,
     STATUS_LIMIT_IDLE_TIME,
     500,
     "idle time limit of 500 ms reached: measured 512 ms"},
    {"CPU of all processes",
     {.stop = LAUNCH_STOP_CPU, .cgroup = {.cpu_us = 1040000}},
     0,
     STATUS_TIME_LIMIT_EXCEEDED,
     STATUS_BY_WORKER_TIMER,
     STATUS_LIMIT_CPU_TIME,
     1000,
     "CPU time limit of 1000 ms"},
    {"CPU of one process",
     {RAN(KILLED(SIGXCPU)), .usage.cpu_user_us = 1000000},
     0,
     STATUS_TIME_LIMIT_EXCEEDED,
     STATUS_BY_RLIMIT,
     STATUS_LIMIT_CPU_TIME,
     1000,
     "CPU time"},
    {"hard CPU limit",
     {RAN(KILLED(SIGKILL)), .usage.cpu_user_us = 2000000},
     0,
     STATUS_TIME_LIMIT_EXCEEDED,
     STATUS_BY_RLIMIT,
     STATUS_LIMIT_CPU_TIME,
     1000,
     "CPU time"},
    {"flood of stdout",
     {.stop = LAUNCH_STOP_ENGINE},
     VERDICT_STOP_STDOUT,
     STATUS_OUTPUT_LIMIT_EXCEEDED,
     STATUS_BY_WORKER_GUARD,
     STATUS_LIMIT_STDOUT,
     16 * MIB,
     "stdout"},
    {"flood of stderr",
     {.stop = LAUNCH_STOP_ENGINE},
     VERDICT_STOP_STDERR,
     STATUS_OUTPUT_LIMIT_EXCEEDED,
     STATUS_BY_WORKER_GUARD,
     STATUS_LIMIT_STDERR,
     16 * MIB,
     "stderr"},
    {"no more processes",
     {RAN(EXITED(1)), .cgroup = {.forks_refused = 3, .processes_peak = 8}},
     0,
     STATUS_PROCESS_LIMIT_EXCEEDED,
     STATUS_BY_CGROUP,
     STATUS_LIMIT_PROCESSES,
     8,
     "process limit of 8"},
    {"refused a process and content",
     {RAN(EXITED(0)), .cgroup = {.forks_refused = 3}},
     0,
     STATUS_SUCCESS,
     NONE,
     NONE,
     0,
     ""},
    {"file too large",
     {RAN(KILLED(SIGXFSZ))},
     0,
     STATUS_DISK_LIMIT_EXCEEDED,
     STATUS_BY_RLIMIT,
     STATUS_LIMIT_FILE_SIZE,
     MIB,
     "file size"},
    {"seccomp kill",
     {RAN(KILLED(SIGSYS))},
     0,
     STATUS_SECURITY_VIOLATION,
     STATUS_BY_SECCOMP,
     NONE,
     0,
     "SIGSYS"},
    {"a call that ends the job",
     {RAN_AND(KILLED(SIGSYS), .tells_calls = 1, .has_call = 1,
              .call = {AUDIT_ARCH_I386, 20})},
     0,
     STATUS_SECURITY_VIOLATION,
     STATUS_BY_SECCOMP,
     NONE,
     0,
     "system call i386:getpid: no job may make it"},
    {"a signal like the filter's, and not its",
     {RAN_AND(KILLED(SIGSYS), .tells_calls = 1)},
     0,
     STATUS_SIGNALLED,
     STATUS_BY_SELF,
     NONE,
     0,
     "SIGSYS"},
    {"no room for the job's files",
     {.has_report = 1,
      .report = {.phase = BOX_PHASE_FILES, .sys = ENOSPC, .step = "big"}},
     0,
     STATUS_DISK_LIMIT_EXCEEDED,
     STATUS_BY_SELF,
     STATUS_LIMIT_DISK,
     2 * MIB,
     "disk"},
    {"a file that cannot be placed",
     {.has_report = 1,
      .report = {.phase = BOX_PHASE_FILES, .sys = ENOTDIR, .step = "a/b"}},
     0,
     STATUS_FILE_ERROR,
     NONE,
     NONE,
     0,
     "a/b: Not a directory"},
    {"not a program",
     {.has_report = 1,
      .report = {.phase = BOX_PHASE_EXEC, .sys = ENOEXEC, .step = "exec"}},
     0,
     STATUS_FILE_ERROR,
     NONE,
     NONE,
     0,
     "exec: Exec format error"},
    {"a layer that failed",
     {.has_report = 1,
      .report = {.phase = BOX_PHASE_ISOLATE, .sys = EPERM, .step = "seccomp"}},
     0,
     STATUS_SETUP_ERROR,
     NONE,
     NONE,
     0,
     "seccomp: Operation"},
    {"no box at all",
     {.is_refused = 1, .error = "clone3 of a box: no"},
     0,
     STATUS_SETUP_ERROR,
     NONE,
     NONE,
     0,
     "clone3"},
    {"init died in silence",
     {.init_status = 11},
     0,
     STATUS_INTERNAL_ERROR,
     NONE,
     NONE,
     0,
     "without a report"},
    {"time comes before memory",
     {.stop = LAUNCH_STOP_ENGINE, .cgroup = {.oom_kills = 1}},
     VERDICT_STOP_WALL,
     STATUS_TIME_LIMIT_EXCEEDED,
     STATUS_BY_WORKER_TIMER,
     STATUS_LIMIT_WALL_TIME,
     2000,
     "wall time"},
};

static void check_row(const struct row *row)
{
    struct verdict v;
    const struct verdict_facts facts = {
        .ended = &row->ended, .plan = &plan, .stop = row->stop};

    verdict_make(&facts, &v);
    if (v.status != row->status || !strstr(v.reason, row->reason)) {
        fail_msg("%s: got %s \"%s\"", row->name, status_name(v.status),
                 v.reason);
    }
    if (v.has_termination != (row->by != NONE) ||
        (v.has_termination && (int)v.by != row->by) ||
        v.has_limit != (row->limit != NONE) ||
        (v.has_limit &&
         ((int)v.limit != row->limit || v.limit_value != row->limit_value))) {
        fail_msg("%s: by %d limit %d value %llu", row->name, (int)v.by,
                 (int)v.limit, (unsigned long long)v.limit_value);
    }
}

static void every_ending_has_its_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check_row(&rows[i]);
    }
}

static void full_disks_are_told_apart(void **state)
{
    static const struct {
        uint32_t full;
        enum status_limit limit;
        uint64_t value;
    } cases[] = {
        {MOUNTS_FULL_WORKSPACE, STATUS_LIMIT_DISK, 2 * MIB},
        {MOUNTS_FULL_TMP, STATUS_LIMIT_DISK, 3 * MIB},
        {MOUNTS_FULL_TMP | MOUNTS_FULL_INODES, STATUS_LIMIT_INODES, 50},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct launch_ended ended = {RAN(EXITED(1))};
        struct verdict v;
        const struct verdict_facts facts = {.ended = &ended, .plan = &plan};

        ended.report.full = cases[i].full;
        verdict_make(&facts, &v);
        assert_int_equal(v.status, STATUS_DISK_LIMIT_EXCEEDED);
        assert_int_equal(v.limit, cases[i].limit);
        assert_int_equal(v.limit_value, cases[i].value);
        ended.report.wait_status = EXITED(0); /* full, but content */
        verdict_make(&facts, &v);
        assert_int_equal(v.status, STATUS_SUCCESS);
    }
}

/* Only a program that did well otherwise is blamed for it. */
static void a_missing_file_is_the_least(void **state)
{
    static const struct {
        struct launch_ended ended;
        enum verdict_stop stop;
        enum status status;
    } cases[] = {
        {{RAN(EXITED(0))}, 0, STATUS_FILE_ERROR},
        {{RAN(EXITED(1))}, 0, STATUS_NONZERO_EXIT},
        {{RAN(KILLED(SIGSEGV))}, 0, STATUS_SIGNALLED},
        {{.stop = LAUNCH_STOP_ENGINE},
         VERDICT_STOP_WALL,
         STATUS_TIME_LIMIT_EXCEEDED},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct verdict_facts facts = {.ended = &cases[i].ended,
                                            .plan = &plan,
                                            .stop = cases[i].stop,
                                            .missing = "fetch_files: x: gone"};
        struct verdict v;

        verdict_make(&facts, &v);
        assert_int_equal(v.status, cases[i].status);
        if (v.status == STATUS_FILE_ERROR) {
            assert_string_equal(v.reason, "fetch_files: x: gone");
            assert_true(v.has_exit_code);
            assert_false(v.has_termination);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_ending_has_its_name),
        cmocka_unit_test(full_disks_are_told_apart),
        cmocka_unit_test(a_missing_file_is_the_least),
    };

    return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
