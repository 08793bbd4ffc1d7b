/* SPDX-License-Identifier: MIT */
/* proc.c - see proc.h. Used by the launcher, box init, and at the engine's
 * boot. Never called once librdkafka's threads exist. */
#include "sys/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

pid_t proc_clone(uint64_t namespaces, int cgroup_fd, int *out_pidfd)
{
    int pidfd = -1;
    struct clone_args args = {
        .flags = namespaces | CLONE_PIDFD,
        .pidfd = (uint64_t)(uintptr_t)&pidfd,
        .exit_signal = SIGCHLD,
    };
    if (cgroup_fd >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)cgroup_fd;
    }

    long pid = syscall(SYS_clone3, &args, sizeof(args));
    if (pid > 0 && out_pidfd) {
        *out_pidfd = pidfd;
    } else if (pid > 0) {
        close(pidfd);
    }
    return (pid_t)pid;
}

pid_t proc_clone_sibling(uint64_t namespaces)
{
    /* exit_signal must be 0: the kernel takes that of our own process */
    struct clone_args args = {.flags = namespaces | CLONE_PARENT};

    return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

void proc_reset_signals(void)
{
    /* As the kernel takes it, handler first, all zero: the default. libc does
     * not touch two signals that it keeps for itself, which whoever started us
     * may have ignored all the same. */
    static const uint64_t by_default[4];

    for (int s = 1; s < NSIG; s++) { /* KILL and STOP refuse */
        (void)syscall(SYS_rt_sigaction, s, by_default, NULL, NSIG / 8);
    }
}

static void unblock_signals(void)
{
    sigset_t none;

    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The three fds may overlap 0..2 in any order: move them out of the way first.
 * They come back without CLOEXEC by dup2. */
static int place_stdio(const int stdio_fds[3])
{
    int high[3];

    for (int i = 0; i < 3; i++) {
        high[i] = fcntl(stdio_fds[i], F_DUPFD_CLOEXEC, 10);
        if (high[i] < 0) {
            return -1;
        }
    }
    for (int i = 0; i < 3; i++) {
        if (dup2(high[i], i) < 0) {
            return -1;
        }
    }
    return 0;
}

static int limit_data(uint64_t bytes)
{
    const struct rlimit limit = {bytes, bytes};

    return bytes ? setrlimit(RLIMIT_DATA, &limit) : 0;
}

/* Runs on the parent's memory until exec: touches nothing but *failure. */
static NORETURN void exec_child(const struct proc_exec *what,
                                struct proc_exec_failure *failure)
{
    unblock_signals();
    (void)setpgid(0, 0);
    if (place_stdio(what->stdio_fds) < 0) {
        failure->step = "stdio";
    } else if (chdir(what->cwd) < 0) {
        failure->step = "cwd";
    } else if (limit_data(what->data_bytes) < 0) {
        failure->step = "memory limit";
    } else {
        (void)execve(what->argv[0], what->argv, what->envp);
        failure->step = "exec";
    }
    failure->sys = errno;
    _exit(127);
}

pid_t proc_spawn(const struct proc_exec *what,
                 struct proc_exec_failure *out_failure)
{
    /* volatile: written by the child on our memory */
    struct proc_exec_failure *volatile failure = out_failure;

    failure->step = NULL;
    failure->sys = 0;
    pid_t pid = vfork();
    if (pid == 0) {
        exec_child(what, failure);
    }
    if (pid < 0) {
        failure->step = "vfork";
        failure->sys = errno;
        return -1;
    }
    return pid; /* the caller looks at the failure and reaps either way */
}

int proc_kill(int pidfd, int signal_number)
{
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal_number, NULL, 0);
}
