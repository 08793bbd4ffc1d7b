/* SPDX-License-Identifier: MIT */
/* hoststat_test.c - texts of /proc as kernels write them, and as they do not:
 * each is read for what it says or not at all. */
#include "lib/unit.h"

#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "sys/hoststat.h"
#include "sys/procstat.h"

static void test_cpu_is_the_first_line(void **state)
{
    struct hoststat_cpu cpu = {1, 2};

    (void)state;
    /* Guests (the last two) are in user and nice already. */
    assert_true(hoststat_parse_cpu("cpu  100 20 30 4000 500 6 7 8 90 9\n"
                                   "cpu0 1 1 1 1 1 1 1 1 1 1\n",
                                   &cpu));
    assert_int_equal(cpu.busy_ticks, 100 + 20 + 30 + 6 + 7 + 8);
    assert_int_equal(cpu.all_ticks, cpu.busy_ticks + 4000 + 500);
}

static void test_no_cpu_line_is_no_answer(void **state)
{
    static const char *const texts[] = {
        "",
        "cpu\n",
        "cpu  1 2 3 4 5 6 7\n",
        "cpu0 1 2 3 4 5 6 7 8\n",
        "intr 1 2 3 4 5 6 7 8 9\n",
    };
    struct hoststat_cpu cpu = {1, 2};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_false(hoststat_parse_cpu(texts[i], &cpu));
    }
    assert_int_equal(cpu.all_ticks, 2);
}

static void test_memory(void **state)
{
    struct snapshot_host host;

    (void)state;
    snapshot_host_init(&host);
    assert_true(hoststat_parse_memory("MemTotal:       1000 kB\n"
                                      "MemFree:          10 kB\n"
                                      "MemAvailable:    250 kB\n"
                                      "SwapTotal:        99 kB\n"
                                      "SwapFree:         90 kB\n",
                                      &host));
    assert_int_equal(host.memory_total_bytes, 1000 * 1024);
    assert_int_equal(host.memory_used_bytes, 750 * 1024);
    assert_int_equal(host.swap_used_bytes, 9 * 1024);
}

static void test_memory_without_what_it_takes(void **state)
{
    static const char *const texts[] = {
        "",
        "MemTotal: 1000 kB\n", /* no MemAvailable: before Linux 3.14 */
        "MemAvailable: 1000 kB\n",
        "MemTotal: 0 kB\nMemAvailable: 0 kB\n",
        "MemTotal: many\nMemAvailable: 1 kB\n",
    };
    struct snapshot_host host;

    (void)state;
    snapshot_host_init(&host);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_false(hoststat_parse_memory(texts[i], &host));
    }
    assert_true(host.memory_total_bytes == RECORD_NO_UINT);
    /* Swap alone may be missing. */
    assert_true(
        hoststat_parse_memory("MemTotal: 8 kB\nMemAvailable: 9 kB\n", &host));
    assert_int_equal(host.memory_used_bytes, 0);
    assert_true(host.swap_used_bytes == RECORD_NO_UINT);
}

static void test_load_and_pressure(void **state)
{
    struct snapshot_host host;
    double percent = -1;

    (void)state;
    snapshot_host_init(&host);
    assert_true(hoststat_parse_load("0.53 0.51 12.29 4/100 21259\n", &host));
    assert_true(host.load_1m == 0.53 && host.load_15m == 12.29);
    assert_false(hoststat_parse_load("0.53 0.51\n", &host));
    assert_true(hoststat_parse_pressure(
        "some avg10=41.07 avg60=1.89 avg300=4.09 total=28862776\n"
        "full avg10=99.00 avg60=0.00 avg300=0.00 total=0\n",
        &percent));
    assert_true(percent == 41.07);
    /* The kernel was started with psi=0, or has another format. */
    assert_false(hoststat_parse_pressure("", &percent));
    assert_false(hoststat_parse_pressure("full avg10=1.00\n", &percent));
    assert_true(percent == 41.07);
}

static void test_a_process_may_have_any_name(void **state)
{
    const uint64_t tick_us = 1000000u / (uint64_t)sysconf(_SC_CLK_TCK);
    struct procstat stat;

    (void)state;
    assert_true(procstat_parse("42 (a) Z 1 (b\n) S 7 1 1 0 -1 4194560 1 2 3 4 "
                               "50 6 700 8 20 0 2 0 99 5000 30 1 2\n",
                               &stat));
    assert_int_equal(stat.state, 'S');
    assert_int_equal(stat.parent, 7);
    assert_int_equal(stat.cpu_us, 56 * tick_us);
    assert_int_equal(stat.reaped_cpu_us, 708 * tick_us);
    assert_int_equal(stat.threads, 2);
    assert_int_equal(stat.rss_bytes, 30 * (uint64_t)sysconf(_SC_PAGESIZE));
    assert_false(procstat_parse("", &stat));
    assert_false(procstat_parse("42 (a) S 7\n", &stat));
    assert_false(
        procstat_parse("42 a S 7 1 1 0 -1 1 1 2 3 4 5 6 7 8\n", &stat));
}

static void test_nested_has_more_than_one_number(void **state)
{
    (void)state;
    assert_false(procstat_is_nested("Name:\tx\nNSpid:\t4711\nNSpgid:\t4711\n"));
    assert_true(procstat_is_nested("Name:\tx\nNSpid:\t4711\t12\nNSpgid:\t1\n"));
    assert_true(procstat_is_nested("Name:\tx\nNSpid:\t4711 12 1"));
    assert_false(procstat_is_nested("Name:\tx\n"));
    assert_false(procstat_is_nested("Name:\tNSpid: 1 2\n"));
    assert_false(procstat_is_nested(""));
}

static void test_directories_that_are_processes(void **state)
{
    (void)state;
    assert_int_equal(procstat_pid_of("1"), 1);
    assert_int_equal(procstat_pid_of("4194304"), 4194304);
    assert_int_equal(procstat_pid_of("0"), 0);
    assert_int_equal(procstat_pid_of("12a"), 0);
    assert_int_equal(procstat_pid_of("self"), 0);
    assert_int_equal(procstat_pid_of(""), 0);
    assert_int_equal(procstat_pid_of("-1"), 0);
    assert_int_equal(procstat_pid_of("4294967297"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cpu_is_the_first_line),
        cmocka_unit_test(test_no_cpu_line_is_no_answer),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_memory_without_what_it_takes),
        cmocka_unit_test(test_load_and_pressure),
        cmocka_unit_test(test_a_process_may_have_any_name),
        cmocka_unit_test(test_nested_has_more_than_one_number),
        cmocka_unit_test(test_directories_that_are_processes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
