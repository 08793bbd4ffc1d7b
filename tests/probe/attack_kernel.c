/* SPDX-License-Identifier: MIT */
/* attack_kernel.c - what the kernel does for all: scheduling, waiting,
 * watching, barriers, random numbers. */
#include "attack.h"

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define THREADS 16

/* The same in many threads, until it is time. */
static int in_threads(void *(*body)(void *))
{
    pthread_t threads[THREADS];
    pthread_attr_t attr;

    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, 65536);
    for (size_t i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], &attr, body, NULL) != 0) {
            return ATTACK_BROKEN;
        }
    }
    for (size_t i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    return 0;
}

/* In as many processes as may be, and for ever. */
ENDLESS static int in_all(void (*body)(void))
{
    while (fork() > 0) {
    }
    for (;;) {
        body();
    }
}

/* ---- the processors
 * ------------------------------------------------------------ */

static void nothing(void)
{
}

static int spin(void)
{
    return in_all(nothing);
}

static void yield(void)
{
    (void)sched_yield();
}

static int yield_storm(void)
{
    return in_all(yield);
}

/* All on one processor, with all the weight that can be had. */
static int crowd_one_processor(void)
{
    const struct sched_param highest = {.sched_priority = 99};
    cpu_set_t first;

    if (sched_setscheduler(0, SCHED_FIFO, &highest) == 0 ||
        sched_setscheduler(0, SCHED_RR, &highest) == 0 ||
        setpriority(PRIO_PROCESS, 0, -20) == 0) {
        return ATTACK_BROKEN;
    }
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    (void)sched_setaffinity(0, sizeof(first), &first);
    return in_all(nothing);
}

/* Awake for moments only, as interactive programs are. */
static void nap(void)
{
    const struct timespec moment = {0, 1000};

    (void)nanosleep(&moment, NULL);
}

static int nap_storm(void)
{
    return in_all(nap);
}

/* ---- between them
 * ----------------------------------------------------------------- */

static void *use_futexes(void *arg)
{
    static uint32_t words[64];
    const struct timespec moment = {0, 1000};

    (void)arg;
    for (unsigned i = 0; goes_on(); i++) {
        uint32_t *word = &words[i % ATTACK_COUNT(words)];

        (void)syscall(SYS_futex, word, FUTEX_WAIT, *word, &moment, NULL, 0);
        (void)syscall(SYS_futex, word, FUTEX_WAKE, 1000, NULL, NULL, 0);
    }
    return NULL;
}

static int futex_storm(void)
{
    return in_threads(use_futexes);
}

static void *use_barriers(void *arg)
{
    (void)arg;
    while (goes_on()) {
        (void)syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
        (void)syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0);
    }
    return NULL;
}

/* Each interrupts the other processors. */
static int barrier_storm(void)
{
    (void)syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0,
                  0);
    (void)syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0,
                  0);
    return in_threads(use_barriers);
}

static void *change_maps(void *arg)
{
    const size_t size = 64 * 4096;

    (void)arg;
    while (goes_on()) {
        char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (memory == MAP_FAILED) {
            continue;
        }
        memset(memory, 1, size);
        (void)mprotect(memory, size, PROT_READ);
        (void)munmap(memory, size);
    }
    return NULL;
}

/* Other processors must forget what they knew of the pages. */
static int map_storm(void)
{
    return in_threads(change_maps);
}

static void *read_random(void *arg)
{
    static char bytes[THREADS][4096];
    static unsigned next;
    char *own = bytes[__atomic_fetch_add(&next, 1, __ATOMIC_RELAXED) % THREADS];

    (void)arg;
    while (goes_on()) {
        (void)!getrandom(own, sizeof(bytes[0]), 0);
    }
    return NULL;
}

static int random_storm(void)
{
    return in_threads(read_random);
}

static void *ping_pong(void *arg)
{
    int pair[2];
    char byte = 0;

    (void)arg;
    if (pipe(pair) < 0) {
        return NULL;
    }
    while (goes_on()) {
        (void)!write(pair[1], &byte, 1);
        (void)!read(pair[0], &byte, 1);
    }
    return NULL;
}

static int syscall_storm(void)
{
    return in_threads(ping_pong);
}

/* ---- watches
 * ------------------------------------------------------------------------- */

/* Counted against root of the host, if a box may have them. */
static int inotify_instances(void)
{
    return inotify_init1(0) < 0 && errno == ENOSYS ? 1 : ATTACK_BROKEN;
}

static bool watch(int in, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};

    return epoll_ctl(in, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* As deep and as wide as they go. */
static int epoll_nests(void)
{
    uint64_t depth = 0;
    int last = epoll_create1(0);
    int pair[2];

    if (pipe(pair) < 0 || !watch(last, pair[0])) {
        return ATTACK_BROKEN;
    }
    for (;;) {
        int next = epoll_create1(0);

        if (next < 0 || !watch(next, last)) {
            break;
        }
        last = next;
        depth++;
    }
    for (int next = epoll_create1(0); next >= 0; next = epoll_create1(0)) {
        (void)watch(next, pair[0]);
        (void)watch(next, last);
    }
    while (goes_on()) {
        (void)!write(pair[1], "x", 1);
        (void)!read(pair[0], &(char){0}, 1);
    }
    tell(depth);
    return 0;
}

static const struct attack attacks[] = {
    {"spin", spin},
    {"yield_storm", yield_storm},
    {"crowd_one_processor", crowd_one_processor},
    {"nap_storm", nap_storm},
    {"futex_storm", futex_storm},
    {"barrier_storm", barrier_storm},
    {"map_storm", map_storm},
    {"random_storm", random_storm},
    {"syscall_storm", syscall_storm},
    {"inotify_instances", inotify_instances},
    {"epoll_nests", epoll_nests},
};

int main(int argc, char **argv)
{
    return attack_main(argc, argv, attacks, ATTACK_COUNT(attacks));
}
