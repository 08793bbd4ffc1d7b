/* SPDX-License-Identifier: MIT */
/* cmd_results.c - `forkyard results`: lists, searches and follows results.
 *
 * Reads the results topic from its beginning, by the library's reader. Changes
 * nothing. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "bin/cli.h"
#include "bin/ending.h"
#include "bin/main.h"
#include "lib/fy_error.h"
#include "lib/fy_options.h"
#include "lib/fy_result.h"

#define POLL_MS  500
#define MS_IN_NS UINT64_C(1000000)

struct options {
    const char *job;
    const char *session;
    const char *tenant;
    const char *status;
    uint64_t since_ms;
    bool follow;
};

static const struct cli_option options_table[] = {
    {"job", 0, CLI_TEXT, offsetof(struct options, job), "ID",
     "only this job; ends when it was found"},
    {"session", 0, CLI_TEXT, offsetof(struct options, session), "ID",
     "only this session"},
    {"tenant", 0, CLI_TEXT, offsetof(struct options, tenant), "ID",
     "only this tenant"},
    {"status", 0, CLI_TEXT, offsetof(struct options, status), "STATUS",
     "only this status, such as time_limit_exceeded"},
    {"since", 0, CLI_DURATION, offsetof(struct options, since_ms), "DURATION",
     "only what finished within this time: 10m, 2h"},
    {"follow", 'f', CLI_FLAG, offsetof(struct options, follow), NULL,
     "wait for more until stopped"},
    {NULL, 0, CLI_FLAG, 0, NULL, NULL},
};

static const struct cli_spec spec = {
    .name = "results",
    .summary = "list, search or follow results",
    .usage = "results [--job ID] [--session ID] [--tenant ID] "
             "[--status STATUS] [--since DURATION] [--follow]",
    .about = "Prints a table, oldest first, or with --json one result per "
             "line. Exit code 1 when\n--job was not found.",
    .example = "results --since 1h --status time_limit_exceeded\n"
               "results --follow --json | jq .status",
    .options = options_table,
};

/* Partitions come one after the other; people read by time. */
struct line {
    uint64_t finished_unix_nano;
    char *text;
};

struct search {
    struct cli cli;
    struct options options;
    uint64_t since_unix_nano;
    uint64_t found;
    bool has_header;
    struct line *lines; /* of the table, unless it is followed */
    size_t line_count;
};

static bool matches_text(const char *wanted, struct view has)
{
    return !wanted || view_is(has, wanted);
}

static bool matches(const struct search *s, const struct result *r)
{
    uint64_t finished = r->timings.present ? r->timings.finished_unix_nano : 0;

    if (s->since_unix_nano > 0 &&
        (finished == RECORD_NO_UINT || finished < s->since_unix_nano)) {
        return false;
    }
    return matches_text(s->options.job, r->job_id) &&
           matches_text(s->options.session, r->session_id) &&
           matches_text(s->options.tenant, r->tenant_id) &&
           matches_text(s->options.status,
                        view_of(record_enum_name(&status_enum, r->status)));
}

static void print_json(struct fy_result *result)
{
    const char *json = fy_result_json(result);

    if (!json) {
        cli_say("a result that is no JSON: job %s", fy_result_job_id(result));
        return;
    }
    (void)printf("%s\n", json);
}

static void print_header(struct search *s)
{
    if (!s->has_header) {
        (void)printf("%s%-36s  %-8s  %-22s  %9s  %s%s\n",
                     cli_color(stdout, 'b'), "JOB", "KIND", "STATUS", "TIME",
                     "WHAT STOPPED IT", cli_color(stdout, '0'));
        s->has_header = true;
    }
}

static char *make_row(const struct result *r)
{
    const char *status = record_enum_name(&status_enum, r->status);
    const char *kind = record_enum_name(&job_kind_enum, r->kind);
    char color = r->status == STATUS_SUCCESS ? 'g' : 'r';
    char reason[200];
    char time[32];
    char *row = NULL;

    ending_reason(r, reason, sizeof(reason));
    ending_time(r, time, sizeof(time));
    if (asprintf(&row, "%-36.*s  %-8s  %s%-22s%s  %9s  %s", VIEW_ARG(r->job_id),
                 kind ? kind : "-", cli_color(stdout, color),
                 status ? status : "?", cli_color(stdout, '0'), time,
                 reason) < 0) {
        abort();
    }
    return row;
}

static void take_row(struct search *s, const struct result *r)
{
    struct line line = {.text = make_row(r)};

    if (r->timings.present && r->timings.finished_unix_nano != RECORD_NO_UINT) {
        line.finished_unix_nano = r->timings.finished_unix_nano;
    }
    if (s->options.follow) {
        print_header(s);
        (void)printf("%s\n", line.text);
        free(line.text);
        return;
    }
    s->lines = xrealloc(s->lines, (s->line_count + 1) * sizeof(*s->lines));
    s->lines[s->line_count++] = line;
}

static int by_time(const void *a, const void *b)
{
    const struct line *left = a;
    const struct line *right = b;

    return (left->finished_unix_nano > right->finished_unix_nano) -
           (left->finished_unix_nano < right->finished_unix_nano);
}

static void print_lines(struct search *s)
{
    if (s->line_count == 0) {
        return;
    }
    qsort(s->lines, s->line_count, sizeof(*s->lines), by_time);
    print_header(s);
    for (size_t i = 0; i < s->line_count; i++) {
        (void)printf("%s\n", s->lines[i].text);
        free(s->lines[i].text);
    }
    free(s->lines);
}

static void take(struct search *s, struct fy_result *result)
{
    if (!matches(s, fy_result_record(result))) {
        return;
    }
    s->found++;
    if (s->cli.json) {
        print_json(result);
    } else {
        take_row(s, fy_result_record(result));
    }
    (void)fflush(stdout);
}

static int read_all(struct search *s, struct fy_reader *reader, struct err *e)
{
    int at_end = 0;

    while (s->options.follow || !at_end) {
        struct fy_result *result = NULL;
        struct fy_error error;
        int got = fy_reader_next(reader, POLL_MS, &result, &at_end, &error);

        if (got < 0 && error.code == FY_ERROR_INPUT) {
            cli_say("%s", error.text);
        } else if (got < 0) {
            return fy_error_get(&error, e);
        } else if (got > 0) {
            take(s, result);
            fy_result_free(result);
        }
        if (ferror(stdout) || (s->options.job && s->found)) {
            return 0;
        }
    }
    return 0;
}

static void check_options(const struct search *s)
{
    const char *near;

    if (s->cli.args.count || s->cli.rest.count) {
        cli_usage_error(&spec, "results takes no arguments; --job ID for one");
    }
    if (s->options.status && status_find(view_of(s->options.status)) < 0) {
        near = cli_nearest(s->options.status, status_enum.names,
                           status_enum.count);
        cli_usage_error(&spec, "--status: no status '%s'; did you mean %s?",
                        s->options.status, near ? near : "success");
    }
}

int cmd_results_main(int argc, char **argv)
{
    struct search s = {0};
    struct fy_options *options;
    struct fy_reader *reader = NULL;
    struct fy_error error;
    struct err e = {0};
    int rc;

    cli_parse(&s.cli, &spec, argc, argv, &s.options);
    check_options(&s);
    if (s.options.since_ms > 0) {
        s.since_unix_nano = clock_unix_ns() - s.options.since_ms * MS_IN_NS;
    }
    options = fy_options_from(&s.cli.config);
    if (fy_reader_open(options, FY_FROM_BEGINNING, &reader, &error) < 0) {
        cli_die(CLI_EXIT_FAILED,
                "%s; is Kafka there? --brokers ADDR names another", error.text);
    }
    fy_options_free(options);
    rc = read_all(&s, reader, &e);
    print_lines(&s);
    fy_reader_close(reader);
    if (rc < 0) {
        cli_die(CLI_EXIT_FAILED, "%s", e.msg);
    }
    if (s.options.job && !s.found) {
        cli_say("no result of job %s (yet); --follow waits", s.options.job);
    }
    if (!s.options.job && !s.found && !s.options.follow) {
        cli_say("no results match");
    }
    rc = s.options.job && !s.found ? CLI_EXIT_FAILED : 0;
    cli_done(&s.cli);
    return rc;
}
