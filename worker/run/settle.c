/* SPDX-License-Identifier: MIT */
/* settle.c - see settle.h. */
#include "run/settle_impl.h"

#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "svc/kafka_conf.h"

#define RESEND_MS 250

static void on_acknowledged(const struct err *failure, void *arg);

/* ---- what is sent ------------------------------------------------------- */

static void result_of(const struct settle *s, const struct parcel *parcel,
                      struct kafka_record *out)
{
    out->topic = s->results_topic;
    out->key = parcel->work->identity.job_id;
    out->value = buf_view(&parcel->work->record);
}

/* As it came: whoever looks into it, or sends it again, has the original. */
static void original_of(const struct parcel *parcel, const char *topic,
                        struct kafka_record *out)
{
    out->topic = topic;
    out->key = parcel->work->msg.key;
    out->value = parcel->work->msg.value;
}

void settle_make_record(const struct settle *s, const struct parcel *parcel,
                        struct envelope *envelope, struct kafka_record *out)
{
    struct work *w = parcel->work;
    const struct envelope_death death = {
        .msg = &w->msg,
        .stage = work_has_sent(w, PARCEL_RESULT) ? "run" : "decode",
        .why = w->why_dead,
        .words = w->reason,
        .worker_id = s->spec.worker->id,
    };

    *out = (struct kafka_record){0};
    if (parcel->kind == PARCEL_RESULT) {
        result_of(s, parcel, out);
        envelope_of_result(envelope, w);
    } else if (parcel->kind == PARCEL_DEAD_LETTER) {
        original_of(parcel, s->dead_topic, out);
        envelope_of_dead_letter(envelope, &death);
    } else {
        original_of(parcel, w->later.topic, out);
        envelope_of_later(envelope, &w->msg, &w->later);
    }
    out->headers = envelope->list;
    out->header_count = envelope->count;
}

static int send_parcel(struct settle *s, struct parcel *parcel, struct err *e)
{
    struct kafka_record record;
    struct envelope envelope;
    int status = 0;

    settle_make_record(s, parcel, &envelope, &record);
    record.on_ack = on_acknowledged;
    record.arg = parcel;
    status = kafka_out_send(s->spec.out, &record, e);
    envelope_done(&envelope);
    return status;
}

void settle_shrink(struct settle *s, struct work *w)
{
    struct report_worker worker = *s->spec.worker;
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

static void keep(struct settle *s, struct parcel *parcel, const struct err *why)
{
    if (why->kind == ERR_LIMIT && parcel->kind == PARCEL_RESULT) {
        settle_shrink(s, parcel->work);
    }
    DL_APPEND(s->unsent, parcel);
}

static void send_or_keep(struct settle *s, struct parcel *parcel)
{
    struct err e;

    if (send_parcel(s, parcel, &e) == 0) {
        DL_APPEND(s->waiting, parcel);
        return;
    }
    log_warn("result waits", "job_id=%.*s error=%s",
             VIEW_ARG(parcel->work->identity.job_id), e.msg);
    keep(s, parcel, &e);
}

void settle_send(struct settle *s, struct work *w, enum parcel_kind kind)
{
    struct parcel *parcel = &w->parcels[kind];

    parcel->work = w;
    parcel->kind = kind;
    w->settle = s;
    w->parcels_sent |= 1U << kind;
    s->count += w->parcels_out == 0;
    w->parcels_out++;
    if (s->txn) {
        DL_APPEND(s->unsent, parcel);
    } else {
        send_or_keep(s, parcel);
    }
}

static void on_resend(uv_timer_t *timer)
{
    struct settle *s = timer->data;
    struct parcel *list = s->unsent;
    struct parcel *parcel = NULL;
    struct parcel *next = NULL;

    if (s->txn) {
        settle_txn_cycle(s);
        return;
    }
    s->unsent = NULL;
    DL_FOREACH_SAFE(list, parcel, next)
    {
        DL_DELETE(list, parcel);
        meter_resent(s->spec.meter);
        send_or_keep(s, parcel);
    }
}

/* ---- the answer --------------------------------------------------------- */

static void on_acknowledged(const struct err *failure, void *arg)
{
    struct parcel *parcel = arg;
    struct work *w = parcel->work;
    struct settle *s = w->settle;

    DL_DELETE(s->waiting, parcel);
    if (failure) {
        log_warn("result not delivered", "job_id=%.*s error=%s",
                 VIEW_ARG(w->identity.job_id), failure->msg);
        keep(s, parcel, failure);
        return;
    }
    parcel->prev = NULL;
    settle_took(s, parcel);
}

void settle_took(struct settle *s, struct parcel *parcel)
{
    struct work *w = parcel->work;

    if (--w->parcels_out == 0) {
        s->count--;
        s->spec.on_settled(w);
    }
}

/* ---- its life ----------------------------------------------------------- */

int settle_open(const struct settle_spec *spec, struct settle **out,
                struct err *e)
{
    struct settle *s = xcalloc(1, sizeof(*s));
    uint64_t every_ms = RESEND_MS;

    s->spec = *spec;
    s->results_topic = kafka_conf_topic(spec->config, "results");
    s->dead_topic = kafka_conf_topic(spec->config, "dead");
    (void)uv_timer_init(spec->loop, &s->timer);
    s->timer.data = s;
    if (settle_txn_open(s, e) < 0) {
        settle_close(s);
        return -1;
    }
    every_ms = s->txn ? spec->config->topics_transaction_ms : RESEND_MS;
    (void)uv_timer_start(&s->timer, on_resend, every_ms, every_ms);
    uv_unref((uv_handle_t *)&s->timer);
    *out = s;
    return 0;
}

void settle_attach(struct settle *s, struct kafka_in *in)
{
    s->in = in;
}

unsigned settle_count(const struct settle *s)
{
    return s->count;
}

const struct kafka_trouble *settle_troubles(const struct settle *s)
{
    return s->txn ? kafka_txn_troubles(s->txn) : NULL;
}

void settle_flush(struct settle *s, uint64_t timeout_ms)
{
    uint64_t deadline_ms = clock_mono_ms() + timeout_ms;

    while (s->txn && s->in && (s->count > 0 || kafka_in_is_dirty(s->in)) &&
           clock_mono_ms() < deadline_ms) {
        (void)uv_run(s->spec.loop, UV_RUN_ONCE);
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct settle *s = handle->data;

    free(s->results_topic);
    free(s->dead_topic);
    free(s);
}

void settle_give_up(struct settle *s, struct work *w)
{
    for (size_t i = 0; i < PARCEL_KINDS; i++) {
        struct parcel *parcel = &w->parcels[i];

        if (parcel->prev) {
            DL_DELETE(s->unsent, parcel);
            parcel->prev = NULL;
        }
    }
    w->parcels_out = 0;
    s->count--;
    s->spec.on_unsettled(w);
}

void settle_close(struct settle *s)
{
    if (!s) {
        return;
    }
    kafka_txn_close(s->txn);
    free(s->fates);
    DL_CONCAT(s->unsent, s->waiting); /* of one whose end we never knew */
    /* What is left was not delivered: every record has had its answer. */
    while (s->unsent) {
        settle_give_up(s, s->unsent->work);
    }
    uv_close((uv_handle_t *)&s->timer, on_timer_closed);
}
