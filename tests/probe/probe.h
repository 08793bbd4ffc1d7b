/* SPDX-License-Identifier: MIT */
/* probe.h - what a probe is: one question, asked from inside a box, and the
 * one answer it must get. The escape_*.c programs are tables of them.
 *
 *   PROGRAM list                  one line each: name TAB flags TAB answer
 *   PROGRAM run NAME [TAG PORT PID]
 *                                 asks; prints what came back; exit 0 when it
 *                                 is the wanted answer, 1 when not
 *
 * TAG, PORT and PID say how others on this machine can be looked for
 * (escape_neighbour.c). Static programs of plain libc: a box may have no
 * library. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROBE_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Points nowhere. A call that a filter lets through says EFAULT or does what
 * it was asked; so such an answer is never a wanted one. */
#define BAD 1L

/* Harmless outside of boxes, where root gets another answer: asked there too,
 * so that it is seen failing. */
#define PROBE_CONTROL 1u
/* The same, but it shows only when asked by an ordinary user. */
#define PROBE_CONTROL_USER 2u
/* In a box with a loopback interface. */
#define PROBE_LOOPBACK 4u

struct probe {
    const char *name;
    /* "A or B" where kernels differ; "ends the job: CALL", and then there is
     * no answer. */
    const char *want;
    const char *(*run)(const struct probe *p);
    unsigned flags;
    const char *arg; /* mostly a path */
    long call[7];    /* number, arguments */
};

static const char *probe_tag = "none";
static unsigned probe_port = 1;
static pid_t probe_pid = -1;

/* In one buffer; a probe has one answer. */
__attribute__((format(printf, 1, 2), unused)) static const char *
say(const char *format, ...)
{
    static char text[4096];
    char made[sizeof(text)]; /* an argument may be an earlier answer */
    va_list args;

    va_start(args, format);
    (void)vsnprintf(made, sizeof(made), format, args);
    va_end(args);
    memcpy(text, made, sizeof(text));
    return text;
}

/* The name of the error, or "done". */
__attribute__((unused)) static const char *answer(long rc)
{
    const char *name = strerrorname_np(errno);

    if (rc >= 0) {
        return "done";
    }
    return name ? name : say("errno %d", errno);
}

__attribute__((unused)) static const char *try_call(const struct probe *p)
{
    const long *c = p->call;
    long rc = syscall(c[0], c[1], c[2], c[3], c[4], c[5], c[6]);

    return answer(rc);
}

/* The rest of a row: asked in boxes only, or outside too; with a path or such,
 * or with numbers. CALL is one system call: nearly all are harmless outside,
 * because their pointers are bad; the others are made INSIDE. */
/* clang-format off */
#define HERE(run, arg)          run, 0, arg, {0}
#define ANYWHERE(run, arg)      run, PROBE_CONTROL, arg, {0}
#define HERE_WITH(run, arg, ...)     run, 0, arg, {__VA_ARGS__}
#define ANYWHERE_WITH(run, arg, ...) run, PROBE_CONTROL, arg, {__VA_ARGS__}
#define CALL(...)        try_call, PROBE_CONTROL, NULL, {__VA_ARGS__}
#define CALL_INSIDE(...) try_call, 0, NULL, {__VA_ARGS__}
/* clang-format on */

__attribute__((unused)) static const char *try_read(const struct probe *p)
{
    char text[4096];
    int fd = open(p->arg, O_RDONLY | O_NONBLOCK | O_NOCTTY);

    return fd < 0 ? answer(fd) : answer(read(fd, text, sizeof(text)));
}

__attribute__((unused)) static const char *try_write(const struct probe *p)
{
    int fd = open(p->arg, O_WRONLY | O_NONBLOCK | O_NOCTTY);

    return fd < 0 ? answer(fd) : answer(write(fd, "0\n", 2));
}

__attribute__((unused)) static const char *try_create(const struct probe *p)
{
    return answer(open(p->arg, O_WRONLY | O_CREAT | O_EXCL, 0666));
}

__attribute__((unused)) static const char *try_link(const struct probe *p)
{
    char text[4096];

    return answer(readlink(p->arg, text, sizeof(text)));
}

/* How a child ends that does this: "exit N" or the signal. */
__attribute__((unused)) static const char *in_child(int (*body)(void *arg),
                                                    void *arg)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        _exit(body(arg));
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0) {
        return say("no child: %s", answer(-1));
    }
    if (WIFSIGNALED(status)) {
        return say("SIG%s%s", sigabbrev_np(WTERMSIG(status)),
                   WCOREDUMP(status) ? " and a core" : "");
    }
    return say("exit %d", WEXITSTATUS(status));
}

/* The text of a small file, or the error. */
__attribute__((unused)) static const char *text_of(const char *path)
{
    static char text[4096];
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

    if (n < 0) {
        return answer(-1);
    }
    close(fd);
    text[n] = 0;
    return text;
}

static bool probe_is_wanted(const char *want, const char *got)
{
    size_t len = strlen(got);

    while (want) {
        const char *end = strstr(want, " or ");

        if ((end ? (size_t)(end - want) : strlen(want)) == len &&
            strncmp(want, got, len) == 0) {
            return true;
        }
        want = end ? end + strlen(" or ") : NULL;
    }
    return false;
}

static int probe_main(int argc, char **argv, const struct probe *probes,
                      size_t count)
{
    bool is_list = argc == 2 && strcmp(argv[1], "list") == 0;

    if (!is_list && (argc < 3 || strcmp(argv[1], "run") != 0)) {
        (void)fprintf(stderr, "%s list | run NAME [TAG PORT PID]\n", argv[0]);
        return 2;
    }
    if (argc > 5) {
        probe_tag = argv[3];
        probe_port = (unsigned)strtoul(argv[4], NULL, 10);
        probe_pid = (pid_t)strtol(argv[5], NULL, 10);
    }
    for (size_t i = 0; i < count; i++) {
        if (is_list) {
            (void)printf("%s\t%u\t%s\n", probes[i].name, probes[i].flags,
                         probes[i].want);
        } else if (strcmp(probes[i].name, argv[2]) == 0) {
            const char *got = probes[i].run(&probes[i]);

            (void)printf("%s", got);
            return probe_is_wanted(probes[i].want, got) ? 0 : 1;
        }
    }
    return is_list ? 0 : 2;
}
