/* SPDX-License-Identifier: MIT */
/* cgroup_test.c - which directories of other workers a new one removes: those
 * of the dead of its own pid namespace, no others. And what is counted for a
 * job: its own use, whether files stay open or not; where this host has only
 * one of the two versions, the other is a made-up tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "base/fd.h"
#include "sys/cgroup.h"
#include "sys/proc.h"

#define PARENT "forkyard-test"

static struct cgroups groups;
static struct err e;

/* A process id nobody has any more, for a while. */
static pid_t dead_pid(void)
{
    pid_t pid = proc_clone(0, -1, NULL);

    if (pid == 0) {
        _exit(0);
    }
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    return pid;
}

static unsigned long long pid_namespace(void)
{
    struct stat st;

    assert_int_equal(stat("/proc/self/ns/pid", &st), 0);
    return st.st_ino;
}

static void make(const char *name)
{
    assert_return_code(mkdirat(groups.trees[0].root_fd, name, 0755), 0);
}

static bool is_there(const char *name)
{
    return faccessat(groups.trees[0].root_fd, name, F_OK, 0) == 0;
}

static void removes_the_dead_of_its_namespace(void **state)
{
    char dead[64];
    char foreign[64];
    char older[64];
    struct cgroups later;

    (void)state;
    if (cgroup_open(&groups, "/sys/fs/cgroup", "auto", PARENT, &e) < 0 ||
        groups.version == CGROUP_NONE) {
        skip(); /* no writable hierarchy here */
    }
    pid_t pid = dead_pid();
    (void)snprintf(dead, sizeof(dead), "w%d-1-%llu", (int)pid, pid_namespace());
    (void)snprintf(foreign, sizeof(foreign), "w%d-1-%llu", (int)pid,
                   pid_namespace() + 1);
    (void)snprintf(older, sizeof(older), "w%d-1", (int)pid);
    make(dead);
    make(foreign);
    make(older);
    assert_int_equal(cgroup_open(&later, "/sys/fs/cgroup", "auto", PARENT, &e),
                     0);
    assert_false(is_there(dead));
    assert_true(is_there(foreign));
    assert_true(is_there(older));
    assert_true(is_there(groups.worker_dir)); /* ours, and alive */
    (void)unlinkat(groups.trees[0].root_fd, foreign, AT_REMOVEDIR);
    (void)unlinkat(groups.trees[0].root_fd, older, AT_REMOVEDIR);
    cgroup_close(&later); /* the same process: the same directory */
    cgroup_close(&groups);
}

/* Killed, and nobody has waited for it yet: where the first process of the
 * system is slow at that, or never does, it would be alive for ever. */
static void removes_the_dead_nobody_waited_for(void **state)
{
    char zombie[96];
    char path[64];
    char stat[1024];
    unsigned long long ticks = 0;
    siginfo_t info;
    struct cgroups later;

    (void)state;
    if (cgroup_open(&groups, "/sys/fs/cgroup", "auto", PARENT, &e) < 0 ||
        groups.version == CGROUP_NONE) {
        skip(); /* no writable hierarchy here */
    }
    pid_t pid = proc_clone(0, -1, NULL);
    if (pid == 0) {
        _exit(0);
    }
    assert_return_code(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    assert_true(fd_read_small(AT_FDCWD, path, stat, sizeof(stat)) > 0);
    assert_int_equal(sscanf(strrchr(stat, ')') + 1,
                            " Z %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u "
                            "%*u %*d %*d %*d %*d %*d %*d %llu",
                            &ticks),
                     1);
    (void)snprintf(zombie, sizeof(zombie), "w%d-%llu-%llu", (int)pid, ticks,
                   pid_namespace());
    make(zombie);
    assert_int_equal(cgroup_open(&later, "/sys/fs/cgroup", "auto", PARENT, &e),
                     0);
    assert_true(ticks > 0);
    assert_false(is_there(zombie));
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    cgroup_close(&later);
    cgroup_close(&groups);
}

#define MIB (UINT64_C(1) << 20)

static const struct box_limits limits = {.memory_bytes = 256 * MIB,
                                         .max_processes = 4,
                                         .cpu_quota_millicores = 1000};

/* A job of so many processes, one after the other born by the one before, all
 * there at the same time; the first uses memory. */
static void job_of(const struct cgroup_slot *slot, unsigned processes,
                   size_t bytes)
{
    int status = 0;
    pid_t pid = proc_clone(0, slot->dir_fd, NULL);

    if (pid == 0) {
        volatile char *memory = malloc(bytes + 1);

        if (cgroup_enter(&groups, slot) < 0 || !memory) {
            _exit(1);
        }
        for (size_t i = 0; i < bytes; i += 4096) {
            memory[i] = 1;
        }
        while (--processes > 0 && (pid = proc_clone(0, -1, NULL)) == 0) {
        }
        _exit(pid > 0 && waitpid(pid, NULL, 0) != pid);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static struct cgroup_usage usage_of(struct cgroup_slot *slot,
                                    unsigned processes, size_t bytes)
{
    struct cgroup_usage usage;

    assert_return_code(cgroup_slot_begin(&groups, slot, &limits, &e), 0);
    job_of(slot, processes, bytes);
    cgroup_slot_end(&groups, slot, &usage);
    if (cgroup_slot_is_worn(slot)) {
        cgroup_slot_renew(&groups, slot);
    }
    cgroup_slot_note(&groups, slot);
    return usage;
}

static unsigned kept(const struct cgroup_slot *slot)
{
    unsigned count = 0;

    for (size_t i = 0; i < CGROUP_COUNTERS; i++) {
        count += slot->counter_fd[i] >= 0;
    }
    for (size_t i = 0; i < CGROUP_TREES; i++) {
        count += slot->enter_fd[i] >= 0;
    }
    return count;
}

static void counts_a_job_alone(bool is_keeping)
{
    struct cgroup_slot slot;

    if (cgroup_open(&groups, "/sys/fs/cgroup", "auto", PARENT, &e) < 0 ||
        !(groups.controllers & CGROUP_PIDS)) {
        skip();
    }
    groups.is_keeping = is_keeping;
    assert_return_code(cgroup_slot_open(&groups, 0, &slot, &e), 0);
    unsigned kept_first = kept(&slot);
    assert_int_equal(kept_first > 0, is_keeping);

    struct cgroup_usage big = usage_of(&slot, 4, 32 * MIB);
    struct cgroup_usage small = usage_of(&slot, 1, 0);
    struct cgroup_usage again = usage_of(&slot, 3, 32 * MIB);

    assert_in_range(big.memory_peak_bytes, 32 * MIB, 64 * MIB);
    assert_in_range(small.memory_peak_bytes, 1, 16 * MIB);
    assert_in_range(again.memory_peak_bytes, 32 * MIB, 64 * MIB);
    assert_true(big.cpu_us > 0 && again.cpu_us > 0);
    assert_true(small.cpu_us < big.cpu_us);
    if (big.processes_peak) { /* not before 6.1 */
        assert_int_equal(big.processes_peak, 4 - CGROUP_OWN_TASKS);
        assert_int_equal(small.processes_peak, 0);
        assert_int_equal(again.processes_peak, 3 - CGROUP_OWN_TASKS);
    }
    assert_int_equal(big.oom_kills + small.oom_kills + again.oom_kills, 0);
    assert_int_equal(kept(&slot), kept_first); /* the fresh directory's */
    cgroup_slot_close(&groups, &slot);
    assert_int_equal(kept(&slot), 0);
    cgroup_close(&groups);
}

static void counts_with_files_kept(void **state)
{
    (void)state;
    counts_a_job_alone(true);
}

static void counts_with_files_opened(void **state)
{
    (void)state;
    counts_a_job_alone(false);
}

static void put(int dir_fd, const char *path, const char *text)
{
    AUTO_FD int fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    assert_true(fd >= 0);
    assert_return_code(fd_write_all(fd, text, strlen(text), &e), 0);
}

static const char *const v2_files[][2] = {
    {"cpu.stat", "usage_usec 10\nuser_usec 7\nsystem_usec 3\n"},
    {"memory.events", "low 0\nmax 9\noom 5\noom_kill 1\n"},
    {"memory.peak", "0"},
    {"pids.peak", "3\n"},
    {"pids.events", "max 7\n"},
    {"cgroup.procs", ""},
    {"memory.max", ""},
    {"memory.swap.max", ""},
    {"memory.oom.group", ""},
    {"pids.max", ""},
    {"cpu.max", ""},
};

/* As the kernel would have made it. The descriptor of the worker's. */
static int make_v2(const char *root, const char *worker_dir)
{
    char path[256];
    AUTO_FD int root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

    put(root_fd, "cgroup.controllers", "cpu memory pids\n");
    put(root_fd, "cgroup.subtree_control", "");
    assert_return_code(mkdirat(root_fd, PARENT, 0755), 0);
    put(root_fd, PARENT "/cgroup.subtree_control", "");
    (void)snprintf(path, sizeof(path), PARENT "/%s", worker_dir);
    assert_return_code(mkdirat(root_fd, path, 0755), 0);
    int worker_fd = openat(root_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    put(worker_fd, "cgroup.procs", "");
    put(worker_fd, "cgroup.subtree_control", "");
    assert_return_code(mkdirat(worker_fd, "slot0", 0755), 0);
    for (size_t i = 0; i < ARRAY_LEN(v2_files); i++) {
        (void)snprintf(path, sizeof(path), "slot0/%s", v2_files[i][0]);
        put(worker_fd, path, v2_files[i][1]);
    }
    return worker_fd;
}

static void remove_tree(const char *root)
{
    const char *const argv[] = {"/bin/rm", "-rf", root, NULL};
    pid_t pid = proc_clone(0, -1, NULL);

    if (pid == 0) {
        execl(argv[0], argv[0], argv[1], argv[2], (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void reads_version_2(void **state)
{
    char root[] = "/tmp/cgroup_test.XXXXXX";
    struct cgroup_slot slot;
    struct cgroup_usage usage;

    (void)state;
    assert_return_code(cgroup_open(&groups, "/", "none", PARENT, &e), 0);
    assert_non_null(mkdtemp(root));
    AUTO_FD int worker_fd = make_v2(root, groups.worker_dir);
    assert_return_code(cgroup_open(&groups, root, "v2", PARENT, &e), 0);
    groups.is_keeping = true;
    assert_return_code(cgroup_slot_open(&groups, 0, &slot, &e), 0);
    assert_true(slot.dir_fd >= 0);
    assert_int_equal(kept(&slot), 4); /* one cpu.stat, no pids.events */
    assert_return_code(cgroup_slot_begin(&groups, &slot, &limits, &e), 0);
    put(worker_fd, "slot0/cpu.stat",
        "usage_usec 110\nuser_usec 67\nsystem_usec 43\n");
    put(worker_fd, "slot0/memory.peak", "123456\n");
    cgroup_slot_end(&groups, &slot, &usage);
    assert_int_equal(usage.cpu_us, 110);
    assert_int_equal(usage.cpu_system_us, 43);
    assert_int_equal(usage.oom_kills, 1);
    assert_int_equal(usage.memory_peak_bytes, 123456);
    assert_int_equal(usage.processes_peak, 1);
    assert_int_equal(usage.forks_refused, 0);
    cgroup_slot_close(&groups, &slot);
    cgroup_close(&groups);
    remove_tree(root);
}

/* What the last job was held to must not hold the making of the next box. */
static void makes_room_between_jobs(void **state)
{
    char root[] = "/tmp/cgroup_test.XXXXXX";
    struct box_limits tight = limits;
    struct cgroup_slot slot;
    char text[64];

    (void)state;
    assert_return_code(cgroup_open(&groups, "/", "none", PARENT, &e), 0);
    assert_non_null(mkdtemp(root));
    AUTO_FD int worker_fd = make_v2(root, groups.worker_dir);
    assert_return_code(cgroup_open(&groups, root, "v2", PARENT, &e), 0);
    assert_return_code(cgroup_slot_open(&groups, 0, &slot, &e), 0);
    tight.memory_bytes = 4096;
    tight.cpu_quota_millicores = 10;
    tight.max_processes = 100;
    assert_return_code(cgroup_slot_begin(&groups, &slot, &tight, &e), 0);
    assert_true(
        fd_read_small(worker_fd, "slot0/memory.max", text, sizeof(text)) > 0);
    assert_string_equal(text, "4096");
    put(worker_fd, "slot0/memory.max", "");
    put(worker_fd, "slot0/cpu.max", "");
    put(worker_fd, "slot0/pids.max", "");
    assert_return_code(cgroup_slot_widen(&groups, &slot, &e), 0);
    (void)fd_read_small(worker_fd, "slot0/memory.max", text, sizeof(text));
    assert_string_equal(text, "67108864");
    (void)fd_read_small(worker_fd, "slot0/cpu.max", text, sizeof(text));
    assert_string_equal(text, "100000 100000");
    /* Wide enough as it was: not written again. */
    assert_int_equal(
        fd_read_small(worker_fd, "slot0/pids.max", text, sizeof(text)), 0);
    put(worker_fd, "slot0/memory.max", "");
    assert_return_code(cgroup_slot_widen(&groups, &slot, &e), 0);
    assert_int_equal(
        fd_read_small(worker_fd, "slot0/memory.max", text, sizeof(text)), 0);
    cgroup_slot_close(&groups, &slot);
    cgroup_close(&groups);
    remove_tree(root);
}

/* What is killed may use what it needs to die; the next job may not. */
static void lets_go_of_the_share(void **state)
{
    char root[] = "/tmp/cgroup_test.XXXXXX";
    struct cgroup_slot slot;
    char text[64];

    (void)state;
    assert_return_code(cgroup_open(&groups, "/", "none", PARENT, &e), 0);
    assert_non_null(mkdtemp(root));
    AUTO_FD int worker_fd = make_v2(root, groups.worker_dir);
    assert_return_code(cgroup_open(&groups, root, "v2", PARENT, &e), 0);
    assert_return_code(cgroup_slot_open(&groups, 0, &slot, &e), 0);
    cgroup_slot_unthrottle(&groups, &slot); /* none was set: nothing to do */
    assert_int_equal(
        fd_read_small(worker_fd, "slot0/cpu.max", text, sizeof(text)), 0);
    for (int i = 0; i < 2; i++) {
        assert_return_code(cgroup_slot_begin(&groups, &slot, &limits, &e), 0);
        (void)fd_read_small(worker_fd, "slot0/cpu.max", text, sizeof(text));
        assert_string_equal(text, "100000 100000");
        put(worker_fd, "slot0/cpu.max", "");
        put(worker_fd, "slot0/memory.max", "");
        cgroup_slot_unthrottle(&groups, &slot);
        (void)fd_read_small(worker_fd, "slot0/cpu.max", text, sizeof(text));
        assert_string_equal(text, "max");
        put(worker_fd, "slot0/cpu.max", "");
        assert_int_equal(
            fd_read_small(worker_fd, "slot0/memory.max", text, sizeof(text)),
            0); /* the others stay */
    }
    cgroup_slot_close(&groups, &slot);
    cgroup_close(&groups);
    remove_tree(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(removes_the_dead_of_its_namespace),
        cmocka_unit_test(removes_the_dead_nobody_waited_for),
        cmocka_unit_test(counts_with_files_kept),
        cmocka_unit_test(counts_with_files_opened),
        cmocka_unit_test(reads_version_2),
        cmocka_unit_test(makes_room_between_jobs),
        cmocka_unit_test(lets_go_of_the_share),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
