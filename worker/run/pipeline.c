/* SPDX-License-Identifier: MIT */
/* pipeline.c - see pipeline.h; what lies between take and launch is in
 * pipeline_begin.c.
 *
 *   take -> identify, decode, validate -> plan -> launch -> (the box runs)
 *        -> ended -> verdict, report -> publish -> acknowledged -> done
 *
 * Happy path: as above; a job is a `struct work` from take to done, and keeps
 * its Kafka message (whose bytes the decoded job points into) until then.
 *
 * Failures: bytes that name no job go to the dead letters; a job that cannot
 * be run gets a result that says why; a result that cannot be queued or
 * delivered is sent again until it is, because only then is the job done. A
 * box ended by our own shutdown gives its message back, unfinished.
 *
 * On close: nothing is left, or what is left is given back. */
#include "run/pipeline_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "run/again.h"
#include "run/backlog.h"
#include "run/compile.h"
#include "run/executor.h"
#include "run/settle.h"
#include "run/stream.h"
#include "run/trace.h"
#include "run/work.h"
#include "svc/kafka_conf.h"

/* Results that wait for the broker; beyond, no new jobs are taken, so that a
 * broker that is away does not fill our memory. Per slot. */
#define UNPUBLISHED_PER_SLOT 8
/* One turn of the loop takes at most this many messages that need no box, so
 * that a flood of bad ones does not starve running jobs. */
#define TAKES_PER_TURN 256

/* ---- telling others ----------------------------------------------------- */

void pipeline_tell(struct work *w, const char *type, const char *status)
{
    trace_event(w->p->spec.telemetry, w, type, status);
}

int pipeline_note(struct work *w, enum audit_event what, struct err *e)
{
    return trace_audit(w->p->spec.audit, w, what, NULL, NULL, e);
}

void pipeline_note_late(struct work *w, enum audit_event what,
                        const struct result_usage *usage, uint64_t *out_seq)
{
    trace_audit_late(w->p->spec.audit, w, what, usage, out_seq);
}

/* ---- what is not a job: dead letter ------------------------------------- */

void pipeline_bury(struct work *w, enum job_reject_reason reason,
                   const struct err *e)
{
    w->why_dead = job_reject_name(reason);
    w->reason = xstrdup(e->msg);
    w->p->counts.dead++;
    log_warn("dead letter",
             "reason=%s topic=%s partition=%d offset=%" PRId64 " error=%s",
             w->why_dead, w->origin.topic, w->origin.partition,
             w->origin.offset, e->msg);
    pipeline_tell(w, "job.dead_letter", w->why_dead);
    settle_send(w->p->settle, w, PARCEL_DEAD_LETTER);
}

/* ---- the end of an attempt: a result, or another one -------------------- */

static void encode_result(struct work *w, struct result *result)
{
    const struct report_worker *worker = w->p->spec.worker;
    struct err e;

    report_add_origin(result, worker, &w->origin);
    meter_reported(w->p->spec.meter, w->msg.queue, result);
    if (report_encode(result, worker, &w->record, &e) < 0) {
        /* Labels or limits beyond any sense: the outcome alone. */
        struct result bare;
        report_refused(&bare, &w->identity, STATUS_INTERNAL_ERROR, e.msg);
        report_add_origin(&bare, worker, &w->origin);
        w->status = STATUS_INTERNAL_ERROR;
        if (report_encode(&bare, worker, &w->record, &e) < 0) {
            log_error("result cannot be encoded", "error=%s", e.msg);
        }
    }
}

/* Beside its result: somebody should look at it. */
static void bury_spent(struct work *w, const struct result *result)
{
    struct err words;

    w->why_dead = DEAD_ATTEMPTS_SPENT;
    (void)err_set(&words, ERR_LIMIT, "attempt %" PRIu64 " ended as %s%s%.*s",
                  w->origin.attempt, status_name(w->status),
                  result->status_reason.len ? ": " : "",
                  VIEW_ARG(result->status_reason));
    w->reason = xstrdup(words.msg);
    w->p->counts.dead++;
    log_warn("dead letter", "reason=%s job_id=%.*s error=%s", w->why_dead,
             VIEW_ARG(w->identity.job_id), w->reason);
    pipeline_tell(w, "job.dead_letter", w->why_dead);
    settle_send(w->p->settle, w, PARCEL_DEAD_LETTER);
}

/* Its successors wait meanwhile, so it waits here, and not in a topic. */
static void try_in_turn(struct work *w)
{
    struct pipeline *p = w->p;
    struct work *next =
        work_new(p, &w->msg, p->spec.config, p->spec.worker->result_max_bytes);

    next->origin.attempt = w->later.attempt;
    backlog_replace(w, next);
    backlog_wait(p->backlog, next, w->later.due_unix_ms);
    work_free(w);
}

static void try_again(struct work *w)
{
    log_info("job is tried again", "job_id=%.*s attempt=%" PRIu64 " status=%s",
             VIEW_ARG(w->identity.job_id), w->origin.attempt, w->later.why);
    pipeline_tell(w, "job.retried", w->later.why);
    meter_retried(w->p->spec.meter, w->msg.queue, w->status);
    if (w->turn && w->p->is_draining) {
        pipeline_give_back(w);
    } else if (w->turn) {
        try_in_turn(w);
    } else {
        settle_send(w->p->settle, w, PARCEL_LATER);
    }
}

static enum again decide_again(struct work *w)
{
    struct pipeline *p = w->p;
    uint64_t attempt = w->origin.attempt;
    const struct again_tier *tier = again_tier_after(&p->backoff, attempt);

    w->later = (struct later){
        .due_unix_ms = clock_unix_ns() / PIPELINE_NS_PER_MS + tier->delay_ms,
        .topic = p->tier_topics[tier - again_tiers],
        .why = status_name(w->status),
        .attempt = attempt + 1,
    };
    return again_decide(&w->job, w->status, attempt, w->later.due_unix_ms);
}

void pipeline_publish(struct work *w, struct result *result)
{
    enum again again = AGAIN_NO;

    result->wal_seq = 0;
    pipeline_note_late(w, AUDIT_FINISHED,
                       result->usage.present ? &result->usage : NULL,
                       &result->wal_seq);
    w->status = (enum status)result->status;
    again = decide_again(w);
    if (again == AGAIN_YES && !kafka_in_is_ours(&w->msg)) {
        pipeline_give_back(w); /* whoever has it now tries it */
        return;
    }
    if (again == AGAIN_YES) {
        try_again(w);
        return;
    }
    encode_result(w, result);
    pipeline_tell(w, "job.finished", status_name(w->status));
    settle_send(w->p->settle, w, PARCEL_RESULT);
    if (again == AGAIN_SPENT) {
        bury_spent(w, result);
    }
}

void pipeline_refuse(struct work *w, enum status status, const char *reason)
{
    struct result result;

    report_refused(&result, &w->identity, status, reason);
    pipeline_publish(w, &result);
}

/* ---- taking ------------------------------------------------------------- */

static bool may_begin(const struct pipeline *p)
{
    return p->in && !p->is_draining && !p->is_closing &&
           executor_has_slot(p->executor) &&
           health_takes_jobs(p->spec.health) &&
           !audit_log_is_refused(p->spec.audit) &&
           p->announced < p->spec.slots &&
           settle_count(p->settle) < p->spec.slots * UNPUBLISHED_PER_SLOT;
}

static struct work *take(struct pipeline *p)
{
    struct kafka_in_msg msg;

    if (backlog_is_full(p->backlog) || !kafka_in_take(p->in, &msg)) {
        return NULL;
    }
    p->counts.received++;
    meter_taken(p->spec.meter, msg.queue);
    return work_new(p, &msg, p->spec.config, p->spec.worker->result_max_bytes);
}

void pipeline_pump(struct pipeline *p)
{
    for (unsigned i = 0; may_begin(p); i++) {
        struct work *w = backlog_next(p->backlog);

        if (w) {
            pipeline_begin(w);
            continue;
        }
        if (i >= TAKES_PER_TURN) {
            kafka_in_look_again(p->in);
            return;
        }
        w = take(p);
        if (!w) {
            return;
        }
        pipeline_begin(w);
    }
}

/* ---- the box has ended -------------------------------------------------- */

static void finish_if_idle(struct pipeline *p);

void pipeline_give_back(struct work *w)
{
    struct pipeline *p = w->p;

    meter_given_back(p->spec.meter, w->msg.queue);
    backlog_leave(p->backlog, w);
    kafka_in_drop(p->in, &w->msg);
    work_free(w);
    finish_if_idle(p);
}

static void on_output(unsigned which, const void *data, size_t len, void *arg)
{
    struct work *w = arg;

    /* A compiler's goes nowhere: the stream begins with the program. */
    stream_send(&w->stream, which == 0 ? CHUNK_STDOUT : CHUNK_STDERR, data,
                len);
}

static void take_returns(struct work *w, const struct executor_end *end,
                         struct returns *out)
{
    const struct returns_facts facts = {
        .job = &w->job,
        .limits = &w->plan.limits,
        .wanted = &w->plan.wanted,
        .collection = end->collection,
        .is_over = end->is_collection_over,
        .has_run = end->ended->has_report &&
                   end->ended->report.phase == BOX_PHASE_DONE,
    };

    returns_make(&facts, out);
}

static struct report_run run_of(const struct work *w,
                                const struct executor_end *end,
                                const struct verdict *verdict)
{
    return (struct report_run){
        .job = &w->job,
        .plan = &w->plan,
        .end = end,
        .verdict = verdict,
        .hashes = &w->hashes,
        .now_unix_ns = clock_unix_ns(),
        .now_mono_us = clock_mono_us(),
    };
}

/* The stage before the run: it goes on from here, or ends here. */
static void on_compiled(struct work *w, const struct executor_end *end)
{
    struct result result;
    struct err e;

    compile_take(&w->job, w->p->spec.config, end, &w->compile_plan, &w->plan,
                 &w->compile);
    if (w->compile.success) {
        if (!pipeline_start_program(w, &e)) {
            pipeline_not_launched(w, &e);
        }
        return;
    }
    const struct report_run run = run_of(w, end, &w->compile.verdict);
    report_not_compiled(&result, &run, &w->compile_plan, w->p->spec.worker);
    health_add_snapshots(w->p->spec.health, &w->before,
                         executor_running(w->p->executor), end->ended, &result);
    compile_report(&w->compile, &result);
    pipeline_publish(w, &result);
}

static void on_ran(struct work *w, const struct executor_end *end)
{
    struct verdict_facts facts = {
        .ended = end->ended,
        .plan = &w->plan,
        .stop = end->stop,
        .stdout_total = end->out->total,
        .stderr_total = end->err->total,
    };
    struct returns returns;
    struct verdict verdict;
    struct result result;

    take_returns(w, end, &returns);
    returns_warn(&returns, w->compile.warning);
    returns_warn(&returns, report_judging(&w->job, end));
    facts.missing = returns.problem;
    verdict_make(&facts, &verdict);
    struct report_run run = run_of(w, end, &verdict);
    run.returns = &returns;
    stream_end(&w->stream);
    report_ran(&result, &run, w->p->spec.worker);
    health_add_snapshots(w->p->spec.health, &w->before,
                         executor_running(w->p->executor), end->ended, &result);
    compile_report(&w->compile, &result);
    pipeline_publish(w, &result);
    returns_done(&returns);
}

static void on_end(const struct executor_end *end, void *arg)
{
    struct work *w = arg;

    meter_box_ended(w->p->spec.meter, end->ended);
    if (end->stop == VERDICT_STOP_SHUTDOWN) {
        pipeline_give_back(w);
    } else if (w->is_compiling) {
        on_compiled(w, end);
    } else {
        on_ran(w, end);
    }
}

void pipeline_on_ended(struct pipeline *p, const struct launch_ended *ended)
{
    executor_on_ended(p->executor, ended);
    pipeline_pump(p);
}

/* ---- acknowledged: done ------------------------------------------------- */

static void done(struct work *w)
{
    struct pipeline *p = w->p;

    if (work_has_sent(w, PARCEL_RESULT)) {
        pipeline_note_late(w, AUDIT_PUBLISHED, NULL, NULL);
        meter_finished(p->spec.meter, w->msg.queue, w->status,
                       w->origin.received_ns);
        p->counts.succeeded += w->status == STATUS_SUCCESS;
    }
    if (work_has_sent(w, PARCEL_DEAD_LETTER)) {
        meter_buried(p->spec.meter, w->msg.queue, w->why_dead);
    }
    p->counts.finished += !work_has_sent(w, PARCEL_LATER);
    log_debug("job done", "job_id=%.*s status=%s", VIEW_ARG(w->identity.job_id),
              status_name(w->status));
    backlog_leave(p->backlog, w);
    kafka_in_done(p->in, &w->msg);
    work_free(w);
    pipeline_pump(p);
    finish_if_idle(p);
}

/* ---- life of the pipeline ----------------------------------------------- */

static void finish_if_idle(struct pipeline *p)
{
    if (p->is_draining && !p->is_closing &&
        executor_running(p->executor) == 0 && settle_count(p->settle) == 0 &&
        p->announced == 0) {
        p->is_closing = true;
        p->spec.on_idle(p->spec.arg);
    }
}

static void on_held_ready(void *arg)
{
    pipeline_pump(arg);
}

static void name_topics(struct pipeline *p)
{
    const struct config *config = p->spec.config;

    p->output_topic = kafka_conf_topic(config, "output");
    p->deferred_topic = kafka_conf_topic(config, "deferred");
    for (size_t i = 0; i < AGAIN_TIERS; i++) {
        p->tier_topics[i] = kafka_conf_topic(config, again_tiers[i].topic);
    }
}

static void free_topics(struct pipeline *p)
{
    free(p->output_topic);
    free(p->deferred_topic);
    for (size_t i = 0; i < AGAIN_TIERS; i++) {
        free(p->tier_topics[i]);
    }
}

int pipeline_open(const struct pipeline_spec *spec, struct pipeline **out,
                  struct err *e)
{
    static const struct executor_callbacks callbacks = {on_end, on_output};
    struct pipeline *p = xcalloc(1, sizeof(*p));

    p->spec = *spec;
    if (again_backoff_parse(spec->config, &p->backoff, e) < 0 ||
        executor_open(spec->loop, spec->boxes, spec->slots, &callbacks,
                      &p->executor, e) < 0) {
        free(p);
        return -1;
    }
    executor_prefer(p->executor, (unsigned)spec->config->box_prepared);
    p->backlog = backlog_open(spec->loop, on_held_ready, p);
    name_topics(p);
    const struct settle_spec settle = {
        .config = spec->config,
        .loop = spec->loop,
        .out = spec->out,
        .meter = spec->meter,
        .worker = spec->worker,
        .on_settled = done,
        .on_unsettled = pipeline_give_back,
    };
    if (settle_open(&settle, &p->settle, e) < 0) {
        pipeline_close(p);
        return -1;
    }
    *out = p;
    return 0;
}

void pipeline_attach(struct pipeline *p, struct kafka_in *in)
{
    p->in = in;
    settle_attach(p->settle, in);
}

static void give_back_held(struct pipeline *p,
                           bool (*is_meant)(const void *work))
{
    struct work *w = NULL;

    while ((w = backlog_take(p->backlog, is_meant)) != NULL) {
        pipeline_give_back(w);
    }
}

static void give_back_unbegun(struct pipeline *p)
{
    if (p->in) {
        kafka_in_begin_none(p->in);
    }
    give_back_held(p, NULL);
}

static bool is_leaving(const void *work)
{
    const struct work *w = work;

    return kafka_in_is_leaving(&w->msg);
}

static bool is_others(const void *work)
{
    const struct work *w = work;

    return !kafka_in_is_ours(&w->msg);
}

void pipeline_leaving(struct pipeline *p)
{
    give_back_held(p, is_leaving);
}

/* Nobody waits for these: the next of its key begins elsewhere when the one
 * that runs there has ended, and of one that may run once others have said
 * that it is lost. */
static bool is_useless(const void *work)
{
    const struct work *w = work;

    return is_others(w) && (w->turn || pipeline_is_once(w) ||
                            w->p->spec.config->topics_kill_revoked);
}

void pipeline_left(struct pipeline *p)
{
    give_back_held(p, is_others);
    executor_stop(p->executor, is_useless, VERDICT_STOP_SHUTDOWN);
}

void pipeline_drain(struct pipeline *p)
{
    p->is_draining = true;
    if (p->in) {
        kafka_in_pause(p->in);
    }
    give_back_unbegun(p);
    finish_if_idle(p);
}

void pipeline_abandon(struct pipeline *p)
{
    executor_stop(p->executor, NULL, VERDICT_STOP_SHUTDOWN);
}

void pipeline_lost(struct pipeline *p)
{
    p->is_draining = true;
    give_back_unbegun(p);
    executor_lost(p->executor);
}

void pipeline_counts(const struct pipeline *p, struct pipeline_counts *out)
{
    *out = p->counts;
    out->running = executor_running(p->executor);
    out->unpublished = settle_count(p->settle);
    out->unpublished_max = p->spec.slots * UNPUBLISHED_PER_SLOT;
}

const struct kafka_trouble *pipeline_troubles(const struct pipeline *p)
{
    return settle_troubles(p->settle);
}

void pipeline_flush(struct pipeline *p, uint64_t timeout_ms)
{
    settle_flush(p->settle, timeout_ms);
}

void pipeline_close(struct pipeline *p)
{
    if (!p) {
        return;
    }
    p->is_closing = true;
    settle_close(p->settle);
    give_back_unbegun(p);
    backlog_close(p->backlog);
    executor_close(p->executor);
    free_topics(p);
    free(p);
}
