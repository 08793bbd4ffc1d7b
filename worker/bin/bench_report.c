/* SPDX-License-Identifier: MIT */
/* bench_report.c - see bench_report.h. Runs in `forkyard bench`. */
#include "bin/bench_report.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#define DECIMALS 1000.0

static struct bench_report_row *new_row(struct bench_report *report)
{
    if (report->count == BENCH_REPORT_MAX) {
        abort(); /* ours to keep large enough */
    }
    return &report->rows[report->count++];
}

void bench_report_skip(struct bench_report *report, const char *name,
                       const char *unit, const char *note, ...)
{
    struct bench_report_row *row = new_row(report);
    va_list args;

    *row = (struct bench_report_row){
        .name = name, .value = NAN, .unit = unit, .baseline = -1, .ratio = -1};
    va_start(args, note);
    (void)vsnprintf(row->note, sizeof(row->note), note, args);
    va_end(args);
}

void bench_report_add(struct bench_report *report, const char *name,
                      double value, const char *unit, double baseline,
                      const char *note, ...)
{
    struct bench_report_row *row = new_row(report);
    va_list args;

    *row = (struct bench_report_row){
        .name = name,
        .value = value,
        .unit = unit,
        .baseline = baseline,
        .ratio = baseline > 0 ? value / baseline : -1,
    };
    va_start(args, note);
    (void)vsnprintf(row->note, sizeof(row->note), note, args);
    va_end(args);
}

static void print_number(FILE *to, double value, int width)
{
    if (value < 0) {
        (void)fprintf(to, " %*s", width, "-");
        return;
    }
    (void)fprintf(to, " %*.*f", width, value < 100 ? 3 : 0, value);
}

void bench_report_print(const struct bench_report *report, FILE *to)
{
    (void)fprintf(to, "%-32s %10s %-8s %10s %8s  %s\n", "NAME", "VALUE", "UNIT",
                  "BASELINE", "RATIO", "NOTE");
    for (size_t i = 0; i < report->count; i++) {
        const struct bench_report_row *row = &report->rows[i];

        (void)fprintf(to, "%-32s", row->name);
        if (isnan(row->value)) {
            (void)fprintf(to, " %10s", "-");
        } else {
            (void)fprintf(to, " %10.*f", row->value < 100 ? 3 : 0, row->value);
        }
        (void)fprintf(to, " %-8s", row->unit);
        print_number(to, row->baseline, 10);
        print_number(to, row->ratio, 8);
        (void)fprintf(to, "  %s\n", row->note);
    }
}

/* Three decimals are more than is known. */
static json_t *number(double value)
{
    double scaled = value * DECIMALS;

    return json_real((double)(long long)(scaled + (scaled < 0 ? -0.5 : 0.5)) /
                     DECIMALS);
}

static json_t *number_or_null(double value)
{
    return value < 0 ? json_null() : number(value);
}

int bench_report_dump(const struct bench_report *report, FILE *to,
                      struct err *e)
{
    json_t *list = json_array();

    for (size_t i = 0; i < report->count; i++) {
        const struct bench_report_row *row = &report->rows[i];

        (void)json_array_append_new(
            list,
            json_pack(
                "{s:s, s:o, s:s, s:o, s:o, s:s}", "name", row->name, "value",
                isnan(row->value) ? json_null() : number(row->value), "unit",
                row->unit, "baseline", number_or_null(row->baseline), "ratio",
                number_or_null(row->ratio), "note", row->note));
    }
    int rc = json_dumpf(list, to, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    json_decref(list);
    if (rc < 0 || fputc('\n', to) == EOF || fflush(to) != 0) {
        return err_sys(e, "writing the figures");
    }
    return 0;
}

static int make_dir(const char *path, struct err *e)
{
    const char *slash = strrchr(path, '/');
    char dir[4096];

    if (!slash || slash == path) {
        return 0;
    }
    (void)snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
    if (mkdir(dir, 0777) < 0 && errno != EEXIST) {
        return err_sys(e, "making %s", dir);
    }
    return 0;
}

int bench_report_write(const struct bench_report *report, const char *path,
                       struct err *e)
{
    if (make_dir(path, e) < 0) {
        return -1;
    }
    FILE *to = fopen(path, "we");
    if (!to) {
        return err_sys(e, "opening %s", path);
    }
    int rc = bench_report_dump(report, to, e);
    if (fclose(to) != 0 && rc == 0) {
        rc = err_sys(e, "writing %s", path);
    }
    return rc;
}
