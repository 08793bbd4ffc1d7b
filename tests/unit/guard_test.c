/* SPDX-License-Identifier: MIT */
/* guard_test.c - when does a worker stop taking jobs, and when does it begin
 * again? Figures and time are made up. */
#include "lib/unit.h"

#include <math.h>

#include "base/base.h"
#include "run/guard.h"

static struct config config;
static struct guard g;
static struct guard_change changes[GUARD_FIGURES];
static struct snapshot_host host;

static int setup(void **state)
{
    (void)state;
    config_init(&config);
    config.guard_trip_ms = 3000;
    config.guard_release_ms = 5000;
    guard_init(&g, &config);
    snapshot_host_init(&host);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    config_done(&config);
    return 0;
}

static size_t at(uint64_t now_ms)
{
    return guard_judge(&g, &host, now_ms, changes);
}

static size_t cpu_at(uint64_t now_ms, double percent)
{
    host.cpu_others_percent = percent;
    return at(now_ms);
}

static size_t memory_at(uint64_t now_ms, uint64_t percent)
{
    host.memory_total_bytes = 100;
    host.memory_used_bytes = percent;
    return at(now_ms);
}

static enum guard_state state_of(enum guard_figure figure)
{
    return g.gauges[figure].state;
}

static void the_defaults_are_those_asked_for(void **state)
{
    (void)state;
    assert_true(g.is_enabled);
    assert_true(g.gauges[GUARD_CPU].threshold == 80);
    assert_true(g.gauges[GUARD_MEMORY].threshold == 80);
    assert_true(g.gauges[GUARD_ZOMBIES].threshold == 10);
    assert_true(g.gauges[GUARD_ZOMBIES].release == 9);
    assert_true(g.gauges[GUARD_CPU].release == 72);
    assert_true(g.gauges[GUARD_PRESSURE_CPU].threshold == 0);
}

static void it_trips_after_its_time_over_the_threshold(void **state)
{
    (void)state;
    assert_int_equal(cpu_at(1000, 95), 0);
    assert_int_equal(state_of(GUARD_CPU), GUARD_RISING);
    assert_int_equal(cpu_at(2000, 81), 0);
    assert_int_equal(cpu_at(3999, 95), 0);
    assert_false(guard_is_tripped(&g));
    assert_int_equal(cpu_at(4000, 95), 1);
    assert_true(guard_is_tripped(&g));
    assert_true(changes[0].is_trip);
    assert_int_equal(changes[0].figure, GUARD_CPU);
    assert_int_equal(cpu_at(5000, 95), 0); /* said once */
    assert_true(guard_is_tripped(&g));
}

static void the_threshold_itself_is_allowed(void **state)
{
    (void)state;
    for (uint64_t now_ms = 0; now_ms < 20000; now_ms += 1000) {
        assert_int_equal(cpu_at(now_ms, 80), 0);
        assert_int_equal(state_of(GUARD_CPU), GUARD_WELL);
    }
    host.zombies = 10;
    (void)at(30000);
    assert_int_equal(at(40000), 0);
    host.zombies = 11;
    (void)at(50000);
    assert_int_equal(at(60000), 1);
    assert_int_equal(changes[0].figure, GUARD_ZOMBIES);
}

static void a_peak_is_no_trip(void **state)
{
    (void)state;
    assert_int_equal(cpu_at(0, 100), 0);
    assert_int_equal(cpu_at(2999, 100), 0);
    assert_int_equal(cpu_at(3000, 79), 0); /* between, and that is enough */
    assert_int_equal(state_of(GUARD_CPU), GUARD_WELL);
    assert_int_equal(cpu_at(3001, 100), 0); /* its time begins anew */
    assert_int_equal(cpu_at(6000, 100), 0);
    assert_int_equal(cpu_at(6001, 100), 1);
}

static void with_no_time_to_wait_one_measurement_is_enough(void **state)
{
    (void)state;
    config.guard_trip_ms = 0;
    guard_init(&g, &config);
    assert_int_equal(cpu_at(77, 81), 1);
    assert_true(guard_is_tripped(&g));
}

static void trip_cpu(uint64_t now_ms)
{
    (void)cpu_at(now_ms, 100);
    assert_int_equal(cpu_at(now_ms + 3000, 100), 1);
}

static void it_releases_well_below_and_after_its_time(void **state)
{
    (void)state;
    trip_cpu(0);
    /* Below the threshold is not low enough, for however long. */
    for (uint64_t now_ms = 4000; now_ms < 60000; now_ms += 1000) {
        assert_int_equal(cpu_at(now_ms, 73), 0);
        assert_int_equal(state_of(GUARD_CPU), GUARD_TRIPPED);
    }
    assert_int_equal(cpu_at(60000, 72), 0);
    assert_int_equal(state_of(GUARD_CPU), GUARD_FALLING);
    assert_true(guard_is_tripped(&g));
    assert_int_equal(cpu_at(64999, 1), 0);
    assert_int_equal(cpu_at(65000, 1), 1);
    assert_false(changes[0].is_trip);
    assert_int_equal(changes[0].figure, GUARD_CPU);
    assert_int_equal(changes[0].lasted_ms, 62000);
    assert_false(guard_is_tripped(&g));
}

static void a_dip_is_no_release(void **state)
{
    (void)state;
    trip_cpu(0);
    assert_int_equal(cpu_at(4000, 10), 0);
    assert_int_equal(cpu_at(8999, 10), 0);
    assert_int_equal(cpu_at(9000, 75), 0); /* between: not low enough */
    assert_int_equal(state_of(GUARD_CPU), GUARD_TRIPPED);
    assert_int_equal(cpu_at(9001, 10), 0);
    assert_int_equal(cpu_at(14000, 10), 0);
    assert_int_equal(cpu_at(14001, 10), 1);
    /* And it may trip again. */
    trip_cpu(20000);
}

static void jobs_are_taken_when_none_is_tripped(void **state)
{
    (void)state;
    trip_cpu(0);
    (void)memory_at(3000, 90);
    assert_int_equal(memory_at(6000, 90), 1);
    assert_int_equal(changes[0].figure, GUARD_MEMORY);
    assert_int_equal(g.tripped, 2);
    (void)cpu_at(7000, 0);
    assert_int_equal(cpu_at(12000, 0), 1);
    assert_int_equal(changes[0].figure, GUARD_CPU);
    assert_true(guard_is_tripped(&g));
    (void)memory_at(13000, 5);
    assert_int_equal(memory_at(18000, 5), 1);
    assert_false(guard_is_tripped(&g));
}

static void two_may_change_at_once(void **state)
{
    (void)state;
    host.cpu_others_percent = 90;
    (void)memory_at(0, 90);
    assert_int_equal(memory_at(3000, 90), 2);
    assert_int_equal(changes[0].figure, GUARD_CPU);
    assert_int_equal(changes[1].figure, GUARD_MEMORY);
    assert_true(changes[0].is_trip && changes[1].is_trip);
}

static void what_is_not_known_is_no_reason(void **state)
{
    (void)state;
    assert_int_equal(at(0), 0);
    assert_int_equal(at(100000), 0);
    for (unsigned i = 0; i < GUARD_FIGURES; i++) {
        assert_true(isnan(g.gauges[i].value));
        assert_int_equal(state_of(i), GUARD_WELL);
    }
    host.memory_used_bytes = 5; /* of what? */
    assert_int_equal(at(200000), 0);
    assert_true(isnan(g.gauges[GUARD_MEMORY].value));
}

static void what_is_not_known_any_more_stops_nobody_for_ever(void **state)
{
    (void)state;
    trip_cpu(0);
    (void)cpu_at(4000, NAN);
    assert_true(guard_is_tripped(&g));
    assert_int_equal(cpu_at(9000, NAN), 1);
    assert_false(guard_is_tripped(&g));
}

static void zero_is_not_looked_at(void **state)
{
    (void)state;
    host.pressure_cpu_percent = 100; /* whose threshold is 0 by default */
    (void)at(0);
    assert_int_equal(at(100000), 0);
    assert_true(g.gauges[GUARD_PRESSURE_CPU].value == 100);
}

static void switched_off_it_only_shows(void **state)
{
    (void)state;
    config.guard_enabled = false;
    guard_init(&g, &config);
    (void)cpu_at(0, 100);
    assert_int_equal(cpu_at(100000, 100), 0);
    assert_false(guard_is_tripped(&g));
    assert_true(g.gauges[GUARD_CPU].value == 100);
}

/* Each by its own setting, and from its own place in a snapshot. */
static void every_figure_has_its_setting(void **state)
{
    static const double values[GUARD_FIGURES] = {
        [GUARD_CPU] = 11,
        [GUARD_MEMORY] = 12,
        [GUARD_DISK] = 13,
        [GUARD_PRESSURE_CPU] = 14,
        [GUARD_PRESSURE_MEMORY] = 15,
        [GUARD_PRESSURE_IO] = 16,
        [GUARD_ZOMBIES] = 17,
    };
    struct err e;

    (void)state;
    host.cpu_others_percent = 11;
    host.memory_used_bytes = 12;
    host.disk_used_bytes = 13;
    host.memory_total_bytes = host.disk_total_bytes = 100;
    host.pressure_cpu_percent = 14;
    host.pressure_memory_percent = 15;
    host.pressure_io_percent = 16;
    host.zombies = 17;
    for (unsigned i = 0; i < GUARD_FIGURES; i++) {
        assert_true(guard_value(i, &host) == values[i]);
        assert_int_equal(config_set(&config, guard_rows[i].setting, "10", &e),
                         0);
        for (unsigned k = 0; k < GUARD_FIGURES; k++) {
            if (k != i) {
                assert_int_equal(
                    config_set(&config, guard_rows[k].setting, "0", &e), 0);
            }
        }
        config.guard_trip_ms = 0;
        guard_init(&g, &config);
        assert_int_equal(at(i), 1);
        assert_int_equal(changes[0].figure, i);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_defaults_are_those_asked_for),
        TEST(it_trips_after_its_time_over_the_threshold),
        TEST(the_threshold_itself_is_allowed),
        TEST(a_peak_is_no_trip),
        TEST(with_no_time_to_wait_one_measurement_is_enough),
        TEST(it_releases_well_below_and_after_its_time),
        TEST(a_dip_is_no_release),
        TEST(jobs_are_taken_when_none_is_tripped),
        TEST(two_may_change_at_once),
        TEST(what_is_not_known_is_no_reason),
        TEST(what_is_not_known_any_more_stops_nobody_for_ever),
        TEST(zero_is_not_looked_at),
        TEST(switched_off_it_only_shows),
        TEST(every_figure_has_its_setting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
