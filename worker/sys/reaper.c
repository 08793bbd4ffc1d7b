/* SPDX-License-Identifier: MIT */
/* reaper.c - see reaper.h. Runs in box init.
 *
 * One sleep for both: a child's end comes as SIGCHLD, which interrupts ppoll()
 * and nothing else, a call as readability of the listener. */
#include "sys/reaper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "sys/seccomp_learn.h"
#include "sys/seccomp_listen.h"

static void on_child(int number)
{
    (void)number; /* it has woken us, that is all */
}

static volatile sig_atomic_t is_asked_to_end;

/* A sender outside of our pid namespace has no number in it. */
static void on_term(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    if (info->si_pid == 0) {
        is_asked_to_end = 1;
    }
}

int reaper_prepare(void)
{
    struct sigaction child = {.sa_handler = on_child};
    struct sigaction term = {.sa_sigaction = on_term, .sa_flags = SA_SIGINFO};
    sigset_t both;

    sigemptyset(&both);
    sigaddset(&both, SIGCHLD);
    sigaddset(&both, SIGTERM);
    if (sigprocmask(SIG_BLOCK, &both, NULL) < 0 ||
        sigaction(SIGTERM, &term, NULL) < 0) {
        return -1;
    }
    return sigaction(SIGCHLD, &child, NULL);
}

static void pass_on(void)
{
    if (is_asked_to_end) {
        is_asked_to_end = 0;
        (void)kill(-1, SIGTERM);
    }
}

/* True when there is one. timeout NULL: sleeps until a child ends, too. */
static bool has_notice(int listener_fd, const struct timespec *timeout)
{
    struct pollfd listener = {listener_fd, POLLIN, 0}; /* -1: passed over */
    sigset_t others;

    sigfillset(&others);
    sigdelset(&others, SIGCHLD);
    sigdelset(&others, SIGTERM);
    int ready = ppoll(&listener, 1, timeout, &others);
    pass_on();
    return ready > 0 && (listener.revents & POLLIN);
}

static bool take_call(int listener_fd, struct seccomp_seen *seen,
                      struct reaper_end *out)
{
    struct seccomp_notice notice;

    if (seccomp_listen_receive(listener_fd, &notice) < 0) {
        return false; /* killed meanwhile, by another process of the box */
    }
    if (seen && seccomp_learn_take(seen, listener_fd, &notice)) {
        return false;
    }
    out->has_call = true;
    out->call = notice.call;
    return true;
}

/* 1: the payload, 0: not yet, -1: none left to wait for. */
static int reap(pid_t payload, struct reaper_end *out)
{
    for (;;) {
        pid_t pid = waitpid(-1, &out->wait_status, WNOHANG);

        if (pid == payload) {
            return 1;
        }
        if (pid == 0) {
            return 0;
        }
        if (pid < 0 && errno != EINTR) {
            return -1;
        }
    }
}

int reaper_wait(pid_t payload, int listener_fd, struct seccomp_seen *seen,
                struct reaper_end *out)
{
    static const struct timespec at_once = {0, 0};

    memset(out, 0, sizeof(*out));
    for (;;) {
        int ended = reap(payload, out);

        /* With the payload gone, too: its child is no better than itself. */
        if (has_notice(listener_fd, ended ? &at_once : NULL) &&
            take_call(listener_fd, seen, out)) {
            return 0;
        }
        if (ended) {
            return ended < 0 ? -1 : 0;
        }
    }
}
