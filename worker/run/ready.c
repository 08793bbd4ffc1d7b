/* SPDX-License-Identifier: MIT */
/* ready.c - see ready.h. Runs in the engine. */
#include "run/ready.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NS_PER_S UINT64_C(1000000000)

typedef bool (*judge_fn)(const struct ready_facts *f, char *out, size_t size);

static bool judge_worker(const struct ready_facts *f, char *out, size_t size)
{
    (void)snprintf(out, size, "%s",
                   f->is_draining ? "draining: no new jobs are taken"
                                  : "takes jobs");
    return !f->is_draining;
}

static bool judge_launcher(const struct ready_facts *f, char *out, size_t size)
{
    (void)snprintf(out, size, "%s",
                   f->is_launcher_lost ? "the launcher is gone"
                                       : "makes boxes");
    return !f->is_launcher_lost;
}

static bool judge_broker(const struct ready_facts *f, char *out, size_t size)
{
    if (!f->is_broker_known) {
        (void)snprintf(out, size, "no answer yet");
    } else if (!f->is_broker_reachable) {
        (void)snprintf(out, size, "no answer: %s", f->broker_error);
    } else {
        (void)snprintf(out, size, "answers");
    }
    return f->is_broker_known && f->is_broker_reachable;
}

static bool judge_consumer(const struct ready_facts *f, char *out, size_t size)
{
    if (f->consumer_error[0]) {
        (void)snprintf(out, size, "%s", f->consumer_error);
        return false;
    }
    if (!f->is_member) {
        (void)snprintf(out, size, "not in its group yet");
    } else if (f->partitions == 0) {
        (void)snprintf(out, size,
                       "idle: there are more workers than "
                       "partitions");
    } else {
        (void)snprintf(out, size, "%zu partition%s", f->partitions,
                       f->partitions == 1 ? "" : "s");
    }
    return f->is_member;
}

static bool judge_results(const struct ready_facts *f, char *out, size_t size)
{
    int n = snprintf(out, size, "%u of %u wait for the broker", f->unpublished,
                     f->unpublished_max);

    if (f->results_error[0]) {
        (void)snprintf(out + n, size - (size_t)n, ": %s", f->results_error);
        return false;
    }
    return f->unpublished < f->unpublished_max;
}

static bool judge_guard(const struct ready_facts *f, char *out, size_t size)
{
    for (unsigned i = 0; i < GUARD_FIGURES; i++) {
        const struct guard_row *row = &guard_rows[i];
        const struct guard_gauge *gauge = &f->guard->gauges[i];

        if (gauge->state == GUARD_TRIPPED || gauge->state == GUARD_FALLING) {
            (void)snprintf(out, size,
                           "%s: %.1f%s, jobs are taken again at %.4g%s (%s)",
                           row->words, gauge->value, row->unit, gauge->release,
                           row->unit, row->setting);
            return false;
        }
    }
    (void)snprintf(out, size, "%s",
                   f->guard->is_enabled ? "the host is well" : "switched off");
    return true;
}

static const struct {
    const char *name;
    judge_fn judge;
} rows[READY_PARTS] = {
    [READY_WORKER] = {"worker", judge_worker},
    [READY_LAUNCHER] = {"launcher", judge_launcher},
    [READY_BROKER] = {"broker", judge_broker},
    [READY_CONSUMER] = {"consumer", judge_consumer},
    [READY_RESULTS] = {"results", judge_results},
    [READY_GUARD] = {"guard", judge_guard},
};

const char *ready_part_name(enum ready_name name)
{
    return rows[name].name;
}

void ready_judge(struct ready *ready, const struct ready_facts *facts,
                 uint64_t now_unix_ns)
{
    for (size_t i = 0; i < READY_PARTS; i++) {
        struct ready_part *part = &ready->parts[i];
        bool was_ready = part->is_ready;

        part->is_ready =
            rows[i].judge(facts, part->reason, sizeof(part->reason));
        if (!ready->is_judged || was_ready != part->is_ready) {
            part->since_unix_ns = now_unix_ns;
        }
    }
    ready->is_judged = true;
}

bool ready_is(const struct ready *ready)
{
    for (size_t i = 0; i < READY_PARTS; i++) {
        if (!ready->parts[i].is_ready) {
            return false;
        }
    }
    return true;
}

/* ---- telling ------------------------------------------------------------ */

static json_t *part_json(const struct ready_part *part)
{
    time_t seconds = (time_t)(part->since_unix_ns / NS_PER_S);
    char day[32] = "";
    char since[48];
    struct tm tm;

    (void)gmtime_r(&seconds, &tm);
    (void)strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(since, sizeof(since), "%s.%03uZ", day,
                   (unsigned)(part->since_unix_ns % NS_PER_S / 1000000));
    return json_pack("{s:b, s:s, s:s, s:I}", "ready", part->is_ready, "reason",
                     part->reason, "since", since, "since_unix_nano",
                     (json_int_t)part->since_unix_ns);
}

int ready_print(const struct ready *ready, struct buf *out, struct err *e)
{
    json_t *parts = json_object();
    json_t *all;
    char *text;
    int rc;

    for (size_t i = 0; i < READY_PARTS; i++) {
        (void)json_object_set_new(parts, rows[i].name,
                                  part_json(&ready->parts[i]));
    }
    all = json_pack("{s:b, s:o}", "ready", ready_is(ready), "parts", parts);
    text = json_dumps(all, JSON_INDENT(2));
    rc = buf_printf(out, e, "%s\n", text ? text : "{}");
    free(text);
    json_decref(all);
    return rc;
}
