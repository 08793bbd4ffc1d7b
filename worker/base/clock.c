/* SPDX-License-Identifier: MIT */
/* clock.c - monotonic and UNIX time, or standing still for a test. Every
 * process uses it; never blocks. */
#include "base/clock.h"

#include <time.h>

static struct {
    uint64_t mono_us;
    uint64_t unix_ns;
} fake;

static uint64_t read_ns(clockid_t id)
{
    struct timespec ts;

    /* Cannot fail for the two clocks asked for here. */
    (void)clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

static inline int is_fake(void)
{
    return fake.mono_us != 0 || fake.unix_ns != 0;
}

uint64_t clock_mono_us(void)
{
    return is_fake() ? fake.mono_us : read_ns(CLOCK_MONOTONIC) / 1000;
}

uint64_t clock_mono_ms(void)
{
    return clock_mono_us() / 1000;
}

uint64_t clock_unix_ns(void)
{
    return is_fake() ? fake.unix_ns : read_ns(CLOCK_REALTIME);
}

void clock_fake(uint64_t mono_us, uint64_t unix_ns)
{
    fake.mono_us = mono_us;
    fake.unix_ns = unix_ns;
}
