/* SPDX-License-Identifier: MIT */
/* cmd_dead.c - `forkyard dead list|show|redrive|purge`: the dead letters.
 *
 * list and show change nothing. redrive sends jobs again and leaves their
 * letters where they are; purge deletes letters. Both of these ask for --yes.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "bin/dead.h"
#include "bin/dead_print.h"
#include "bin/main.h"

/* The verbs that an option is for. */
enum { LIST = 1, SHOW = 2, REDRIVE = 4, PURGE = 8 };

#define FILTER(field) offsetof(struct dead_options, filter.field)
#define OPTION(field) offsetof(struct dead_options, field)

static const struct cli_option options_table[] = {
    {"job", 0, CLI_TEXT, FILTER(job), "ID", "only this job"},
    {"tenant", 0, CLI_TEXT, FILTER(tenant), "ID", "only this tenant"},
    {"reason", 0, CLI_TEXT, FILTER(reason), "WORD",
     "only this reason, such as attempts_spent"},
    {"stage", 0, CLI_TEXT, FILTER(stage), "WORD",
     "only this stage: decode, run, return"},
    {"topic", 0, CLI_TEXT, FILTER(topic), "NAME",
     "only what came from this topic: jobs.high"},
    {"since", 0, CLI_TEXT, OPTION(since), "TIME",
     "only what was buried then or later: 2h, 7d (ago), or "
     "2026-01-31T14:05:00Z"},
    {"until", 0, CLI_TEXT, OPTION(until), "TIME", "only what was before"},
    {"limit", 0, CLI_UINT, OPTION(limit), "N", "at most so many"},
    {"all", 0, CLI_FLAG, OPTION(all), NULL,
     "redrive: all that the options above leave; purge: all there are"},
    {"queue", 0, CLI_TEXT, OPTION(queue), "NAME",
     "redrive: to this queue, not to the one they came from"},
    {"before", 0, CLI_LIST, OPTION(before), "POSITION",
     "purge: all of its partition before it"},
    {"older-than", 0, CLI_DURATION, OPTION(older_than_ms), "DURATION",
     "purge: all that were buried longer ago: 7d"},
    {"raw", 0, CLI_FLAG, OPTION(raw), NULL,
     "show: the job's bytes as they came, and nothing else"},
    {"dry-run", 'n', CLI_FLAG, OPTION(dry_run), NULL,
     "redrive, purge: say what would be done"},
    {"yes", 'y', CLI_FLAG, OPTION(yes), NULL, "redrive, purge: do it"},
    {NULL, 0, CLI_FLAG, 0, NULL, NULL},
};

/* Row by row as above. */
static const unsigned option_verbs[] = {
    LIST | REDRIVE, LIST | REDRIVE,  LIST | REDRIVE,
    LIST | REDRIVE, LIST | REDRIVE,  LIST | REDRIVE,
    LIST | REDRIVE, LIST | REDRIVE,  REDRIVE | PURGE,
    REDRIVE,        PURGE,           PURGE,
    SHOW,           REDRIVE | PURGE, REDRIVE | PURGE,
};
_Static_assert(ARRAY_LEN(option_verbs) == ARRAY_LEN(options_table) - 1,
               "each option is for some verb");

static const struct cli_spec spec = {
    .name = "dead",
    .summary = "look at dead letters, send their jobs again, delete them",
    .usage = "dead list [FILTER...]\n"
             "dead show POSITION... [--raw]\n"
             "dead redrive POSITION...|--all [FILTER...] [--queue NAME] --yes\n"
             "dead purge POSITION...|--before POSITION|--older-than "
             "DURATION|--all --yes",
    .about =
        "A POSITION is PARTITION:OFFSET, as list prints it; partitions come in "
        "no order.\nA FILTER is one of the options from --job to --limit; all "
        "must hold.\nredrive sends a job's bytes and key as they came, with "
        "attempts and waits forgotten,\nto the topic that it came from. Its "
        "letter stays until it is purged, or too old for\nthe topic: a second "
        "redrive sends the job a second time. A job that had a result has\ntwo "
        "then, and who takes the first of a job_id sees no other.\npurge "
        "deletes a letter and all older ones of its partition: Kafka cannot "
        "delete one\nalone. On a terminal it asks, without --yes. Rights: the "
        "role operator (forkyard acls).",
    .example = "dead list --since 24h --reason attempts_spent\n"
               "dead show 3:17\n"
               "dead show 3:17 --raw >job.msgpack\n"
               "dead redrive --all --tenant acme --since 2h --dry-run\n"
               "dead redrive 3:17 --yes\n"
               "dead purge --older-than 7d --yes",
    .options = options_table,
};

/* --- list, show ----------------------------------------------------------- */

static int list(struct dead *d)
{
    if (d->count > 0) {
        cli_usage_error(&spec, "list takes no position; show does");
    }
    dead_each(d, dead_print_one, NULL);
    if (d->seen == 0) {
        cli_say("no dead letters%s",
                letter_filter_is_empty(&d->options.filter) ? "" : " match");
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
        dead_print_json(letter, &d->cli.config);
    } else {
        dead_print_whole(letter, &d->cli.config, d->seen > 1);
    }
}

static int show(struct dead *d)
{
    if (d->count == 0) {
        cli_usage_error(&spec, "say which: show PARTITION:OFFSET");
    }
    if (d->options.raw && (d->cli.json || d->count > 1)) {
        cli_usage_error(&spec, "--raw writes the bytes of one job, and "
                               "nothing else: one position, no --json");
    }
    dead_each(d, show_one, NULL);
    return 0;
}

/* --- the command ---------------------------------------------------------- */

static const struct verb {
    const char *name;
    unsigned bit;
    int (*run)(struct dead *d);
} verbs[] = {
    {"list", LIST, list},
    {"show", SHOW, show},
    {"redrive", REDRIVE, dead_redrive},
    {"purge", PURGE, dead_purge},
};

static bool is_given(const struct dead_options *options,
                     const struct cli_option *o)
{
    const char *at = (const char *)options + o->offset;

    switch (o->type) {
    case CLI_FLAG:
        return *(const bool *)at;
    case CLI_TEXT:
        return *(const char *const *)at != NULL;
    case CLI_LIST:
        return ((const struct cli_list *)at)->count > 0;
    case CLI_UINT:
    case CLI_DURATION:
    case CLI_SIZE:
        return *(const uint64_t *)at > 0;
    }
    return false;
}

/* An option that would be passed over may be what somebody relies on. */
static void check_options(const struct dead *d, const struct verb *verb)
{
    for (size_t i = 0; i < ARRAY_LEN(option_verbs); i++) {
        if (!is_given(&d->options, &options_table[i]) ||
            (option_verbs[i] & verb->bit)) {
            continue;
        }
        cli_usage_error(&spec, "dead %s has no --%s%s", verb->name,
                        options_table[i].name,
                        verb->bit == PURGE
                            ? ": it deletes from the oldest on, whatever they "
                              "are"
                            : "");
    }
}

static const struct verb *find_verb(const struct cli *cli)
{
    const char *name = cli->args.count ? cli->args.items[0] : "";

    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (!strcmp(name, verbs[i].name)) {
            return &verbs[i];
        }
    }
    cli_usage_error(&spec, "say list, show, redrive or purge");
}

int cmd_dead_main(int argc, char **argv)
{
    struct dead d = {.spec = &spec};
    const struct verb *verb = NULL;
    int rc = 0;

    cli_parse(&d.cli, &spec, argc, argv, &d.options);
    verb = find_verb(&d.cli);
    if (d.cli.rest.count) {
        cli_usage_error(&spec, "dead takes nothing after --");
    }
    check_options(&d, verb);
    dead_choose(&d);
    rc = verb->run(&d);
    if (fflush(stdout) || ferror(stdout)) {
        cli_die(CLI_EXIT_FAILED, "not all could be written: %s",
                strerror(errno));
    }
    free(d.positions);
    cli_list_done(&d.options.before);
    cli_done(&d.cli);
    return rc;
}
