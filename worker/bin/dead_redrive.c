/* SPDX-License-Identifier: MIT */
/* dead_redrive.c - `forkyard dead redrive`: jobs of dead letters are sent
 * again. Their letters stay where they are. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "bin/dead.h"
#include "bin/dead_print.h"
#include "svc/dead_sender.h"
#include "svc/kafka_conf.h"

struct redrive {
    struct dead_sender *sender; /* NULL: nothing is sent */
    size_t refused;
    size_t have_results; /* of those that were sent */
};

static void say_not_sent(struct dead_position at, const char *why, void *arg)
{
    (void)arg;
    cli_say("%" PRId32 ":%" PRId64 " is not sent: %s", at.partition, at.offset,
            why);
}

/* A job that began has a result beside its letter. */
static bool has_result(const struct dead_letter *letter)
{
    return view_is(letter->says.stage, "run");
}

static void redrive_one(struct dead *d, const struct dead_letter *letter,
                        void *arg)
{
    const struct dead_position at = {letter->partition, letter->offset};
    const char *queue = d->options.queue;
    struct redrive *r = arg;
    AUTO_FREE char *topic = NULL;
    struct err e = {0};
    int rc = 0;

    if (!r->sender) {
        dead_print_one(d, letter, NULL);
        rc = dead_sender_topic(&d->cli.config, letter, queue, &topic, &e);
    } else {
        rc = dead_sender_send(r->sender, letter, queue, &e);
    }
    if (rc < 0) {
        say_not_sent(at, e.msg, NULL);
        r->refused++;
        return;
    }
    r->have_results += has_result(letter);
}

static void check_queue(const struct dead *d)
{
    AUTO_FREE struct kafka_conf_queue *queues = NULL;
    size_t count = 0;
    struct err e = {0};

    if (!d->options.queue) {
        return;
    }
    if (kafka_conf_queues(&d->cli.config, &queues, &count, &e) < 0) {
        cli_die(CLI_EXIT_FAILED, "%s", e.msg);
    }
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(queues[i].name, d->options.queue)) {
            return;
        }
    }
    cli_usage_error(d->spec, "--queue %s: not one of topics.queues, %s",
                    d->options.queue, d->cli.config.topics_queues);
}

static void check(const struct dead *d)
{
    if (d->count == 0 && !d->options.all) {
        cli_usage_error(d->spec, "say which: PARTITION:OFFSET, or --all");
    }
    if (d->count > 0 && d->options.all) {
        cli_usage_error(d->spec, "say PARTITION:OFFSET or --all, not both");
    }
    if (d->count > 0 &&
        (!letter_filter_is_empty(&d->options.filter) || d->options.limit > 0)) {
        cli_usage_error(d->spec, "to choose by --job, --reason and others "
                                 "say --all, and no PARTITION:OFFSET");
    }
    check_queue(d);
}

static void say_what(const struct dead *d, const struct redrive *r)
{
    size_t sent = dead_sender_delivered(r->sender);
    size_t failed = dead_sender_failed(r->sender);

    if (d->cli.json) {
        json_t *object = json_pack(
            "{s:I, s:I, s:I, s:b}", "redriven", (json_int_t)sent, "refused",
            (json_int_t)r->refused, "failed", (json_int_t)failed, "dry_run", 0);

        (void)json_dumpf(object, stdout, JSON_COMPACT);
        (void)fputc('\n', stdout);
        json_decref(object);
        return;
    }
    cli_say("sent again: %zu job(s)", sent);
    if (r->refused + failed > 0) {
        cli_say("not sent: %zu", r->refused + failed);
    }
    if (sent > 0) {
        cli_say("their letters stay: redrive sends them once more, purge "
                "deletes them");
    }
    if (r->have_results > 0) {
        cli_say("%zu had a result before; who takes the first of a job_id sees "
                "no other",
                r->have_results);
    }
}

static int only_look(struct dead *d)
{
    struct redrive r = {0};

    dead_each(d, redrive_one, &r);
    if (d->options.dry_run) {
        return r.refused > 0 ? CLI_EXIT_FAILED : 0;
    }
    cli_say("%" PRIu64 " job(s) would be sent again; --yes does it",
            d->seen - r.refused);
    return CLI_EXIT_FAILED;
}

int dead_redrive(struct dead *d)
{
    struct redrive r = {0};
    struct err e = {0};
    size_t failed = 0;

    check(d);
    if (!d->options.yes || d->options.dry_run) {
        return only_look(d);
    }
    if (dead_sender_open(&d->cli.config, say_not_sent, NULL, &r.sender, &e) <
        0) {
        cli_die(CLI_EXIT_FAILED, "%s", e.msg);
    }
    dead_each(d, redrive_one, &r);
    dead_sender_wait(r.sender);
    failed = dead_sender_failed(r.sender);
    say_what(d, &r);
    dead_sender_close(r.sender);
    return r.refused + failed > 0 ? CLI_EXIT_FAILED : 0;
}
