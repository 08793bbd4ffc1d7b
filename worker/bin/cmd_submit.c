/* SPDX-License-Identifier: MIT */
/* cmd_submit.c - `forkyard submit`: jobs from a file or stdin, on their way.
 *
 * Happy path: cut the input into jobs (submit_input.c), check each as a worker
 * would, send it, print its id; with --wait print the results as they come.
 *
 * Failures: a refused job is named with its line and field; the others go on.
 *
 * Never runs a job. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "bin/cli.h"
#include "bin/client.h"
#include "bin/main.h"
#include "bin/submit_input.h"
#include "wire/mpk_json.h"
#include "wire/result.h"

#define INPUT_MAX       (1024 * 1024 * 1024)
#define ARENA_MAX       (256 * 1024 * 1024)
#define POLL_MS         500
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
    struct client *client;
    struct client_seen *sent;     /* ids of our jobs */
    struct client_seen *finished; /* those with a result */
    size_t sent_count;
    size_t finished_count;
    size_t refused;
    size_t unsuccessful;
};

static void print_id(const struct submit *s, struct view id)
{
    if (s->options.wait) {
        return;
    }
    if (s->cli.json) {
        (void)printf("{\"job_id\":\"%.*s\"}\n", VIEW_ARG(id));
    } else {
        (void)printf("%.*s\n", VIEW_ARG(id));
    }
}

static int send_job(struct submit *s, struct view bytes, struct err *e)
{
    struct job_decode_opts opts = {.max_bytes = s->cli.config.job_max_bytes};
    struct job_identity identity;
    enum job_reject_reason reason;
    struct arena arena;
    struct job job;
    int rc = -1;

    arena_init(&arena, ARENA_MAX);
    if (job_identify(bytes.data, bytes.len, &opts, &identity, &reason, e) ==
            0 &&
        job_decode(bytes.data, bytes.len, &opts, &arena, &job, e) == 0 &&
        job_validate(&job, &s->cli.config, e) == 0) {
        if (!client_seen_add(&s->sent, job.job_id)) {
            rc = err_set(e, ERR_INPUT, "job_id %.*s: used twice in this input",
                         VIEW_ARG(job.job_id));
        } else if (client_send(s->client, s->options.queue, &job, bytes, e) ==
                   0) {
            s->sent_count++;
            print_id(s, job.job_id);
            rc = 0;
        }
    }
    arena_done(&arena);
    return rc;
}

/* Called for each job of the input. */
static void on_job(struct view bytes, const char *where,
                   const struct err *failure, void *arg)
{
    struct submit *s = arg;
    struct err e = {0};

    if (failure) {
        e = *failure;
    } else if (send_job(s, bytes, &e) == 0) {
        return;
    }
    s->refused++;
    cli_say("%s: %s", where, e.msg);
}

static void take_result(struct submit *s, struct view value)
{
    struct arena arena;
    struct result result;
    json_t *json = NULL;

    arena_init(&arena, ARENA_MAX);
    if (result_decode(value.data, value.len, &arena, &result, NULL) == 0 &&
        client_seen_has(s->sent, result.job_id) &&
        client_seen_add(&s->finished, result.job_id)) {
        s->finished_count++;
        s->unsuccessful += result.status != STATUS_SUCCESS;
        if (mpk_json_from(value.data, value.len, &json, NULL) == 0) {
            (void)json_dumpf(json, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
            (void)fputc('\n', stdout);
            (void)fflush(stdout);
        }
        json_decref(json);
    }
    arena_done(&arena);
}

static int wait_for_results(struct submit *s, struct err *e)
{
    while (s->finished_count < s->sent_count && !ferror(stdout)) {
        struct view value;
        int got = client_next(s->client, POLL_MS, &value, e);

        if (got < 0) {
            return -1;
        }
        if (got > 0 && value.data) {
            take_result(s, value);
        }
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
    size_t unsent;

    buf_init(&input, INPUT_MAX);
    if (read_input(s, &input, e) < 0 ||
        client_open(&s->cli.config,
                    s->options.wait ? CLIENT_READS_RESULTS
                                    : CLIENT_READS_NOTHING,
                    false, &s->client, e) < 0) {
        return -1;
    }
    submit_input_read(buf_view(&input), on_job, s);
    (void)fflush(stdout);
    unsent = client_flush(s->client, SEND_TIMEOUT_MS, e);
    if (unsent > 0) {
        return err_wrap(e, "%zu job(s) are not known to have arrived", unsent);
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
    client_seen_free(&s.sent);
    client_seen_free(&s.finished);
    cli_done(&s.cli);
    return s.refused || s.unsuccessful ? CLI_EXIT_FAILED : 0;
}
