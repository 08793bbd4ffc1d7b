/* SPDX-License-Identifier: MIT */
/* bench_stats.h - what numbers say together. Pure. */
#pragma once

#include <stddef.h>

/* Both sort the values where they are. 0 for no values. */
double bench_stats_median(double *values, size_t count);
/* part 0.99: the value that 99 % do not pass. */
double bench_stats_percentile(double *values, size_t count, double part);

struct bench_stats_line {
    double slope;
    double error; /* standard error of the slope */
};

/* Least squares. Both members 0 for fewer than three points. */
struct bench_stats_line bench_stats_fit(const double *x, const double *y,
                                        size_t count);
