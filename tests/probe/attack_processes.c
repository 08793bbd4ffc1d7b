/* SPDX-License-Identifier: MIT */
/* attack_processes.c - too many processes and threads, and such as do not want
 * to end with the program that started them. */
#include "attack.h"

#include <pthread.h>
#include <sched.h>

/* ---- until it is refused ---------------------------------------------------
 */

static int fork_until_refused(void)
{
    for (unsigned count = 0;; count++) {
        pid_t pid = fork();

        if (pid == 0) {
            sleep_for_ever();
        }
        if (pid < 0) {
            tell(count);
            return 1;
        }
    }
}

/* Never reaped. */
static int zombies(void)
{
    for (unsigned count = 0;; count++) {
        pid_t pid = fork();

        if (pid == 0) {
            _exit(0);
        }
        if (pid < 0) {
            tell(count);
            return 1;
        }
    }
}

static void *thread_sleeps(void *arg)
{
    (void)arg;
    sleep_for_ever();
}

static int threads_until_refused(void)
{
    pthread_attr_t attr;

    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, 65536);
    for (unsigned count = 0;; count++) {
        pthread_t thread;

        if (pthread_create(&thread, &attr, thread_sleeps, NULL) != 0) {
            tell(count);
            return 1;
        }
    }
}

/* ---- storms
 * ------------------------------------------------------------------ */

ENDLESS static int fork_bomb(void)
{
    for (;;) {
        (void)fork();
    }
}

/* Refused ones are tried again at once, on every core. */
ENDLESS static void *thread_makes_threads(void *arg)
{
    pthread_t thread;

    for (;;) {
        if (pthread_create(&thread, NULL, thread_makes_threads, arg) == 0) {
            (void)pthread_detach(thread);
        }
    }
}

static int thread_bomb(void)
{
    thread_makes_threads(NULL);
}

static int vfork_storm(void)
{
    while (goes_on()) {
        pid_t pid = vfork();

        if (pid == 0) {
            _exit(0);
        }
        (void)waitpid(pid, NULL, 0);
    }
    return 0;
}

static int clone_child(void *arg)
{
    (void)arg;
    return 0;
}

static int clone_storm(void)
{
    static const int flags[] = {CLONE_VM,
                                CLONE_FILES,
                                CLONE_FS,
                                CLONE_VM | CLONE_FILES | CLONE_FS | CLONE_IO,
                                CLONE_VM | CLONE_SIGHAND,
                                CLONE_PARENT_SETTID};
    static char stack[65536] __attribute__((aligned(16)));
    pid_t parent_tid = 0;

    for (size_t i = 0; goes_on(); i++) {
        int how = flags[i % ATTACK_COUNT(flags)];
        pid_t pid = clone(clone_child, stack + sizeof(stack), how | SIGCHLD,
                          NULL, &parent_tid);

        if (pid < 0) {
            return ATTACK_BROKEN;
        }
        (void)waitpid(pid, NULL, 0);
    }
    return 0;
}

/* Starts itself again and again. */
static int exec_loop(void)
{
    char until[40];

    if (!goes_on()) {
        return 0;
    }
    (void)snprintf(until, sizeof(until), "%llu",
                   (unsigned long long)attack_until_us);
    (void)setenv("ATTACK_UNTIL", until, 1);
    (void)execv("/proc/self/exe", attack_argv);
    return ATTACK_BROKEN;
}

/* Each orphan is a zombie for box init to reap. */
static int reparent_storm(void)
{
    while (goes_on()) {
        pid_t pid = fork();

        if (pid == 0) {
            (void)fork();
            _exit(0);
        }
        if (pid > 0) {
            (void)waitpid(pid, NULL, 0);
        }
    }
    return 0;
}

/* Every one dies of a signal that would leave a core. */
static int crash_storm(void)
{
    while (goes_on()) {
        pid_t pid = fork();

        if (pid == 0) {
            __builtin_trap();
        }
        if (pid > 0) {
            (void)waitpid(pid, NULL, 0);
        }
    }
    return 0;
}

/* ---- those that stay
 * ------------------------------------------------------------ */

static void daemonize(void)
{
    (void)setsid();
    for (int number = 1; number < NSIG; number++) {
        struct sigaction ignore = {.sa_handler = SIG_IGN};

        (void)sigaction(number, &ignore, NULL);
    }
    for (int fd = 0; fd < 3; fd++) {
        (void)close(fd);
    }
    (void)chdir("/");
}

/* Twice forked, in sessions of their own, deaf to signals. */
static int daemons(void)
{
    unsigned count = 0;

    for (int i = 0; i < 20; i++) {
        pid_t pid = fork();

        if (pid == 0) {
            daemonize();
            if (fork() == 0) {
                (void)setsid();
                sleep_for_ever();
            }
            _exit(0);
        }
        count += pid > 0 && waitpid(pid, NULL, 0) == pid;
    }
    tell(count);
    return 0;
}

/* Never the same process for long: who looks for it finds it gone. */
static int moving_daemons(void)
{
    for (int i = 0; i < 8; i++) {
        if (fork() == 0) {
            daemonize();
            for (;;) {
                pid_t pid = fork();

                if (pid > 0) {
                    _exit(0);
                }
            }
        }
    }
    hold();
    return 0;
}

/* The program ends while as many as may be are busy. */
static int busy_orphans(void)
{
    for (;;) {
        pid_t pid = fork();

        if (pid == 0) {
            for (;;) {
            }
        }
        if (pid < 0) {
            hold();
            return 0;
        }
    }
}

static const struct attack attacks[] = {
    {"fork_until_refused", fork_until_refused},
    {"zombies", zombies},
    {"threads_until_refused", threads_until_refused},
    {"fork_bomb", fork_bomb},
    {"thread_bomb", thread_bomb},
    {"vfork_storm", vfork_storm},
    {"clone_storm", clone_storm},
    {"exec_loop", exec_loop},
    {"reparent_storm", reparent_storm},
    {"crash_storm", crash_storm},
    {"daemons", daemons},
    {"moving_daemons", moving_daemons},
    {"busy_orphans", busy_orphans},
};

int main(int argc, char **argv)
{
    return attack_main(argc, argv, attacks, ATTACK_COUNT(attacks));
}
