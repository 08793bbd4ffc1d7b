/* SPDX-License-Identifier: MIT */
/* attack_signals.c - signals to all and from all, stopped and traced
 * processes, timers. */
#include "attack.h"

#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/timerfd.h>

static pid_t sleeper(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        sleep_for_ever();
    }
    return pid;
}

static void ignore_all(void)
{
    sigset_t all;

    for (int number = 1; number < NSIG; number++) {
        struct sigaction ignore = {.sa_handler = SIG_IGN};

        (void)sigaction(number, &ignore, NULL);
    }
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, NULL);
}

/* ---- to others
 * ---------------------------------------------------------------- */

static int stop_all(void)
{
    for (int i = 0; i < 20; i++) {
        (void)sleeper();
    }
    (void)kill(-1, SIGSTOP);
    (void)raise(SIGSTOP);
    sleep_for_ever();
}

static int deaf(void)
{
    ignore_all();
    for (int i = 0; i < 20; i++) {
        (void)sleeper();
    }
    sleep_for_ever();
}

static int kill_all(void)
{
    uint64_t killed = 0;

    for (int i = 0; i < 20; i++) {
        (void)sleeper();
    }
    (void)kill(-1, SIGKILL);
    while (wait(NULL) > 0) {
        killed++;
    }
    tell(killed);
    return 0;
}

/* Each child kills all that were before it. */
static int kill_siblings(void)
{
    pid_t pids[20];
    uint64_t killed = 0;
    int status = 0;

    for (size_t i = 0; i < ATTACK_COUNT(pids); i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            for (size_t k = 0; k < i; k++) {
                (void)kill(pids[k], SIGKILL);
            }
            sleep_for_ever();
        }
    }
    hold();
    for (size_t i = 0; i < ATTACK_COUNT(pids); i++) {
        (void)kill(pids[i], SIGKILL); /* who killed the others lives */
    }
    while (wait(&status) > 0) {
        killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    }
    tell(killed);
    return 0;
}

/* Box init is the parent, and of the same user. */
static int kill_init(void)
{
    uint64_t sent = 0;

    for (int number = 1; number < NSIG; number++) {
        sent += kill(1, number) == 0;
        sent += kill(getppid(), number) == 0;
    }
    tell(sent);
    hold();
    return getppid() == 1 ? 0 : ATTACK_BROKEN;
}

/* Queued, not delivered: memory of the kernel. */
static int queue_signals(void)
{
    const union sigval value = {.sival_int = 1};
    sigset_t all;
    uint64_t count = 0;

    (void)sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, NULL);
    while (count < 1000000 && sigqueue(getpid(), SIGRTMIN, value) == 0) {
        count++;
    }
    for (uint64_t more = 0;
         more < 100000 && sigqueue(1, SIGRTMIN, value) == 0;) {
        more++;
    }
    tell(count);
    hold();
    return 0;
}

static int stopped_children(void)
{
    for (int i = 0; i < 20; i++) {
        (void)kill(sleeper(), SIGSTOP);
    }
    hold();
    return 0;
}

/* A tracer could hold its children back from dying. */
static int traced_children(void)
{
    pid_t pid = sleeper();
    bool is_refused = ptrace(PTRACE_SEIZE, pid, 0, 0) < 0 && errno == EPERM;

    is_refused &= ptrace(PTRACE_ATTACH, pid, 0, 0) < 0 && errno == EPERM;
    is_refused &= ptrace(PTRACE_TRACEME, 0, 0, 0) < 0 && errno == EPERM;
    return is_refused ? 0 : ATTACK_BROKEN;
}

/* ---- of the clock
 * ---------------------------------------------------------------- */

static bool arm(timer_t timer)
{
    const struct itimerspec soon = {{0, 1}, {0, 1}};

    return timer_settime(timer, 0, &soon, NULL) == 0;
}

static uint64_t make_timers(uint64_t max)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL,
                             .sigev_signo = SIGRTMIN};
    uint64_t count = 0;
    timer_t timer;

    while (count < max && timer_create(CLOCK_MONOTONIC, &event, &timer) == 0) {
        (void)arm(timer);
        count++;
    }
    return count;
}

static int timers_until_refused(void)
{
    ignore_all();
    tell(make_timers(1000000));
    hold();
    return 0;
}

/* The end is looked for here: there may be no time between two signals. */
static void on_signal(int number)
{
    (void)number;
    if (!goes_on()) {
        _exit(0);
    }
}

/* Each a nanosecond after the last, and each is handled. */
static int timer_storm(void)
{
    const struct sigaction handle = {.sa_handler = on_signal};

    (void)sigaction(SIGRTMIN, &handle, NULL);
    (void)make_timers(500);
    sleep_for_ever();
}

static int interval_timers(void)
{
    const struct sigaction handle = {.sa_handler = on_signal};
    const struct itimerval soon = {{0, 1}, {0, 1}};

    (void)sigaction(SIGALRM, &handle, NULL);
    (void)sigaction(SIGVTALRM, &handle, NULL);
    (void)sigaction(SIGPROF, &handle, NULL);
    if (setitimer(ITIMER_REAL, &soon, NULL) < 0 ||
        setitimer(ITIMER_VIRTUAL, &soon, NULL) < 0 ||
        setitimer(ITIMER_PROF, &soon, NULL) < 0) {
        return ATTACK_BROKEN;
    }
    for (;;) {
    }
}

static int timer_descriptors(void)
{
    const struct itimerspec soon = {{0, 1}, {0, 1}};
    uint64_t count = 0;
    int fds[512];

    while (count < ATTACK_COUNT(fds)) {
        fds[count] = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
        if (fds[count] < 0) {
            break;
        }
        (void)timerfd_settime(fds[count++], 0, &soon, NULL);
    }
    while (goes_on()) {
        for (uint64_t i = 0; i < count; i++) {
            uint64_t fired;

            (void)!read(fds[i], &fired, sizeof(fired));
        }
    }
    tell(count);
    return 0;
}

static const struct attack attacks[] = {
    {"stop_all", stop_all},
    {"deaf", deaf},
    {"kill_all", kill_all},
    {"kill_siblings", kill_siblings},
    {"kill_init", kill_init},
    {"queue_signals", queue_signals},
    {"stopped_children", stopped_children},
    {"traced_children", traced_children},
    {"timers_until_refused", timers_until_refused},
    {"timer_storm", timer_storm},
    {"interval_timers", interval_timers},
    {"timer_descriptors", timer_descriptors},
};

int main(int argc, char **argv)
{
    return attack_main(argc, argv, attacks, ATTACK_COUNT(attacks));
}
