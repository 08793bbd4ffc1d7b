/* SPDX-License-Identifier: MIT */
/* boxpair.c - see boxpair.h. */
#include "lib/boxpair.h"

#include "lib/unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "run/executor.h"
#include "wire/bundle.h"
#include "wire/config.h"

#define PROGRAM_MAX_BYTES (8u << 20)
#define PROGRAM_PATH      "probe"

static struct {
    pid_t launcher;
    struct launch_ready ready;
    uv_loop_t loop;
    uv_timer_t alarm;
    struct boxes *boxes;
    struct executor *executor;
} pair;

static void must(int status, const char *what, const struct err *e)
{
    if (status < 0) {
        fail_msg("%s: %s", what, e->msg);
    }
}

/* ---- a job ------------------------------------------------------------------
 */

static void read_program(const char *name, struct buf *out)
{
    const char *directory = getenv("TEST_PROBES");
    struct err e = {.msg = ""};
    char path[512];

    (void)snprintf(path, sizeof(path), "%s/%s",
                   directory ? directory : "build/probe", name);
    must(fd_read_file(path, out, &e), "a probe", &e);
}

static unsigned count_args(const struct boxpair_job *job)
{
    unsigned count = 0;

    while (count < BOXPAIR_ARGS_MAX && job->args[count]) {
        count++;
    }
    return count;
}

static void make_bundle(const struct boxpair_job *job, struct buf *b)
{
    const unsigned argc = count_args(job);
    AUTO_BUF struct buf program;
    struct err e = {.msg = ""};

    buf_init(&program, PROGRAM_MAX_BYTES);
    read_program(job->program, &program);
    const struct bundle_file file = {
        PROGRAM_PATH, 0755, {(const char *)program.data, program.len}};
    must(bundle_begin(b, argc + 1, 1, 1, &e), "bundle", &e);
    must(bundle_string(b, view_of("/workspace/" PROGRAM_PATH), &e), "bundle",
         &e);
    for (unsigned i = 0; i < argc; i++) {
        must(bundle_string(b, view_of(job->args[i]), &e), "bundle", &e);
    }
    must(bundle_string(b, view_of("PATH=/usr/bin:/bin"), &e), "bundle", &e);
    must(bundle_string(b, view_of("/workspace"), &e), "bundle", &e);
    must(bundle_file(b, &file, &e), "bundle", &e);
}

void boxpair_start(struct boxpair_job *job)
{
    struct err e = {.msg = ""};

    job->plan = (struct plan){.box = job->limits,
                              .wall_time_ms = job->wall_ms,
                              .stdout_bytes = job->output_bytes,
                              .stderr_bytes = job->output_bytes};
    buf_init(&job->plan.bundle, PROGRAM_MAX_BYTES);
    make_bundle(job, &job->plan.bundle);
    job->is_running = true;
    job->started_us = clock_mono_us();
    must(executor_start(pair.executor, &job->plan, (struct view){NULL, 0}, job,
                        &e),
         "start", &e);
    plan_done(&job->plan); /* the bundle was copied */
}

static void on_end(const struct executor_end *end, void *arg)
{
    struct boxpair_job *job = arg;
    const struct verdict_facts facts = {
        .ended = &job->ended,
        .plan = &job->plan,
        .stop = end->stop,
        .stdout_total = end->out->total,
        .stderr_total = end->err->total,
    };
    struct view text = collector_text(end->out);
    size_t len =
        text.len < sizeof(job->out) - 1 ? text.len : sizeof(job->out) - 1;

    job->ended_us = clock_mono_us();
    job->ended = *end->ended;
    job->out_total = end->out->total;
    job->err_total = end->err->total;
    memcpy(job->out, text.data ? text.data : "", len);
    job->out[len] = 0;
    verdict_make(&facts, &job->verdict);
    job->is_running = false;
    if (job->on_end) {
        job->on_end(job);
    }
}

static void on_output(unsigned which, const void *data, size_t len, void *job)
{
    (void)which;
    (void)data;
    (void)len;
    (void)job;
}

/* ---- the pair
 * ----------------------------------------------------------------- */

static void on_ended(const struct launch_ended *ended, void *arg)
{
    (void)arg;
    executor_on_ended(pair.executor, ended);
}

static void on_lost(void *arg)
{
    (void)arg;
    fail_msg("the launcher is gone");
}

static void fork_launcher(const char *cgroup, const char *cgroup_parent,
                          int *out_sock)
{
    struct config config;
    struct err e = {.msg = ""};

    config_init(&config);
    must(config_set(&config, "box.cgroup", cgroup, &e), "cgroup", &e);
    must(config_set(&config, "box.cgroup_parent", cgroup_parent, &e), "cgroup",
         &e);
    must(config_set(&config, "worker.slots", "2", &e), "slots", &e);
    must(boxes_fork_launcher(&config, out_sock, &pair.launcher, &e), "launcher",
         &e);
    must(boxes_wait_ready(*out_sock, &pair.ready, &e), "launcher", &e);
    config_done(&config);
}

void boxpair_open(const char *cgroup, const char *cgroup_parent)
{
    static const struct executor_callbacks jobs = {on_end, on_output};
    static const struct boxes_callbacks ends = {on_ended, on_lost, NULL};
    struct err e = {.msg = ""};
    int sock = -1;

    fork_launcher(cgroup, cgroup_parent, &sock);
    assert_int_equal(uv_loop_init(&pair.loop), 0);
    assert_int_equal(uv_timer_init(&pair.loop, &pair.alarm), 0);
    must(boxes_open(&pair.loop, sock, &ends, &pair.boxes, &e), "boxes", &e);
    must(executor_open(&pair.loop, pair.boxes, BOXPAIR_SLOTS, &jobs,
                       &pair.executor, &e),
         "executor", &e);
}

void boxpair_close(void)
{
    int status = 0;

    executor_close(pair.executor);
    boxes_close(pair.boxes); /* and the socket */
    uv_close((uv_handle_t *)&pair.alarm, NULL);
    assert_int_equal(uv_run(&pair.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&pair.loop), 0);
    assert_int_equal(waitpid(pair.launcher, &status, 0), pair.launcher);
    assert_int_equal(status, 0);
}

const struct launch_ready *boxpair_ready(void)
{
    return &pair.ready;
}

pid_t boxpair_launcher(void)
{
    return pair.launcher;
}

void boxpair_wait(const struct boxpair_job *job)
{
    while (job->is_running) {
        (void)uv_run(&pair.loop, UV_RUN_ONCE);
    }
}

static void on_alarm(uv_timer_t *alarm)
{
    (void)alarm; /* to leave uv_run */
}

void boxpair_pass(unsigned ms)
{
    uint64_t until_us = clock_mono_us() + (uint64_t)ms * 1000;

    for (uint64_t now = clock_mono_us(); now < until_us;
         now = clock_mono_us()) {
        uv_update_time(&pair.loop);
        (void)uv_timer_start(&pair.alarm, on_alarm, (until_us - now) / 1000 + 1,
                             0);
        (void)uv_run(&pair.loop, UV_RUN_ONCE);
    }
    (void)uv_timer_stop(&pair.alarm);
}
