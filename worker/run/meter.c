/* SPDX-License-Identifier: MIT */
/* meter.c - see meter.h. */
#include "run/meter.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "run/work.h"
#include "svc/kafka_conf.h"
#include "wire/record.h"

struct meter {
    struct metrics *metrics;
    struct kafka_conf_queue *queues;
    size_t queue_count;
};

/* The order of their labels. */
static const char *const reasons[] = {
    "undecodable", "oversized",         "unknown_version",
    "no_id",       DEAD_ATTEMPTS_SPENT, DEAD_NOT_RETURNED,
};

static void tell_words(struct metrics *metrics)
{
    for (int i = 0; i < STATUS_COUNT; i++) {
        (void)metrics_label(metrics, METRICS_BY_STATUS,
                            status_name((enum status)i), NULL);
    }
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        (void)metrics_label(metrics, METRICS_BY_REASON, reasons[i], NULL);
    }
    for (int i = 0; i < STATUS_BY_COUNT; i++) {
        (void)metrics_label(metrics, METRICS_BY_BY, status_by_enum.names[i],
                            NULL);
    }
    for (int i = 0; i < STATUS_LIMIT_COUNT; i++) {
        (void)metrics_label(metrics, METRICS_BY_LIMIT,
                            status_limit_enum.names[i], NULL);
    }
}

int meter_open(const struct config *config, struct metrics *metrics,
               struct meter **out, struct err *e)
{
    struct meter *m = xcalloc(1, sizeof(*m));

    if (kafka_conf_queues(config, &m->queues, &m->queue_count, e) < 0) {
        free(m);
        return -1;
    }
    m->metrics = metrics;
    tell_words(metrics); /* second kinds first */
    for (size_t i = 0; i < m->queue_count; i++) {
        (void)metrics_label(metrics, METRICS_BY_QUEUE, m->queues[i].name, NULL);
    }
    *out = m;
    return 0;
}

void meter_close(struct meter *m)
{
    if (m) {
        free(m->queues);
        free(m);
    }
}

/* Few queues: a look at each costs less than a table. */
static size_t queue_of(const struct meter *m, const char *queue)
{
    size_t i = 0;

    while (i < m->queue_count && strcmp(m->queues[i].name, queue) != 0) {
        i++;
    }
    return i;
}

void meter_taken(struct meter *m, const char *queue)
{
    if (m) {
        metrics_add(m->metrics, METRICS_RECEIVED, queue_of(m, queue), 0, 1);
    }
}

void meter_given_back(struct meter *m, const char *queue)
{
    if (m) {
        metrics_add(m->metrics, METRICS_GIVEN_BACK, queue_of(m, queue), 0, 1);
    }
}

static void observe(struct meter *m, enum metrics_id id, size_t queue,
                    uint64_t value, double per_second)
{
    if (value != RECORD_NO_UINT) {
        metrics_observe(m->metrics, id, queue, (double)value / per_second);
    }
}

void meter_reported(struct meter *m, const char *queue,
                    const struct result *result)
{
    const struct result_timings *t = &result->timings;
    size_t number;

    if (!m) {
        return;
    }
    number = queue_of(m, queue);
    if (t->present && t->run_us != RECORD_NO_UINT) { /* it had a box */
        observe(m, METRICS_QUEUE_TIME, number, t->queue_ms, 1e3);
        observe(m, METRICS_SETUP_TIME, number, t->setup_us, 1e6);
        observe(m, METRICS_RUN_TIME, number, t->run_us, 1e6);
    }
    if (result->termination.present) {
        /* -1, not told, is no label's number */
        metrics_add(m->metrics, METRICS_BOX_ENDED,
                    (size_t)result->termination.by, 0, 1);
        metrics_add(m->metrics, METRICS_LIMIT_REACHED,
                    (size_t)result->termination.limit, 0, 1);
    }
}

void meter_box_ended(struct meter *m, const struct launch_ended *ended)
{
    if (m && ended->is_refused) {
        metrics_add(m->metrics, METRICS_BOX_FAILED, 0, 0, 1);
    }
}

void meter_finished(struct meter *m, const char *queue, enum status status,
                    uint64_t received_ns)
{
    uint64_t now_ns = clock_unix_ns(); /* it may have been set back */
    size_t number;

    if (!m) {
        return;
    }
    number = queue_of(m, queue);
    metrics_add(m->metrics, METRICS_FINISHED, number, (size_t)status, 1);
    metrics_observe(m->metrics, METRICS_PROCESS_TIME, number,
                    now_ns > received_ns ? (double)(now_ns - received_ns) / 1e9
                                         : 0);
}

void meter_buried(struct meter *m, const char *queue, const char *why)
{
    for (size_t i = 0; m && i < ARRAY_LEN(reasons); i++) {
        if (!strcmp(reasons[i], why)) {
            metrics_add(m->metrics, METRICS_DEAD, queue_of(m, queue), i, 1);
        }
    }
}

void meter_retried(struct meter *m, const char *queue, enum status status)
{
    if (m) {
        metrics_add(m->metrics, METRICS_RETRIED, queue_of(m, queue),
                    (size_t)status, 1);
    }
}

void meter_deferred(struct meter *m, const char *queue)
{
    if (m) {
        metrics_add(m->metrics, METRICS_DEFERRED, queue_of(m, queue), 0, 1);
    }
}

void meter_resent(struct meter *m)
{
    if (m) {
        metrics_add(m->metrics, METRICS_RESENT, 0, 0, 1);
    }
}
