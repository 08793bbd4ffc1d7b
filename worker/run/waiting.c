/* SPDX-License-Identifier: MIT */
/* waiting.c - see waiting.h. */
#include "run/waiting.h"

#include <inttypes.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "run/again.h"
#include "run/envelope.h"
#include "run/timed.h"
#include "svc/kafka_conf.h"
#include "svc/kafka_in.h"

#define NS_PER_MS 1000000U
/* Held in memory at most; past half of either, only what is due soon. */
#define HELD_MAX       10000U
#define HELD_MAX_BYTES 67108864U
#define RESEND_MS      250U
/* One turn of the loop takes so many. */
#define TAKES_PER_TURN 256

/* A job that waits. */
struct held {
    struct waiting *w;
    struct kafka_in_msg msg;
    uint64_t due_unix_ms;
    char *topic;          /* where it goes next */
    bool is_waiting_on;   /* not back yet: to the topic of a longer wait */
    const char *why_dead; /* NULL: it is not */
    struct held *next;    /* of those sent and not acknowledged */
    struct held *prev;
};

struct waiting {
    struct waiting_spec spec;
    struct kafka_in *in;
    struct timed *timed;
    struct held *sent;
    size_t bytes; /* of all that is held or sent */
    size_t count;
    char *group;
    char *dead_topic;
    char *jobs_stem; /* what the name of every jobs topic begins with */
    uint64_t returned;
    bool is_stopped;
};

static uint64_t now_ms(void)
{
    return clock_unix_ns() / NS_PER_MS;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static size_t size_of(const struct held *h)
{
    return sizeof(*h) + h->msg.value.len + h->msg.key.len;
}

/* ---- what a record says ------------------------------------------------- */

static struct held *held_new(struct waiting *w, const struct kafka_in_msg *msg)
{
    struct held *h = xcalloc(1, sizeof(*h));

    h->w = w;
    h->msg = *msg;
    w->count++;
    w->bytes += size_of(h);
    return h;
}

static void forget(struct held *h)
{
    h->w->count--;
    h->w->bytes -= size_of(h);
    free(h->topic);
    free(h);
}

static void give_back(struct held *h)
{
    kafka_in_drop(h->w->in, &h->msg);
    forget(h);
}

/* Anybody who may write here could name any topic: only one of jobs is where a
 * job comes from. */
static bool is_jobs_topic(const struct waiting *w, const char *topic)
{
    size_t stem = strlen(w->jobs_stem);

    return !strncmp(topic, w->jobs_stem, stem) && topic[stem] != '\0';
}

static bool read_headers(struct held *h)
{
    struct view due = envelope_find(&h->msg, ENVELOPE_LATER_DUE);
    char text[24] = "";

    if (due.len >= sizeof(text)) {
        return false;
    }
    memcpy(text, due.data ? due.data : "", due.len);
    h->topic = view_dup(envelope_find(&h->msg, ENVELOPE_LATER_TOPIC));
    return str_parse_u64(text, &h->due_unix_ms, NULL) == 0 && h->topic &&
           is_jobs_topic(h->w, h->topic);
}

/* ---- on its way --------------------------------------------------------- */

static void take(struct waiting *w);
static void send_held(struct held *h);

static void on_acknowledged(const struct err *failure, void *arg)
{
    struct held *h = arg;
    struct waiting *w = h->w;

    DL_DELETE(w->sent, h);
    if (failure) {
        log_warn("waiting job not sent", "topic=%s error=%s", h->topic,
                 failure->msg);
        timed_add(w->timed, now_ms() + RESEND_MS, h);
        return;
    }
    w->returned += !h->is_waiting_on && !h->why_dead;
    if (h->why_dead) {
        meter_buried(w->spec.meter, h->msg.queue, h->why_dead);
    }
    kafka_in_done(w->in, &h->msg);
    forget(h);
    take(w);
}

static void make_envelope(const struct held *h, struct envelope *out)
{
    const struct envelope_death death = {
        .msg = &h->msg,
        .stage = "return",
        .why = h->why_dead,
        .words = "a waiting job needs the headers " ENVELOPE_LATER_DUE
                 " and " ENVELOPE_LATER_TOPIC ", a jobs topic",
        .worker_id = h->w->spec.worker_id,
    };

    if (h->why_dead) {
        envelope_of_dead_letter(out, &death);
    } else if (h->is_waiting_on) {
        envelope_of_original(out, &h->msg);
    } else {
        envelope_of_return(out, &h->msg);
    }
}

static void send_held(struct held *h)
{
    struct envelope envelope;
    struct err e;
    int status = 0;

    make_envelope(h, &envelope);
    const struct kafka_record record = {
        .topic = h->topic,
        .key = h->msg.key,
        .value = h->msg.value,
        .headers = envelope.list,
        .header_count = envelope.count,
        .on_ack = on_acknowledged,
        .arg = h,
    };
    status = kafka_out_send(h->w->spec.out, &record, &e);
    envelope_done(&envelope);
    if (status < 0) {
        log_warn("waiting job not sent", "topic=%s error=%s", h->topic, e.msg);
        timed_add(h->w->timed, now_ms() + RESEND_MS, h);
        return;
    }
    DL_APPEND(h->w->sent, h);
}

static void send_on(struct held *h, const char *topic);

static void on_due(void *thing, void *arg)
{
    struct held *h = thing;

    (void)arg;
    if (h->due_unix_ms > now_ms() && !h->is_waiting_on && !h->why_dead) {
        send_on(h, h->msg.topic);
    } else {
        send_held(h);
    }
}

static void bury(struct held *h)
{
    h->why_dead = DEAD_NOT_RETURNED;
    free(h->topic);
    h->topic = xstrdup(h->w->dead_topic);
    log_warn("dead letter",
             "reason=%s topic=%s partition=%" PRId32 " offset=%" PRId64,
             h->why_dead, h->msg.topic, h->msg.partition, h->msg.offset);
    send_held(h);
}

/* Its headers stay: whoever reads it there decides again. */
static void send_on(struct held *h, const char *topic)
{
    h->is_waiting_on = true;
    free(h->topic);
    h->topic = xstrdup(topic);
    send_held(h);
}

/* ---- taking ------------------------------------------------------------- */

static bool is_over(const struct waiting *w, unsigned share)
{
    return w->count >= HELD_MAX / share || w->bytes >= HELD_MAX_BYTES / share;
}

static void consider(struct held *h)
{
    uint64_t now = now_ms();
    const struct again_tier *tier = NULL;

    if (!read_headers(h)) {
        bury(h);
        return;
    }
    if (h->due_unix_ms > now) {
        tier = again_tier_within(h->due_unix_ms - now);
    }
    if (tier && is_over(h->w, 2)) {
        AUTO_FREE char *topic =
            kafka_conf_topic(h->w->spec.config, tier->topic);

        send_on(h, topic);
        return;
    }
    timed_add(
        h->w->timed,
        smaller(h->due_unix_ms, now + h->w->spec.config->retry_rewrite_ms), h);
}

static void take(struct waiting *w)
{
    struct kafka_in_msg msg;

    for (unsigned i = 0; i < TAKES_PER_TURN; i++) {
        if (w->is_stopped || !w->in || is_over(w, 1) ||
            !kafka_in_take(w->in, &msg)) {
            return;
        }
        consider(held_new(w, &msg));
    }
}

static void on_ready(void *arg)
{
    take(arg);
}

static void on_assigned(size_t partitions, void *arg)
{
    (void)arg;
    log_debug("partitions of waiting jobs", "count=%zu", partitions);
}

static bool is_leaving(const void *thing)
{
    const struct held *h = thing;

    return kafka_in_is_leaving(&h->msg);
}

/* Who has the partition next holds them. */
static void on_leaving(void *arg)
{
    struct waiting *w = arg;
    struct held *h = NULL;

    while ((h = timed_take(w->timed, is_leaving)) != NULL) {
        give_back(h);
    }
}

static void on_fatal(const struct err *why, void *arg)
{
    struct waiting *w = arg;

    w->spec.on_fatal(why, w->spec.arg);
}

/* ---- its life ----------------------------------------------------------- */

static int open_consumer(struct waiting *w, struct err *e)
{
    const struct kafka_in_callbacks callbacks = {.on_ready = on_ready,
                                                 .on_assigned = on_assigned,
                                                 .on_fatal = on_fatal,
                                                 .on_leaving = on_leaving,
                                                 .arg = w};
    struct kafka_conf_queue topics[AGAIN_TIERS + 1] = {0};
    const struct kafka_in_source source = {
        .name = "waiting",
        .group = w->group,
        .stem = "",
        .queues = topics,
        .queue_count = ARRAY_LEN(topics),
        .is_patient = true,
    };

    for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
        const char *name = i < AGAIN_TIERS ? again_tiers[i].topic : "deferred";

        (void)str_copy(topics[i].name, sizeof(topics[i].name), name);
        topics[i].weight = 1;
    }
    return kafka_in_open(w->spec.config, &source, w->spec.loop, &callbacks,
                         &w->in, e);
}

int waiting_open(const struct waiting_spec *spec, struct waiting **out,
                 struct err *e)
{
    struct waiting *w = xcalloc(1, sizeof(*w));

    w->spec = *spec;
    w->group = kafka_conf_retry_group(spec->config);
    w->dead_topic = kafka_conf_topic(spec->config, "dead");
    w->jobs_stem = kafka_conf_topic(spec->config, "jobs.");
    w->timed = timed_open(spec->loop, on_due, w);
    if (open_consumer(w, e) < 0) {
        waiting_close(w);
        return -1;
    }
    *out = w;
    return 0;
}

void waiting_counts(const struct waiting *w, struct waiting_counts *out)
{
    *out = (struct waiting_counts){0};
    if (w) {
        *out = (struct waiting_counts){w->count, w->returned};
    }
}

const struct kafka_trouble *waiting_troubles(const struct waiting *w)
{
    return w ? kafka_in_troubles(w->in) : NULL;
}

void waiting_stop(struct waiting *w)
{
    struct held *h = NULL;

    if (!w) {
        return;
    }
    w->is_stopped = true;
    while ((h = timed_take(w->timed, NULL)) != NULL) {
        give_back(h);
    }
}

void waiting_close(struct waiting *w)
{
    if (!w) {
        return;
    }
    waiting_stop(w);
    kafka_in_close(w->in);
    timed_close(w->timed);
    free(w->group);
    free(w->dead_topic);
    free(w->jobs_stem);
    free(w);
}
