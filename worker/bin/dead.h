/* SPDX-License-Identifier: MIT */
/* dead.h - what the files of `forkyard dead` share: cmd_dead.c has the options,
 * list and show; dead_choice.c says which letters are meant. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bin/cli.h"
#include "svc/dead_letters.h"
#include "wire/letter_filter.h"

struct dead_options {
    struct letter_filter filter;
    const char *since;
    const char *until;
    const char *queue;
    struct cli_list before;
    uint64_t older_than_ms;
    uint64_t limit;
    bool all;
    bool raw;
    bool dry_run;
    bool yes;
};

struct dead {
    const struct cli_spec *spec;
    struct cli cli;
    struct dead_options options;
    struct dead_position *positions; /* of the arguments */
    size_t count;
    uint64_t seen; /* letters that were meant, so far */
};

/* Reads the arguments and the times; a wrong one ends the program. */
void dead_choose(struct dead *d);
struct dead_position dead_position_of(const struct dead *d, const char *text);
/* Calls do_one for each letter that is meant, until --limit. */
void dead_each(struct dead *d,
               void (*do_one)(struct dead *d, const struct dead_letter *letter,
                              void *arg),
               void *arg);

/* These two change something. The exit code. */
int dead_redrive(struct dead *d);
int dead_purge(struct dead *d);
