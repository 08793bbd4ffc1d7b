/* SPDX-License-Identifier: MIT */
/* bench_report.h - the rows a bench has found: as a table and as JSON. */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "base/base.h"
#include "base/err.h"

#define BENCH_REPORT_MAX 128

struct bench_report_row {
    const char *name;
    double value; /* NAN: not measured, the note says why */
    const char *unit;
    double baseline; /* from the same run; negative: none */
    double ratio;    /* negative: none */
    char note[200];
};

struct bench_report {
    struct bench_report_row rows[BENCH_REPORT_MAX];
    size_t count;
};

/* name and unit are kept, not copied. The ratio is value / baseline. */
void bench_report_add(struct bench_report *report, const char *name,
                      double value, const char *unit, double baseline,
                      const char *note, ...) PRINTF_LIKE(6, 7);
/* A row without a figure: the note says why. */
void bench_report_skip(struct bench_report *report, const char *name,
                       const char *unit, const char *note, ...)
    PRINTF_LIKE(4, 5);
void bench_report_print(const struct bench_report *report, FILE *to);
/* A list of {name, value, unit, baseline, ratio, note}, with null for what
 * there is not; makes the file's
 * directory when it is not there. */
int bench_report_write(const struct bench_report *report, const char *path,
                       struct err *e) MUST_USE;
/* The same on an open stream. */
int bench_report_dump(const struct bench_report *report, FILE *to,
                      struct err *e) MUST_USE;
