/* SPDX-License-Identifier: MIT */
/* bench.c - `forkyard bench`: the project's own measurements, each with its
 * baseline from the same run.
 *
 * Starts fleets of its own (as `forkyard dev` does, on free ports) and stops
 * them. Figures go to stdout and, with --out, to a file; progress to stderr.
 * Never touches a fleet somebody else runs. */
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "bin/bench_child.h"
#include "bin/bench_phases.h"
#include "bin/cli.h"
#include "bin/main.h"

#define PROGRAM_MAX_BYTES (1u << 20)
#define FALLBACK_PROGRAM  "/usr/bin/true"
#define BESIDE_US         "bench/noop"

struct options {
    const char *out;
    const char *program;
    const char *only;
    uint64_t samples;
    uint64_t rounds;
    uint64_t jobs;
    uint64_t idle_ms;
};

static const struct cli_option options_table[] = {
    {"out", 'o', CLI_TEXT, offsetof(struct options, out), "FILE",
     "write the figures there as JSON"},
    {"program", 0, CLI_TEXT, offsetof(struct options, program), "FILE",
     "the no-op to run; default bench/noop beside this program, or "
     "/usr/bin/true; for the boxes alone always the latter"},
    {"only", 0, CLI_TEXT, offsetof(struct options, only), "PHASE",
     "box, peers, latency, throughput or memory"},
    {"samples", 0, CLI_UINT, offsetof(struct options, samples), "N",
     "jobs and echoes for the latencies; default 400"},
    {"rounds", 0, CLI_UINT, offsetof(struct options, rounds), "N",
     "of baseline and measurement for the throughput; default 3"},
    {"jobs", 0, CLI_UINT, offsetof(struct options, jobs), "N",
     "to see whether memory grows; default 3000"},
    {"idle", 0, CLI_DURATION, offsetof(struct options, idle_ms), "TIME",
     "how long an idle engine is watched; default 10s"},
    {NULL, 0, CLI_FLAG, 0, NULL, NULL},
};

static const struct cli_spec spec = {
    .name = "bench",
    .summary = "measure this program on this machine",
    .usage = "bench [--out FILE] [--only PHASE] [--jobs N] [--json]",
    .about = "Starts fleets of its own and stops them. Takes a few "
             "minutes; nothing else\nshould run meanwhile.",
    .example = "bench --only throughput\n"
               "bench --jobs 100000 --only memory",
    .options = options_table,
};

static const struct {
    const char *name;
    int (*run)(const struct bench_spec *spec, struct bench_report *report,
               struct err *e);
} phases[] = {
    {"box", bench_phases_box},         {"peers", bench_phases_peers},
    {"latency", bench_phases_latency}, {"throughput", bench_phases_throughput},
    {"memory", bench_phases_memory},
};

static const char *find_program(const char *given, char *dst, size_t size)
{
    char self[4096];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (given) {
        return given;
    }
    self[len > 0 ? len : 0] = 0;
    char *slash = strrchr(self, '/');
    if (slash) {
        (void)snprintf(dst, size, "%.*s/" BESIDE_US, (int)(slash - self), self);
        if (access(dst, X_OK) == 0) {
            return dst;
        }
    }
    return FALLBACK_PROGRAM;
}

static void check_options(const struct options *o)
{
    bool is_known = !o->only;

    for (size_t i = 0; o->only && i < ARRAY_LEN(phases); i++) {
        is_known |= !strcmp(o->only, phases[i].name);
    }
    if (!is_known) {
        cli_usage_error(&spec, "--only: box, peers, latency, throughput or "
                               "memory");
    }
    if (o->samples < 10 || o->rounds < 1 || o->jobs < 100) {
        cli_usage_error(&spec, "at least 10 samples, 1 round, 100 jobs");
    }
}

static int run_phases(const struct bench_spec *bench, const char *only,
                      struct bench_report *report, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(phases); i++) {
        if (only && strcmp(only, phases[i].name) != 0) {
            continue;
        }
        cli_say("measuring: %s", phases[i].name);
        if (phases[i].run(bench, report, e) < 0) {
            return err_wrap(e, "%s", phases[i].name);
        }
    }
    return 0;
}

int bench_main(int argc, char **argv)
{
    struct options o = {
        .samples = 400, .rounds = 3, .jobs = 3000, .idle_ms = 10000};
    struct bench_report report = {.count = 0};
    struct cli cli;
    struct err e = {0};
    char path[4200];
    AUTO_BUF struct buf bytes;

    cli_parse(&cli, &spec, argc, argv, &o);
    check_options(&o);
    log_set_level(cli.verbose ? LOG_INFO : LOG_WARN);
    bench_child_catch_signals();
    buf_init(&bytes, PROGRAM_MAX_BYTES);
    struct bench_spec bench = {
        .program = find_program(o.program, path, sizeof(path)),
        .box_program = o.program ? o.program : FALLBACK_PROGRAM,
        .config = &cli.config,
        .samples = o.samples,
        .rounds = o.rounds,
        .jobs = o.jobs,
        .idle_ms = o.idle_ms,
    };
    if (fd_read_file(bench.program, &bytes, &e) < 0) {
        cli_die(CLI_EXIT_FAILED, "%s", e.msg);
    }
    bench.bytes = buf_view(&bytes);
    if (run_phases(&bench, o.only, &report, &e) < 0 ||
        (o.out && bench_report_write(&report, o.out, &e) < 0)) {
        cli_die(CLI_EXIT_FAILED, "%s", e.msg);
    }
    if (!cli.json) {
        bench_report_print(&report, stdout);
    } else if (bench_report_dump(&report, stdout, &e) < 0) {
        cli_die(CLI_EXIT_FAILED, "%s", e.msg);
    }
    cli_done(&cli);
    return 0;
}
