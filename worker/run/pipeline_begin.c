/* SPDX-License-Identifier: MIT */
/* pipeline_begin.c - from a message to a box: decode, validate, wait for its
 * time and its turn, plan, launch. Read it from the bottom. Runs in the engine.
 *
 * Failures: bytes that name no job go to the dead letters; a job that cannot be
 * run gets a result that says why. */
#include "run/pipeline_impl.h"

#include "base/clock.h"
#include "base/str.h"
#include "run/compile.h"
#include "run/stream.h"

/* ---- decode, validate, plan ----------------------------------------- */

/* False when the work has already been sent on its way. */
static bool decode(struct work *w)
{
    const struct config *config = w->p->spec.config;
    const struct job_decode_opts opts = {.max_bytes = config->job_max_bytes};
    struct view value = w->msg.value;
    enum job_reject_reason reason = JOB_REJECT_NONE;
    struct err e;

    if (job_identify(value.data, value.len, &opts, &w->identity, &reason, &e) <
        0) {
        pipeline_bury(w, reason, &e);
        return false;
    }
    if (job_decode(value.data, value.len, &opts, &w->arena, &w->job, &e) < 0 ||
        job_validate(&w->job, config, &e) < 0) {
        pipeline_tell(w, "job.received", NULL);
        pipeline_note_late(w, AUDIT_RECEIVED, NULL, NULL);
        pipeline_refuse(w, STATUS_VALIDATION_ERROR, e.msg);
        return false;
    }
    w->is_decoded = true;
    return true;
}

bool pipeline_is_once(const struct work *w)
{
    return w->job.max_attempts == 1;
}

/* Before its time: back to Kafka, or for a moment into memory. */
static bool is_postponed(struct work *w)
{
    struct pipeline *p = w->p;
    uint64_t now_ms = clock_unix_ns() / PIPELINE_NS_PER_MS;
    uint64_t due_ms = 0;

    if (w->job.not_before_unix_nano == RECORD_NO_UINT) {
        return false;
    }
    due_ms = w->job.not_before_unix_nano / PIPELINE_NS_PER_MS +
             1; /* not a ms early */
    if (due_ms <= now_ms + 1) {
        return false;
    }
    /* A copy could be made twice by the forwarder: not of one that may run
     * only once. Its message must not be older than Kafka keeps it. */
    if (pipeline_is_once(w) &&
        due_ms - now_ms > p->spec.config->retry_rewrite_ms) {
        pipeline_refuse(
            w, STATUS_SETUP_ERROR,
            "max_attempts: 1 with a not_before_unix_nano further ahead than "
            "retry.rewrite_interval");
        return true;
    }
    if (pipeline_is_once(w) || !again_tier_within(due_ms - now_ms)) {
        backlog_wait(p->backlog, w, due_ms);
        return true;
    }
    w->later = (struct later){.due_unix_ms = due_ms,
                              .topic = p->deferred_topic,
                              .why = "not_before",
                              .attempt = w->origin.attempt};
    pipeline_tell(w, "job.deferred", NULL);
    meter_deferred(p->spec.meter, w->msg.queue);
    settle_send(p->settle, w, PARCEL_LATER);
    return true;
}

static bool is_expired(const struct work *w)
{
    return w->job.expires_unix_nano != RECORD_NO_UINT &&
           w->job.expires_unix_nano <= clock_unix_ns();
}

static bool plan(struct work *w)
{
    enum status status = STATUS_SETUP_ERROR;
    struct err e;

    report_hash(&w->job, &w->hashes);
    pipeline_tell(w, "job.received", NULL);
    if (pipeline_note(w, AUDIT_RECEIVED, &e) < 0) {
        pipeline_refuse(w, STATUS_INTERNAL_ERROR, e.msg);
        return false;
    }
    if (is_expired(w)) {
        pipeline_refuse(w, STATUS_EXPIRED, "expires_unix_nano has passed");
        return false;
    }
    if (plan_make(&w->job, w->p->spec.config, w->p->spec.worker->boxes,
                  &w->plan, &status, &e) < 0) {
        pipeline_refuse(w, status, e.msg);
        return false;
    }
    if (w->plan.has_compile_stage &&
        compile_plan(&w->job, w->p->spec.config, &w->plan, &w->compile_plan,
                     &e) < 0) {
        pipeline_refuse(w, STATUS_VALIDATION_ERROR, e.msg);
        return false;
    }
    return true;
}

/* The plan is the answer: nothing is run. */
static bool is_answered_dry(struct work *w)
{
    struct result result;

    if (!w->job.dry_run) {
        return false;
    }
    report_refused(&result, &w->identity, STATUS_SUCCESS,
                   "dry run: accepted, not run");
    result.limits = w->plan.limits;
    result.code_sha256 = view_of(w->hashes.code);
    pipeline_publish(w, &result);
    return true;
}

/* ---- launch --------------------------------------------------------- */

void pipeline_not_launched(struct work *w, const struct err *e)
{
    if (boxes_are_lost(w->p->spec.boxes)) {
        pipeline_give_back(w); /* we are about to end: another worker's, then */
    } else {
        pipeline_refuse(w, STATUS_INTERNAL_ERROR, e->msg);
    }
}

static bool start_compiler(struct work *w, struct err *e)
{
    w->is_compiling = true;
    if (executor_start(w->p->executor, &w->compile_plan, view_of(""), w, e) <
        0) {
        return false;
    }
    buf_done(&w->compile_plan.bundle);
    return true;
}

bool pipeline_start_program(struct work *w, struct err *e)
{
    w->is_compiling = false;
    if (executor_start(w->p->executor, &w->plan, w->job.stdin_, w, e) < 0) {
        return false;
    }
    if (w->job.stream) {
        w->stream = (struct stream){.out = w->p->spec.out,
                                    .topic = w->p->output_topic,
                                    .job_id = w->identity.job_id,
                                    .attempt = w->origin.attempt};
    }
    /* The bundle is in its memfd now; no need to hold it twice. */
    buf_done(&w->plan.bundle);
    return true;
}

static void launch(struct work *w)
{
    struct err e;

    health_snapshot(w->p->spec.health, executor_running(w->p->executor),
                    &w->before);
    if (pipeline_note(w, AUDIT_STARTED, &e) < 0 ||
        !(w->plan.has_compile_stage ? start_compiler(w, &e)
                                    : pipeline_start_program(w, &e))) {
        pipeline_not_launched(w, &e);
        return;
    }
    kafka_in_started(w->p->in, &w->msg);
    pipeline_tell(w, "job.started", NULL);
}

static void on_told(enum kafka_in_told told, void *arg)
{
    struct work *w = arg;
    struct pipeline *p = w->p;

    p->announced--;
    if (told == KAFKA_IN_TOLD && !p->is_draining) {
        w->may_begin = true;
        backlog_ready(p->backlog, w); /* for a slot */
        pipeline_pump(p);
    } else if (told == KAFKA_IN_CANNOT_TELL) {
        pipeline_refuse(
            w, STATUS_SETUP_ERROR,
            "max_attempts: 1 needs metadata of commits, which the broker "
            "refuses (offset.metadata.max.bytes)");
    } else {
        pipeline_give_back(w);
    }
}

/* Before it begins the broker must know, so that nobody begins it again. */
static void announce(struct work *w)
{
    w->p->announced++;
    kafka_in_begin_once(w->p->in, &w->msg, on_told, w);
}

/* Who had it before us did not come to its end, and it may not run again. */
static bool is_begun(struct work *w)
{
    if (!w->msg.is_begun) {
        return false;
    }
    pipeline_refuse(w, STATUS_WORKER_LOST,
                    "its worker went before it ended, and max_attempts is 1");
    return true;
}

/* What was held comes here again. */
void pipeline_begin(struct work *w)
{
    if (w->may_begin) {
        launch(w);
        return;
    }
    if ((!w->is_decoded && !decode(w)) || is_postponed(w) ||
        !backlog_enter(w->p->backlog, w) || is_begun(w) || !plan(w) ||
        is_answered_dry(w)) {
        return;
    }
    if (pipeline_is_once(w)) {
        announce(w);
    } else {
        launch(w);
    }
}
