/* SPDX-License-Identifier: MIT */
/* trial.c - see trial.h. */
#include "lib/trial.h"

#include <string.h>
#include <sys/wait.h>

#include "lib/unit.h"

#define MIB   (1u << 20)
#define SLOTS TRIAL_SLOTS

struct trials trials;

static void copy_text(struct collector *from, char *to, size_t size)
{
    struct view text = collector_text(from);
    size_t len = text.len < size - 1 ? text.len : size - 1;

    memcpy(to, text.data ? text.data : "", len);
    to[len] = 0;
}

static void on_end(const struct executor_end *end, void *arg)
{
    struct trial *job = arg;

    job->ends++;
    job->stop = end->stop;
    job->ended = *end->ended;
    job->out_total = end->out->total;
    copy_text(end->out, job->out, sizeof(job->out));
    copy_text(end->err, job->err, sizeof(job->err));
    buf_init(&job->collection, end->collection.len);
    if (end->collection.len > 0) { /* who wants nothing has nothing to free */
        assert_int_equal(buf_append(&job->collection, end->collection.data,
                                    end->collection.len, NULL),
                         0);
    }
    job->is_collection_over = end->is_collection_over;
    trials.open_jobs--;
}

static void on_output(unsigned which, const void *data, size_t len, void *arg)
{
    struct trial *job = arg;

    (void)data;
    job->seen += which == 0 ? len : 0;
}

static void on_ended(const struct launch_ended *ended, void *arg)
{
    (void)arg;
    executor_on_ended(trials.ex, ended);
}

static void on_lost(void *arg)
{
    (void)arg;
    trials.lost++;
    executor_lost(trials.ex);
}

int trial_open(void **state)
{
    static const struct executor_callbacks jobs = {on_end, on_output};
    static const struct boxes_callbacks ends = {on_ended, on_lost, NULL};
    struct err e = {.msg = ""};

    (void)state;
    boxrun_open(&trials.run, "auto");
    trials.lost = trials.open_jobs = 0;
    assert_int_equal(uv_loop_init(&trials.loop), 0);
    assert_int_equal(
        boxes_open(&trials.loop, trials.run.sock, &ends, &trials.boxes, &e), 0);
    assert_int_equal(
        executor_open(&trials.loop, trials.boxes, SLOTS, &jobs, &trials.ex, &e),
        0);
    return 0;
}

int trial_close(void **state)
{
    (void)state;
    executor_close(trials.ex);
    boxes_close(trials.boxes); /* and the socket */
    assert_int_equal(uv_run(&trials.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&trials.loop), 0);
    (void)waitpid(trials.run.launcher, NULL, 0); /* a test may have done it */
    return 0;
}

static void add_wanted(struct trial *job)
{
    struct err e = {.msg = ""};

    if (!job->wanted.folder) {
        return;
    }
    job->wanted.fetch_count = job->fetch ? 1 : 0;
    job->plan.collection_bytes =
        job->collection_bytes ? job->collection_bytes : 64 * MIB;
    assert_int_equal(bundle_wanted(&job->plan.bundle, &job->wanted, &e), 0);
    if (job->fetch) {
        assert_int_equal(bundle_fetch(&job->plan.bundle, view_of(job->fetch),
                                      UINT64_MAX, &e),
                         0);
    }
}

static void make_plan(struct trial *job)
{
    const char *const argv[] = {"/bin/sh", "-c", job->code};
    struct err e = {.msg = ""};

    memset(&job->plan, 0, sizeof(job->plan));
    job->plan.box = job->limits.memory_bytes ? job->limits : boxrun_limits;
    job->plan.wall_time_ms = job->wall_ms ? job->wall_ms : 20000;
    job->plan.idle_time_ms = job->idle_ms;
    job->plan.grace_ms = job->grace_ms;
    job->plan.stdout_bytes = job->plan.stderr_bytes = 1024;
    buf_init(&job->plan.bundle, MIB);
    assert_int_equal(bundle_begin(&job->plan.bundle, ARRAY_LEN(argv), 1, 0, &e),
                     0);
    for (size_t i = 0; i < ARRAY_LEN(argv); i++) {
        assert_int_equal(bundle_string(&job->plan.bundle, view_of(argv[i]), &e),
                         0);
    }
    assert_int_equal(
        bundle_string(&job->plan.bundle, view_of("PATH=/usr/bin:/bin"), &e), 0);
    assert_int_equal(
        bundle_string(&job->plan.bundle, view_of("/workspace"), &e), 0);
    add_wanted(job);
}

int trial_try_start(struct trial *job)
{
    struct err e = {.msg = ""};

    make_plan(job);
    int status = executor_start(trials.ex, &job->plan, job->input, job, &e);
    plan_done(&job->plan); /* the bundle was copied, as pipeline.c knows */
    trials.open_jobs += status == 0;
    return status;
}

void trial_start(struct trial *job)
{
    assert_int_equal(trial_try_start(job), 0);
}

void trial_run_all(void)
{
    while (trials.open_jobs > 0) {
        (void)uv_run(&trials.loop, UV_RUN_ONCE);
    }
}

void trial_run_one(struct trial *job)
{
    trial_start(job);
    trial_run_all();
    assert_int_equal(job->ends, 1);
}

void trial_expect_success(const struct trial *job)
{
    if (job->stop != VERDICT_STOP_NONE || job->ended.is_refused ||
        job->ended.report.phase != BOX_PHASE_DONE ||
        job->ended.report.wait_status != 0) {
        fail_msg("stop %d refused %u '%s' status %x: %s%s", (int)job->stop,
                 job->ended.is_refused, job->ended.error,
                 job->ended.report.wait_status, job->out, job->err);
    }
}

void trial_wait_seen(const struct trial *job)
{
    while (job->seen == 0) {
        (void)uv_run(&trials.loop, UV_RUN_ONCE);
    }
}
