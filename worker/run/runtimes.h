/* SPDX-License-Identifier: MIT */
/* runtimes.h - the languages a worker can run, a row each. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "sys/seccomp.h"
#include "wire/job.h"

/* At the end of a flag: the size of a heap that fits into the box. */
#define RUNTIMES_HEAP "{heap}"

/* How a language is compiled: compiler, flags, sources, after. */
struct runtimes_compile {
    const char *compilers[3]; /* absolute paths, the first that is there wins */
    const char *flags[8];
    const char *after[2];
    /* Files with these endings are given to the compiler, the entry first;
     * none: the entry alone. */
    const char *sources[4];
    bool is_flat;        /* only those in the folder of the entry */
    const char *project; /* with this file, the entry's folder instead */
    const char *product; /* below /workspace: what is run afterwards */
    bool is_class;       /* a class is run, named by the entry's path */
    const char *env[8];
    /* Of the stage, when the job names none; 0: as for any command. */
    uint64_t memory_bytes;
    uint64_t max_processes;
    uint64_t time_ms; /* on the clock; of the CPU twice as much */
};

struct runtime {
    const char *name;    /* the job's `language` */
    const char *version; /* the job's `language_version`, NULL: none given */
    /* Absolute paths, the first that is there wins; none at all: the job's own
     * file is executed. */
    const char *interpreters[4];
    const char *flags[8];
    const char *code_file; /* where `code` is put, below /workspace */
    unsigned code_mode;
    uint32_t seccomp; /* enum seccomp_profile */
    /* "NAME=value" put before the job's own environment. */
    const char *env[4];
    const struct runtimes_compile *compile; /* NULL: it needs none */
};

struct runtimes_row {
    const char *name;
    const char *path;     /* NULL: not installed here */
    const char *compiler; /* NULL: not installed, or there is none */
    bool is_compiled;
};

/* Looks once for every interpreter and compiler; call it before the root
 * changes. */
void runtimes_probe(void);
/* All rows, for `forkyard check` and the worker's log. Probes when nobody
 * did. */
const struct runtimes_row *runtimes_list(size_t *out_count);
/* Its jobs can be run here. */
bool runtimes_is_there(const struct runtimes_row *row);

struct runtimes_found {
    const struct runtime *row;
    const char *interpreter; /* NULL: the file itself is run */
    const char *compiler;    /* NULL: there is none */
};

/* ERR_INPUT: no such language or version at all. ERR_SYSTEM: known, but its
 * interpreter is not installed, or its compiler, unless the job brings a
 * command of its own for that. */
int runtimes_find(const struct job *job, struct runtimes_found *out,
                  struct err *e) MUST_USE;

/* Limits of the compile stage that a job does not name: larger than those of
 * a run, and never over the worker's maxima. */
void runtimes_compile_limits(const struct runtime *row,
                             const struct config *config,
                             struct job_limits *in_out);
