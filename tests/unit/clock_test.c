/* SPDX-License-Identifier: MIT */
/* clock_test.c - does time go forward, and stand still when a test asks? */
#include "lib/unit.h"

#include "base/clock.h"

static void real_time_passes(void **state)
{
    uint64_t before_us = clock_mono_us();
    uint64_t ms = clock_mono_ms();

    (void)state;
    assert_true(before_us > 0);
    assert_true(ms >= before_us / 1000);
    while (clock_mono_us() == before_us) {
    }
    assert_true(clock_mono_us() > before_us);
    /* After 2020: nanoseconds and not some other unit. */
    assert_true(clock_unix_ns() > 1577836800000000000U);
}

static void fake_time_stands_still(void **state)
{
    (void)state;
    clock_fake(5000, 42);
    assert_int_equal(clock_mono_us(), 5000);
    assert_int_equal(clock_mono_ms(), 5);
    assert_int_equal(clock_unix_ns(), 42);
    clock_fake(0, 0);
    assert_true(clock_unix_ns() > 1577836800000000000U);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_time_passes),
        cmocka_unit_test(fake_time_stands_still),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
