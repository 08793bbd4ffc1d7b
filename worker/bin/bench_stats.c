/* SPDX-License-Identifier: MIT */
/* bench_stats.c - see bench_stats.h. Runs in `forkyard bench`; measures
 * nothing itself. */
#include "bin/bench_stats.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

double bench_stats_percentile(double *values, size_t count, double part)
{
    size_t at = (size_t)(part * (double)count);

    if (count == 0) {
        return 0;
    }
    qsort(values, count, sizeof(*values), compare);
    return values[at < count ? at : count - 1];
}

double bench_stats_median(double *values, size_t count)
{
    double upper = bench_stats_percentile(values, count, 0.5);

    if (count == 0 || count % 2 == 1) {
        return upper;
    }
    return (values[count / 2 - 1] + upper) / 2;
}

static double mean(const double *values, size_t count)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++) {
        sum += values[i];
    }
    return sum / (double)count;
}

/* By Newton's way: the only root here, and no reason to link libm for it. */
static double square_root(double value)
{
    double root = value > 1 ? value : 1;

    for (int i = 0; value > 0 && i < 200; i++) {
        root = (root + value / root) / 2;
    }
    return value > 0 ? root : 0;
}

struct bench_stats_line bench_stats_fit(const double *x, const double *y,
                                        size_t count)
{
    struct bench_stats_line line = {0, 0};
    double sxx = 0;
    double sxy = 0;
    double rest = 0;

    if (count < 3) {
        return line;
    }
    double mx = mean(x, count);
    double my = mean(y, count);
    for (size_t i = 0; i < count; i++) {
        sxx += (x[i] - mx) * (x[i] - mx);
        sxy += (x[i] - mx) * (y[i] - my);
    }
    if (sxx <= 0) {
        return line;
    }
    line.slope = sxy / sxx;
    for (size_t i = 0; i < count; i++) {
        double off = y[i] - my - line.slope * (x[i] - mx);

        rest += off * off;
    }
    line.error = square_root(rest / (double)(count - 2) / sxx);
    return line;
}
