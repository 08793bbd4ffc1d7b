/* SPDX-License-Identifier: MIT */
/* bench_echo.c - `forkyard bench-echo`: the floor under a job's latency.
 *
 * Takes jobs and publishes their own bytes as results, with the Kafka clients
 * of a worker and nothing in between. Runs as a child of `forkyard bench`;
 * never looks into a job. */
#include <stdio.h>
#include <uv.h>

#include "base/log.h"
#include "base/mem.h"
#include "bin/cli.h"
#include "bin/main.h"
#include "svc/kafka_in.h"
#include "svc/kafka_out.h"

static const struct cli_spec spec = {
    .name = "bench-echo",
    .summary = "answers every job with itself",
    .usage = "bench-echo --set NAME=VALUE...",
    .example = "bench-echo --brokers 127.0.0.1:9092",
};

struct echo {
    struct kafka_in *in;
    struct kafka_out *out;
    char topic[256];
    bool has_said_ready;
};

struct answer {
    struct echo *echo;
    struct kafka_in_msg msg;
};

static void on_ack(const struct err *failure, void *arg)
{
    struct answer *answer = arg;

    if (failure) {
        cli_die(CLI_EXIT_FAILED, "echo: %s", failure->msg);
    }
    kafka_in_done(answer->echo->in, &answer->msg);
    free(answer);
}

static void on_ready(void *arg)
{
    struct echo *echo = arg;
    struct kafka_in_msg msg;
    struct err e = {0};

    while (echo->in && kafka_in_take(echo->in, &msg)) {
        struct answer *answer = xmalloc(sizeof(*answer));
        const struct kafka_record record = {
            .topic = echo->topic,
            .key = msg.key,
            .value = msg.value,
            .on_ack = on_ack,
            .arg = answer,
        };

        answer->echo = echo;
        answer->msg = msg;
        if (kafka_out_send(echo->out, &record, &e) < 0) {
            cli_die(CLI_EXIT_FAILED, "echo: %s", e.msg);
        }
    }
}

static void on_assigned(size_t partitions, void *arg)
{
    struct echo *echo = arg;

    if (partitions > 0 && !echo->has_said_ready) {
        echo->has_said_ready = true;
        (void)puts("ready");
        (void)fflush(stdout);
    }
}

static void on_fatal(const struct err *why, void *arg)
{
    (void)arg;
    cli_die(CLI_EXIT_FAILED, "echo: %s", why->msg);
}

int bench_echo_main(int argc, char **argv)
{
    struct echo echo = {0};
    const struct kafka_in_callbacks callbacks = {.on_ready = on_ready,
                                                 .on_assigned = on_assigned,
                                                 .on_fatal = on_fatal,
                                                 .arg = &echo};
    struct cli cli;
    uv_loop_t loop;
    struct err e = {0};

    cli_parse(&cli, &spec, argc, argv, NULL);
    log_set_level(LOG_WARN);
    (void)snprintf(echo.topic, sizeof(echo.topic), "%sresults",
                   cli.config.topics_prefix);
    if (uv_loop_init(&loop) != 0 ||
        kafka_out_open(&cli.config, KAFKA_OUT_RELIABLE, &loop, &echo.out, &e) <
            0 ||
        kafka_in_open_jobs(&cli.config, &loop, &callbacks, &echo.in, &e) < 0) {
        cli_die(CLI_EXIT_FAILED, "echo: %s", e.msg);
    }
    /* Until SIGTERM: there is nothing to tidy up. */
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    return CLI_EXIT_FAILED;
}
