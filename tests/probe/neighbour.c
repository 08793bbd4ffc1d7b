/* SPDX-License-Identifier: MIT */
/* neighbour.c - a small ordinary job: it computes, writes a file, starts a
 * child. Prints its answer, always the same.
 *
 *   neighbour          this
 *   neighbour needs    and uses once each of what the kernel gives a user
 *                      only so many of; prints what it was refused, too */
#include "attack.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>

#define WORK_BYTES  65536u
#define WORK_ROUNDS 24u

static uint64_t mix(uint64_t hash, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ bytes[i]) * UINT64_C(1099511628211); /* FNV-1a */
    }
    return hash;
}

static uint64_t compute(void)
{
    static uint8_t bytes[WORK_BYTES];
    uint64_t hash = UINT64_C(14695981039346656037);

    for (unsigned round = 0; round < WORK_ROUNDS; round++) {
        for (size_t i = 0; i < sizeof(bytes); i++) {
            bytes[i] = (uint8_t)(bytes[i] + i * round);
        }
        hash = mix(hash, bytes, sizeof(bytes));
    }
    return hash;
}

static uint64_t through_file(uint64_t hash)
{
    uint64_t back = 0;
    int fd = open("/tmp/answer", O_RDWR | O_CREAT, 0600);

    if (write(fd, &hash, sizeof(hash)) != sizeof(hash) || fsync(fd) < 0 ||
        pread(fd, &back, sizeof(back), 0) != sizeof(back)) {
        return 0;
    }
    return back;
}

static uint64_t through_child(uint64_t hash)
{
    uint64_t back = 0;
    int status = 1;
    int pair[2];

    if (pipe(pair) < 0) {
        return 0;
    }
    pid_t pid = fork();
    if (pid == 0) {
        _exit(write(pair[1], &hash, sizeof(hash)) != sizeof(hash));
    }
    if (pid < 0 || read(pair[0], &back, sizeof(back)) != sizeof(back) ||
        waitpid(pid, &status, 0) != pid || status != 0) {
        return 0;
    }
    return back;
}

/* ---- what there is only so much of
 * ---------------------------------------------- */

static bool can_poll(void)
{
    struct epoll_event event = {.events = EPOLLIN};
    int in = epoll_create1(0);

    return in >= 0 && epoll_ctl(in, EPOLL_CTL_ADD, eventfd(0, 0), &event) == 0;
}

static bool can_set_timers(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL,
                             .sigev_signo = SIGRTMIN};
    timer_t timer;

    return timer_create(CLOCK_MONOTONIC, &event, &timer) == 0;
}

static bool can_queue_signals(void)
{
    const union sigval value = {.sival_int = 1};
    sigset_t all;

    (void)sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, NULL);
    return sigqueue(getpid(), SIGRTMIN, value) == 0;
}

static bool can_lock_memory(void)
{
    static char page[4096];

    return mlock(page, sizeof(page)) == 0;
}

static bool can_share_memory(void)
{
    return shmget(IPC_PRIVATE, 4096, 0600) >= 0 &&
           memfd_create("neighbour", 0) >= 0;
}

/* A pipe of the usual size; who has used up a user's pages gets less. */
static bool can_fill_pipes(void)
{
    int pair[2];

    return pipe(pair) == 0 && fcntl(pair[0], F_GETPIPE_SZ) >= 65536;
}

static bool can_send_descriptors(void)
{
    char space[CMSG_SPACE(sizeof(int))] = {0};
    char byte = 'x';
    struct iovec iov = {&byte, 1};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = space,
                         .msg_controllen = sizeof(space)};
    struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
    int pair[2];

    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(head), &(int){0}, sizeof(int));
    return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 &&
           sendmsg(pair[0], &msg, 0) == 1;
}

static const struct {
    const char *name;
    bool (*can)(void);
} needs[] = {
    {"epoll", can_poll},
    {"timer", can_set_timers},
    {"signal", can_queue_signals},
    {"mlock", can_lock_memory},
    {"shm", can_share_memory},
    {"pipe", can_fill_pipes},
    {"descriptor", can_send_descriptors},
};

int main(int argc, char **argv)
{
    uint64_t answer = through_child(through_file(compute()));

    (void)printf("%016llx", (unsigned long long)answer);
    bool is_needy = argc > 1 && strcmp(argv[1], "needs") == 0;
    for (size_t i = 0; is_needy && i < ATTACK_COUNT(needs); i++) {
        if (!needs[i].can()) {
            (void)printf(" no %s", needs[i].name);
        }
    }
    (void)printf("\n");
    return 0;
}
