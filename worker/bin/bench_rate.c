/* SPDX-License-Identifier: MIT */
/* bench_rate.c - how many jobs a second a full fleet finishes, as a share of
 * bare spawns, and whether its memory grows with them.
 *
 * Runs in `forkyard bench`. The baseline runs while no fleet does: even an
 * idle one takes CPU from it. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "bin/bench_fleet.h"
#include "bin/bench_load.h"
#include "bin/bench_phases.h"
#include "bin/bench_spawn.h"
#include "bin/bench_stats.h"

#define SPAWN_MS     700
#define RATE_MS      3000
#define RATE_WARM_UP 300
#define ROUNDS_MAX   64
/* Per worker: eight slots on two cores, and as many again in the queue. */
#define WINDOW        64
#define GROWTH_POINTS 200
#define CPU_SPAWNS    500
#define STRETCHES     10
/* Growth below this is none: 100 KB in 100 000 jobs. */
#define NOISE_KB 1.0

static const unsigned loop_counts[] = {1, 2, 4};
static const unsigned worker_counts[] = {1, 2};

struct rates {
    double spawn[ARRAY_LEN(loop_counts)][ROUNDS_MAX];
    double jobs[ARRAY_LEN(worker_counts)][ROUNDS_MAX];
};

static int measure_jobs(const struct bench_spec *spec, unsigned workers,
                        double *out_per_s, struct err *e)
{
    struct bench_fleet fleet;
    struct bench_load *load = NULL;
    const struct bench_load_run run = {
        .window = WINDOW * workers,
        .warm_up = RATE_WARM_UP,
        .ms = RATE_MS,
    };
    int rc = -1;

    if (bench_fleet_start(&fleet, workers, NULL, e) < 0) {
        return -1;
    }
    if (bench_load_open(fleet.kafka, BENCH_LOAD_BULK, spec->bytes, &load, e) ==
        0) {
        rc = bench_load_run(load, &run, out_per_s, e);
    }
    bench_load_close(load);
    bench_fleet_stop(&fleet);
    return rc;
}

static int measure_round(const struct bench_spec *spec, size_t round,
                         struct rates *rates, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(loop_counts); i++) {
        if (bench_spawn_rate(spec->program, loop_counts[i], SPAWN_MS,
                             &rates->spawn[i][round], e) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(worker_counts); i++) {
        if (measure_jobs(spec, worker_counts[i], &rates->jobs[i][round], e) <
            0) {
            return err_wrap(e, "%u worker(s)", worker_counts[i]);
        }
    }
    return 0;
}

/* The row with the largest median. */
static double best_of(double rows[][ROUNDS_MAX], size_t row_count,
                      size_t rounds, size_t *out_row)
{
    double best = 0;

    *out_row = 0;
    for (size_t i = 0; i < row_count; i++) {
        double median = bench_stats_median(rows[i], rounds);

        if (median > best) {
            best = median;
            *out_row = i;
        }
    }
    return best;
}

int bench_phases_throughput(const struct bench_spec *spec,
                            struct bench_report *report, struct err *e)
{
    struct rates *rates = xcalloc(1, sizeof(*rates));
    size_t rounds = spec->rounds < ROUNDS_MAX ? spec->rounds : ROUNDS_MAX;
    size_t loops = 0;
    size_t workers = 0;

    for (size_t i = 0; i < rounds; i++) {
        if (measure_round(spec, i, rates, e) < 0) {
            free(rates);
            return -1;
        }
    }
    double spawn =
        best_of(rates->spawn, ARRAY_LEN(loop_counts), rounds, &loops);
    double jobs =
        best_of(rates->jobs, ARRAY_LEN(worker_counts), rounds, &workers);
    bench_report_add(report, "spawn_per_s", spawn, "1/s", spawn,
                     "bare posix_spawn and wait of the same binary, best of "
                     "1, 2 and 4 loops: %u",
                     loop_counts[loops]);
    bench_report_add(report, "throughput_jobs_per_s", jobs, "1/s", spawn,
                     "no-op binary, both cores, with broker and load "
                     "generator on them; best of 1 and 2 workers: %u (the "
                     "other: %.0f); median of %zu rounds",
                     worker_counts[workers],
                     bench_stats_median(rates->jobs[1 - workers], rounds),
                     rounds);
    bench_report_add(report, "throughput_vs_spawn", jobs / spawn, "x", 1,
                     "wanted: at least 0.25");
    free(rates);
    return 0;
}

/* --- memory -------------------------------------------------------------- */

struct growth {
    pid_t engine;
    pid_t launcher;
    uint64_t first; /* results when the CPU times were read first */
    uint64_t last;
    double engine_ms[2];
    double boxes_ms[2];
    uint64_t warm_up;
    double jobs[GROWTH_POINTS * 2];
    double kb[GROWTH_POINTS * 2];
    size_t count;
};

static void read_cpu(struct growth *g, int which)
{
    g->engine_ms[which] = bench_fleet_cpu_ms(g->engine, false);
    g->boxes_ms[which] = bench_fleet_cpu_ms(g->launcher, true);
}

static void on_count(uint64_t results, void *arg)
{
    struct growth *g = arg;

    if (results > g->warm_up && g->count < ARRAY_LEN(g->kb)) {
        if (g->count == 0) {
            g->first = results;
            read_cpu(g, 0);
        }
        g->last = results;
        read_cpu(g, 1);
        g->jobs[g->count] = (double)results / 1000.0;
        g->kb[g->count++] = bench_fleet_anonymous_kb(g->engine);
    }
}

/* Neighbouring samples are not independent: an allocator takes and gives back
 * in large pieces. Means of a few long stretches nearly are, and only then is
 * the standard error what it claims to be. */
static struct bench_stats_line fit_stretches(const struct growth *g)
{
    double x[STRETCHES] = {0};
    double y[STRETCHES] = {0};
    size_t each = g->count / STRETCHES;

    for (size_t i = 0; i < each * STRETCHES; i++) {
        x[i / each] += g->jobs[i] / (double)each;
        y[i / each] += g->kb[i] / (double)each;
    }
    return bench_stats_fit(x, y, each > 0 ? STRETCHES : 0);
}

static void report_growth(const struct growth *g, double per_s, uint64_t jobs,
                          struct bench_report *report)
{
    struct bench_stats_line line = fit_stretches(g);
    bool is_noise = line.slope < 2 * line.error || line.slope < NOISE_KB;

    bench_report_add(report, "memory_growth_kb_per_1000_jobs", line.slope, "KB",
                     2 * line.error,
                     "%s; anonymous memory over %llu jobs at %.0f/s, %.1f to "
                     "%.1f MB; baseline: two standard errors",
                     is_noise ? "within noise" : "GROWS",
                     (unsigned long long)jobs, per_s, g->kb[0] / 1024.0,
                     g->kb[g->count - 1] / 1024.0);
}

static int report_cpu(const struct bench_spec *spec, const struct growth *g,
                      struct bench_report *report, struct err *e)
{
    double jobs = (double)(g->last - g->first);
    double spawn_us = 0;

    if (jobs < 1) {
        return err_set(e, ERR_INPUT, "too few jobs");
    }
    if (bench_spawn_cpu(spec->program, CPU_SPAWNS, &spawn_us, e) < 0) {
        return -1;
    }
    bench_report_add(report, "box_cpu_us_per_job",
                     (g->boxes_ms[1] - g->boxes_ms[0]) * 1000.0 / jobs, "us",
                     spawn_us,
                     "CPU time of launcher and boxes; baseline: of a bare "
                     "spawn and wait");
    bench_report_add(report, "engine_cpu_us_per_job",
                     (g->engine_ms[1] - g->engine_ms[0]) * 1000.0 / jobs, "us",
                     spawn_us, "all threads of the engine");
    return 0;
}

int bench_phases_memory(const struct bench_spec *spec,
                        struct bench_report *report, struct err *e)
{
    struct bench_fleet fleet;
    struct bench_load *load = NULL;
    struct growth *g = xcalloc(1, sizeof(*g));
    double per_s = 0;
    int rc = -1;

    if (bench_fleet_start(&fleet, 1, NULL, e) < 0) {
        free(g);
        return -1;
    }
    /* The pools of allocators and clients fill up in the first half. */
    g->engine = fleet.engines[0];
    g->launcher = bench_fleet_launcher(g->engine);
    g->warm_up = spec->jobs / 2;
    const struct bench_load_run run = {
        .window = WINDOW,
        .warm_up = g->warm_up,
        .jobs = spec->jobs - g->warm_up,
        .on_count = on_count,
        .every = spec->jobs / GROWTH_POINTS + 1,
        .arg = g,
    };
    if (bench_load_open(fleet.kafka, BENCH_LOAD_BULK, spec->bytes, &load, e) ==
        0) {
        rc = bench_load_run(load, &run, &per_s, e);
    }
    bench_load_close(load);
    bench_fleet_stop(&fleet);
    if (rc == 0) {
        report_growth(g, per_s, spec->jobs, report);
        rc = report_cpu(spec, g, report, e);
    }
    free(g);
    return rc;
}
