/* SPDX-License-Identifier: MIT */
/* bench_box.c - what a box costs: each figure beside bare spawns of the same
 * program, measured in turns.
 *
 * Runs in `forkyard bench`, before anything there has threads: it forks
 * launchers. Short turns of both kinds alternate, so that whatever else the
 * machine does meets both, and medians leave out the turns it met most. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "bin/bench_boxes.h"
#include "bin/bench_child.h"
#include "bin/bench_machine.h"
#include "bin/bench_phases.h"
#include "bin/bench_spawn.h"
#include "bin/bench_stats.h"
#include "run/boxes.h"

#define WARM_UP 20
/* Turns per --rounds: CPU figures want more of them than rates. */
#define CPU_FACTOR 4
#define TURNS_MAX  64
/* The clock of /proc/stat ticks every 10 ms: a turn must be much longer. */
#define CPU_RUNS 400
/* After a turn, for what the kernel does later. */
#define LATER_MS 30
#define RATE_MS  700
/* Samples per turn of jobs that come at a distance. */
#define SPACED_MS    50
#define SPACED_BLOCK 20
#define SLOT_RUNS    200

struct stage {
    const struct bench_spec *spec;
    struct bench_report *report;
    struct bench_boxes *boxes;
};

/* One run of a kind; boxes NULL: bare. */
static int run_one(const struct bench_spec *spec, struct bench_boxes *boxes,
                   double *out_us, struct err *e)
{
    return boxes ? bench_boxes_run(boxes, out_us, e)
                 : bench_spawn_once(spec->box_program, out_us, e);
}

static int sleep_ms(uint64_t ms, struct err *e)
{
    const struct timespec rest = {(time_t)(ms / 1000),
                                  (long)(ms % 1000) * 1000000};

    (void)nanosleep(&rest, NULL);
    return bench_child_is_interrupted() ? err_set(e, ERR_RETRY, "interrupted")
                                        : 0;
}

/* ---- CPU --------------------------------------------------------------- */

struct cpu {
    double machine_us; /* per run */
    double own_us;     /* per run */
    double self_us;    /* of it: bench itself */
    double kernel_us;  /* and kernel threads; the rest: launcher, boxes */
    double others;     /* what others took, of all that was taken */
};

static int cpu_turn(const struct stage *s, bool is_boxed, unsigned runs,
                    struct cpu *out, struct err *e)
{
    struct bench_machine_reading from;
    struct bench_machine_reading to;
    struct bench_machine_used used;
    double us = 0;

    if (bench_boxes_settle(s->boxes, e) < 0) {
        return -1;
    }
    bench_machine_read(&from);
    for (unsigned i = 0; i < runs; i++) {
        if (run_one(s->spec, is_boxed ? s->boxes : NULL, &us, e) < 0) {
            return -1;
        }
    }
    if (sleep_ms(LATER_MS, e) < 0 || bench_boxes_settle(s->boxes, e) < 0) {
        return -1;
    }
    bench_machine_read(&to);
    bench_machine_between(&from, &to, &used);
    out->machine_us = used.machine_us / runs;
    out->own_us = used.own_us / runs;
    out->self_us = used.self_us / runs;
    out->kernel_us = used.kernel_us / runs;
    out->others = used.others_us / (used.machine_us + used.others_us);
    return 0;
}

struct cpu_turns {
    double boxed_us[TURNS_MAX];
    double bare_us[TURNS_MAX];
    double ratio[TURNS_MAX];
    double boxed_own_us[TURNS_MAX];
    double bare_own_us[TURNS_MAX];
    double own_ratio[TURNS_MAX];
    double self_us[TURNS_MAX];
    double kernel_us[TURNS_MAX];
    double bare_kernel_us[TURNS_MAX];
    double others[TURNS_MAX * 2];
    size_t count;
};

static int cpu_turns(const struct stage *s, unsigned runs, size_t count,
                     struct cpu_turns *t, struct err *e)
{
    t->count = count < TURNS_MAX ? count : TURNS_MAX;
    for (size_t i = 0; i < t->count; i++) {
        struct cpu boxed;
        struct cpu bare;

        if (cpu_turn(s, true, runs, &boxed, e) < 0 ||
            cpu_turn(s, false, runs, &bare, e) < 0) {
            return -1;
        }
        t->boxed_us[i] = boxed.machine_us;
        t->bare_us[i] = bare.machine_us;
        t->ratio[i] = boxed.machine_us / bare.machine_us;
        t->boxed_own_us[i] = boxed.own_us;
        t->bare_own_us[i] = bare.own_us;
        t->own_ratio[i] = boxed.own_us / bare.own_us;
        t->self_us[i] = boxed.self_us;
        t->kernel_us[i] = boxed.kernel_us;
        t->bare_kernel_us[i] = bare.kernel_us;
        t->others[2 * i] = boxed.others;
        t->others[2 * i + 1] = bare.others;
    }
    return 0;
}

static int measure_cpu(const struct stage *s, struct err *e)
{
    AUTO_FREE struct cpu_turns *t = xcalloc(1, sizeof(*t));

    if (cpu_turns(s, CPU_RUNS, s->spec->rounds * CPU_FACTOR, t, e) < 0) {
        return -1;
    }
    bench_report_add(s->report, "box_cpu_us",
                     bench_stats_median(t->boxed_us, t->count), "us",
                     bench_stats_median(t->bare_us, t->count),
                     "CPU of the whole machine per boxed run of %s; "
                     "baseline: per bare spawn and wait",
                     s->spec->box_program);
    bench_report_add(s->report, "box_cpu_ratio",
                     bench_stats_median(t->ratio, t->count), "x", 1,
                     "wanted: at most 2.0; median of %zu turns of %d runs; "
                     "others took %.0f %% of the CPU, not counted",
                     t->count, CPU_RUNS,
                     100 * bench_stats_median(t->others, t->count * 2));
    bench_report_add(s->report, "box_cpu_own_us",
                     bench_stats_median(t->boxed_own_us, t->count), "us",
                     bench_stats_median(t->bare_own_us, t->count),
                     "as processes tell; of it bench %.0f, kernel threads %.0f "
                     "(bare %.0f), the rest launcher and boxes",
                     bench_stats_median(t->self_us, t->count),
                     bench_stats_median(t->kernel_us, t->count),
                     bench_stats_median(t->bare_kernel_us, t->count));
    bench_report_add(s->report, "box_cpu_own_ratio",
                     bench_stats_median(t->own_ratio, t->count), "x", 1,
                     "the same turns; a second opinion on box_cpu_ratio");
    return 0;
}

/* ---- latency ----------------------------------------------------------- */

struct latencies {
    double *boxed_us;
    double *bare_us;
    size_t count;
};

static void latencies_init(struct latencies *l, size_t count)
{
    l->boxed_us = xcalloc(count, sizeof(double));
    l->bare_us = xcalloc(count, sizeof(double));
    l->count = count;
}

static void latencies_done(struct latencies *l)
{
    free(l->boxed_us);
    free(l->bare_us);
}

/* Before either kind the launcher is at rest, with its next box ready. */
static int sample_prepared(const struct stage *s, struct latencies *l,
                           struct err *e)
{
    for (size_t i = 0; i < l->count; i++) {
        if (bench_boxes_settle(s->boxes, e) < 0 ||
            bench_boxes_run(s->boxes, &l->boxed_us[i], e) < 0 ||
            bench_boxes_settle(s->boxes, e) < 0 ||
            bench_spawn_once(s->spec->box_program, &l->bare_us[i], e) < 0) {
            return -1;
        }
    }
    return 0;
}

/* In blocks, or runs of the other kind would keep the machine awake. */
static int sample_spaced(const struct stage *s, struct latencies *l,
                         struct err *e)
{
    for (size_t i = 0; i < l->count * 2; i++) {
        size_t block = i / SPACED_BLOCK;
        size_t at = block / 2 * SPACED_BLOCK + i % SPACED_BLOCK;
        bool is_boxed = block % 2 == 0;

        if (at >= l->count) {
            continue;
        }
        if (sleep_ms(SPACED_MS, e) < 0 ||
            run_one(s->spec, is_boxed ? s->boxes : NULL,
                    is_boxed ? &l->boxed_us[at] : &l->bare_us[at], e) < 0) {
            return -1;
        }
    }
    return 0;
}

static int measure_latency(const struct stage *s, struct err *e)
{
    struct latencies l;

    latencies_init(&l, s->spec->samples);
    int rc = sample_prepared(s, &l, e);
    if (rc == 0) {
        double boxed = bench_stats_median(l.boxed_us, l.count);
        double bare = bench_stats_median(l.bare_us, l.count);

        bench_report_add(s->report, "box_latency_us", boxed, "us", bare,
                         "p50 of one run at a time, the launcher at rest "
                         "before; p10: %.0f, bare %.0f; p99: %.0f, bare %.0f",
                         bench_stats_percentile(l.boxed_us, l.count, 0.1),
                         bench_stats_percentile(l.bare_us, l.count, 0.1),
                         bench_stats_percentile(l.boxed_us, l.count, 0.99),
                         bench_stats_percentile(l.bare_us, l.count, 0.99));
        bench_report_add(s->report, "box_latency_ratio", boxed / bare, "x", 1,
                         "wanted: at most 1.5; %zu samples of each, in turns",
                         l.count);
    }
    latencies_done(&l);
    return rc;
}

static int measure_spaced(const struct stage *s, struct err *e)
{
    struct latencies l;
    size_t blocks = s->spec->samples / 4 / SPACED_BLOCK;

    latencies_init(&l, (blocks ? blocks : 1) * SPACED_BLOCK);
    int rc = sample_spaced(s, &l, e);
    if (rc == 0) {
        double boxed = bench_stats_median(l.boxed_us, l.count);
        double bare = bench_stats_median(l.bare_us, l.count);

        bench_report_add(s->report, "box_spaced_latency_us", boxed, "us", bare,
                         "p50 of runs %d ms apart, %s included; p10: %.0f, "
                         "bare %.0f; p99: %.0f, bare %.0f",
                         SPACED_MS, bench_boxes_cgroup(s->boxes),
                         bench_stats_percentile(l.boxed_us, l.count, 0.1),
                         bench_stats_percentile(l.bare_us, l.count, 0.1),
                         bench_stats_percentile(l.boxed_us, l.count, 0.99),
                         bench_stats_percentile(l.bare_us, l.count, 0.99));
        bench_report_add(s->report, "box_spaced_latency_ratio", boxed / bare,
                         "x", 1,
                         "wanted: at most 1.8; %zu samples of each, in "
                         "blocks of %d",
                         l.count, SPACED_BLOCK);
    }
    latencies_done(&l);
    return rc;
}

/* ---- many at once ------------------------------------------------------ */

static const struct {
    unsigned at_once;
    const char *name;
} widths[] = {{2, "box_parallel_2_per_s"}, {4, "box_parallel_4_per_s"}};

static int measure_width(const struct stage *s, size_t width, double *out_ratio,
                         struct err *e)
{
    size_t turns = s->spec->rounds < TURNS_MAX ? s->spec->rounds : TURNS_MAX;
    unsigned n = widths[width].at_once;
    double boxed[TURNS_MAX];
    double bare[TURNS_MAX];
    double ratio[TURNS_MAX];

    for (size_t i = 0; i < turns; i++) {
        if (bench_boxes_settle(s->boxes, e) < 0 ||
            bench_boxes_rate(s->boxes, n, RATE_MS, &boxed[i], e) < 0 ||
            bench_boxes_settle(s->boxes, e) < 0 ||
            bench_spawn_rate(s->spec->box_program, n, RATE_MS, &bare[i], e) <
                0) {
            return -1;
        }
        ratio[i] = boxed[i] / bare[i];
    }
    *out_ratio = bench_stats_median(ratio, turns);
    bench_report_add(s->report, widths[width].name,
                     bench_stats_median(boxed, turns), "1/s",
                     bench_stats_median(bare, turns),
                     "%u boxed runs at once; baseline: as many spawn loops", n);
    return 0;
}

static int measure_parallel(const struct stage *s, struct err *e)
{
    double lower = 0;

    for (size_t i = 0; i < ARRAY_LEN(widths); i++) {
        double ratio = 0;

        if (measure_width(s, i, &ratio, e) < 0) {
            return -1;
        }
        lower = i == 0 || ratio < lower ? ratio : lower;
    }
    bench_report_add(s->report, "box_parallel_ratio", lower, "x", 1,
                     "wanted: at least 0.5; the lower of the two");
    return 0;
}

/* ---- idle boxes -------------------------------------------------------- */

static int measure_idle(const struct stage *s, struct err *e)
{
    struct bench_machine_boxes boxes;

    if (bench_boxes_settle(s->boxes, e) < 0) {
        return -1;
    }
    bench_machine_boxes(bench_boxes_launcher(s->boxes), &boxes);
    if (boxes.count == 0) {
        bench_report_skip(s->report, "box_idle_kb", "KB",
                          "not there yet: no box is prepared ahead");
    } else if (boxes.is_hidden) {
        bench_report_skip(s->report, "box_idle_kb", "KB",
                          "the memory of a box may not be read by this user");
    } else {
        bench_report_add(s->report, "box_idle_kb",
                         (boxes.kb + boxes.slot_kb) / boxes.count, "KB", -1,
                         "wanted: at most 300; private memory per prepared "
                         "box, %u of them; of it its slot's process: %.0f",
                         boxes.count, boxes.slot_kb / boxes.count);
    }
    return 0;
}

/* ---- by the number of slots -------------------------------------------- */

static const struct {
    unsigned slots;
    const char *name;
} sizes[] = {
    {1, "box_cpu_1_slot"},
    {10, "box_cpu_10_slots"},
    {100, "box_cpu_100_slots"},
    {1000, "box_cpu_1000_slots"},
};

struct size_turns {
    double boxed_us[ARRAY_LEN(sizes)][TURNS_MAX];
    double ratio[ARRAY_LEN(sizes)][TURNS_MAX];
    unsigned idle[ARRAY_LEN(sizes)]; /* boxes there, by the last turn */
    double kernel_kb[TURNS_MAX];     /* per box, at the last size */
};

static void count_idle(const struct stage *s, size_t size, size_t turn,
                       double before_kb, struct size_turns *t)
{
    double kb = bench_machine_kernel_kb() - before_kb;
    struct bench_machine_boxes idle;

    bench_machine_boxes(bench_boxes_launcher(s->boxes), &idle);
    t->idle[size] = idle.count;
    t->kernel_kb[turn] = idle.count > 0 ? kb / idle.count : 0;
}

/* Against the bare spawns of its own turn, which the machine's mood meets as
 * it meets the boxes. */
static int measure_size(const struct stage *s, size_t size, size_t turn,
                        struct size_turns *t, struct err *e)
{
    struct stage own = *s;
    struct cpu_turns one;
    double kernel_kb = bench_machine_kernel_kb();

    if (bench_boxes_open(s->spec->config, sizes[size].slots,
                         s->spec->box_program, &own.boxes, e) < 0) {
        return err_wrap(e, "%u slots", sizes[size].slots);
    }
    count_idle(&own, size, turn, kernel_kb, t);
    double us = 0;
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < WARM_UP; i++) {
        rc = bench_boxes_run(own.boxes, &us, e);
    }
    if (rc == 0) {
        rc = cpu_turns(&own, SLOT_RUNS, 1, &one, e);
    }
    bench_boxes_close(own.boxes);
    t->boxed_us[size][turn] = rc == 0 ? one.boxed_own_us[0] : 0;
    t->ratio[size][turn] = rc == 0 ? one.own_ratio[0] : 0;
    return rc;
}

/* Where there are most, what others allocate meanwhile weighs least. */
static void report_kernel_kb(const struct stage *s, struct size_turns *t,
                             size_t turns)
{
    unsigned boxes = t->idle[ARRAY_LEN(sizes) - 1];

    if (boxes > 0) {
        bench_report_add(s->report, "box_idle_kernel_kb",
                         bench_stats_median(t->kernel_kb, turns), "KB", -1,
                         "the kernel's own memory per prepared box and slot "
                         "(slab, stacks, page tables, per CPU), at %u of them",
                         boxes);
    } else {
        bench_report_skip(s->report, "box_idle_kernel_kb", "KB",
                          "not there yet: no box is prepared ahead");
    }
}

static int measure_sizes(const struct stage *s, struct err *e)
{
    AUTO_FREE struct size_turns *t = xcalloc(1, sizeof(*t));
    size_t turns = s->spec->rounds < TURNS_MAX ? s->spec->rounds : TURNS_MAX;
    double first = 0;

    for (size_t turn = 0; turn < turns; turn++) {
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
            if (measure_size(s, i, turn, t, e) < 0) {
                return -1;
            }
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        double ratio = bench_stats_median(t->ratio[i], turns);

        first = i == 0 ? ratio : first;
        bench_report_add(s->report, sizes[i].name, ratio, "x bare", first,
                         "wanted: within 10 %% of one slot; CPU of a boxed "
                         "run (%.0f us) with so many slots; %u boxes idle",
                         bench_stats_median(t->boxed_us[i], turns), t->idle[i]);
    }
    report_kernel_kb(s, t, turns);
    return 0;
}

/* ---- the phase --------------------------------------------------------- */

static int warm_up(const struct stage *s, struct err *e)
{
    double us = 0;

    for (unsigned i = 0; i < WARM_UP; i++) {
        if (run_one(s->spec, s->boxes, &us, e) < 0 ||
            run_one(s->spec, NULL, &us, e) < 0) {
            return -1;
        }
    }
    return 0;
}

static int (*const measures[])(const struct stage *s, struct err *e) = {
    measure_cpu,      measure_latency, measure_spaced,
    measure_parallel, measure_idle,
};

int bench_phases_box(const struct bench_spec *spec, struct bench_report *report,
                     struct err *e)
{
    struct stage stage = {.spec = spec, .report = report};

    if (bench_boxes_open(spec->config, boxes_slots(spec->config),
                         spec->box_program, &stage.boxes, e) < 0) {
        return -1;
    }
    int rc = warm_up(&stage, e);
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(measures); i++) {
        rc = measures[i](&stage, e);
    }
    bench_boxes_close(stage.boxes);
    stage.boxes = NULL;
    return rc < 0 ? -1 : measure_sizes(&stage, e);
}
