/* SPDX-License-Identifier: MIT */
/* cmd_run.c - `forkyard run`: one program as one job, its output, its exit
 * code.
 *
 * Happy path: make the job, start reading results and output at their end,
 * send, show the job's bytes as they come, wait for its first result, show what
 * is missing.
 *
 * Never runs the program itself, unless it is told to --learn. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "bin/cli.h"
#include "bin/client.h"
#include "bin/ending.h"
#include "bin/main.h"
#include "bin/run_job.h"
#include "bin/run_learn.h"
#include "bin/run_stream.h"
#include "lib/fy_error.h"
#include "lib/fy_result.h"

#define OURS            ENDING_EXIT_OURS
#define SEND_TIMEOUT_MS 30000
/* The result may be here before the last of the output: topics have no order
 * between them. */
#define SETTLE_MS 1000
/* After this long without a result a person wants to know what we wait for. */
#define PATIENCE_MS 5000

#define ROW(letter, name, type, member, value, help)                           \
    {                                                                          \
        name, letter, type, offsetof(struct run_options, member), value, help  \
    }

static const struct cli_option options_table[] = {
    ROW('l', "language", CLI_TEXT, language, "LANG",
        "python, shell, node, c, cpp, go, rust, java, binary; else from the "
        "file"),
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
    ROW(0, "no-stream", CLI_FLAG, no_stream, NULL,
        "show output when the job has ended, not as it comes"),
    ROW(0, "learn", CLI_FLAG, learn, NULL,
        "run it here, and list the system calls its profile refuses"),
    {NULL, 0, CLI_FLAG, 0, NULL, NULL},
};

static const struct cli_spec spec = {
    .name = "run",
    .summary = "run one program and show its output",
    .usage = "run [-l LANG] [OPTIONS] FILE|- [-- ARGS]\n"
             "run -l LANG [OPTIONS] -c CODE [-- ARGS]",
    .about =
        "Sends one job, shows its stdout and stderr as they come, and waits "
        "for its result.\nExits with the program's exit code; 128 + signal "
        "when a signal ended it; 124 on a\ntime limit; 125 when it could not "
        "be run. With --json the whole result is printed\ninstead, when the "
        "job has ended.\n\n"
        "With --learn nothing is sent: the program runs on this machine, in a "
        "box whose\nfilter makes the calls that it would refuse, and notes "
        "them. Its output goes to\nstderr, the list as YAML to stdout. For "
        "programs you know: what is refused for a\nreason is done.",
    .example = "run hello.py -- first second\n"
               "run -l shell --time 2s -c 'echo $((6 * 7))'",
    .options = options_table,
    .usage_exit = OURS,
};

static void show_json(struct fy_result *result)
{
    const char *json = fy_result_json(result);

    if (!json) {
        cli_die(OURS, "the result is no JSON");
    }
    (void)printf("%s\n", json);
}

/* What a compiler said, also when it went well. */
static void show_compiler(const struct result_compile *c)
{
    if (c->present) {
        (void)fwrite(c->stdout_.data ? c->stdout_.data : "", 1, c->stdout_.len,
                     stderr);
        (void)fwrite(c->stderr_.data ? c->stderr_.data : "", 1, c->stderr_.len,
                     stderr);
    }
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

/* What there is to know while we wait. */
struct wait {
    const struct cli *cli;
    struct fy_client *client;
    const char *job_id;
    struct run_stream stream;
};

static void on_output(const struct fy_output *output, void *arg)
{
    struct wait *w = arg;

    run_stream_take(&w->stream,
                    (struct view){output->record, output->record_len});
}

static NORETURN void give_up(const struct wait *w, const struct fy_error *why)
{
    cli_die(OURS, "waiting for job %s: %s", w->job_id, why->text);
}

/* Reads what output is still on its way. */
static void settle(struct wait *w, const struct result *result)
{
    uint64_t end_ms = clock_mono_ms() + SETTLE_MS;
    uint64_t now_ms = clock_mono_ms();
    struct fy_error why;

    while (fy_client_has_output(w->client) && now_ms < end_ms &&
           !run_stream_is_complete(&w->stream, result)) {
        if (fy_client_poll(w->client, (int)(end_ms - now_ms), &why) < 0) {
            give_up(w, &why);
        }
        now_ms = clock_mono_ms();
    }
}

/* Returns how to end. */
static int show_result(struct wait *w, struct fy_result *result)
{
    const struct result *record = fy_result_record(result);

    if (w->cli->json) {
        show_json(result);
    } else {
        settle(w, record);
        run_stream_finish(&w->stream, record);
        show_compiler(&record->compile);
        show_ending(record);
    }
    return ending_exit_code(record);
}

static int wait_for_result(struct wait *w)
{
    struct fy_result *result = NULL;
    int timeout_ms = PATIENCE_MS;
    struct fy_error why;
    int code = OURS;
    int got;

    do {
        got = fy_client_await(w->client, w->job_id, timeout_ms, &result, &why);
        if (got < 0) {
            give_up(w, &why);
        }
        if (got == 0 && !w->stream.has_chunks) {
            cli_say("still waiting for job %s; is a worker running? "
                    "(forkyard worker, or forkyard dev)",
                    w->job_id);
        }
        timeout_ms = -1; /* said once */
    } while (got == 0);
    code = show_result(w, result);
    fy_result_free(result);
    return code;
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

/* Written by the handler as it stands: nothing else is safe there. */
static char farewell[256];

static void on_interrupt(int number)
{
    (void)!write(STDERR_FILENO, farewell, strlen(farewell));
    _exit(128 + number);
}

/* From here on an interrupt ends us and not the job: say so. */
static void say_when_interrupted(const char *job_id)
{
    const struct sigaction action = {.sa_handler = on_interrupt};

    (void)snprintf(farewell, sizeof(farewell),
                   "\nforkyard: the job goes on; its result: forkyard results "
                   "--job %.128s\n",
                   job_id);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

/* The same bytes, as the library sends them. */
static int send_job(struct wait *w, const char *queue, struct view bytes,
                    struct err *e)
{
    struct fy_error error;
    struct fy_job *job = NULL;
    int rc;

    if (fy_job_from_msgpack(bytes.data, bytes.len, &job, &error) < 0) {
        return fy_error_get(&error, e);
    }
    rc = client_send(w->client, job, queue, e);
    fy_job_free(job);
    return rc < 0 ? -1 : client_flush(w->client, SEND_TIMEOUT_MS, e);
}

static int send_and_wait(struct cli *cli, const struct run_options *options,
                         struct run_job *run)
{
    AUTO_BUF struct buf bytes;
    struct err e = {0};
    struct job job;
    struct wait w = {.cli = cli, .job_id = run->id};
    unsigned reads = FY_READ_RESULTS;
    int code;

    if (!cli->json && !options->no_stream) {
        reads |= FY_READ_OUTPUT;
    }
    run->job.stream = reads & FY_READ_OUTPUT;
    buf_init(&bytes, cli->config.job_max_bytes);
    if (check_job(&cli->config, &run->job, &bytes, &run->arena, &job, &e) < 0 ||
        client_open(&cli->config, reads, true, &w.client, &e) < 0) {
        cli_die(OURS, "%s", e.msg);
    }
    if (run->job.stream && !fy_client_has_output(w.client)) {
        cli_say("output is shown at the end: %s", fy_client_trouble(w.client));
    }
    run_stream_init(&w.stream, &job, stdout, stderr);
    fy_client_on_output(w.client, on_output, &w);
    if (send_job(&w, options->queue, buf_view(&bytes), &e) < 0) {
        cli_die(OURS, "%s", e.msg);
    }
    if (cli->verbose) {
        cli_say("job %s sent", run->id);
    }
    say_when_interrupted(run->id);
    code = wait_for_result(&w);
    run_stream_done(&w.stream);
    client_close(w.client);
    return code;
}

static int learn(const struct cli *cli, struct run_job *run)
{
    AUTO_BUF struct buf bytes;
    struct err e = {0};
    struct job job;

    buf_init(&bytes, cli->config.job_max_bytes);
    if (check_job(&cli->config, &run->job, &bytes, &run->arena, &job, &e) < 0) {
        cli_die(OURS, "%s", e.msg);
    }
    return run_learn(&cli->config, &job, cli->json);
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
    code =
        options.learn ? learn(&cli, &run) : send_and_wait(&cli, &options, &run);
    run_job_done(&run);
    cli_list_done(&options.env);
    cli_list_done(&options.labels);
    cli_list_done(&options.limits);
    cli_list_done(&options.files);
    cli_done(&cli);
    return code;
}
