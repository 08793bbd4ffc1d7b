/* SPDX-License-Identifier: MIT */
/* clock.c - preloaded into a worker that is to believe in another time of day.
 *
 * The seconds by which CLOCK_REALTIME is off stand in a file, FAULT_CLOCK, as
 * eight bytes, mapped once: a change is felt at once, by forked processes and
 * in other roots too, without a system call. No other clock changes. Who waits
 * for a condition until a time of day waits longer or shorter when the day
 * jumps, as in the kernel: librdkafka does. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *out);
int gettimeofday(struct timeval *out, void *zone);
time_t time(time_t *out);
int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
                           const struct timespec *until);

typedef int (*wait_fn)(pthread_cond_t *, pthread_mutex_t *,
                       const struct timespec *);

/* How late a jump may be noticed by who waits. */
#define SLICE_NS 50000000L
/* Before it: no time of day, but one since the machine was started. */
#define DAYS_BEGIN 1000000000

static const int64_t nothing;
static const volatile int64_t *off_s = &nothing;
static wait_fn real_wait;

__attribute__((constructor)) static void open_clock(void)
{
    const char *path = getenv("FAULT_CLOCK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *map = NULL;

    if (fd < 0) {
        abort(); /* a clock that cannot jump tests nothing */
    }
    map = mmap(NULL, sizeof(*off_s), PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        abort();
    }
    close(fd);
    off_s = map;
    real_wait = (wait_fn)dlsym(RTLD_NEXT, "pthread_cond_timedwait");
}

int clock_gettime(clockid_t id, struct timespec *out)
{
    long status = syscall(SYS_clock_gettime, id, out);

    if (status == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
        out->tv_sec += *off_s;
    }
    return (int)status;
}

int gettimeofday(struct timeval *out, void *zone)
{
    struct timespec now;

    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now) < 0) {
        return -1;
    }
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (out) {
        *out = now.tv_sec;
    }
    return now.tv_sec;
}

static int is_before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec < b->tv_sec ||
           (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/* In slices, each of which may end like a wake-up without cause: whoever waits
 * for a condition is prepared for those. */
int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
                           const struct timespec *until)
{
    struct timespec slice;
    struct timespec now;
    struct timespec wanted = *until;
    int status = 0;

    if (until->tv_sec < DAYS_BEGIN) {
        return real_wait(cond, mutex, until);
    }
    (void)syscall(SYS_clock_gettime, CLOCK_REALTIME, &slice);
    slice.tv_nsec += SLICE_NS;
    slice.tv_sec += slice.tv_nsec / 1000000000L;
    slice.tv_nsec %= 1000000000L;
    wanted.tv_sec -= *off_s;
    status =
        real_wait(cond, mutex, is_before(&wanted, &slice) ? &wanted : &slice);
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return status == ETIMEDOUT && is_before(&now, until) ? 0 : status;
}
