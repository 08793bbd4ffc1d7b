/* SPDX-License-Identifier: MIT */
/* cmd_topics.c - `forkyard topics plan|apply`: the topics of a cluster against
 * those of broker-config/topics.yaml.
 *
 * plan changes nothing; apply creates what is missing and never deletes or
 * changes a topic. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "bin/cli.h"
#include "bin/main.h"
#include "svc/topics_plan.h"

struct options {
    const char *file;
};

static const struct cli_option options_table[] = {
    {"file", 'f', CLI_TEXT, offsetof(struct options, file), "FILE",
     "topics from this file; else the copy inside the program"},
    {NULL, 0, CLI_FLAG, 0, NULL, NULL},
};

static const struct cli_spec spec = {
    .name = "topics",
    .summary = "compare or create the Kafka topics",
    .usage = "topics plan [--file FILE]\n"
             "topics apply [--file FILE]",
    .about = "plan compares the cluster with what forkyard needs and changes "
             "nothing; exit code\n1 when a topic is missing or has too few "
             "partitions. apply creates what is\nmissing; it never deletes or "
             "changes a topic.",
    .example = "topics plan --brokers kafka-1:9092\n"
               "topics apply --brokers kafka-1:9092",
    .options = options_table,
};

static void print_row(const struct topics_row *row)
{
    const char *state = topics_plan_state_name(row->state);
    char color = 'g';

    if (row->state != TOPICS_OK) {
        color = row->state == TOPICS_MORE ? 'y' : 'r';
    }
    (void)printf("%-28s %s%-16s%s %10u %10u  %s\n", row->spec->name,
                 cli_color(stdout, color), state, cli_color(stdout, '0'),
                 row->spec->partitions, row->partitions, row->note);
}

static json_t *row_json(const struct topics_row *row)
{
    return json_pack("{s:s, s:s, s:i, s:i, s:i, s:s}", "name", row->spec->name,
                     "state", topics_plan_state_name(row->state), "wanted",
                     (int)row->spec->partitions, "partitions",
                     (int)row->partitions, "replication", (int)row->replication,
                     "note", row->note);
}

static void print_plan(const struct topics_plan *plan, bool as_json)
{
    json_t *list = json_array();

    if (!as_json) {
        (void)printf("%s%-28s %-16s %10s %10s%s\n", cli_color(stdout, 'b'),
                     "TOPIC", "STATE", "WANTED", "PARTITIONS",
                     cli_color(stdout, '0'));
    }
    for (size_t i = 0; i < plan->count; i++) {
        if (as_json) {
            (void)json_array_append_new(list, row_json(&plan->rows[i]));
        } else {
            print_row(&plan->rows[i]);
        }
    }
    if (as_json) {
        (void)json_dumpf(list, stdout, JSON_INDENT(2));
        (void)fputc('\n', stdout);
    }
    json_decref(list);
}

static size_t count_state(const struct topics_plan *plan,
                          enum topics_state state)
{
    size_t count = 0;

    for (size_t i = 0; i < plan->count; i++) {
        count += plan->rows[i].state == state;
    }
    return count;
}

/* What to do about it; the exit code. */
static int conclude(const struct topics_plan *plan, bool is_apply)
{
    size_t missing = count_state(plan, TOPICS_MISSING);
    size_t fewer = count_state(plan, TOPICS_FEWER);

    if (missing > 0 && !is_apply) {
        cli_say("%zu topic(s) missing; `forkyard topics apply` creates them",
                missing);
    }
    if (fewer > 0) {
        cli_say(
            "%zu topic(s) have fewer partitions than wanted; partitions "
            "are never changed here: keys would move (the embedded broker of "
            "dev has fewer on purpose)",
            fewer);
    }
    return missing > 0 || (fewer > 0 && !is_apply) ? CLI_EXIT_FAILED : 0;
}

static bool wants_apply(const struct cli *cli)
{
    const char *verb = cli->args.count ? cli->args.items[0] : "";

    if (cli->args.count != 1 || cli->rest.count ||
        (strcmp(verb, "plan") != 0 && strcmp(verb, "apply") != 0)) {
        cli_usage_error(&spec, "say plan or apply");
    }
    return !strcmp(verb, "apply");
}

int cmd_topics_main(int argc, char **argv)
{
    struct options options = {0};
    struct topics topics = {0};
    struct topics_plan plan = {0};
    struct err e = {0};
    struct cli cli;
    bool is_apply;
    int rc = 0;

    cli_parse(&cli, &spec, argc, argv, &options);
    is_apply = wants_apply(&cli);
    if (topics_load(&cli.config, options.file, &topics, &e) < 0 ||
        topics_plan_make(&cli.config, &topics, &plan, &e) < 0) {
        cli_die(CLI_EXIT_FAILED, "%s", e.msg);
    }
    if (is_apply && plan.missing > 0) {
        rc = topics_plan_apply(&cli.config, &plan, &e);
    }
    print_plan(&plan, cli.json);
    (void)fflush(stdout);
    if (rc < 0) {
        cli_say("%s", e.msg);
    }
    rc = conclude(&plan, is_apply);
    topics_plan_free(&plan);
    topics_free(&topics);
    cli_done(&cli);
    return rc;
}
