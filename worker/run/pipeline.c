/* SPDX-License-Identifier: MIT */
/* pipeline.c - see pipeline.h. Read it from the top: the functions stand in
 * the order of a job's life.
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
#include "run/pipeline.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "run/compile.h"
#include "run/envelope.h"
#include "run/executor.h"
#include "run/stream.h"

/* Results that wait for the broker; beyond, no new jobs are taken, so that a
 * broker that is away does not fill our memory. Per slot. */
#define UNPUBLISHED_PER_SLOT 8
#define RESEND_MS            250
/* One turn of the loop takes at most this many messages that need no box, so
 * that a flood of bad ones does not starve running jobs. */
#define TAKES_PER_TURN 256

struct work {
    struct pipeline *p;
    struct kafka_in_msg msg;
    struct report_origin origin;
    struct arena arena;
    struct job_identity identity;
    struct job job;
    struct plan plan;
    struct plan compile_plan; /* of the stage before, when there is one */
    struct compile compile;   /* what became of it */
    bool is_compiling;
    struct report_hashes hashes;
    struct stream stream;
    struct health_snapshot before;
    struct buf record; /* the encoded result */
    const char *topic; /* where it goes: results or dead */
    char *reason;      /* of a dead letter */
    enum status status;
    enum job_reject_reason rejected; /* of a dead letter */
    bool is_dead_letter;
    struct work *next;
    struct work *prev;
};

struct pipeline {
    struct pipeline_spec spec;
    struct kafka_in *in;
    struct executor *executor;
    uv_timer_t resend_timer;
    struct work *unsent;  /* could not be queued: sent again by the timer */
    struct work *waiting; /* queued, not acknowledged */
    struct pipeline_counts counts;
    char results_topic[256];
    char dead_topic[256];
    char output_topic[256];
    bool is_draining;
    bool is_closing;
};

static void publish(struct work *w);

/* ---- telling others ---------------------------------------------------- */

static void tell(struct work *w, const char *type, const char *status)
{
    struct event event;
    struct event_attribute attributes[] = {
        EVENT_ATTR_TEXT("messaging.destination.name", view_of(w->origin.topic)),
        EVENT_ATTR_INT("messaging.destination.partition.id",
                       w->origin.partition),
        EVENT_ATTR_INT("messaging.kafka.offset", w->origin.offset),
        EVENT_ATTR_TEXT("forkyard.job.language", w->job.language),
        EVENT_ATTR_TEXT("forkyard.job.status", view_of(status)),
    };

    event_init(&event);
    event.type = view_of(type);
    event.tenant_id = w->identity.tenant_id;
    event.job_id = w->identity.job_id;
    event.session_id = w->identity.session_id;
    event.attempt = w->origin.attempt;
    telemetry_emit(w->p->spec.telemetry, &event, attributes,
                   ARRAY_LEN(attributes));
}

static int note(struct work *w, enum audit_event what,
                const struct result_usage *usage, uint64_t *out_seq,
                struct err *e)
{
    struct audit record;

    audit_init(&record);
    record.event_type = (int)what;
    record.job_id = w->identity.job_id;
    record.attempt = w->origin.attempt;
    if (w->hashes.code[0]) {
        record.code_sha256 = view_of(w->hashes.code);
        record.args_sha256 = view_of(w->hashes.args);
    }
    if (usage) {
        record.usage = *usage;
    }
    return audit_log_write(w->p->spec.audit, &record, out_seq, e);
}

/* For records after the run: the result matters more than its trace. */
static void note_late(struct work *w, enum audit_event what,
                      const struct result_usage *usage, uint64_t *out_seq)
{
    struct err e;

    if (note(w, what, usage, out_seq, &e) < 0) {
        log_warn("audit record lost", "job_id=%.*s error=%s",
                 VIEW_ARG(w->identity.job_id), e.msg);
    }
}

/* ---- 1. take ----------------------------------------------------------- */

#define ATTEMPT_DIGITS 3 /* JOB_MAX_ATTEMPTS has no more */

static uint64_t attempt_of(const struct kafka_in_msg *msg)
{
    const char *name = NULL;
    struct view value;

    for (size_t i = 0; kafka_in_header(msg, i, &name, &value); i++) {
        char text[ATTEMPT_DIGITS + 1] = "";
        uint64_t attempt = 0;

        if (strcmp(name, "attempt") != 0 || value.len > ATTEMPT_DIGITS) {
            continue;
        }
        memcpy(text, value.data ? value.data : "", value.len);
        if (str_parse_u64(text, &attempt, NULL) == 0 && attempt > 0) {
            return attempt;
        }
    }
    return 1;
}

static struct work *work_new(struct pipeline *p, const struct kafka_in_msg *msg)
{
    struct work *w = xcalloc(1, sizeof(*w));

    w->p = p;
    w->msg = *msg;
    w->origin = (struct report_origin){
        .topic = msg->topic,
        .partition = msg->partition,
        .offset = msg->offset,
        .record_unix_ms = msg->timestamp_ms,
        .received_ns = clock_unix_ns(),
        .attempt = attempt_of(msg),
    };
    arena_init(&w->arena, p->spec.config->job_max_bytes * 4);
    job_init(&w->job);
    buf_init(&w->record, p->spec.worker->result_max_bytes * 2);
    return w;
}

static void work_free(struct work *w)
{
    stream_done(&w->stream);
    plan_done(&w->plan);
    plan_done(&w->compile_plan);
    compile_done(&w->compile);
    arena_done(&w->arena);
    buf_done(&w->record);
    free(w->reason);
    free(w);
}

/* ---- 2. what is not a job: dead letter --------------------------------- */

static void bury(struct work *w, enum job_reject_reason reason,
                 const struct err *e)
{
    w->is_dead_letter = true;
    w->topic = w->p->dead_topic;
    w->reason = xstrdup(e->msg);
    w->rejected = reason;
    w->p->counts.dead++;
    log_warn("dead letter",
             "reason=%s topic=%s partition=%d offset=%" PRId64 " error=%s",
             job_reject_name(reason), w->origin.topic, w->origin.partition,
             w->origin.offset, e->msg);
    tell(w, "job.dead_letter", job_reject_name(reason));
    (void)!buf_append(&w->record, job_reject_name(reason),
                      strlen(job_reject_name(reason)), NULL);
    publish(w);
}

/* ---- 3. what cannot be run: a result that says why --------------------- */

static void publish_result(struct work *w, struct result *result)
{
    struct err e;

    result->wal_seq = 0;
    note_late(w, AUDIT_FINISHED, result->usage.present ? &result->usage : NULL,
              &result->wal_seq);
    w->status = (enum status)result->status;
    w->topic = w->p->results_topic;
    report_add_origin(result, w->p->spec.worker, &w->origin);
    meter_reported(w->p->spec.meter, w->msg.queue, result);
    if (report_encode(result, w->p->spec.worker, &w->record, &e) < 0) {
        /* Labels or limits beyond any sense: the outcome alone. */
        struct result bare;
        report_refused(&bare, &w->identity, STATUS_INTERNAL_ERROR, e.msg);
        report_add_origin(&bare, w->p->spec.worker, &w->origin);
        w->status = STATUS_INTERNAL_ERROR;
        if (report_encode(&bare, w->p->spec.worker, &w->record, &e) < 0) {
            log_error("result cannot be encoded", "error=%s", e.msg);
        }
    }
    tell(w, "job.finished", status_name(w->status));
    publish(w);
}

static void refuse(struct work *w, enum status status, const char *reason)
{
    struct result result;

    report_refused(&result, &w->identity, status, reason);
    publish_result(w, &result);
}

/* ---- 4. decode, validate, plan ----------------------------------------- */

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
        bury(w, reason, &e);
        return false;
    }
    if (job_decode(value.data, value.len, &opts, &w->arena, &w->job, &e) < 0 ||
        job_validate(&w->job, config, &e) < 0) {
        tell(w, "job.received", NULL);
        note_late(w, AUDIT_RECEIVED, NULL, NULL);
        refuse(w, STATUS_VALIDATION_ERROR, e.msg);
        return false;
    }
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
    tell(w, "job.received", NULL);
    if (note(w, AUDIT_RECEIVED, NULL, NULL, &e) < 0) {
        refuse(w, STATUS_INTERNAL_ERROR, e.msg);
        return false;
    }
    if (is_expired(w)) {
        refuse(w, STATUS_EXPIRED, "expires_unix_nano has passed");
        return false;
    }
    if (plan_make(&w->job, w->p->spec.config, w->p->spec.worker->boxes,
                  &w->plan, &status, &e) < 0) {
        refuse(w, status, e.msg);
        return false;
    }
    if (w->plan.has_compile_stage &&
        compile_plan(&w->job, w->p->spec.config, &w->plan, &w->compile_plan,
                     &e) < 0) {
        refuse(w, STATUS_VALIDATION_ERROR, e.msg);
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
    publish_result(w, &result);
    return true;
}

/* ---- 5. launch --------------------------------------------------------- */

static void give_back(struct work *w);

static void not_launched(struct work *w, const struct err *e)
{
    if (boxes_are_lost(w->p->spec.boxes)) {
        give_back(w); /* we are about to end: another worker's, then */
    } else {
        refuse(w, STATUS_INTERNAL_ERROR, e->msg);
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

static bool start_program(struct work *w, struct err *e)
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
    if (note(w, AUDIT_STARTED, NULL, NULL, &e) < 0 ||
        !(w->plan.has_compile_stage ? start_compiler(w, &e)
                                    : start_program(w, &e))) {
        not_launched(w, &e);
        return;
    }
    kafka_in_started(w->p->in, &w->msg);
    tell(w, "job.started", NULL);
}

static void begin(struct work *w)
{
    w->p->counts.received++;
    meter_taken(w->p->spec.meter, w->msg.queue);
    if (decode(w) && plan(w) && !is_answered_dry(w)) {
        launch(w);
    }
}

static bool may_take(const struct pipeline *p)
{
    return p->in && !p->is_draining && !p->is_closing &&
           executor_has_slot(p->executor) &&
           health_takes_jobs(p->spec.health) &&
           !audit_log_is_refused(p->spec.audit) &&
           p->counts.unpublished < p->spec.slots * UNPUBLISHED_PER_SLOT;
}

void pipeline_pump(struct pipeline *p)
{
    struct kafka_in_msg msg;

    for (unsigned i = 0; i < TAKES_PER_TURN && may_take(p); i++) {
        if (!kafka_in_take(p->in, &msg)) {
            return;
        }
        begin(work_new(p, &msg));
    }
}

/* ---- 6. the box has ended ---------------------------------------------- */

static void finish_if_idle(struct pipeline *p);

static void give_back(struct work *w)
{
    struct pipeline *p = w->p;

    meter_given_back(p->spec.meter, w->msg.queue);
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
        if (!start_program(w, &e)) {
            not_launched(w, &e);
        }
        return;
    }
    const struct report_run run = run_of(w, end, &w->compile.verdict);
    report_not_compiled(&result, &run, &w->compile_plan, w->p->spec.worker);
    health_add_snapshots(w->p->spec.health, &w->before,
                         executor_running(w->p->executor), end->ended, &result);
    compile_report(&w->compile, &result);
    publish_result(w, &result);
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
    publish_result(w, &result);
    returns_done(&returns);
}

static void on_end(const struct executor_end *end, void *arg)
{
    struct work *w = arg;

    meter_box_ended(w->p->spec.meter, end->ended);
    if (end->stop == VERDICT_STOP_SHUTDOWN) {
        give_back(w);
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

/* ---- 7. publish -------------------------------------------------------- */

static void on_acknowledged(const struct err *failure, void *arg);

static int send_record(struct work *w, struct err *e)
{
    const struct envelope_facts facts = {
        .msg = &w->msg,
        .origin = &w->origin,
        .identity = &w->identity,
        .why = buf_view(&w->record),
        .words = view_of(w->reason),
        .worker_id = w->p->spec.worker->id,
    };
    struct envelope envelope;

    if (w->is_dead_letter) {
        envelope_of_dead_letter(&envelope, &facts);
    } else {
        envelope_of_result(&envelope, &facts);
    }
    const struct kafka_record record = {
        .topic = w->topic,
        .key = w->is_dead_letter ? w->msg.key : w->identity.job_id,
        .value = w->is_dead_letter ? w->msg.value : buf_view(&w->record),
        .headers = envelope.list,
        .header_count = envelope.count,
        .on_ack = on_acknowledged,
        .arg = w,
    };
    int status = kafka_out_send(w->p->spec.out, &record, e);
    envelope_done(&envelope);
    return status;
}

/* A broker may take less than result.max_bytes, and says so each time: half
 * of it, then. Without output at the least it goes through. */
static void shrink(struct work *w)
{
    struct report_worker worker = *w->p->spec.worker;
    struct result result;
    struct arena arena;
    struct buf smaller;
    struct err e;

    worker.result_max_bytes = w->record.len / 2;
    arena_init(&arena, w->record.len * 8);
    buf_init(&smaller, w->record.max);
    if (result_decode(w->record.data, w->record.len, &arena, &result, &e) < 0 ||
        report_encode(&result, &worker, &smaller, &e) < 0) {
        log_error("the broker does not take a result", "job_id=%.*s error=%s",
                  VIEW_ARG(w->identity.job_id), e.msg);
        buf_done(&smaller);
    } else {
        buf_done(&w->record);
        w->record = smaller;
    }
    arena_done(&arena);
}

static void keep(struct work *w, const struct err *why)
{
    if (why->kind == ERR_LIMIT && !w->is_dead_letter) {
        shrink(w);
    }
    DL_APPEND(w->p->unsent, w);
}

static void send_or_keep(struct work *w)
{
    struct pipeline *p = w->p;
    struct err e;

    if (send_record(w, &e) == 0) {
        DL_APPEND(p->waiting, w);
        return;
    }
    log_warn("result waits", "job_id=%.*s error=%s",
             VIEW_ARG(w->identity.job_id), e.msg);
    keep(w, &e);
}

static void publish(struct work *w)
{
    w->p->counts.unpublished++;
    send_or_keep(w);
}

static void on_resend(uv_timer_t *timer)
{
    struct pipeline *p = timer->data;
    struct work *list = p->unsent;
    struct work *w;
    struct work *next;

    p->unsent = NULL;
    DL_FOREACH_SAFE(list, w, next)
    {
        DL_DELETE(list, w);
        meter_resent(p->spec.meter);
        send_or_keep(w);
    }
}

/* ---- 8. acknowledged: done --------------------------------------------- */

static void done(struct work *w)
{
    struct pipeline *p = w->p;

    if (!w->is_dead_letter) { /* those name no job to keep a record of */
        note_late(w, AUDIT_PUBLISHED, NULL, NULL);
        meter_finished(p->spec.meter, w->msg.queue, w->status,
                       w->origin.received_ns);
    } else {
        meter_buried(p->spec.meter, w->msg.queue, w->rejected);
    }
    p->counts.unpublished--;
    p->counts.finished++;
    p->counts.succeeded += !w->is_dead_letter && w->status == STATUS_SUCCESS;
    log_debug("job done", "job_id=%.*s status=%s", VIEW_ARG(w->identity.job_id),
              w->is_dead_letter ? "dead" : status_name(w->status));
    kafka_in_done(p->in, &w->msg);
    work_free(w);
    pipeline_pump(p);
    finish_if_idle(p);
}

static void on_acknowledged(const struct err *failure, void *arg)
{
    struct work *w = arg;
    struct pipeline *p = w->p;

    DL_DELETE(p->waiting, w);
    if (!failure) {
        done(w);
        return;
    }
    log_warn("result not delivered", "job_id=%.*s error=%s",
             VIEW_ARG(w->identity.job_id), failure->msg);
    keep(w, failure);
}

/* ---- life of the pipeline ---------------------------------------------- */

static void finish_if_idle(struct pipeline *p)
{
    if (p->is_draining && !p->is_closing &&
        executor_running(p->executor) == 0 && p->counts.unpublished == 0) {
        p->is_closing = true;
        p->spec.on_idle(p->spec.arg);
    }
}

int pipeline_open(const struct pipeline_spec *spec, struct pipeline **out,
                  struct err *e)
{
    static const struct executor_callbacks callbacks = {on_end, on_output};
    struct pipeline *p = xcalloc(1, sizeof(*p));

    p->spec = *spec;
    (void)snprintf(p->results_topic, sizeof(p->results_topic), "%sresults",
                   spec->config->topics_prefix);
    (void)snprintf(p->dead_topic, sizeof(p->dead_topic), "%sdead",
                   spec->config->topics_prefix);
    (void)snprintf(p->output_topic, sizeof(p->output_topic), "%soutput",
                   spec->config->topics_prefix);
    if (executor_open(spec->loop, spec->boxes, spec->slots, &callbacks,
                      &p->executor, e) < 0) {
        free(p);
        return -1;
    }
    executor_prefer(p->executor, (unsigned)spec->config->box_prepared);
    (void)uv_timer_init(spec->loop, &p->resend_timer);
    p->resend_timer.data = p;
    (void)uv_timer_start(&p->resend_timer, on_resend, RESEND_MS, RESEND_MS);
    uv_unref((uv_handle_t *)&p->resend_timer);
    *out = p;
    return 0;
}

void pipeline_attach(struct pipeline *p, struct kafka_in *in)
{
    p->in = in;
}

void pipeline_drain(struct pipeline *p)
{
    p->is_draining = true;
    if (p->in) {
        kafka_in_pause(p->in);
    }
    finish_if_idle(p);
}

void pipeline_abandon(struct pipeline *p)
{
    executor_stop_all(p->executor, VERDICT_STOP_SHUTDOWN);
}

void pipeline_lost(struct pipeline *p)
{
    p->is_draining = true;
    executor_lost(p->executor);
}

void pipeline_counts(const struct pipeline *p, struct pipeline_counts *out)
{
    *out = p->counts;
    out->running = executor_running(p->executor);
    out->unpublished_max = p->spec.slots * UNPUBLISHED_PER_SLOT;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void pipeline_close(struct pipeline *p)
{
    struct work *w;
    struct work *next;

    if (!p) {
        return;
    }
    p->is_closing = true;
    DL_FOREACH_SAFE(p->unsent, w, next)
    {
        DL_DELETE(p->unsent, w);
        give_back(w);
    }
    executor_close(p->executor);
    uv_close((uv_handle_t *)&p->resend_timer, on_timer_closed);
}
