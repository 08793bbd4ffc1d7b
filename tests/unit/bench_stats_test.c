/* SPDX-License-Identifier: MIT */
/* bench_stats_test.c - medians, percentiles and slopes of known numbers. */
#include "lib/unit.h"

#include "base/base.h"
#include "bin/bench_stats.h"

static void is_near(double value, double wanted)
{
    double off = value - wanted;

    if (off < -1e-9 || off > 1e-9) {
        fail_msg("%.12f, wanted %.12f", value, wanted);
    }
}

static void medians(void **state)
{
    double odd[] = {9, 1, 5};
    double even[] = {4, 1, 3, 2};

    (void)state;
    is_near(bench_stats_median(odd, 3), 5);
    is_near(bench_stats_median(even, 4), 2.5);
    is_near(bench_stats_median(odd, 0), 0);
    is_near(bench_stats_median(even, 1), 1);
}

static void percentiles(void **state)
{
    double values[100];

    (void)state;
    for (int i = 0; i < 100; i++) {
        values[i] = 100 - i;
    }
    is_near(bench_stats_percentile(values, 100, 0.99), 100);
    is_near(bench_stats_percentile(values, 100, 0), 1);
    is_near(bench_stats_percentile(values, 100, 1), 100);
}

static void exact_line(void **state)
{
    const double x[] = {1, 2, 3, 4};
    const double y[] = {5, 7, 9, 11};
    struct bench_stats_line line = bench_stats_fit(x, y, ARRAY_LEN(x));

    (void)state;
    is_near(line.slope, 2);
    is_near(line.error, 0);
}

/* Residuals 1, -1, -1, 1 around a flat line: the error is sqrt(4/2/5). */
static void noisy_line(void **state)
{
    const double x[] = {0, 1, 2, 3};
    const double y[] = {1, -1, -1, 1};
    struct bench_stats_line line = bench_stats_fit(x, y, ARRAY_LEN(x));

    (void)state;
    is_near(line.slope, 0);
    is_near(line.error, 0.63245553203367587);
}

static void no_line(void **state)
{
    const double x[] = {1, 1, 1};
    const double y[] = {1, 2, 3};

    (void)state;
    is_near(bench_stats_fit(x, y, 2).slope, 0);
    is_near(bench_stats_fit(x, y, 3).slope, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(medians),    cmocka_unit_test(percentiles),
        cmocka_unit_test(exact_line), cmocka_unit_test(noisy_line),
        cmocka_unit_test(no_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
