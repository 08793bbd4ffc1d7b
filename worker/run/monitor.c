/* SPDX-License-Identifier: MIT */
/* monitor.c - see monitor.h. */
#include "run/monitor.h"

#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/version.h"
#include "run/ready.h"
#include "svc/httpd.h"

struct monitor {
    struct metrics *metrics;
    struct meter *meter;
    struct httpd *httpd; /* NULL: off */
    struct monitor_parts parts;
    struct ready ready;
    uint64_t started_unix_ns;
    uint64_t started_mono_ms;
};

/* ---- labels that are known from the start ------------------------------- */

enum { CHANGE_ASSIGNED, CHANGE_REVOKED, CHANGE_LOST };
enum { OUTCOME_OK, OUTCOME_REFUSED };
enum { PRODUCER_RESULTS, PRODUCER_AUDIT, PRODUCER_TELEMETRY };
enum { PROCESS_ENGINE, PROCESS_LAUNCHER };

static const struct {
    enum metrics_kind kind;
    const char *value;
} words[] = {
    {METRICS_BY_CHANGE, "assigned"}, {METRICS_BY_CHANGE, "revoked"},
    {METRICS_BY_CHANGE, "lost"},     {METRICS_BY_OUTCOME, "ok"},
    {METRICS_BY_OUTCOME, "refused"}, {METRICS_BY_PRODUCER, "results"},
    {METRICS_BY_PRODUCER, "audit"},  {METRICS_BY_PRODUCER, "telemetry"},
    {METRICS_BY_PROCESS, "engine"},  {METRICS_BY_PROCESS, "launcher"},
};

static void tell_words(struct metrics *metrics)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        (void)metrics_label(metrics, words[i].kind, words[i].value, NULL);
    }
    for (int i = 0; i < READY_PARTS; i++) {
        (void)metrics_label(metrics, METRICS_BY_PART_OF_WORKER,
                            ready_part_name((enum ready_name)i), NULL);
    }
    for (int i = 0; i < KAFKA_TROUBLE_KINDS; i++) {
        (void)metrics_label(metrics, METRICS_BY_ERROR,
                            kafka_trouble_name((enum kafka_trouble_kind)i),
                            NULL);
    }
    for (int i = 0; i < GUARD_FIGURES; i++) {
        (void)metrics_label(metrics, METRICS_BY_FIGURE, guard_rows[i].name,
                            NULL);
    }
    (void)metrics_label(metrics, METRICS_BY_BUILD, FORKYARD_VERSION,
                        rd_kafka_version_str());
}

/* ---- reading the others' figures ---------------------------------------- */

static void read_jobs(struct monitor *m)
{
    struct pipeline_counts n;

    struct waiting_counts waiting;

    waiting_counts(m->parts.waiting, &waiting);
    metrics_set(m->metrics, METRICS_WAITING, 0, (double)waiting.held);
    metrics_set(m->metrics, METRICS_RETURNED, 0, (double)waiting.returned);
    pipeline_counts(m->parts.pipeline, &n);
    metrics_set(m->metrics, METRICS_SLOTS, 0, m->parts.slots);
    metrics_set(m->metrics, METRICS_RUNNING, 0, n.running);
    metrics_set(m->metrics, METRICS_UNPUBLISHED, 0, n.unpublished);
    metrics_set(m->metrics, METRICS_BUILD, 0, 1);
    metrics_set(m->metrics, METRICS_START, 0, (double)m->started_unix_ns / 1e9);
    for (size_t i = 0; i < READY_PARTS; i++) {
        metrics_set(m->metrics, METRICS_READY, i, m->ready.parts[i].is_ready);
    }
}

static void read_partition(const struct kafka_part_figures *f, void *arg)
{
    struct metrics *metrics = arg;
    char number[16];
    size_t i;

    (void)snprintf(number, sizeof(number), "%" PRId32, f->partition);
    i = metrics_label(metrics, METRICS_BY_PARTITION, f->topic, number);
    metrics_set(metrics, METRICS_UNFINISHED, i,
                f->unfinished < 0 ? METRICS_ABSENT : (double)f->unfinished);
    metrics_set(metrics, METRICS_IN_FLIGHT, i, (double)f->in_flight);
    metrics_set(metrics, METRICS_AGE, i, (double)f->age_ms / 1e3);
    metrics_set(metrics, METRICS_SPAN, i, (double)f->span);
    metrics_set(metrics, METRICS_METADATA, i, (double)f->metadata_bytes);
}

static void read_consumer(struct monitor *m)
{
    const struct kafka_in *in = m->parts.in;
    const struct kafka_in_counts *n = kafka_in_counts(in);
    const struct kafka_ends_state *broker = kafka_in_broker(in);
    const struct {
        enum metrics_id id;
        size_t label;
        uint64_t value;
    } rows[] = {
        {METRICS_PARTITIONS, 0, kafka_in_assigned(in)},
        {METRICS_FETCHED, 0, kafka_in_waiting(in)},
        {METRICS_REBALANCES, CHANGE_ASSIGNED, n->assigned},
        {METRICS_REBALANCES, CHANGE_REVOKED, n->revoked},
        {METRICS_REBALANCES, CHANGE_LOST, n->lost},
        {METRICS_COMMITS, OUTCOME_OK, n->committed},
        {METRICS_COMMITS, OUTCOME_REFUSED, n->not_committed},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        metrics_set(m->metrics, rows[i].id, rows[i].label,
                    (double)rows[i].value);
    }
    metrics_set(m->metrics, METRICS_ENDS_AGE, 0,
                broker->answered_ms
                    ? (double)(clock_mono_ms() - broker->answered_ms) / 1e3
                    : METRICS_ABSENT);
    metrics_unlabel(m->metrics, METRICS_BY_PARTITION);
    kafka_in_visit(in, read_partition, m->metrics);
}

static void read_producers(struct monitor *m)
{
    const struct kafka_out *outs[] = {
        [PRODUCER_RESULTS] = m->parts.out,
        [PRODUCER_AUDIT] = audit_log_producer(m->parts.audit),
        [PRODUCER_TELEMETRY] = telemetry_producer(m->parts.telemetry),
    };

    for (size_t i = 0; i < ARRAY_LEN(outs); i++) {
        static const struct kafka_out_figures none = {0};
        const struct kafka_out_figures *f =
            outs[i] ? kafka_out_figures(outs[i]) : &none;

        metrics_set(m->metrics, METRICS_OUT_MESSAGES, i, (double)f->messages);
        metrics_set(m->metrics, METRICS_OUT_BYTES, i, (double)f->bytes);
        metrics_set(m->metrics, METRICS_OUT_SENT, i, (double)f->sent);
        metrics_set(m->metrics, METRICS_OUT_FAILED, i, (double)f->failed);
    }
}

/* Whoever was refused, and whatever it was. */
static void read_troubles(struct monitor *m)
{
    const struct kafka_out *audit = audit_log_producer(m->parts.audit);
    const struct kafka_out *telemetry = telemetry_producer(m->parts.telemetry);
    const struct kafka_trouble *clients[] = {
        kafka_in_troubles(m->parts.in),
        waiting_troubles(m->parts.waiting),
        pipeline_troubles(m->parts.pipeline),
        kafka_out_troubles(m->parts.out),
        audit ? kafka_out_troubles(audit) : NULL,
        telemetry ? kafka_out_troubles(telemetry) : NULL,
    };

    for (size_t i = 0; i < KAFKA_TROUBLE_KINDS; i++) {
        uint64_t count = 0;

        for (size_t k = 0; k < ARRAY_LEN(clients); k++) {
            count += clients[k] ? clients[k]->rows[i].count : 0;
        }
        metrics_set(m->metrics, METRICS_KAFKA_ERRORS, i, (double)count);
    }
}

static void read_guard(struct monitor *m)
{
    const struct guard *guard = health_guard(m->parts.health);

    for (size_t i = 0; i < GUARD_FIGURES; i++) {
        const struct guard_gauge *gauge = &guard->gauges[i];

        metrics_set(m->metrics, METRICS_GUARD_VALUE, i, gauge->value);
        metrics_set(m->metrics, METRICS_GUARD_THRESHOLD, i, gauge->threshold);
        metrics_set(m->metrics, METRICS_GUARD_TRIPPED, i,
                    gauge->state == GUARD_TRIPPED ||
                        gauge->state == GUARD_FALLING);
    }
}

static void read_daemon(struct monitor *m, size_t label,
                        const struct snapshot_daemon *d)
{
    const struct {
        enum metrics_id id;
        uint64_t value;
        double per_unit;
    } rows[] = {
        {METRICS_CPU, d->cpu_us, 1e6},
        {METRICS_MEMORY, d->memory_rss_bytes, 1},
        {METRICS_THREADS, d->threads, 1},
        {METRICS_FILES, d->open_files, 1},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        metrics_set(m->metrics, rows[i].id, label,
                    d->present && rows[i].value != RECORD_NO_UINT
                        ? (double)rows[i].value / rows[i].per_unit
                        : METRICS_ABSENT);
    }
}

static void read_processes(struct monitor *m)
{
    struct health_snapshot now;

    health_snapshot(m->parts.health, 0, &now);
    read_daemon(m, PROCESS_ENGINE, &now.process.engine);
    read_daemon(m, PROCESS_LAUNCHER, &now.process.launcher);
}

/* ---- answers ------------------------------------------------------------ */

static void fail(struct httpd_answer *out, const struct err *e)
{
    out->status = 500;
    out->type = "text/plain; charset=utf-8";
    buf_clear(&out->body);
    (void)!buf_printf(&out->body, NULL, "%s\n", e->msg);
}

static void answer_metrics(const char *accept, struct httpd_answer *out,
                           void *arg)
{
    struct monitor *m = arg;
    enum metrics_format format = metrics_format_of(accept);
    struct err e = {0};

    if (m->parts.pipeline) {
        monitor_look(m);
        read_jobs(m);
        read_consumer(m);
        read_producers(m);
        read_troubles(m);
        read_guard(m);
        read_processes(m);
    }
    out->type = metrics_media_type(format);
    if (metrics_print(m->metrics, format, &out->body, &e) < 0) {
        fail(out, &e);
    }
}

static void answer_ready(const char *accept, struct httpd_answer *out,
                         void *arg)
{
    struct monitor *m = arg;
    struct err e = {0};

    (void)accept;
    monitor_look(m);
    out->status = ready_is(&m->ready) ? 200 : 503;
    out->type = "application/json";
    if (ready_print(&m->ready, &out->body, &e) < 0) {
        fail(out, &e);
    }
}

/* That there is an answer is the answer: the loop goes round. */
static void answer_live(const char *accept, struct httpd_answer *out, void *arg)
{
    const struct monitor *m = arg;

    (void)accept;
    out->type = "application/json";
    (void)!buf_printf(
        &out->body, NULL,
        "{\"live\":true,\"version\":\"%s\",\"pid\":%d,\"uptime_ms\":%" PRIu64
        "}\n",
        FORKYARD_VERSION, (int)getpid(), clock_mono_ms() - m->started_mono_ms);
}

static void answer_index(const char *accept, struct httpd_answer *out,
                         void *arg);

static const struct httpd_route routes[] = {
    {"/", answer_index},
    {"/metrics", answer_metrics},
    {"/healthz", answer_live},
    {"/readyz", answer_ready},
    {NULL, NULL},
};

static void answer_index(const char *accept, struct httpd_answer *out,
                         void *arg)
{
    (void)accept;
    (void)arg;
    out->type = "text/plain; charset=utf-8";
    (void)!buf_printf(&out->body, NULL, "forkyard worker %s\n",
                      FORKYARD_VERSION);
    for (size_t i = 1; routes[i].path; i++) {
        (void)!buf_printf(&out->body, NULL, "%s\n", routes[i].path);
    }
}

/* ---- life --------------------------------------------------------------- */

/* Why there are no jobs, and why their results do not go out. What keeps the
 * consumer from the broker is the broker's part. */
struct errors {
    char consumer[400];
    char results[400];
};

static void read_errors(const struct monitor *m, bool has_results,
                        struct errors *out)
{
    /* Of a connection that results do not need now nobody knows whether it is
     * well again. */
    enum kafka_trouble_kind first =
        has_results ? KAFKA_TROUBLE_AUTHENTICATION : KAFKA_TROUBLE_TOO_OLD;

    *out = (struct errors){0};
    (void)kafka_trouble_words(
        kafka_in_troubles(m->parts.in), KAFKA_TROUBLE_TOO_OLD,
        KAFKA_TROUBLE_TOPIC_UNKNOWN, out->consumer, sizeof(out->consumer));
    (void)kafka_trouble_words(kafka_out_troubles(m->parts.out), first,
                              KAFKA_TROUBLE_OTHER, out->results,
                              sizeof(out->results));
    const struct kafka_trouble *transactions =
        pipeline_troubles(m->parts.pipeline);
    if (!out->results[0] && transactions) {
        (void)kafka_trouble_words(transactions, KAFKA_TROUBLE_AUTHENTICATION,
                                  KAFKA_TROUBLE_OTHER, out->results,
                                  sizeof(out->results));
    }
    const struct kafka_out *audit = audit_log_producer(m->parts.audit);
    if (!out->results[0] && audit && audit_log_is_refused(m->parts.audit)) {
        (void)kafka_trouble_words(kafka_out_troubles(audit),
                                  KAFKA_TROUBLE_TOO_OLD, KAFKA_TROUBLE_OTHER,
                                  out->results, sizeof(out->results));
    }
}

void monitor_look(struct monitor *m)
{
    struct pipeline_counts n;

    if (!m->parts.pipeline) {
        return;
    }
    const struct kafka_ends_state *broker = kafka_in_broker(m->parts.in);
    struct errors errors;
    pipeline_counts(m->parts.pipeline, &n);
    read_errors(m, n.unpublished > 0, &errors);
    const struct ready_facts facts = {
        .is_draining = *m->parts.is_draining,
        .is_launcher_lost = boxes_are_lost(m->parts.boxes),
        .is_broker_known = broker->is_known,
        .is_broker_reachable = broker->is_reachable,
        .broker_error = broker->error,
        .is_member = kafka_in_is_member(m->parts.in),
        .partitions = kafka_in_assigned(m->parts.in),
        .consumer_error = errors.consumer,
        .results_error = errors.results,
        .unpublished = n.unpublished,
        .unpublished_max = n.unpublished_max,
        .guard = health_guard(m->parts.health),
    };
    ready_judge(&m->ready, &facts, clock_unix_ns());
}

int monitor_open(const struct config *config, uv_loop_t *loop,
                 struct monitor **out, struct err *e)
{
    struct monitor *m = xcalloc(1, sizeof(*m));

    m->started_unix_ns = clock_unix_ns();
    m->started_mono_ms = clock_mono_ms();
    m->metrics = metrics_new();
    tell_words(m->metrics);
    if (meter_open(config, m->metrics, &m->meter, e) < 0) {
        monitor_close(m);
        return -1;
    }
    if (config->http_listen && config->http_listen[0] &&
        httpd_open(config->http_listen, loop, routes, m, &m->httpd, e) < 0) {
        monitor_close(m);
        return err_wrap(e, "http.listen");
    }
    *out = m;
    return 0;
}

struct meter *monitor_meter(struct monitor *m)
{
    return m->meter;
}

void monitor_attach(struct monitor *m, const struct monitor_parts *parts)
{
    m->parts = *parts;
}

const char *monitor_name(const struct monitor *m)
{
    return m->httpd ? httpd_name(m->httpd) : NULL;
}

void monitor_hush(struct monitor *m)
{
    httpd_close(m->httpd);
    m->httpd = NULL;
}

void monitor_close(struct monitor *m)
{
    if (m) {
        monitor_hush(m);
        meter_close(m->meter);
        metrics_free(m->metrics);
        free(m);
    }
}
