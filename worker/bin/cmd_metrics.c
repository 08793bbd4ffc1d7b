/* SPDX-License-Identifier: MIT */
/* cmd_metrics.c - `forkyard metrics`: what a worker's /metrics shows, from the
 * table it is made from. worker/doc/metrics.md holds its --markdown.
 *
 * Talks to nobody. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "bin/cli.h"
#include "bin/main.h"
#include "svc/metrics.h"

struct options {
    bool markdown;
};

static const struct cli_option options_table[] = {
    {"markdown", 0, CLI_FLAG, offsetof(struct options, markdown), NULL,
     "as a table for a page"},
    {NULL, 0, CLI_FLAG, 0, NULL, NULL},
};

static const struct cli_spec spec = {
    .name = "metrics",
    .summary = "what a worker's /metrics shows",
    .usage = "metrics [--json | --markdown]",
    .about =
        "Lists every metric with its type, labels and meaning. The figures "
        "themselves are at\nthe address of http.listen.",
    .example = "metrics\n"
               "metrics --json",
    .options = options_table,
    .no_settings = true,
};

/* "queue, status" */
static void join_keys(const struct metrics_row *row, char *out, size_t size)
{
    const char *keys[4];
    size_t count = metrics_keys(row, keys);
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; i < count && at < size; i++) {
        at += (size_t)snprintf(out + at, size - at, "%s%s", i ? ", " : "",
                               keys[i]);
    }
}

static json_t *row_json(const struct metrics_row *row)
{
    const char *keys[4];
    size_t count = metrics_keys(row, keys);
    char name[METRICS_NAME_MAX];
    json_t *labels = json_array();

    metrics_name(row, name);
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(labels, json_string(keys[i]));
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:s}", "name", name, "otel",
                     row->otel, "type", metrics_type_name(row->type), "unit",
                     row->unit, "labels", labels, "help", row->doc);
}

static void print_json(void)
{
    json_t *list = json_array();

    for (size_t i = 0; i < METRICS_COUNT; i++) {
        (void)json_array_append_new(list, row_json(&metrics_rows[i]));
    }
    (void)json_dumpf(list, stdout, JSON_INDENT(2));
    (void)fputc('\n', stdout);
    json_decref(list);
}

static void print_rows(bool is_markdown)
{
    char name[METRICS_NAME_MAX];
    char keys[128];

    if (is_markdown) {
        (void)printf("| Prometheus | OpenTelemetry, unit | type | labels | "
                     "what |\n|---|---|---|---|---|\n");
    }
    for (size_t i = 0; i < METRICS_COUNT; i++) {
        const struct metrics_row *row = &metrics_rows[i];

        metrics_name(row, name);
        join_keys(row, keys, sizeof(keys));
        if (is_markdown) {
            (void)printf("| `%s` | `%s`%s%s | %s | %s | %s |\n", name,
                         row->otel, row->unit[0] ? ", " : "", row->unit,
                         metrics_type_name(row->type), keys, row->doc);
        } else {
            (void)printf("%s%s%s%s  %s\n    %s\n", name, keys[0] ? "{" : "",
                         keys, keys[0] ? "}" : "", metrics_type_name(row->type),
                         row->doc);
        }
    }
}

int cmd_metrics_main(int argc, char **argv)
{
    struct options opts = {0};
    struct cli cli;

    cli_parse(&cli, &spec, argc, argv, &opts);
    if (cli.args.count || cli.rest.count) {
        cli_usage_error(&spec, "metrics takes no arguments");
    }
    if (cli.json) {
        print_json();
    } else {
        print_rows(opts.markdown);
    }
    cli_done(&cli);
    return 0;
}
