/* SPDX-License-Identifier: MIT */
/* bench_boxes.c - see bench_boxes.h. Runs in `forkyard bench`, which is here
 * what an engine is between a decoded job and its result. Checks that every
 * run went well; a figure of failed runs would be worth nothing. */
#include "bin/bench_boxes.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <uv.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "bin/bench_child.h"
#include "bin/bench_machine.h"
#include "bin/cli.h"
#include "run/boxes.h"
#include "run/executor.h"
#include "wire/bundle.h"
#include "wire/job.h"

#define PROGRAM_MAX_BYTES (1u << 20)
/* Between two looks that must find the same. */
#define LOOK_US       400
#define SETTLE_MAX_US 60000000u
#define IN_BOX_PREFIX "/usr/"
#define PLACED_NAME   "program"
#define PLACED_PATH   "/workspace/" PLACED_NAME

struct bench_boxes {
    uv_loop_t loop;
    struct launch_ready host;
    pid_t launcher;
    struct boxes *boxes;
    struct executor *executor;
    struct plan plan;
    uint64_t started;
    uint64_t ended;
    bool has_failed;
    struct err failure; /* the first */
};

/* ---- the plan ---------------------------------------------------------- */

static int put_program(struct buf *bundle, const char *program, bool is_placed,
                       struct err *e)
{
    AUTO_BUF struct buf bytes;
    const char *argv0 = is_placed ? PLACED_PATH : program;

    buf_init(&bytes, PROGRAM_MAX_BYTES);
    if (bundle_begin(bundle, 1, 1, is_placed ? 1 : 0, e) < 0 ||
        bundle_string(bundle, view_of(argv0), e) < 0 ||
        bundle_string(bundle, view_of("PATH=/usr/bin:/bin"), e) < 0 ||
        bundle_string(bundle, view_of("/workspace/"), e) < 0) {
        return -1;
    }
    if (!is_placed) {
        return 0;
    }
    if (fd_read_file(program, &bytes, e) < 0) {
        return -1;
    }
    const struct bundle_file file = {PLACED_NAME, 0755, buf_view(&bytes)};
    return bundle_file(bundle, &file, e);
}

/* The limits of an ordinary job; what is started is ours to say. */
static int make_plan(struct bench_boxes *b, const struct config *config,
                     const char *program, struct err *e)
{
    char real[PATH_MAX];
    enum status status;
    struct job job;

    job_init(&job);
    job.language = view_of("binary");
    if (plan_make(&job, config, &b->host, &b->plan, &status, e) < 0) {
        return -1;
    }
    if (!realpath(program, real)) {
        return err_sys(e, "finding %s", program);
    }
    bool is_placed =
        strncmp(real, IN_BOX_PREFIX, sizeof(IN_BOX_PREFIX) - 1) != 0;
    buf_clear(&b->plan.bundle);
    return put_program(&b->plan.bundle, real, is_placed, e);
}

/* ---- what comes back --------------------------------------------------- */

static void fail(struct bench_boxes *b, const char *why)
{
    if (!b->has_failed) {
        b->has_failed = true;
        (void)err_set(&b->failure, ERR_SYSTEM, "a boxed run: %s", why);
    }
}

static void on_end(const struct executor_end *end, void *job)
{
    struct bench_boxes *b = job;
    const struct verdict_facts facts = {
        .ended = end->ended,
        .plan = &b->plan,
        .stop = end->stop,
        .stdout_total = end->out->total,
        .stderr_total = end->err->total,
    };
    struct verdict verdict;

    b->ended++;
    verdict_make(&facts, &verdict);
    if (verdict.status != STATUS_SUCCESS) {
        fail(b,
             verdict.reason[0] ? verdict.reason : status_name(verdict.status));
    }
}

static void on_output(unsigned which, const void *data, size_t len, void *job)
{
    (void)which;
    (void)data;
    (void)len;
    (void)job;
}

static void on_ended(const struct launch_ended *ended, void *arg)
{
    struct bench_boxes *b = arg;

    executor_on_ended(b->executor, ended);
}

static void on_lost(void *arg)
{
    struct bench_boxes *b = arg;

    fail(b, "the launcher is gone");
    executor_lost(b->executor);
}

/* ---- life -------------------------------------------------------------- */

static int open_engine(struct bench_boxes *b, int sock, unsigned slots,
                       struct err *e)
{
    const struct boxes_callbacks callbacks = {on_ended, on_lost, b};
    const struct executor_callbacks executor = {on_end, on_output};

    if (boxes_open(&b->loop, sock, &callbacks, &b->boxes, e) < 0) {
        close(sock);
        return -1;
    }
    return executor_open(&b->loop, b->boxes, slots, &executor, &b->executor, e);
}

static int open_launcher(struct bench_boxes *b, const struct config *config,
                         unsigned slots, struct err *e)
{
    struct config own = *config; /* borrows the strings, sets numbers */
    char text[24];
    int sock = -1;

    own.worker_slots = slots;
    /* All of them ready, however many are by default; fails, and need not
     * succeed, where none is made ahead. */
    (void)snprintf(text, sizeof(text), "%u", slots);
    (void)!config_set(&own, "box.prepared", text, e);
    if (boxes_fork_launcher(&own, &sock, &b->launcher, e) < 0) {
        return -1;
    }
    if (boxes_wait_ready(sock, &b->host, e) < 0) {
        close(sock);
        return -1;
    }
    return open_engine(b, sock, slots, e);
}

int bench_boxes_open(const struct config *config, unsigned slots,
                     const char *program, struct bench_boxes **out,
                     struct err *e)
{
    struct bench_boxes *b = xcalloc(1, sizeof(*b));

    if (uv_loop_init(&b->loop) != 0) {
        free(b);
        return err_set(e, ERR_SYSTEM, "making a loop");
    }
    if (open_launcher(b, config, slots, e) < 0 ||
        make_plan(b, config, program, e) < 0 || bench_boxes_settle(b, e) < 0) {
        bench_boxes_close(b);
        return -1;
    }
    *out = b;
    return 0;
}

void bench_boxes_close(struct bench_boxes *b)
{
    if (!b) {
        return;
    }
    executor_close(b->executor);
    boxes_close(b->boxes);
    (void)uv_run(&b->loop, UV_RUN_DEFAULT); /* until the handles are closed */
    (void)uv_loop_close(&b->loop);
    while (b->launcher > 0 && waitpid(b->launcher, NULL, 0) < 0 &&
           errno == EINTR) {
    }
    plan_done(&b->plan);
    free(b);
}

/* ---- runs -------------------------------------------------------------- */

static int start(struct bench_boxes *b, struct err *e)
{
    static const struct view no_input = {NULL, 0};

    b->started++;
    return executor_start(b->executor, &b->plan, no_input, b, e);
}

/* Until something happens. */
static int turn(struct bench_boxes *b, struct err *e)
{
    (void)uv_run(&b->loop, UV_RUN_ONCE);
    if (b->has_failed) {
        *e = b->failure;
        return -1;
    }
    if (bench_child_is_interrupted()) {
        return err_set(e, ERR_RETRY, "interrupted");
    }
    return 0;
}

int bench_boxes_run(struct bench_boxes *b, double *out_us, struct err *e)
{
    uint64_t from_us = clock_mono_us();

    if (start(b, e) < 0) {
        return -1;
    }
    while (b->ended < b->started) {
        if (turn(b, e) < 0) {
            return -1;
        }
    }
    *out_us = (double)(clock_mono_us() - from_us);
    return 0;
}

int bench_boxes_rate(struct bench_boxes *b, unsigned at_once, unsigned ms,
                     double *out_per_s, struct err *e)
{
    uint64_t first = b->ended;
    uint64_t from_us = clock_mono_us();
    uint64_t until_us = from_us + (uint64_t)ms * 1000;
    uint64_t now_us = from_us;

    while (now_us < until_us || b->ended < b->started) {
        while (now_us < until_us && b->started - b->ended < at_once) {
            if (start(b, e) < 0) {
                return -1;
            }
        }
        if (turn(b, e) < 0) {
            return -1;
        }
        now_us = clock_mono_us();
    }
    *out_per_s = (double)(b->ended - first) * 1e6 / (double)(now_us - from_us);
    return 0;
}

int bench_boxes_settle(struct bench_boxes *b, struct err *e)
{
    const struct timespec rest = {0, LOOK_US * 1000L};
    uint64_t end_us = clock_mono_us() + SETTLE_MAX_US;
    struct bench_machine_look last = {.is_asleep = false};
    bool is_at_rest = false;

    while (!is_at_rest) {
        struct bench_machine_look look;

        bench_machine_look_at(b->launcher, &look);
        is_at_rest = look.is_asleep && last.is_asleep &&
                     look.count == last.count && look.ran_us <= last.ran_us;
        last = look;
        if (clock_mono_us() > end_us) {
            return err_set(e, ERR_SYSTEM, "the launcher does not come to rest");
        }
        if (bench_child_is_interrupted()) {
            return err_set(e, ERR_RETRY, "interrupted");
        }
        (void)nanosleep(&rest, NULL);
    }
    return 0;
}

pid_t bench_boxes_launcher(const struct bench_boxes *b)
{
    return b->launcher;
}

const char *bench_boxes_cgroup(const struct bench_boxes *b)
{
    static const char *const names[] = {
        [CGROUP_NONE] = "no cgroup",
        [CGROUP_V1] = "cgroup v1",
        [CGROUP_V2] = "cgroup v2",
    };

    return b->host.cgroup_version < ARRAY_LEN(names)
               ? names[b->host.cgroup_version]
               : "?";
}

int bench_boxes_main(int argc, char **argv)
{
    struct bench_boxes *b = NULL;
    struct config config;
    uint64_t runs = 0;
    double sum = 0;
    double us = 0;
    struct err e = {0};

    config_init(&config);
    uint64_t slots = boxes_slots(&config);
    if (argc < 3 || argc > 4 || str_parse_u64(argv[2], &runs, &e) < 0 ||
        (argc > 3 && str_parse_u64(argv[3], &slots, &e) < 0) || runs == 0 ||
        slots == 0 || slots > UINT16_MAX) {
        cli_die(CLI_EXIT_USAGE, "bench-box PROGRAM RUNS [SLOTS]");
    }
    int rc = bench_boxes_open(&config, (unsigned)slots, argv[1], &b, &e);
    /* Seen by one_box.py: from here on it counts. */
    (void)prctl(PR_SET_NAME, "bench-runs", 0, 0, 0);
    for (uint64_t i = 0; rc == 0 && i < runs; i++) {
        rc = bench_boxes_run(b, &us, &e);
        sum += us;
    }
    (void)prctl(PR_SET_NAME, "bench-end", 0, 0, 0);
    bench_boxes_close(b);
    config_done(&config);
    if (rc < 0) {
        cli_die(CLI_EXIT_FAILED, "%s", e.msg);
    }
    (void)printf("%.0f us\n", sum / (double)runs);
    return 0;
}
