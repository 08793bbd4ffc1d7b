/* SPDX-License-Identifier: MIT */
/* run_job.h - makes a job of the command line of `forkyard run`. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "bin/cli.h"
#include "lib/forkyard.h"
#include "wire/job.h"

struct run_options {
    const char *language;
    const char *code;
    const char *stdin_path; /* "-": our own stdin */
    const char *tenant;
    const char *queue;
    uint64_t time_ms;      /* 0: not given */
    uint64_t memory_bytes; /* 0: not given */
    bool no_stream;
    bool learn;
    struct cli_list env;
    struct cli_list labels;
    struct cli_list limits; /* name=value */
    struct cli_list files;  /* PATH[=NAME] */
};

/* What the job's views point into. */
struct run_job {
    struct job job;
    char id[FY_ID_SIZE];
    struct arena arena;
    struct buf *bytes; /* of files read */
    size_t bytes_count;
};

/* program: a path, "-" for stdin, or NULL with options->code. */
int run_job_init(struct run_job *run, const struct run_options *options,
                 const char *program, const struct cli_list *args,
                 const struct config *config, struct err *e) MUST_USE;
void run_job_done(struct run_job *run);
