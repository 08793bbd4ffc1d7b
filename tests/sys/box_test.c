/* SPDX-License-Identifier: MIT */
/* box_test.c - Does a box hold what box.c says? Asked from the inside, with
 * real boxes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/base.h"
#include "lib/absent.h"
#include "lib/boxrun.h"
#include "sys/landlock.h"
#include "sys/mounts.h"
#include "sys/proc.h"

static struct boxrun run;
static struct boxrun_result r;
static const char *cgroup_setting = "auto";

static int open_run(void **state)
{
    (void)state;
    boxrun_open(&run, cgroup_setting);
    return 0;
}

static int close_run(void **state)
{
    (void)state;
    boxrun_close(&run);
    return 0;
}

static void expect_done(int exit_code)
{
    if (!r.ended.has_report || r.ended.is_refused ||
        r.ended.report.phase != BOX_PHASE_DONE) {
        fail_msg("phase %u step '%s' errno %d refused %u '%s' init %x out %s",
                 r.ended.report.phase, r.ended.report.step, r.ended.report.sys,
                 r.ended.is_refused, r.ended.error, r.ended.init_status, r.out);
    }
    if (r.ended.report.wait_status != (uint32_t)exit_code << 8) {
        fail_msg("wait status %x, output: %s", r.ended.report.wait_status,
                 r.out);
    }
}

static void runs_and_reports(void **state)
{
    (void)state;
    boxrun_sh(&run, "echo hello; echo oops >&2; exit 3", &r);
    expect_done(3);
    assert_string_equal(r.out, "hello\noops\n");
    assert_int_equal(r.ended.report.verified, BOX_VERIFIED_ALL);
    assert_true(r.ended.report.exec_us > r.ended.start_us);
    assert_true(r.ended.ended_us >= r.ended.report.end_us);
}

/* Of a control call the kernel says ENOTTY, the rules EACCES: which, is seen
 * on a device that the program opened itself. */
static void landlock_is_as_said(void **state)
{
    const char *argv[] = {"/usr/bin/python3", "-c",
                          "import termios\n"
                          "try: termios.tcgetattr(open('/dev/null'))\n"
                          "except termios.error as e: print(e.args[0])",
                          NULL};
    const struct boxrun_job job = {.argv = argv, .limits = boxrun_limits};

    (void)state;
    boxrun_run(&run, &job, &r);
    assert_int_equal(run.ready.landlock, landlock_abi());
    assert_int_equal(r.ended.report.landlock, run.ready.landlock);
    assert_string_equal(r.out, run.ready.landlock >= 5 ? "13\n" : "25\n");
}

/* By a process that its program does not wait for; the box goes with it. */
static void a_call_ends_the_job(void **state)
{
    char code[256];
    const char *argv[] = {"/usr/bin/python3", "-c", code, NULL};
    const struct boxrun_job job = {.argv = argv, .limits = boxrun_limits};

    (void)state;
    (void)snprintf(code, sizeof(code),
                   "import ctypes, os, time\n"
                   "if os.fork() == 0: ctypes.CDLL(None).syscall(%d, 0)\n"
                   "else: time.sleep(600)\n"
                   "print('never', flush=True)",
                   SYS_bpf);
    boxrun_run(&run, &job, &r);
    assert_string_equal(r.out, "");
    assert_int_equal(r.ended.report.phase, BOX_PHASE_DONE);
    assert_int_equal(r.ended.report.tells_calls, 1);
    assert_int_equal(r.ended.report.has_call, 1);
    assert_int_equal(r.ended.report.call.number, SYS_bpf);
    assert_int_equal(r.ended.report.wait_status, SIGSYS);
    boxrun_sh(&run, "kill -SYS $$", &r);
    assert_int_equal(r.ended.report.has_call, 0);
    assert_int_equal(r.ended.report.wait_status, SIGSYS);
}

/* Each script prints what it finds; the output must be exactly this. */
static const struct {
    const char *name;
    const char *script;
    const char *want;
} inside[] = {
    {"pid 1 is ours", "echo $$; cat /proc/1/comm", "2\nbox-init\n"},
    {"one user", "id -u; id -g; id -G; whoami", "1000\n1000\n1000\njob\n"},
    {"no capabilities", "grep -E 'Cap|NoNewPrivs|Seccomp:' /proc/self/status",
     "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n"
     "CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\n"
     "CapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n"},
    {"root listing", "ls -A / | grep -vE '^lib'",
     "bin\ndev\netc\nhome\nopt\nproc\nrun\nsbin\ntmp\nusr\nvar\nworkspace\n"},
    {"root is read-only",
     "touch /x /usr/x /etc/x /dev/x 2>&1 | "
     "grep -c 'Read-only file system'",
     "4\n"},
    {"no shadow", "cat /etc/shadow 2>&1",
     "cat: /etc/shadow: No such file or "
     "directory\n"},
    {"no host names", "cat /etc/hostname; hostname; ls /home /root 2>&1",
     "box\nbox\nls: cannot access '/root': No such file or "
     "directory\n/home:\n"},
    {"devices", "ls /dev",
     "fd\nfull\nnull\nrandom\nshm\nstderr\nstdin\nstdout\n"
     "urandom\nzero\n"},
    {"proc has processes only", "ls /proc | grep -v '^[0-9]'",
     "self\nthread-self\n"},
    {"no network but a dead lo",
     "ls /sys /proc/net 2>&1; python3 -c "
     "'import socket; "
     "print(socket.if_nameindex())'",
     "ls: cannot access '/sys': No such file or directory\n"
     "ls: cannot access '/proc/net': No such file or directory\n"
     "[(1, 'lo')]\n"},
    {"cgroup is the root",
     "cut -d: -f3 /proc/self/cgroup | sort -u | "
     "grep -v '^/$' | grep -v '^/\\.\\.'",
     ""},
    {"descriptors", "ls /proc/self/fd | tr '\\n' ' '", "0 1 2 3 "},
    {"workspace is ours",
     "pwd; stat -c %U . /tmp; echo x > a && cat a; "
     "df --output=fstype . | tail -1",
     "/workspace\njob\njob\nx\ntmpfs\n"},
    {"no mount",
     "mount -t tmpfs x /tmp >/dev/null 2>&1; echo $?; umount -l "
     "/proc >/dev/null 2>&1; echo $?",
     "32\n32\n"},
    {"no new namespaces", "unshare -U true 2>&1; unshare -n true 2>&1",
     "unshare: unshare failed: Operation not permitted\n"
     "unshare: unshare failed: Operation not permitted\n"},
    {"stdin is empty", "cat | wc -c", "0\n"},
    {"limits", "ulimit -n; ulimit -c; ulimit -f", "64\n0\n20480\n"},
    {"its own settings in /proc",
     "echo 500 > /proc/self/oom_score_adj && cat /proc/self/oom_score_adj; "
     "printf x > /proc/$$/comm; cat /proc/$$/comm; echo a >> /dev/null",
     "500\nx\n"},
    {"memory files opened anew",
     "python3 -c 'import os\nf = os.memfd_create(\"m\")\n"
     "p = \"/proc/self/fd/%d\" % f\nopen(p, \"w\").write(\"y\\n\")\n"
     "print(open(p).read(), end=\"\")'; cat /dev/stdin | wc -c",
     "y\n0\n"},
    {"moves and links between directories",
     "mkdir a b; echo z > a/f; mv a/f b/g; ln b/g a/h; ln -s g b/s; "
     "mkfifo b/p; cat a/h b/s; mv a b/; ls b b/a | tr '\\n' ' '",
     "z\nz\nb: a g p s  b/a: h "},
    {"a pipe with a name, and no device",
     "mkfifo p; (echo through > p &); cat p; mknod d c 1 3 2>&1",
     "through\nmknod: d: Operation not permitted\n"},
    {"init cannot be looked into",
     "ls /proc/1/fd 2>&1 | tail -1; cat "
     "/proc/1/environ 2>&1",
     "ls: cannot open directory '/proc/1/fd': Permission denied\n"
     "cat: /proc/1/environ: Permission denied\n"},
    {"init's limits are not the job's",
     "prlimit --pid 1 --cpu=1 >/dev/null 2>&1; echo $?; "
     "prlimit --nofile=10 true; echo $?",
     "1\n0\n"},
};

static void looks_right_inside(void **state)
{
    int bad = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(inside); i++) {
        boxrun_sh(&run, inside[i].script, &r);
        if (strcmp(r.out, inside[i].want) != 0) {
            print_error("%s:\n--- want\n%s--- got\n%s(phase %u %s errno %d)\n",
                        inside[i].name, inside[i].want, r.out,
                        r.ended.report.phase, r.ended.report.step,
                        r.ended.report.sys);
            bad++;
        }
    }
    assert_int_equal(bad, 0);
}

/* In a child: it cannot be undone by everybody. */
static bool may_raise_core_limit(void)
{
    const struct rlimit most = {RLIM_INFINITY, RLIM_INFINITY};
    int status = -1;
    pid_t pid = proc_clone(0, -1, NULL);

    if (pid == 0) {
        _exit(setrlimit(RLIMIT_CORE, &most) < 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status == 0;
}

/* 1 byte, not 0, or a piped core_pattern starts the host's handler: see
 * rlimits.c. Where whoever started us has forbidden cores altogether, a
 * launcher with CAP_SYS_RESOURCE raises that to 1 all the same (no file is that
 * short); others, as root in most containers, leave 0. */
static void no_core_handler_is_started(void **state)
{
    const char *want = may_raise_core_limit() ? "1 1\n" : "0 0\n";
    struct rlimit ours;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_CORE, &ours), 0);
    if (ours.rlim_max > 0) {
        want = "1 1\n";
    }
    boxrun_sh(&run, "awk '/core file/ {print $5, $6}' /proc/self/limits", &r);
    assert_string_equal(r.out, want);
}

static void next_box_is_fresh(void **state)
{
    (void)state;
    boxrun_sh(&run, "echo secret > /tmp/a; echo b > c; (sleep 60 &); echo ok",
              &r);
    expect_done(0);
    boxrun_sh(&run, "ls -A /tmp .; set -- /proc/[0-9]*; echo $#", &r);
    assert_string_equal(r.out, ".:\n\n/tmp:\n2\n");
}

static void files_are_placed(void **state)
{
    const char *argv[] = {"/workspace/a/b/run", "x", NULL};
    struct boxrun_job job = {.argv = argv,
                             .file_path = "a/b/run",
                             .file_text = "#!/bin/sh\necho got $1; cat\n",
                             .input = "from stdin",
                             .limits = boxrun_limits};

    (void)state;
    boxrun_run(&run, &job, &r);
    expect_done(0);
    assert_string_equal(r.out, "got x\nfrom stdin");
    /* How large a file it may write is no matter of what it brings. */
    job.limits.file_size_bytes = 10;
    boxrun_run(&run, &job, &r);
    expect_done(0);
    job.limits = boxrun_limits;
    job.file_path = "../escape";
    boxrun_run(&run, &job, &r);
    assert_int_equal(r.ended.report.phase, BOX_PHASE_FILES);
    assert_string_equal(r.ended.report.step, "../escape");
}

static void exec_failure_is_told(void **state)
{
    const char *argv[] = {"/no/such", NULL};
    const struct boxrun_job job = {.argv = argv, .limits = boxrun_limits};

    (void)state;
    boxrun_run(&run, &job, &r);
    assert_int_equal(r.ended.report.phase, BOX_PHASE_EXEC);
    assert_string_equal(r.ended.report.step, "exec");
    assert_int_equal(r.ended.report.sys, 2);
}

static void kill_ends_the_whole_box(void **state)
{
    const char *argv[] = {"/bin/sh", "-c",
                          "trap '' TERM INT; (setsid sleep 600 &) ; "
                          "echo up; sleep 600",
                          NULL};
    const struct boxrun_job job = {.argv = argv, .limits = boxrun_limits};
    struct boxrun_box box;
    char word[3];

    (void)state;
    boxrun_start(&run, &job, &box);
    assert_int_equal(read(box.out_fd, word, sizeof(word)), sizeof(word));
    assert_memory_equal(word, "up\n", sizeof(word));
    boxrun_kill(&run, &box);
    boxrun_end(&run, &box, &r); /* returns only when every writer is gone */
    assert_int_equal(r.ended.stop, LAUNCH_STOP_ENGINE);
    assert_false(r.ended.has_report);
    assert_int_equal(r.ended.init_status, 9);
    assert_string_equal(r.out, "");
}

static void cpu_limit_counts_all_processes(void **state)
{
    const char *argv[] = {"/bin/sh", "-c",
                          "while :; do :; done & while :; do :; done", NULL};
    struct boxrun_job job = {.argv = argv, .limits = boxrun_limits};

    (void)state;
    job.limits.cpu_time_ms = 300;
    boxrun_run(&run, &job, &r);
    assert_int_equal(r.ended.stop, LAUNCH_STOP_CPU);
}

static void memory_limit_is_kept(void **state)
{
    const char *argv[] = {"/usr/bin/python3", "-c",
                          "print('x', flush=True)\nb = bytearray(1 << 30)\n"
                          "print('never')",
                          NULL};
    struct boxrun_job job = {.argv = argv, .limits = boxrun_limits};

    (void)state;
    job.limits.memory_bytes = 64 << 20;
    boxrun_run(&run, &job, &r);
    assert_memory_equal(r.out, "x\n", 2);
    assert_null(strstr(r.out, "never"));
    if (run.ready.controllers & CGROUP_MEMORY) {
        /* v2 kills all of the cgroup for it, and counts each */
        assert_true(r.ended.cgroup.oom_kills >= 1);
        assert_true(r.ended.cgroup.memory_peak_bytes <= 64 << 20);
        assert_true(r.ended.cgroup.memory_peak_bytes > 60 << 20);
    }
}

static void process_limit_is_kept(void **state)
{
    (void)state;
    boxrun_sh(&run,
              "i=0; while [ $i -lt 100 ]; do sleep 5 & i=$((i+1)); done; "
              "echo never",
              &r);
    assert_null(strstr(r.out, "never"));
    if (run.ready.controllers & CGROUP_PIDS) {
        assert_int_equal(r.ended.cgroup.processes_peak, 32);
        assert_true(r.ended.cgroup.forks_refused > 0);
    }
    boxrun_sh(&run, "true", &r); /* the peak starts anew */
    if (run.ready.controllers & CGROUP_PIDS) {
        assert_int_equal(r.ended.cgroup.processes_peak, 1);
    }
}

static void full_disk_is_seen(void **state)
{
    (void)state;
    boxrun_sh(&run, "for i in 1 2 3; do head -c 9M /dev/zero > f$i; done", &r);
    expect_done(1);
    assert_true(r.ended.report.full & MOUNTS_FULL_WORKSPACE);
    boxrun_sh(&run, "i=0; while : > /tmp/$i; do i=$((i+1)); done 2>/dev/null",
              &r);
    assert_true(r.ended.report.full & MOUNTS_FULL_INODES);
}

static void loopback_only_when_asked(void **state)
{
    const char *script =
        "import socket\n"
        "s=socket.socket(); s.bind(('127.0.0.1',0)); s.listen()\n"
        "c=socket.socket()\n"
        "try:\n c.connect(s.getsockname()); print('connected')\n"
        "except OSError as e: print(e.strerror)\n";
    const char *argv[] = {"/usr/bin/python3", "-c", script, NULL};
    struct boxrun_job job = {.argv = argv, .limits = boxrun_limits};
    bool has_tcp_rules = run.ready.landlock >= 4;

    (void)state;
    boxrun_run(&run, &job, &r);
    if (has_tcp_rules) {
        assert_non_null(strstr(r.out, "PermissionError: [Errno 13]"));
    } else {
        assert_string_equal(r.out, "Network is unreachable\n");
    }
    job.network = LAUNCH_NET_LOOPBACK;
    boxrun_run(&run, &job, &r);
    assert_string_equal(r.out, "connected\n");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(runs_and_reports),
    cmocka_unit_test(a_call_ends_the_job),
    cmocka_unit_test(landlock_is_as_said),
    cmocka_unit_test(looks_right_inside),
    cmocka_unit_test(no_core_handler_is_started),
    cmocka_unit_test(next_box_is_fresh),
    cmocka_unit_test(files_are_placed),
    cmocka_unit_test(exec_failure_is_told),
    cmocka_unit_test(kill_ends_the_whole_box),
    cmocka_unit_test(cpu_limit_counts_all_processes),
    cmocka_unit_test(memory_limit_is_kept),
    cmocka_unit_test(process_limit_is_kept),
    cmocka_unit_test(full_disk_is_seen),
    cmocka_unit_test(loopback_only_when_asked),
};

/* The same again as an ordinary user: the boxes come from a user namespace of
 * the launcher's own. */
static int become_nobody(void)
{
    return setgroups(0, NULL) < 0 || setresgid(12345, 12345, 12345) < 0 ||
           setresuid(12345, 12345, 12345) < 0;
}

/* As a service manager or a shell may have set them; a box may not raise what
 * it inherits. */
static int lower_limits(void)
{
    static const struct {
        __rlimit_resource_t resource;
        rlim_t value;
    } low[] = {{RLIMIT_CORE, 0},
               {RLIMIT_MEMLOCK, 0},
               {RLIMIT_SIGPENDING, 100},
               {RLIMIT_MSGQUEUE, 0},
               {RLIMIT_NOFILE, 200}};

    for (size_t i = 0; i < ARRAY_LEN(low); i++) {
        const struct rlimit limit = {low[i].value, low[i].value};

        if (setrlimit(low[i].resource, &limit) < 0) {
            return -1;
        }
    }
    return 0;
}

static int lose_landlock(void)
{
    if (absent_calls(SYS_landlock_create_ruleset, SYS_landlock_restrict_self) <
        0) {
        return -1;
    }
    return landlock_abi() != 0;
}

/* A layer that cannot be put up ends the box; there is no weaker one. */
static void no_box_without_its_layer(void **state)
{
    (void)state;
    boxrun_sh(&run, "echo never", &r);
    assert_string_equal(r.out, "");
    assert_int_equal(r.ended.report.phase, BOX_PHASE_ISOLATE);
    assert_string_equal(r.ended.report.step, "landlock_restrict_self");
    assert_int_equal(r.ended.report.sys, ENOSYS);
    assert_int_equal(r.ended.report.landlock, 0);
}

static const struct CMUnitTest broken_tests[] = {
    cmocka_unit_test(no_box_without_its_layer),
};

/* The kernel has it, and refuses us. */
static int break_landlock(void)
{
    return absent_calls(SYS_landlock_restrict_self, SYS_landlock_restrict_self);
}

static int run_group(const char *name, bool is_broken)
{
    if (is_broken) {
        return cmocka_run_group_tests_name(name, broken_tests, open_run,
                                           close_run);
    }
    return cmocka_run_group_tests_name(name, tests, open_run, close_run);
}

/* In a child: what is prepared cannot be undone. */
static int run_after(const char *name, int (*prepare)(void))
{
    int status = 0;

    (void)fflush(stdout);
    pid_t pid = proc_clone(0, -1, NULL);

    if (pid == 0) {
        if (prepare() != 0) {
            _exit(100);
        }
        cgroup_setting = "auto";
        _exit(run_group(name, prepare == break_landlock));
    }
    if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status)) {
        return 1;
    }
    return WEXITSTATUS(status);
}

/* Each box is made when its job is there. */
static int prepare_none(void)
{
    boxrun_prepared = "0";
    return 0;
}

int main(void)
{
    int failed = 0;

    failed += run_group("box", false);
    cgroup_setting = "none";
    failed += run_group("box without cgroups", false);
    if (geteuid() == 0) {
        failed += run_after("box without root", become_nobody);
        failed += run_after("box with low limits", lower_limits);
    }
    failed += run_after("box not made ahead", prepare_none);
    failed += run_after("box without Landlock", lose_landlock);
    if (landlock_abi() > 0) {
        failed += run_after("box with a broken layer", break_landlock);
    }
    return failed;
}
