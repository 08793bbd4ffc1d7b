/* SPDX-License-Identifier: MIT */
/* cli.h - what all subcommands share: options from a table, settings, words.
 *
 * Runs in every command line program of forkyard. Only here, and in the other
 * files of bin/, may a function end the process. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/base.h"
#include "base/err.h"
#include "wire/config.h"

#define CLI_EXIT_FAILED     1
#define CLI_EXIT_USAGE      2
#define CLI_DEFAULT_BROKERS "127.0.0.1:9092"

/* What an option's value becomes at its offset in the command's struct. */
enum cli_type {
    CLI_FLAG,     /* bool */
    CLI_TEXT,     /* const char *, borrows argv */
    CLI_LIST,     /* struct cli_list, may be given many times */
    CLI_UINT,     /* uint64_t */
    CLI_DURATION, /* uint64_t, ms: "30s" */
    CLI_SIZE,     /* uint64_t, bytes: "64MiB" */
};

struct cli_list {
    const char **items; /* the strings borrow argv */
    size_t count;
};

struct cli_option {
    const char *name; /* without dashes; NULL ends the table */
    char letter;      /* 0: none */
    enum cli_type type;
    size_t offset;
    const char *value; /* "FILE", for the help; NULL for a flag */
    const char *help;
};

struct cli_spec {
    const char *name;
    const char *summary;
    const char *usage;   /* one or more lines, without "forkyard" */
    const char *about;   /* paragraphs below the usage, may be NULL */
    const char *example; /* lines a person can paste */
    const struct cli_option *options; /* may be NULL */
    int usage_exit;                   /* 0: CLI_EXIT_USAGE */
    bool no_settings;                 /* reads no configuration */
    bool shows_settings;              /* all of them, in its help */
};

/* A parsed command line. */
struct cli {
    const struct cli_spec *spec;
    struct config config;
    const char *config_file; /* that was read, or NULL */
    struct cli_list sets;    /* "section.name=value" of the flags */
    struct cli_list args;    /* positional */
    struct cli_list rest;    /* after "--" */
    bool json;
    bool verbose;
    bool has_brokers; /* an address was configured, not the default */
};

/* Fills cli and the command's own struct (already zeroed or defaulted).
 * --help prints and exits 0; a wrong command line or setting prints what is
 * wrong and the remedy, and exits. */
void cli_parse(struct cli *cli, const struct cli_spec *spec, int argc,
               char **argv, void *options);
void cli_done(struct cli *cli);
void cli_list_add(struct cli_list *list, const char *item);
void cli_list_done(struct cli_list *list);

/* "forkyard: ..." on stderr. */
void cli_say(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* The same, loud, and exits. */
NORETURN void cli_die(int exit_code, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Wrong command line: says it, points to --help, exits spec->usage_exit. */
NORETURN void cli_usage_error(const struct cli_spec *spec, const char *fmt, ...)
    PRINTF_LIKE(2, 3);

/* Escape sequence when the stream is a terminal and NO_COLOR is not set, else
 * "". Colours: 'r'ed, 'g'reen, 'y'ellow, 'b'old, '0' = back to normal. */
const char *cli_color(FILE *stream, char color);

/* The candidate nearest to word, or NULL when none is near. */
const char *cli_nearest(const char *word, const char *const *candidates,
                        size_t count);
