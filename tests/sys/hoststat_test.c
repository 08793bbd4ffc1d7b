/* SPDX-License-Identifier: MIT */
/* hoststat_test.c - what is read of a host: of a made-up one, whose figures
 * are known and go missing one after the other, and of this one, where
 * zombies are made and CPU time is used on purpose. */
#include "lib/unit.h"

#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "base/fd.h"
#include "sys/hoststat.h"
#include "sys/proc.h"

/* ---- a made-up host ---------------------------------------------------- */

static char root[256];

static const char *path_of(const char *name)
{
    static char path[512];

    (void)snprintf(path, sizeof(path), "%s/%s", root, name);
    return path;
}

static void put(const char *name, const char *text)
{
    int fd =
        open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, text, strlen(text), NULL), 0);
    close(fd);
}

static void put_process(int pid, char state_letter, const char *nspid,
                        int cpu_ticks, const char *children)
{
    char name[64];
    char text[256];

    (void)snprintf(name, sizeof(name), "proc/%d", pid);
    (void)mkdir(path_of(name), 0755);
    (void)snprintf(name, sizeof(name), "proc/%d/task", pid);
    (void)mkdir(path_of(name), 0755);
    (void)snprintf(name, sizeof(name), "proc/%d/task/%d", pid, pid);
    (void)mkdir(path_of(name), 0755);
    (void)snprintf(text, sizeof(text),
                   "%d (x) %c 1 1 1 0 -1 0 0 0 0 0 %d 0 0 0 20 0 3 0 9 9 2 9\n",
                   pid, state_letter, cpu_ticks);
    (void)snprintf(name, sizeof(name), "proc/%d/stat", pid);
    put(name, text);
    (void)snprintf(text, sizeof(text), "Name:\tx\nNSpid:\t%s\n", nspid);
    (void)snprintf(name, sizeof(name), "proc/%d/status", pid);
    put(name, text);
    (void)snprintf(name, sizeof(name), "proc/%d/task/%d/children", pid, pid);
    put(name, children);
}

static void put_host(void)
{
    static const char *const folders[] = {"",
                                          "proc",
                                          "proc/pressure",
                                          "cgroup",
                                          "cgroup/cpuacct",
                                          "cgroup/cpuacct/boxes",
                                          "cgroup/boxes"};

    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        (void)mkdir(path_of(folders[i]), 0755);
    }
    put("proc/stat", "cpu  1000 0 0 9000 0 0 0 0 0 0\n");
    put("proc/loadavg", "1.50 2.50 3.50 1/2 3\n");
    put("proc/meminfo", "MemTotal: 1000 kB\nMemAvailable: 400 kB\n");
    put("proc/pressure/cpu", "some avg10=1.25 avg60=0 avg300=0 total=0\n");
    put("proc/pressure/memory", "some avg10=2.25 avg60=0 avg300=0 total=0\n");
    put("proc/pressure/io", "some avg10=3.25 avg60=0 avg300=0 total=0\n");
    put("cgroup/cpuacct/boxes/cpuacct.usage", "5000000000\n");
    put("cgroup/boxes/cpu.stat",
        "usage_usec 5000000\nuser_usec 1\nsystem_usec 2\n");
    put_process(1, 'S', "1", 0, "");
    put_process(20, 'S', "20", 100, "");        /* the engine */
    put_process(30, 'S', "30", 50, "31 40 \n"); /* the launcher */
    put_process(31, 'Z', "31 1", 0, "");
    put_process(40, 'S', "40 1", 0, "41 ");
    put_process(41, 'R', "41 2", 25, "");
    put_process(50, 'Z', "50", 0, "");
    put_process(51, 'Z', "51", 0, "");
}

static int make_root(void **state)
{
    const char *tmp = getenv("TMPDIR");

    (void)state;
    (void)snprintf(root, sizeof(root), "%s/host.XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(root)) {
        return -1;
    }
    put_host();
    return 0;
}

static int remove_root(void **state)
{
    char command[320];
    pid_t pid;

    (void)state;
    (void)snprintf(command, sizeof(command), "%s", root);
    pid = proc_clone(0, -1, NULL);
    if (pid == 0) {
        (void)execlp("rm", "rm", "-rf", command, (char *)NULL);
        _exit(1);
    }
    return waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

static void open_host(struct hoststat *h, enum cgroup_version version)
{
    static char proc_path[300];
    static char cgroup_path[300];
    const struct hoststat_spec spec = {
        .proc_path = proc_path,
        .cgroup_path = cgroup_path,
        .disk_path = root,
        .cgroup_version = version,
        .cgroup_parent = "boxes",
        .engine = 20,
        .launcher = 30,
    };

    (void)snprintf(proc_path, sizeof(proc_path), "%s/proc", root);
    (void)snprintf(cgroup_path, sizeof(cgroup_path), "%s/cgroup", root);
    hoststat_open(h, &spec);
}

static struct snapshot_host host;
static struct snapshot_process process;

static void the_first_look(void **state)
{
    struct hoststat h;

    (void)state;
    open_host(&h, CGROUP_V1);
    hoststat_read(&h, &host, &process);
    assert_true(isnan(host.cpu_percent)); /* over which time? */
    assert_true(isnan(host.cpu_others_percent));
    assert_true(host.load_1m == 1.5 && host.load_5m == 2.5);
    assert_int_equal(host.memory_used_bytes, 600 * 1024);
    assert_true(host.pressure_cpu_percent == 1.25);
    assert_true(host.pressure_memory_percent == 2.25);
    assert_true(host.pressure_io_percent == 3.25);
    assert_true(host.disk_total_bytes >= host.disk_used_bytes);
    assert_int_equal(host.processes, 8);
    assert_int_equal(host.zombies, 2); /* 31 is in a box */
    assert_true(host.sampled_unix_nano > 0);
    assert_int_equal(process.engine.pid, 20);
    assert_int_equal(process.engine.cpu_us, 1000000);
    assert_int_equal(process.engine.threads, 3);
    assert_int_equal(process.launcher.pid, 30);
    assert_true(process.launcher.open_files == RECORD_NO_UINT);
    assert_false(process.box.present);
    hoststat_close(&h);
}

/* 1000 ticks of ten processors' time, 900 of them busy: what of it was ours?
 * By hand: boxes 6 s, engine 0.5 s, launcher 0.5 s: 700 ticks. */
static void check_others(enum cgroup_version version)
{
    struct hoststat h;

    put_host();
    open_host(&h, version);
    hoststat_read(&h, &host, &process);
    put("proc/stat", "cpu  1900 0 0 9100 0 0 0 0 0 0\n");
    put("cgroup/cpuacct/boxes/cpuacct.usage", "11000000000\n");
    put("cgroup/boxes/cpu.stat", "usage_usec 11000000\nuser_usec 1\n");
    put_process(20, 'S', "20", 150, "");
    put_process(30, 'S', "30", 100, "40 ");
    put_process(41, 'R', "41 2", 625, "");
    hoststat_read(&h, &host, &process);
    assert_true(fabs(host.cpu_percent - 90) < 0.01);
    assert_true(fabs(host.cpu_others_percent - 20) < 0.01);
    hoststat_close(&h);
}

static void others_with_cgroup_v1(void **state)
{
    (void)state;
    check_others(CGROUP_V1);
}

static void others_with_cgroup_v2(void **state)
{
    (void)state;
    check_others(CGROUP_V2);
}

static void others_without_cgroup(void **state)
{
    (void)state;
    check_others(CGROUP_NONE);
}

/* Clocks that are not read at one moment; a box whose sum is gone. */
static void shares_stay_shares(void **state)
{
    struct hoststat h;

    (void)state;
    put_host();
    open_host(&h, CGROUP_V1);
    hoststat_read(&h, &host, &process);
    put("proc/stat", "cpu  1100 0 0 9000 0 0 0 0 0 0\n");
    put("cgroup/cpuacct/boxes/cpuacct.usage", "9000000000\n");
    hoststat_read(&h, &host, &process);
    assert_true(host.cpu_percent == 100);
    assert_true(host.cpu_others_percent == 0);
    put("proc/stat", "cpu  1150 0 0 9050 0 0 0 0 0 0\n");
    put("cgroup/cpuacct/boxes/cpuacct.usage", "0\n");
    hoststat_read(&h, &host, &process);
    assert_true(fabs(host.cpu_others_percent - 50) < 0.01);
    hoststat_read(&h, &host, &process); /* no time has passed */
    assert_true(isnan(host.cpu_percent));
    assert_true(isnan(host.cpu_others_percent));
    hoststat_close(&h);
}

static void what_is_missing_is_absent(void **state)
{
    static const char *const gone[] = {"proc/stat",
                                       "proc/meminfo",
                                       "proc/loadavg",
                                       "proc/pressure/cpu",
                                       "proc/pressure/io",
                                       "proc/20/stat",
                                       "proc/30/task/30/children"};
    struct hoststat h;

    (void)state;
    put_host();
    open_host(&h, CGROUP_NONE);
    hoststat_read(&h, &host, &process);
    for (size_t i = 0; i < ARRAY_LEN(gone); i++) {
        assert_int_equal(unlink(path_of(gone[i])), 0);
    }
    hoststat_read(&h, &host, &process);
    assert_true(isnan(host.cpu_percent));
    assert_true(isnan(host.load_1m));
    assert_true(host.memory_total_bytes == RECORD_NO_UINT);
    assert_true(host.memory_used_bytes == RECORD_NO_UINT);
    assert_true(isnan(host.pressure_cpu_percent));
    assert_true(host.pressure_memory_percent == 2.25);
    assert_true(isnan(host.pressure_io_percent));
    assert_false(process.engine.present);
    assert_true(process.launcher.present);
    /* Busy, but whose work? The children cannot be listed any more. */
    put("proc/stat", "cpu  2000 0 0 9000 0 0 0 0 0 0\n");
    put("proc/30/task/30/children", "40 ");
    hoststat_read(&h, &host, &process);
    put("proc/stat", "cpu  3000 0 0 9000 0 0 0 0 0 0\n");
    assert_int_equal(unlink(path_of("proc/30/task/30/children")), 0);
    hoststat_read(&h, &host, &process);
    assert_true(host.cpu_percent == 100);
    assert_true(isnan(host.cpu_others_percent));
    hoststat_close(&h);
}

static void without_proc_nothing_is_known(void **state)
{
    const struct hoststat_spec spec = {
        .proc_path = path_of("no-proc"),
        .cgroup_path = "",
        .cgroup_parent = "",
        .disk_path = "/no/such/path",
        .engine = 20,
        .launcher = 30,
    };
    struct hoststat h;

    (void)state;
    hoststat_open(&h, &spec);
    hoststat_read(&h, &host, &process);
    hoststat_read(&h, &host, &process);
    assert_true(host.processes == RECORD_NO_UINT);
    assert_true(host.zombies == RECORD_NO_UINT);
    assert_true(host.disk_total_bytes == RECORD_NO_UINT);
    assert_true(isnan(host.cpu_percent));
    assert_false(process.engine.present);
    hoststat_close(&h);
}

/* ---- this kernel ------------------------------------------------------- */

static void make_zombies(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        siginfo_t info;
        pid_t pid = proc_clone(0, -1, NULL);

        if (pid == 0) {
            _exit(0);
        }
        (void)waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    }
}

struct counts {
    uint64_t processes;
    uint64_t zombies;
};

/* Process 1 of a namespace with a /proc of its own, so that all that is in it
 * is known: itself, three zombies, and a namespace below with two more. */
static void count_inside(int answer_fd)
{
    struct zombies z;
    struct counts counts = {0, 0};
    siginfo_t info;
    int ready[2];

    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("proc", "/proc", "proc", 0, NULL) < 0 || pipe(ready) < 0) {
        _exit(2);
    }
    make_zombies(3);
    pid_t nested = proc_clone(CLONE_NEWPID, -1, NULL);
    if (nested == 0) {
        make_zombies(2);
        (void)!write(ready[1], "", 1);
        pause();
    }
    (void)!read(ready[0], &(char){0}, 1);
    if (nested < 0 || zombies_open(&z, "/proc", NULL) < 0) {
        _exit(2);
    }
    for (unsigned i = 0; i < 100 && !z.is_known; i++) {
        zombies_step(&z, 1);
    }
    counts = (struct counts){z.processes, z.zombies};
    (void)!write(answer_fd, &counts, sizeof(counts));
    /* And again, after they were waited for. */
    (void)kill(nested, SIGKILL);
    while (waitid(P_ALL, 0, &info, WEXITED) == 0) {
    }
    zombies_step(&z, 1000);
    counts = (struct counts){z.processes, z.zombies};
    (void)!write(answer_fd, &counts, sizeof(counts));
    _exit(0);
}

static void zombies_of_this_namespace_are_counted(void **state)
{
    uint64_t user = geteuid() == 0 ? 0 : CLONE_NEWUSER;
    struct counts counts;
    int answer[2];
    int status = 0;

    (void)state;
    assert_int_equal(pipe(answer), 0);
    pid_t pid = proc_clone(user | CLONE_NEWPID | CLONE_NEWNS, -1, NULL);
    if (pid == 0) {
        count_inside(answer[1]);
    }
    if (pid < 0) {
        skip(); /* no pid namespaces here */
    }
    close(answer[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status != 0) {
        skip(); /* no /proc of one's own here */
    }
    assert_int_equal(read(answer[0], &counts, sizeof(counts)), sizeof(counts));
    assert_int_equal(counts.processes, 1 + 3 + 1 + 2);
    assert_int_equal(counts.zombies, 3);
    assert_int_equal(read(answer[0], &counts, sizeof(counts)), sizeof(counts));
    assert_int_equal(counts.processes, 1);
    assert_int_equal(counts.zombies, 0);
    close(answer[0]);
}

#define SPUN_US 200000u

static void spin(void)
{
    struct timespec used;

    do {
        (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    } while (used.tv_sec == 0 && used.tv_nsec < (long)SPUN_US * 1000);
}

/* Starts a box in which a process spins; says when it has, and once more when
 * told to let it end and it has been waited for. */
static void be_launcher(int say_fd, int hear_fd)
{
    pid_t box = proc_clone(0, -1, NULL);

    if (box == 0) {
        pid_t payload = proc_clone(0, -1, NULL);

        if (payload == 0) {
            spin();
            (void)!write(say_fd, "", 1);
            (void)!read(hear_fd, &(char){0}, 1);
            _exit(0);
        }
        (void)waitpid(payload, NULL, 0);
        _exit(0);
    }
    (void)waitpid(box, NULL, 0);
    (void)!write(say_fd, "", 1);
    (void)!read(hear_fd, &(char){0}, 1);
    _exit(0);
}

/* Times of processes are told in ticks. */
#define SEEN_US (SPUN_US - 20000u)

static void cpu_of_boxes_is_own_while_they_run_and_after(void **state)
{
    AUTO_FD int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct owncpu own;
    uint64_t us = 0;
    int say[2];
    int hear[2];

    (void)state;
    assert_int_equal(pipe(say), 0);
    assert_int_equal(pipe(hear), 0);
    pid_t pid = proc_clone(0, -1, NULL);
    if (pid == 0) {
        be_launcher(say[1], hear[0]);
    }
    owncpu_open(&own, proc_fd, CGROUP_NONE, "", "");
    own.launcher = pid;
    assert_int_equal(read(say[0], &(char){0}, 1), 1);
    assert_true(owncpu_read(&own, &us));
    assert_true(us >= SEEN_US && us < 10 * SPUN_US);
    assert_int_equal(write(hear[1], "", 1), 1);
    assert_int_equal(read(say[0], &(char){0}, 1), 1);
    assert_true(owncpu_read(&own, &us));
    assert_true(us >= SEEN_US && us < 10 * SPUN_US);
    assert_int_equal(write(hear[1], "", 1), 1);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_false(owncpu_read(&own, &us)); /* the launcher is gone */
    owncpu_close(&own);
}

/* Others write to it meanwhile: until nobody has for a moment. */
static void disk_is_what_df_says(void **state)
{
    const struct hoststat_spec spec = {.proc_path = "/no",
                                       .cgroup_path = "",
                                       .cgroup_parent = "",
                                       .disk_path = "/"};
    struct hoststat h;

    (void)state;
    hoststat_open(&h, &spec);
    for (unsigned i = 0; i < 10000; i++) {
        struct statvfs before;
        struct statvfs after;

        assert_int_equal(statvfs("/", &before), 0);
        hoststat_read(&h, &host, &process);
        assert_int_equal(statvfs("/", &after), 0);
        if (before.f_bfree == after.f_bfree &&
            before.f_bavail == after.f_bavail) {
            assert_int_equal(host.disk_total_bytes - host.disk_used_bytes,
                             after.f_bavail * after.f_frsize);
            assert_int_equal(host.disk_used_bytes,
                             (after.f_blocks - after.f_bfree) * after.f_frsize);
            hoststat_close(&h);
            return;
        }
    }
    fail_msg("somebody writes to / without a pause");
}

static void this_host_is_read(void **state)
{
    const struct hoststat_spec spec = {
        .proc_path = "/proc",
        .cgroup_path = "/sys/fs/cgroup",
        .cgroup_parent = "forkyard",
        .disk_path = "/",
        .engine = getpid(),
    };
    struct hoststat h;

    (void)state;
    hoststat_open(&h, &spec);
    hoststat_read(&h, &host, &process);
    assert_true(host.memory_used_bytes > 0);
    assert_true(host.memory_used_bytes < host.memory_total_bytes);
    assert_true(host.processes >= 1);
    assert_true(host.cpu_count >= 1);
    assert_int_equal(process.engine.pid, getpid());
    assert_int_equal(process.engine.threads, 1);
    uint64_t open_files = process.engine.open_files;
    AUTO_FD int one_more = open("/", O_RDONLY | O_CLOEXEC);
    assert_true(one_more >= 0);
    spin();
    hoststat_read(&h, &host, &process);
    assert_int_equal(process.engine.open_files, open_files + 1);
    /* One processor at least was ours for a while. */
    assert_true(host.cpu_percent > 0);
    assert_true(host.cpu_others_percent < host.cpu_percent);
    hoststat_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_look),
        cmocka_unit_test(others_with_cgroup_v1),
        cmocka_unit_test(others_with_cgroup_v2),
        cmocka_unit_test(others_without_cgroup),
        cmocka_unit_test(shares_stay_shares),
        cmocka_unit_test(what_is_missing_is_absent),
        cmocka_unit_test(without_proc_nothing_is_known),
        cmocka_unit_test(zombies_of_this_namespace_are_counted),
        cmocka_unit_test(cpu_of_boxes_is_own_while_they_run_and_after),
        cmocka_unit_test(disk_is_what_df_says),
        cmocka_unit_test(this_host_is_read),
    };

    return cmocka_run_group_tests(tests, make_root, remove_root);
}
