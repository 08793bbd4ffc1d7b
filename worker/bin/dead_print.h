/* SPDX-License-Identifier: MIT */
/* dead_print.h - dead letters for people and programs, on stdout. */
#pragma once

#include <stdbool.h>

#include "svc/dead_letters.h"

/* A line of a table. */
void dead_print_row(const struct dead_letter *letter, bool with_header);
/* Everything, over several lines. */
void dead_print_whole(const struct dead_letter *letter, bool is_further);
/* One line of JSON; the job as well, when it is wanted. */
void dead_print_json(const struct dead_letter *letter, bool with_job);
