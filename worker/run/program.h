/* SPDX-License-Identifier: MIT */
/* program.h - what is started in a box, and with what: a job's own program, or
 * the compiler before it. Words and files into a bundle; pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "run/runtimes.h"
#include "wire/job.h"

struct program {
    const struct job *job;
    const struct runtimes_found *found;
    const struct job_limits *limits; /* of this box */
    bool is_compiler;
};

/* The head of the bundle: arguments, environment, directory. So many files
 * have to follow. ERR_INPUT: the job names what cannot be started. */
int program_put(const struct program *p, uint32_t file_count, struct buf *b,
                struct err *e) MUST_USE;
/* The files that the job brings, its code among them. */
uint32_t program_count_files(const struct job *job);
int program_put_files(const struct program *p, struct buf *b,
                      struct err *e) MUST_USE;
