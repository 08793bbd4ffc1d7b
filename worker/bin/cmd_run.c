/* SPDX-License-Identifier: MIT */
/* cmd_run.c - `forkyard run`: one program as one job, its output, its exit
 * code.
 *
 * Happy path: make the job, start reading results at their end, send, wait for
 * the first result of our job, show its bytes.
 *
 * Never runs the program itself. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "bin/cli.h"
#include "bin/client.h"
#include "bin/main.h"
#include "bin/run_job.h"
#include "bin/ending.h"
#include "wire/mpk_json.h"

#define OURS            ENDING_EXIT_OURS
#define POLL_MS         500
#define SEND_TIMEOUT_MS 30000
/* After this long without a result a person wants to know what we wait for. */
#define PATIENCE_MS      5000
#define RESULT_ARENA_MAX (256 * 1024 * 1024)

#define ROW(letter, name, type, member, value, help)                           \
    {                                                                          \
        name, letter, type, offsetof(struct run_options, member), value, help  \
    }

static const struct cli_option options_table[] = {
    ROW('l', "language", CLI_TEXT, language, "LANG",
        "python, shell, node, binary; else from the file"),
    ROW('c', "code", CLI_TEXT, code, "CODE", "the program itself"),
    ROW('e', "env", CLI_LIST, env, "K=V", "environment variable; repeatable"),
    ROW(0, "stdin", CLI_TEXT, stdin_path, "FILE",
        "what the program reads; '-' is our stdin"),
    ROW('t', "time", CLI_DURATION, time_ms, "DURATION",
        "wall time limit: 500ms, 30s, 5m"),
    ROW('m', "memory", CLI_SIZE, memory_bytes, "SIZE",
        "memory limit: 64MiB, 1GiB"),
    ROW(0, "limit", CLI_LIST, limits, "NAME=VALUE",
        "any limit: cpu_time=2s, max_processes=8; repeatable"),
    ROW('f', "file", CLI_LIST, files, "PATH[=NAME]",
        "a file beside the program; repeatable"),
    ROW(0, "label", CLI_LIST, labels, "K=V", "label on the job; repeatable"),
    ROW(0, "tenant", CLI_TEXT, tenant, "ID", "on whose account"),
    ROW('q', "queue", CLI_TEXT, queue, "NAME", "default: default"),
    {NULL, 0, CLI_FLAG, 0, NULL, NULL},
};

static const struct cli_spec spec = {
    .name = "run",
    .summary = "run one program and show its output",
    .usage = "run [-l LANG] [OPTIONS] FILE|- [-- ARGS]\n"
             "run -l LANG [OPTIONS] -c CODE [-- ARGS]",
    .about =
        "Sends one job and waits for its result; stdout and stderr are shown "
        "when it has\narrived. Exits with the program's exit code; 128 + "
        "signal when a signal ended\nit; 124 on a time limit; 125 when it "
        "could not be run. With --json the whole\nresult is printed instead.",
    .example = "run hello.py -- first second\n"
               "run -l shell --time 2s -c 'echo $((6 * 7))'",
    .options = options_table,
    .usage_exit = OURS,
};

static void show_json(struct view value)
{
    json_t *json = NULL;
    struct err e = {0};

    if (mpk_json_from(value.data, value.len, &json, &e) < 0) {
        cli_die(OURS, "the result is no JSON: %s", e.msg);
    }
    (void)json_dumpf(json, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
    (void)fputc('\n', stdout);
    json_decref(json);
}

static void show_cut(const char *name, bool is_cut, uint64_t total,
                     struct view kept)
{
    char total_text[32];
    char kept_text[32];

    if (!is_cut) {
        return;
    }
    str_format_size(total, total_text, sizeof(total_text));
    str_format_size(kept.len, kept_text, sizeof(kept_text));
    cli_say("%s was %s; %s kept, from its head and tail", name, total_text,
            kept_text);
}

static void show_ending(const struct result *r)
{
    const char *status = record_enum_name(&status_enum, r->status);
    bool has_run = r->usage.present || r->timings.present;
    char reason[500];
    char time[32];

    if (r->status == STATUS_SUCCESS || r->status == STATUS_NONZERO_EXIT) {
        return;
    }
    ending_reason(r, reason, sizeof(reason));
    ending_time(r, time, sizeof(time));
    if (has_run && strcmp(time, "-") != 0 &&
        ending_exit_code(r) != ENDING_EXIT_OURS) {
        cli_say("stopped after %s: %s", time, reason[0] ? reason : status);
    } else {
        cli_say("%s%s%s", status ? status : "no status", reason[0] ? ": " : "",
                reason);
    }
}

static void show_output(const struct result *r)
{
    if (r->stdout_.data) {
        (void)fwrite(r->stdout_.data, 1, r->stdout_.len, stdout);
        (void)fflush(stdout);
    }
    if (r->stderr_.data) {
        (void)fwrite(r->stderr_.data, 1, r->stderr_.len, stderr);
    }
    show_cut("stdout", r->stdout_truncated, r->stdout_bytes_total, r->stdout_);
    show_cut("stderr", r->stderr_truncated, r->stderr_bytes_total, r->stderr_);
    show_ending(r);
}

/* True when this record is the result of our job; *out_exit then holds how to
 * end. */
static bool take(const struct cli *cli, const char *id, struct view value,
                 int *out_exit)
{
    struct arena arena;
    struct result result;
    bool is_ours;

    arena_init(&arena, RESULT_ARENA_MAX);
    is_ours =
        result_decode(value.data, value.len, &arena, &result, NULL) == 0 &&
        view_is(result.job_id, id);
    if (is_ours) {
        *out_exit = ending_exit_code(&result);
        if (cli->json) {
            show_json(value);
        } else {
            show_output(&result);
        }
    }
    arena_done(&arena);
    return is_ours;
}

static int wait_for_result(const struct cli *cli, struct client *client,
                           const char *id)
{
    uint64_t started_ms = clock_mono_ms();
    bool has_said = false;
    struct view value;
    struct err e = {0};
    int code = OURS;

    for (;;) {
        int got = client_next(client, POLL_MS, &value, &e);

        if (got < 0) {
            cli_die(OURS, "waiting for job %s: %s", id, e.msg);
        }
        if (got > 0 && value.data && take(cli, id, value, &code)) {
            return code;
        }
        if (!has_said && clock_mono_ms() - started_ms > PATIENCE_MS) {
            cli_say("still waiting for job %s; is a worker running? "
                    "(forkyard worker, or forkyard dev)",
                    id);
            has_said = true;
        }
    }
}

/* The job as a worker will read it: encoded, decoded, judged. */
static int check_job(const struct config *config, const struct job *job,
                     struct buf *bytes, struct arena *arena, struct job *out,
                     struct err *e)
{
    if (job_encode(job, bytes, e) < 0) {
        return err_wrap(e, "job.max_bytes is the largest job");
    }
    if (job_decode(bytes->data, bytes->len, NULL, arena, out, e) < 0) {
        return -1;
    }
    return job_validate(out, config, e);
}

static int send_and_wait(struct cli *cli, const struct run_options *options,
                         struct run_job *run)
{
    AUTO_BUF struct buf bytes;
    struct client *client = NULL;
    struct err e = {0};
    struct job job;
    int code;

    buf_init(&bytes, cli->config.job_max_bytes);
    if (check_job(&cli->config, &run->job, &bytes, &run->arena, &job, &e) < 0 ||
        client_open(&cli->config, true, true, &client, &e) < 0 ||
        client_send(client, options->queue, &job, buf_view(&bytes), &e) < 0 ||
        client_flush(client, SEND_TIMEOUT_MS, &e) > 0) {
        cli_die(OURS, "%s", e.msg);
    }
    if (cli->verbose) {
        cli_say("job %s sent", run->id);
    }
    code = wait_for_result(cli, client, run->id);
    client_close(client);
    return code;
}

static const char *program_of(const struct cli *cli,
                              const struct run_options *options)
{
    if (cli->args.count > 1) {
        cli_usage_error(&spec,
                        "one program at a time; its arguments go "
                        "behind --: forkyard run %s -- %s",
                        cli->args.items[0], cli->args.items[1]);
    }
    if (!options->code == (cli->args.count == 0)) {
        cli_usage_error(&spec, options->code
                                   ? "a file or -c CODE, not both"
                                   : "what shall run? a FILE, '-' for stdin, "
                                     "or -c CODE");
    }
    if (options->stdin_path && !strcmp(options->stdin_path, "-") &&
        cli->args.count && !strcmp(cli->args.items[0], "-")) {
        cli_usage_error(&spec, "stdin cannot be both program and input");
    }
    return cli->args.count ? cli->args.items[0] : NULL;
}

int cmd_run_main(int argc, char **argv)
{
    struct run_options options = {.queue = "default"};
    struct cli cli;
    struct run_job run;
    struct err e = {0};
    int code;

    cli_parse(&cli, &spec, argc, argv, &options);
    if (run_job_init(&run, &options, program_of(&cli, &options), &cli.rest,
                     &cli.config, &e) < 0) {
        cli_die(OURS, "%s", e.msg);
    }
    code = send_and_wait(&cli, &options, &run);
    run_job_done(&run);
    cli_list_done(&options.env);
    cli_list_done(&options.labels);
    cli_list_done(&options.limits);
    cli_list_done(&options.files);
    cli_done(&cli);
    return code;
}
