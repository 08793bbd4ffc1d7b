/* SPDX-License-Identifier: MIT */
/* attack_output.c - the two pipes that lead out of a box. */
#include "attack.h"

#include <sys/uio.h>

static char chunk[65536];

ENDLESS static int flood(int fd)
{
    for (;;) {
        (void)!write(fd, chunk, sizeof(chunk));
    }
}

static int flood_stdout(void)
{
    return flood(STDOUT_FILENO);
}

static int flood_stderr(void)
{
    return flood(STDERR_FILENO);
}

/* Twice as much to the first, so that it is first. */
ENDLESS static int flood_both(void)
{
    for (;;) {
        (void)!write(STDOUT_FILENO, chunk, sizeof(chunk));
        (void)!write(STDERR_FILENO, chunk, sizeof(chunk) / 2);
    }
}

static int flood_by_many(void)
{
    while (fork() > 0) {
    }
    return flood(STDOUT_FILENO);
}

/* Pages, not copies, and as many as a pipe can be made to hold. */
ENDLESS static int flood_by_pages(void)
{
    const struct iovec pages = {chunk, sizeof(chunk)};

    (void)fcntl(STDOUT_FILENO, F_SETPIPE_SZ, ATTACK_MIB);
    for (;;) {
        if (vmsplice(STDOUT_FILENO, &pages, 1, 0) < 0) {
            (void)!write(STDOUT_FILENO, chunk, sizeof(chunk));
        }
    }
}

/* The reader has as much work with one byte as with many. */
static int single_bytes(void)
{
    while (goes_on()) {
        (void)!write(STDOUT_FILENO, "x", 1);
        (void)!write(STDERR_FILENO, "x", 1);
    }
    return 0;
}

static int closed_streams(void)
{
    for (int fd = 0; fd < 3; fd++) {
        (void)close(fd);
    }
    hold();
    return 7;
}

/* Its output must not come after its end, nor hold that up. */
static int writing_orphan(void)
{
    tell(1);
    if (fork() == 0) {
        (void)setsid();
        for (;;) {
            (void)!write(STDOUT_FILENO, "x", 1); /* not yet a flood */
        }
    }
    return 0;
}

/* Holds the pipes open, and says nothing. */
static int silent_orphan(void)
{
    if (fork() == 0) {
        (void)setsid();
        sleep_for_ever();
    }
    return 0;
}

/* Back from the pipe, or ahead of who reads it. */
static int read_own_output(void)
{
    int fd = open("/proc/self/fd/1", O_RDONLY | O_NONBLOCK);

    return fd < 0 && errno == EACCES ? 0 : ATTACK_BROKEN;
}

/* The other end may share flags, and would block or not. */
static int change_flags(void)
{
    (void)fcntl(STDOUT_FILENO, F_SETFL, O_NONBLOCK | O_ASYNC | O_APPEND);
    (void)fcntl(STDERR_FILENO, F_SETFL, 0);
    (void)fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK | O_ASYNC);
    (void)fcntl(STDOUT_FILENO, F_SETPIPE_SZ, 4096);
    tell(2);
    return 0;
}

static const struct attack attacks[] = {
    {"flood_stdout", flood_stdout},     {"flood_stderr", flood_stderr},
    {"flood_both", flood_both},         {"flood_by_many", flood_by_many},
    {"flood_by_pages", flood_by_pages}, {"single_bytes", single_bytes},
    {"closed_streams", closed_streams}, {"writing_orphan", writing_orphan},
    {"silent_orphan", silent_orphan},   {"read_own_output", read_own_output},
    {"change_flags", change_flags},
};

int main(int argc, char **argv)
{
    return attack_main(argc, argv, attacks, ATTACK_COUNT(attacks));
}
