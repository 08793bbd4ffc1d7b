/* SPDX-License-Identifier: MIT */
/* cmd_submit.c - `forkyard submit`: jobs from a file or stdin, on their way.
 *
 * Happy path: cut the input into jobs (submit_input.c), check each as a worker
 * would, send it, print its id; with --wait print the results as they come.
 *
 * Failures: a refused job is named with its line and field; the others go on.
 *
 * Never runs a job. */
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "bin/cli.h"
#include "bin/client.h"
#include "bin/main.h"
#include "bin/submit_input.h"
#include "lib/fy_error.h"
#include "lib/fy_job.h"
#include "lib/fy_seen.h"

#define INPUT_MAX       (1024 * 1024 * 1024)
#define SEND_TIMEOUT_MS 60000

struct options {
    const char *queue;
    bool wait;
};

static const struct cli_option options_table[] = {
    {"queue", 'q', CLI_TEXT, offsetof(struct options, queue), "NAME",
     "default: default"},
    {"wait", 'w', CLI_FLAG, offsetof(struct options, wait), NULL,
     "print the results as JSON Lines, as they arrive"},
    {NULL, 0, CLI_FLAG, 0, NULL, NULL},
};

static const struct cli_spec spec = {
    .name = "submit",
    .summary = "send jobs from a file or stdin",
    .usage = "submit [FILE|-] [--queue NAME] [--wait]",
    .about =
        "Takes JSON (an object, or a list of them), JSON Lines or msgpack, "
        "and sees by\nitself which. A job without job_id gets one. Prints the "
        "ids of the jobs sent, one\nper line (with --json as objects); with "
        "--wait the results instead. Exit code 1\nwhen a job was refused, and "
        "with --wait also when one did not end in success.",
    .example = "submit jobs.jsonl --wait\n"
               "submit - <<< '{\"language\": \"python\", \"code\": "
               "\"print(1)\"}'",
    .options = options_table,
};

struct submit {
    struct cli cli;
    struct options options;
    struct fy_client *client;
    struct fy_seen *sent; /* ids of our jobs */
    size_t sent_count;
    size_t refused;
    size_t unsuccessful;
};

static void print_id(const struct submit *s, const char *id)
{
    if (s->options.wait) {
        return;
    }
    if (s->cli.json) {
        (void)printf("{\"job_id\":\"%s\"}\n", id);
    } else {
        (void)printf("%s\n", id);
    }
}

static int send_job(struct submit *s, struct fy_job *job, struct err *e)
{
    const char *id = fy_job_id(job);

    /* before the id is used: it may be none */
    if (fy_job_judge(job, &s->cli.config, NULL, NULL, e) < 0) {
        return -1;
    }
    if (!fy_seen_add(&s->sent, view_of(id))) {
        return err_set(e, ERR_INPUT, "job_id %s: used twice in this input", id);
    }
    if (client_send(s->client, job, s->options.queue, e) < 0) {
        return -1;
    }
    s->sent_count++;
    print_id(s, id);
    return 0;
}

/* Called for each job of the input. */
static void on_job(struct fy_job *job, const char *where,
                   const struct err *failure, void *arg)
{
    struct submit *s = arg;
    struct err e = {0};

    if (failure) {
        e = *failure;
    } else if (send_job(s, job, &e) == 0) {
        return;
    }
    s->refused++;
    cli_say("%s: %s", where, e.msg);
}

static void take_result(struct submit *s, struct fy_result *result)
{
    const char *json = fy_result_json(result);

    s->unsuccessful += !fy_result_is_success(result);
    if (json) {
        (void)printf("%s\n", json);
        (void)fflush(stdout);
    }
    fy_result_free(result);
}

static int wait_for_results(struct submit *s, struct err *e)
{
    while (fy_client_awaited(s->client) > 0 && !ferror(stdout)) {
        struct fy_result *result = NULL;
        struct fy_error error;
        int got = fy_client_await(s->client, NULL, -1, &result, &error);

        if (got < 0) {
            return fy_error_get(&error, e);
        }
        take_result(s, result);
    }
    return 0;
}

static int read_input(const struct submit *s, struct buf *input, struct err *e)
{
    const char *path = s->cli.args.count ? s->cli.args.items[0] : "-";
    bool is_stdin = !strcmp(path, "-");

    if (is_stdin && isatty(STDIN_FILENO)) {
        cli_say("reading jobs from the terminal; Ctrl-D ends them");
    }
    if (fd_read_file(is_stdin ? "/dev/stdin" : path, input, e) < 0) {
        /* of a file the error has the name */
        return is_stdin ? err_wrap(e, "stdin") : -1;
    }
    return 0;
}

static int submit_all(struct submit *s, struct err *e)
{
    AUTO_BUF struct buf input;

    buf_init(&input, INPUT_MAX);
    if (read_input(s, &input, e) < 0 ||
        client_open(&s->cli.config,
                    s->options.wait ? FY_READ_RESULTS : FY_READ_NOTHING, false,
                    &s->client, e) < 0) {
        return -1;
    }
    submit_input_read(buf_view(&input), on_job, s);
    (void)fflush(stdout);
    if (client_flush(s->client, SEND_TIMEOUT_MS, e) < 0) {
        return -1;
    }
    return s->options.wait ? wait_for_results(s, e) : 0;
}

int cmd_submit_main(int argc, char **argv)
{
    struct submit s = {.options.queue = "default"};
    struct err e = {0};

    cli_parse(&s.cli, &spec, argc, argv, &s.options);
    if (s.cli.args.count > 1 || s.cli.rest.count) {
        cli_usage_error(&spec, "one FILE at a time");
    }
    if (submit_all(&s, &e) < 0) {
        cli_die(CLI_EXIT_FAILED, "%s", e.msg);
    }
    if (s.refused) {
        cli_say("%zu job(s) sent, %zu refused", s.sent_count, s.refused);
    } else if (s.sent_count == 0) {
        cli_say("no jobs in the input");
    }
    client_close(s.client);
    fy_seen_free(&s.sent);
    cli_done(&s.cli);
    return s.refused || s.unsuccessful ? CLI_EXIT_FAILED : 0;
}
