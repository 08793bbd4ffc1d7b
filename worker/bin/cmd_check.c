/* SPDX-License-Identifier: MIT */
/* cmd_check.c - `forkyard check`: what this host can isolate, which languages
 * it has, how it fares, and every setting as it would be used.
 *
 * Runs before a worker does, best with the same privilege. Talks to nobody. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "bin/check_guard.h"
#include "bin/check_http.h"
#include "bin/check_levels.h"
#include "bin/cli.h"
#include "bin/main.h"
#include "run/again.h"
#include "run/boxes.h"
#include "run/runtimes.h"
#include "svc/kafka_conf.h"
#include "svc/kafka_txn.h"
#include "sys/hostcheck.h"

static const struct cli_spec spec = {
    .name = "check",
    .summary = "what this host can isolate, and all settings",
    .usage = "check [--json]",
    .about = "Exit code 1 when something is missing without which no job can "
             "run; what to do\nabout it is said beside it. Run it as the user "
             "the worker is started as.",
    .example = "check\n"
               "check --json --set worker.slots=8",
    .shows_settings = true,
};

struct word {
    const char *text;
    char color;
};

static struct word word_of(const struct hostcheck_fact *fact)
{
    if (fact->is_there) {
        return (struct word){"ok", 'g'};
    }
    if (fact->is_required) {
        return (struct word){"MISSING", 'r'};
    }
    return (struct word){"without", 'y'};
}

static void print_fact(const struct hostcheck_fact *fact)
{
    struct word word = word_of(fact);

    (void)printf("  %s%-8s%s %-13s %s: %s\n", cli_color(stdout, word.color),
                 word.text, cli_color(stdout, '0'), fact->name, fact->meaning,
                 fact->detail);
    if (!fact->is_there) {
        (void)printf("  %-8s %-13s -> %s\n", "", "", fact->remedy);
    }
}

static json_t *fact_json(const struct hostcheck_fact *fact)
{
    json_t *object =
        json_pack("{s:s, s:s, s:b, s:b, s:s}", "name", fact->name, "meaning",
                  fact->meaning, "ok", fact->is_there, "required",
                  fact->is_required, "detail", fact->detail);

    if (!fact->is_there) {
        (void)json_object_set_new(object, "remedy", json_string(fact->remedy));
    }
    return object;
}

/* The number of required facts that are missing. */
static size_t check_host(const struct cli *cli, json_t *list)
{
    struct hostcheck_spec host = {.cgroup = cli->config.box_cgroup,
                                  .cgroup_parent =
                                      cli->config.box_cgroup_parent};
    size_t missing = 0;

    for (size_t i = 0; i < hostcheck_count; i++) {
        struct hostcheck_fact fact;

        hostcheck_probe(i, &host, &fact);
        missing += fact.is_required && !fact.is_there;
        if (cli->json) {
            (void)json_array_append_new(list, fact_json(&fact));
        } else {
            print_fact(&fact);
        }
    }
    return missing;
}

static json_t *runtime_json(const struct runtimes_row *row)
{
    json_t *object = json_pack("{s:s, s:b, s:s?}", "name", row->name, "ok",
                               runtimes_is_there(row), "path", row->path);

    if (row->is_compiled) {
        (void)json_object_set_new(object, "compiler",
                                  row->compiler ? json_string(row->compiler)
                                                : json_null());
    }
    return object;
}

static void print_runtime(const struct runtimes_row *row)
{
    bool is_there = runtimes_is_there(row);
    (void)printf("  %s%-8s%s %-13s ", cli_color(stdout, is_there ? 'g' : 'y'),
                 is_there ? "ok" : "without", cli_color(stdout, '0'),
                 row->name);
    if (!is_there) {
        (void)printf("not installed: its jobs end with setup_error\n");
    } else if (row->is_compiled) {
        (void)printf("compiled by %s, then %s\n", row->compiler, row->path);
    } else {
        (void)printf("%s\n", row->path);
    }
}

static void check_runtimes(const struct cli *cli, json_t *list)
{
    size_t count = 0;
    const struct runtimes_row *rows = runtimes_list(&count);

    for (size_t i = 0; i < count; i++) {
        if (cli->json) {
            (void)json_array_append_new(list, runtime_json(&rows[i]));
        } else {
            print_runtime(&rows[i]);
        }
    }
}

static json_t *settings_json(const struct config *config)
{
    char *text = NULL;
    size_t len = 0;
    FILE *memory = open_memstream(&text, &len);
    json_t *json = NULL;

    if (memory) {
        config_print(config, true, memory);
        (void)fclose(memory);
        json = json_loadb(text, len, 0, NULL);
    }
    free(text);
    return json ? json : json_null();
}

static size_t check_json(const struct cli *cli)
{
    json_t *host = json_array();
    json_t *runtimes = json_array();
    size_t missing = check_host(cli, host);
    json_t *all;

    check_runtimes(cli, runtimes);
    all = json_pack("{s:b, s:o, s:o, s:o, s:o, s:o, s:s?, s:o}", "ok",
                    missing == 0, "host", host, "levels",
                    check_levels_json(&cli->config, missing == 0), "runtimes",
                    runtimes, "guard", check_guard_json(&cli->config), "http",
                    check_http_json(&cli->config), "config_file",
                    cli->config_file, "settings", settings_json(&cli->config));
    (void)json_dumpf(all, stdout, JSON_INDENT(2));
    (void)fputc('\n', stdout);
    json_decref(all);
    return missing;
}

static size_t check_text(const struct cli *cli)
{
    size_t missing;

    (void)printf("Host\n");
    missing = check_host(cli, NULL);
    (void)printf("\nSecurity levels\n");
    check_levels_print(&cli->config, missing == 0);
    (void)printf("\nLanguages\n");
    check_runtimes(cli, NULL);
    (void)printf("\nGuard (%s)\n",
                 cli->config.guard_enabled
                     ? "no new jobs are taken while a figure is too high"
                     : "switched off: guard.enabled");
    check_guard_print(&cli->config);
    (void)printf("\nMetrics and health\n");
    check_http_print(&cli->config);
    (void)printf("\nSettings (%s%s, then the environment, then flags)\n",
                 cli->config_file ? "from " : "no file",
                 cli->config_file ? cli->config_file : "");
    config_print(&cli->config, false, stdout);
    return missing;
}

/* What the settings' own ranges cannot tell: librdkafka's properties, the
 * queues, the waits. A worker would end on these at its start. */
static int check_kafka(const struct config *config, struct err *e)
{
    static const struct kafka_conf_row none[] = {{NULL, NULL}};
    AUTO_FREE struct kafka_conf_queue *queues = NULL;
    rd_kafka_conf_t *conf = NULL;
    bool is_exact = false;
    struct again_backoff backoff;
    size_t count = 0;

    if (kafka_conf_new(config, none, &conf, e) < 0) {
        return -1;
    }
    rd_kafka_conf_destroy(conf);
    if (kafka_txn_is_wanted(config, &is_exact, e) < 0 ||
        kafka_conf_queues(config, &queues, &count, e) < 0) {
        return -1;
    }
    return again_backoff_parse(config, &backoff, e);
}

int cmd_check_main(int argc, char **argv)
{
    struct cli cli;
    struct err e = {0};
    size_t missing;

    cli_parse(&cli, &spec, argc, argv, NULL);
    /* As it would be used: 0 stands for a number. */
    cli.config.worker_slots = boxes_slots(&cli.config);
    if (cli.args.count || cli.rest.count) {
        cli_usage_error(&spec, "check takes no arguments");
    }
    missing = cli.json ? check_json(&cli) : check_text(&cli);
    (void)fflush(stdout);
    int bad_kafka = check_kafka(&cli.config, &e);
    if (bad_kafka < 0) {
        cli_say("%s", e.msg);
    }
    if (missing) {
        cli_say("%zu required thing(s) missing; the remedies are beside them",
                missing);
    }
    cli_done(&cli);
    return missing || bad_kafka < 0 ? CLI_EXIT_FAILED : 0;
}
