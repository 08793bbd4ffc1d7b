/* SPDX-License-Identifier: MIT */
/* cmd_dead.c - `forkyard dead list|show|redrive|purge`: the dead letters.
 *
 * list and show change nothing. redrive sends jobs again and leaves their
 * letters where they are; purge deletes letters. Both of these ask for --yes.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "bin/cli.h"
#include "bin/dead_print.h"
#include "bin/main.h"
#include "svc/dead_letters.h"
#include "svc/kafka_conf.h"

#define NS_PER_MS UINT64_C(1000000)

struct options {
    const char *job;
    const char *tenant;
    const char *reason;
    const char *topic;
    const char *queue;
    uint64_t since_ms;
    uint64_t limit;
    bool all;
    bool raw;
    bool dry_run;
    bool yes;
};

static const struct cli_option options_table[] = {
    {"job", 0, CLI_TEXT, offsetof(struct options, job), "ID", "only this job"},
    {"tenant", 0, CLI_TEXT, offsetof(struct options, tenant), "ID",
     "only this tenant"},
    {"reason", 0, CLI_TEXT, offsetof(struct options, reason), "WORD",
     "only this reason, such as attempts_spent"},
    {"topic", 0, CLI_TEXT, offsetof(struct options, topic), "NAME",
     "only what came from this topic"},
    {"since", 0, CLI_DURATION, offsetof(struct options, since_ms), "DURATION",
     "only what was buried within this time: 10m, 2h"},
    {"limit", 0, CLI_UINT, offsetof(struct options, limit), "N",
     "at most so many"},
    {"all", 0, CLI_FLAG, offsetof(struct options, all), NULL,
     "redrive, purge: all that the options above leave, or all"},
    {"queue", 0, CLI_TEXT, offsetof(struct options, queue), "NAME",
     "redrive: to this queue, not to the one they came from"},
    {"raw", 0, CLI_FLAG, offsetof(struct options, raw), NULL,
     "show: the job's bytes as they came, and nothing else"},
    {"dry-run", 'n', CLI_FLAG, offsetof(struct options, dry_run), NULL,
     "redrive, purge: say what would be done"},
    {"yes", 'y', CLI_FLAG, offsetof(struct options, yes), NULL,
     "redrive, purge: do it"},
    {NULL, 0, CLI_FLAG, 0, NULL, NULL},
};

static const struct cli_spec spec = {
    .name = "dead",
    .summary = "look at dead letters, send their jobs again, delete them",
    .usage = "dead list [--job ID] [--tenant ID] [--reason WORD] "
             "[--topic NAME] [--since DURATION]\n"
             "dead show POSITION... [--raw]\n"
             "dead redrive POSITION...|--all [--queue NAME] --yes\n"
             "dead purge POSITION...|--all --yes",
    .about =
        "A POSITION is PARTITION:OFFSET, as list prints it. redrive sends a "
        "job's bytes and\nkey as they came, with attempts and waits forgotten, "
        "to the topic that it came\nfrom; its letter stays, so do not redrive "
        "it twice. purge deletes a letter and all\nolder ones of its "
        "partition: Kafka cannot delete one alone.",
    .example = "dead list --since 24h --reason attempts_spent\n"
               "dead show 3:17\n"
               "dead redrive --all --job 0193a1 --yes\n"
               "dead purge 3:17 --yes",
    .options = options_table,
};

struct dead {
    struct cli cli;
    struct options options;
    uint64_t since_unix_ms;
    struct dead_position *positions;
    size_t count;
    uint64_t seen; /* letters that matched */
};

/* --- what is meant ---------------------------------------------------------
 */

static bool is_text(const char *wanted, struct view has)
{
    return !wanted || view_is(has, wanted);
}

static bool matches(const struct dead *d, const struct dead_letter *letter)
{
    const struct options *o = &d->options;

    return (int64_t)d->since_unix_ms <= letter->timestamp_ms &&
           is_text(o->job, letter->identity.job_id) &&
           is_text(o->tenant, letter->identity.tenant_id) &&
           is_text(o->reason, letter->says.reason) &&
           is_text(o->topic, letter->says.topic);
}

static bool read_position(const char *text, struct dead_position *out)
{
    const char *colon = strchr(text, ':');
    AUTO_FREE char *first = NULL;
    uint64_t partition = 0;
    uint64_t offset = 0;

    if (!colon) {
        return false;
    }
    first = xstrndup(text, (size_t)(colon - text));
    if (str_parse_u64(first, &partition, NULL) < 0 ||
        str_parse_u64(colon + 1, &offset, NULL) < 0 || partition > INT32_MAX ||
        offset > INT64_MAX) {
        return false;
    }
    *out = (struct dead_position){(int32_t)partition, (int64_t)offset};
    return true;
}

static void read_positions(struct dead *d)
{
    d->positions = xcalloc(d->cli.args.count, sizeof(*d->positions));
    for (size_t i = 1; i < d->cli.args.count; i++) {
        const char *text = d->cli.args.items[i];

        if (!read_position(text, &d->positions[d->count++])) {
            cli_usage_error(&spec,
                            "'%s' is no position; write PARTITION:OFFSET, as "
                            "in 3:17",
                            text);
        }
    }
}

/* Calls do_one for each that is meant, until the limit. */
static void each(struct dead *d,
                 void (*do_one)(struct dead *d,
                                const struct dead_letter *letter, void *arg),
                 void *arg)
{
    struct dead_reader *reader = NULL;
    struct dead_letter letter;
    struct err e = {0};
    int got = 0;

    if (dead_reader_open(&d->cli.config, d->positions, d->count, &reader, &e) <
        0) {
        cli_die(CLI_EXIT_FAILED, "%s", e.msg);
    }
    while ((d->options.limit == 0 || d->seen < d->options.limit) &&
           (got = dead_reader_next(reader, &letter, &e)) > 0) {
        if (matches(d, &letter)) {
            d->seen++;
            do_one(d, &letter, arg);
        }
    }
    if (got < 0) {
        cli_die(CLI_EXIT_FAILED, "%s", e.msg);
    }
    dead_reader_close(reader);
    (void)fflush(stdout);
}

/* --- list, show ------------------------------------------------------------
 */

static void list_one(struct dead *d, const struct dead_letter *letter,
                     void *arg)
{
    (void)arg;
    if (d->cli.json) {
        dead_print_json(letter, false);
    } else {
        dead_print_row(letter, d->seen == 1);
    }
}

static int list(struct dead *d)
{
    each(d, list_one, NULL);
    if (d->seen == 0) {
        cli_say("no dead letters%s", d->count || d->options.job ||
                                             d->options.reason ||
                                             d->options.since_ms
                                         ? " match"
                                         : "");
    }
    return 0;
}

static void show_one(struct dead *d, const struct dead_letter *letter,
                     void *arg)
{
    (void)arg;
    if (d->options.raw) {
        (void)fwrite(letter->value.data, 1, letter->value.len, stdout);
    } else if (d->cli.json) {
        dead_print_json(letter, true);
    } else {
        dead_print_whole(letter, d->seen > 1);
    }
}

static int show(struct dead *d)
{
    if (d->count == 0) {
        cli_usage_error(&spec, "say which: show PARTITION:OFFSET");
    }
    each(d, show_one, NULL);
    return 0;
}

/* --- redrive ---------------------------------------------------------------
 */

static void say_what(const struct dead *d, const char *verb, size_t count)
{
    if (!d->cli.json) {
        cli_say("%s %zu job(s)", verb, count);
        return;
    }
    json_t *object = json_pack("{s:I, s:b}", "redriven", (json_int_t)count,
                               "dry_run", !d->options.yes);
    (void)json_dumpf(object, stdout, JSON_COMPACT);
    (void)fputc('\n', stdout);
    json_decref(object);
}

struct redrive {
    struct dead_sender *sender; /* NULL: nothing is sent */
    size_t refused;
};

static void redrive_one(struct dead *d, const struct dead_letter *letter,
                        void *arg)
{
    struct redrive *r = arg;
    struct err e = {0};

    if (!r->sender) {
        list_one(d, letter, NULL);
    } else if (dead_sender_send(r->sender, letter, d->options.queue, &e) < 0) {
        cli_say("%s", e.msg);
        r->refused++;
    }
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
    cli_usage_error(&spec, "--queue %s: not one of topics.queues, %s",
                    d->options.queue, d->cli.config.topics_queues);
}

static bool is_to_be_done(const struct dead *d)
{
    if (d->count == 0 && !d->options.all) {
        cli_usage_error(&spec, "say which: PARTITION:OFFSET, or --all");
    }
    if (d->count > 0 && d->options.all) {
        cli_usage_error(&spec, "say PARTITION:OFFSET or --all, not both");
    }
    return d->options.yes && !d->options.dry_run;
}

static int redrive(struct dead *d)
{
    struct redrive r = {0};
    struct err e = {0};
    int rc = 0;

    check_queue(d);
    if (!is_to_be_done(d)) {
        each(d, redrive_one, &r);
        if (!d->options.dry_run) {
            cli_say("%" PRIu64 " job(s) would be sent again; --yes does it",
                    d->seen);
        }
        return d->options.dry_run ? 0 : CLI_EXIT_FAILED;
    }
    if (dead_sender_open(&d->cli.config, &r.sender, &e) < 0) {
        cli_die(CLI_EXIT_FAILED, "%s", e.msg);
    }
    each(d, redrive_one, &r);
    rc = dead_sender_wait(r.sender, &e);
    if (rc < 0) {
        cli_say("%s", e.msg);
    }
    say_what(d, "sent again:", dead_sender_delivered(r.sender));
    dead_sender_close(r.sender);
    return rc < 0 || r.refused > 0 ? CLI_EXIT_FAILED : 0;
}

/* --- purge -----------------------------------------------------------------
 */

struct purge {
    struct dead_position *before; /* one per partition */
    size_t count;
};

static void purge_one(struct dead *d, const struct dead_letter *letter,
                      void *arg)
{
    struct purge *p = arg;

    (void)d;
    for (size_t i = 0; i < p->count; i++) {
        if (p->before[i].partition == letter->partition) {
            if (p->before[i].offset <= letter->offset) {
                p->before[i].offset = letter->offset + 1;
            }
            return;
        }
    }
    p->before = xrealloc(p->before, (p->count + 1) * sizeof(*p->before));
    p->before[p->count++] = (struct dead_position){
        .partition = letter->partition, .offset = letter->offset + 1};
}

static void say_purge(const struct dead *d, const struct purge *p, bool is_done)
{
    for (size_t i = 0; i < p->count; i++) {
        json_t *object = NULL;

        if (!d->cli.json) {
            cli_say("%s of partition %" PRId32 ": all before offset %" PRId64,
                    is_done ? "deleted" : "would be deleted",
                    p->before[i].partition, p->before[i].offset);
            continue;
        }
        object = json_pack("{s:i, s:I, s:b}", "partition",
                           (int)p->before[i].partition, "before",
                           (json_int_t)p->before[i].offset, "deleted", is_done);
        (void)json_dumpf(object, stdout, JSON_COMPACT);
        (void)fputc('\n', stdout);
        json_decref(object);
    }
}

static void check_purge(const struct dead *d)
{
    const struct options *o = &d->options;

    if (o->job || o->tenant || o->reason || o->topic || o->since_ms ||
        o->limit) {
        cli_usage_error(&spec, "purge deletes from the oldest on, whatever "
                               "they are; it has no --job, --tenant, "
                               "--reason, --topic, --since or --limit");
    }
}

static int purge(struct dead *d)
{
    bool is_done = is_to_be_done(d);
    struct purge p = {0};
    struct err e = {0};

    check_purge(d);
    each(d, purge_one, &p);
    if (is_done && p.count > 0 &&
        dead_delete(&d->cli.config, p.before, p.count, &e) < 0) {
        cli_die(CLI_EXIT_FAILED, "%s", e.msg);
    }
    say_purge(d, &p, is_done);
    if (!is_done && !d->options.dry_run) {
        cli_say("--yes does it");
    }
    free(p.before);
    return is_done || d->options.dry_run ? 0 : CLI_EXIT_FAILED;
}

/* --- the command -----------------------------------------------------------
 */

int cmd_dead_main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(struct dead *d);
    } verbs[] = {
        {"list", list}, {"show", show}, {"redrive", redrive}, {"purge", purge}};
    struct dead d = {0};
    const char *verb = NULL;
    int rc = -1;

    cli_parse(&d.cli, &spec, argc, argv, &d.options);
    verb = d.cli.args.count ? d.cli.args.items[0] : "";
    if (d.cli.rest.count) {
        cli_usage_error(&spec, "dead takes nothing after --");
    }
    if (d.options.since_ms > 0) {
        d.since_unix_ms = clock_unix_ns() / NS_PER_MS - d.options.since_ms;
    }
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (!strcmp(verb, verbs[i].name)) {
            read_positions(&d);
            rc = verbs[i].run(&d);
        }
    }
    if (rc < 0) {
        cli_usage_error(&spec, "say list, show, redrive or purge");
    }
    free(d.positions);
    cli_done(&d.cli);
    return rc;
}
