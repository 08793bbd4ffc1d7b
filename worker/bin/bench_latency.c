/* SPDX-License-Identifier: MIT */
/* bench_latency.c - how long a job takes against an echo and a bare spawn,
 * and what an engine costs that has nothing to do.
 *
 * Runs in `forkyard bench`. One sample of each kind per tick, so that a noisy
 * neighbour of the machine disturbs all kinds alike. */
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "bin/bench_fleet.h"
#include "bin/bench_load.h"
#include "bin/bench_phases.h"
#include "bin/bench_spawn.h"
#include "bin/bench_stats.h"
#include "wire/result.h"

#define WARM_UP     20
#define TICK_MS     33
#define ARENA_BYTES (1u << 20)
/* the worker's own default */
#define REAL_WAIT "kafka.fetch.wait.max.ms=50"
#define KB_PER_MB 1024.0

struct samples {
    double *echo_ms;
    double *job_ms;
    double *box_us;
    double *spawn_us;
    size_t count;
};

struct stage {
    const struct bench_spec *spec;
    struct bench_fleet fleet;
    struct bench_fleet echo;
    struct bench_load *to_fleet;
    struct bench_load *to_echo;
    struct samples samples;
};

/* Setup, run and cleanup as the result tells them. */
static int box_us_of(struct view value, double *out, struct err *e)
{
    struct arena arena;
    struct result result;

    arena_init(&arena, ARENA_BYTES);
    int rc = result_decode(value.data, value.len, &arena, &result, e);
    if (rc == 0) {
        *out = (double)(result.timings.setup_us + result.timings.run_us +
                        result.timings.cleanup_us);
    }
    arena_done(&arena);
    return rc;
}

static int sample(struct stage *s, size_t i, struct err *e)
{
    struct samples *to = &s->samples;
    struct view value = {NULL, 0};

    if (bench_load_round_trip(s->to_echo, &to->echo_ms[i], &value, e) < 0) {
        return err_wrap(e, "echo");
    }
    if (bench_load_round_trip(s->to_fleet, &to->job_ms[i], &value, e) < 0 ||
        box_us_of(value, &to->box_us[i], e) < 0) {
        return err_wrap(e, "job");
    }
    return bench_spawn_once(s->spec->program, &to->spawn_us[i], e);
}

static void sleep_until_us(uint64_t at_us)
{
    uint64_t now_us = clock_mono_us();

    if (at_us > now_us) {
        uint64_t us = at_us - now_us;
        const struct timespec rest = {(time_t)(us / 1000000),
                                      (long)(us % 1000000) * 1000};

        (void)nanosleep(&rest, NULL);
    }
}

static int sample_all(struct stage *s, struct err *e)
{
    for (size_t i = 0; i < WARM_UP; i++) {
        if (sample(s, 0, e) < 0) {
            return -1;
        }
    }
    uint64_t next_us = clock_mono_us();
    for (size_t i = 0; i < s->samples.count; i++) {
        if (sample(s, i, e) < 0) {
            return -1;
        }
        next_us += TICK_MS * 1000;
        sleep_until_us(next_us);
    }
    return 0;
}

static void report_latency(struct samples *s, struct bench_report *report)
{
    double echo50 = bench_stats_median(s->echo_ms, s->count);
    double echo99 = bench_stats_percentile(s->echo_ms, s->count, 0.99);
    double job50 = bench_stats_median(s->job_ms, s->count);
    double job99 = bench_stats_percentile(s->job_ms, s->count, 0.99);
    double box50 = bench_stats_median(s->box_us, s->count);
    double spawn50 = bench_stats_median(s->spawn_us, s->count);

    bench_report_add(report, "echo_p50_ms", echo50, "ms", echo50,
                     "produce, consume, produce, consume; embedded broker, "
                     "%zu samples, %d ms apart",
                     s->count, TICK_MS);
    bench_report_add(report, "echo_p99_ms", echo99, "ms", echo50, " ");
    bench_report_add(report, "job_p50_ms", job50, "ms", echo50,
                     "a no-op binary through a worker, samples between those "
                     "of echo");
    bench_report_add(report, "job_p99_ms", job99, "ms", echo99, " ");
    bench_report_add(report, "job_over_echo_p50_ms", job50 - echo50, "ms",
                     echo50, "wanted: at most 5");
    bench_report_add(report, "spawn_p50_us", spawn50, "us", spawn50,
                     "bare posix_spawn and wait, samples between those of "
                     "jobs");
    bench_report_add(report, "box_p50_us", box50, "us", spawn50,
                     "one box: setup, run, cleanup, as results tell");
    bench_report_add(report, "box_over_spawn", box50 / spawn50, "x", 1,
                     "box_p50_us / spawn_p50_us");
}

/* --- idle ---------------------------------------------------------------- */

struct idle {
    double rss_kb;
    double cpu_percent;
};

static int watch_idle(pid_t a, pid_t b, uint64_t ms, struct idle *out_a,
                      struct idle *out_b, struct err *e)
{
    double a_ms = bench_fleet_cpu_ms(a, false);
    double b_ms = bench_fleet_cpu_ms(b, false);
    uint64_t from_us = clock_mono_us();

    sleep_until_us(from_us + ms * 1000);
    if (bench_child_is_interrupted()) {
        return err_set(e, ERR_RETRY, "interrupted");
    }
    double took_ms = (double)(clock_mono_us() - from_us) / 1000.0;
    out_a->cpu_percent =
        (bench_fleet_cpu_ms(a, false) - a_ms) * 100.0 / took_ms;
    out_b->cpu_percent =
        (bench_fleet_cpu_ms(b, false) - b_ms) * 100.0 / took_ms;
    out_a->rss_kb = bench_fleet_rss_kb(a);
    out_b->rss_kb = bench_fleet_rss_kb(b);
    return 0;
}

static int measure_idle(struct stage *s, struct bench_report *report,
                        struct err *e)
{
    struct idle engine;
    struct idle echo;
    pid_t pid = s->fleet.engines[0];

    if (watch_idle(pid, s->echo.engines[0], s->spec->idle_ms, &engine, &echo,
                   e) < 0) {
        return -1;
    }
    bench_report_add(report, "engine_idle_rss_mb", engine.rss_kb / KB_PER_MB,
                     "MB", echo.rss_kb / KB_PER_MB,
                     "after the jobs above; baseline: the echo process; "
                     "wanted: at most 48");
    bench_report_add(report, "launcher_idle_rss_mb",
                     bench_fleet_rss_kb(bench_fleet_launcher(pid)) / KB_PER_MB,
                     "MB", engine.rss_kb / KB_PER_MB, "baseline: the engine");
    bench_report_add(report, "engine_idle_cpu_embedded_percent",
                     engine.cpu_percent, "%", echo.cpu_percent,
                     "embedded broker: it has no long poll, a fetch every "
                     "2 ms; baseline: the echo process");
    return 0;
}

/* As with a real broker, where the default holds: a fetch there waits for
 * data, so that it need not be short. */
static int measure_real_idle(const struct bench_spec *spec,
                             struct bench_report *report, struct err *e)
{
    struct bench_fleet fleet;
    struct idle engine;
    struct idle launcher;

    if (bench_fleet_start(&fleet, 1, REAL_WAIT, e) < 0) {
        return -1;
    }
    int rc =
        watch_idle(fleet.engines[0], bench_fleet_launcher(fleet.engines[0]),
                   spec->idle_ms, &engine, &launcher, e);
    bench_fleet_stop(&fleet);
    if (rc == 0) {
        bench_report_add(report, "engine_idle_cpu_percent", engine.cpu_percent,
                         "%", 1,
                         "fetch.wait.max.ms=50, the default, over "
                         "%.0f s; wanted: at most 1; launcher: %.2f %%",
                         (double)spec->idle_ms / 1000.0, launcher.cpu_percent);
    }
    return rc;
}

/* --- the phase ----------------------------------------------------------- */

static int open_stage(struct stage *s, struct err *e)
{
    size_t count = s->spec->samples;

    s->samples = (struct samples){
        .echo_ms = xcalloc(count, sizeof(double)),
        .job_ms = xcalloc(count, sizeof(double)),
        .box_us = xcalloc(count, sizeof(double)),
        .spawn_us = xcalloc(count, sizeof(double)),
        .count = count,
    };
    if (bench_fleet_start(&s->fleet, 1, NULL, e) < 0 ||
        bench_fleet_start_echo(&s->echo, e) < 0) {
        return -1;
    }
    if (bench_load_open(s->fleet.kafka, BENCH_LOAD_QUICK, s->spec->bytes,
                        &s->to_fleet, e) < 0) {
        return -1;
    }
    return bench_load_open(s->echo.kafka, BENCH_LOAD_QUICK, s->spec->bytes,
                           &s->to_echo, e);
}

/* The load's own clients go first: they would keep the brokers busy. */
static void close_loads(struct stage *s)
{
    bench_load_close(s->to_echo);
    bench_load_close(s->to_fleet);
    s->to_echo = s->to_fleet = NULL;
}

static void close_stage(struct stage *s)
{
    close_loads(s);
    bench_fleet_stop(&s->echo);
    bench_fleet_stop(&s->fleet);
    free(s->samples.echo_ms);
    free(s->samples.job_ms);
    free(s->samples.box_us);
    free(s->samples.spawn_us);
}

int bench_phases_latency(const struct bench_spec *spec,
                         struct bench_report *report, struct err *e)
{
    struct stage stage;
    int rc = -1;

    memset(&stage, 0, sizeof(stage));
    stage.spec = spec;
    if (open_stage(&stage, e) == 0 && sample_all(&stage, e) == 0) {
        report_latency(&stage.samples, report);
        close_loads(&stage);
        rc = measure_idle(&stage, report, e);
    }
    close_stage(&stage);
    return rc < 0 ? -1 : measure_real_idle(spec, report, e);
}
