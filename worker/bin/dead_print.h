/* SPDX-License-Identifier: MIT */
/* dead_print.h - dead letters for people and programs, on stdout. */
#pragma once

#include <stdbool.h>

#include "bin/dead.h"
#include "svc/dead_letters.h"
#include "wire/config.h"

/* A line of a table. */
void dead_print_row(const struct dead_letter *letter, bool with_header);
/* Everything, over several lines, with what a worker of this configuration
 * would say of the job. */
void dead_print_whole(const struct dead_letter *letter,
                      const struct config *config, bool is_further);
/* One line of JSON; with a configuration (may be NULL) everything. */
void dead_print_json(const struct dead_letter *letter,
                     const struct config *config);
/* A row or a line of JSON, as the command line wants it; for dead_each(). */
void dead_print_one(struct dead *d, const struct dead_letter *letter,
                    void *arg);
