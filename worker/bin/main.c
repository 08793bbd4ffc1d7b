/* SPDX-License-Identifier: MIT */
/* main.c - one program, many commands: finds the command and calls it.
 *
 * Runs first in every process of forkyard; holds no logic of its own. */
#include "bin/main.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "bin/bench_boxes.h"
#include "bin/bench_spawn.h"
#include "bin/cli.h"
#include "bin/with_parent.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary; /* NULL: not shown, used between our own processes */
};

static const struct command commands[] = {
    {"dev", dev_main, "a whole fleet on this machine, for trying things"},
    {"run", cmd_run_main, "run one program and show its output"},
    {"submit", cmd_submit_main, "send jobs from a file or stdin"},
    {"results", cmd_results_main, "list, search or follow results"},
    {"worker", worker_main, "the daemon: take jobs, run them, publish"},
    {"topics", cmd_topics_main, "compare or create the Kafka topics"},
    {"acls", cmd_acls_main, "compare or grant rights on the Kafka topics"},
    {"dead", cmd_dead_main,
     "look at dead letters, send their jobs again, delete them"},
    {"check", cmd_check_main, "what this host can isolate, and all settings"},
    {"metrics", cmd_metrics_main, "what a worker's /metrics shows"},
    {"bench", bench_main, "measure this program on this machine"},
    {"version", cmd_version_main, "this program and its libraries"},
    {"broker", broker_main, NULL},
    {"bench-box", bench_boxes_main, NULL},
    {"bench-echo", bench_echo_main, NULL},
    {"bench-spawn", bench_spawn_main, NULL},
    {"with-parent", with_parent_main, NULL},
};

static int help(FILE *to)
{
    (void)fprintf(to, "forkyard - a message-queue worker fleet: jobs from "
                      "Kafka, each in a box of its own\n\n"
                      "Usage:\n  forkyard COMMAND [OPTIONS]\n\nCommands:\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (commands[i].summary) {
            (void)fprintf(to, "  %-10s %s\n", commands[i].name,
                          commands[i].summary);
        }
    }
    (void)fprintf(to,
                  "  %-10s this text; `forkyard help COMMAND` tells more\n"
                  "\nExample (in two terminals):\n"
                  "  forkyard dev\n"
                  "  forkyard run -l python -c 'print(6 * 7)'\n",
                  "help");
    return 0;
}

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (!strcmp(commands[i].name, name)) {
            return &commands[i];
        }
    }
    return NULL;
}

static NORETURN void unknown(const char *name)
{
    const char *names[ARRAY_LEN(commands)];
    size_t count = 0;
    const char *near;

    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (commands[i].summary) {
            names[count++] = commands[i].name;
        }
    }
    near = cli_nearest(name, names, count);
    if (near) {
        cli_die(CLI_EXIT_USAGE,
                "unknown command '%s'; did you mean 'forkyard %s'?", name,
                near);
    }
    cli_die(CLI_EXIT_USAGE, "unknown command '%s'; `forkyard help` lists them",
            name);
}

static int help_on(char *name)
{
    char flag[] = "--help";
    char *argv[] = {name, flag, NULL};
    const struct command *command = find(name);

    if (!command) {
        unknown(name);
    }
    return command->run(2, argv);
}

int main(int argc, char **argv)
{
    const struct command *command;

    if (argc < 2) {
        (void)help(stderr);
        return CLI_EXIT_USAGE;
    }
    if (!strcmp(argv[1], "help") && argc > 2 && argv[2][0] != '-') {
        return help_on(argv[2]);
    }
    if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help") ||
        !strcmp(argv[1], "-h")) {
        return help(stdout);
    }
    if (!strcmp(argv[1], "--version")) {
        return cmd_version_main(1, argv + 1);
    }
    command = find(argv[1]);
    if (!command) {
        unknown(argv[1]);
    }
    return command->run(argc - 1, argv + 1);
}
