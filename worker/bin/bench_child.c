/* SPDX-License-Identifier: MIT */
/* bench_child.c - see bench_child.h. Runs in `forkyard bench`. */
#include "bin/bench_child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"

#define STOP_TIMEOUT_MS 15000
#define WAIT_STEP_MS    5

static volatile sig_atomic_t got_signal;

static void on_signal(int number)
{
    got_signal = number;
}

bool bench_child_is_interrupted(void)
{
    return got_signal != 0;
}

void bench_child_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};

    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

static int spawn(const char *const *argv, int in, int out, pid_t *out_pid)
{
    union {
        const char *const *in;
        char *const *out;
    } unconst = {argv}; /* posix_spawn writes nothing */
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;

    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    (void)posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    (void)posix_spawnattr_setpgroup(&attributes, 0);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    int rc = posix_spawn(out_pid, argv[0], &actions, &attributes, unconst.out,
                         environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attributes);
    return rc;
}

int bench_child_start(struct bench_child *child, const char *const *args,
                      struct err *e)
{
    char self[] = "/proc/self/exe";
    char parent[24];
    const char *argv[BENCH_CHILD_ARGS_MAX + 6] = {self, "with-parent", parent,
                                                  "--", NULL};
    char path[4096];
    ssize_t len = readlink(self, path, sizeof(path) - 1);
    int in[2];
    int out[2];
    size_t count = 4;

    /* with_parent.h: a socket, whose end is the end of the child */
    if (len < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) < 0) {
        return err_sys(e, "a child's standard input");
    }
    if (fd_pipe(out, e) < 0) {
        close(in[0]);
        close(in[1]);
        return -1;
    }
    path[len] = 0;
    if (access(path, X_OK) < 0) {
        /* built anew since we started: what runs is still there by this */
        (void)snprintf(path, sizeof(path), "%s", self);
    }
    (void)snprintf(parent, sizeof(parent), "%d", (int)getpid());
    argv[0] = argv[count++] = path;
    for (size_t i = 0; i < BENCH_CHILD_ARGS_MAX && args[i]; i++) {
        argv[count++] = args[i];
    }
    int rc = spawn(argv, in[0], out[1], &child->pid);
    close(in[0]);
    close(out[1]);
    child->hold_fd = in[1];
    child->lines_fd = out[0];
    if (rc != 0) {
        errno = rc;
        child->pid = 0;
        close(take_fd(&child->hold_fd));
        close(take_fd(&child->lines_fd));
        return err_sys(e, "starting %s", args[0]);
    }
    return 0;
}

int bench_child_line(struct bench_child *child, int timeout_ms, char *dst,
                     size_t dst_size, struct err *e)
{
    uint64_t end_ms = clock_mono_ms() + (uint64_t)timeout_ms;
    size_t len = 0;

    while (len + 1 < dst_size) {
        struct pollfd wait = {child->lines_fd, POLLIN, 0};
        uint64_t now_ms = clock_mono_ms();

        if (now_ms >= end_ms || got_signal) {
            return err_set(e, ERR_RETRY, "no answer within %d s",
                           timeout_ms / 1000);
        }
        if (poll(&wait, 1, (int)(end_ms - now_ms)) <= 0) {
            continue;
        }
        ssize_t n = read(child->lines_fd, dst + len, 1);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return err_set(e, ERR_SYSTEM, "it ended");
        }
        if (dst[len] == '\n') {
            break;
        }
        len++;
    }
    dst[len] = 0;
    return 0;
}

void bench_child_stop(struct bench_child *child)
{
    const struct timespec step = {0, WAIT_STEP_MS * 1000000L};
    uint64_t end_ms = clock_mono_ms() + STOP_TIMEOUT_MS;

    if (child->pid <= 0) {
        return;
    }
    (void)kill(child->pid, SIGTERM);
    while (waitpid(child->pid, NULL, WNOHANG) == 0) {
        if (clock_mono_ms() > end_ms) {
            (void)kill(child->pid, SIGKILL);
        }
        (void)nanosleep(&step, NULL);
    }
    close(take_fd(&child->hold_fd));
    close(take_fd(&child->lines_fd));
    child->pid = 0;
}
