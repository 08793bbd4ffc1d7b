/* SPDX-License-Identifier: MIT */
/* runtimes.h - the languages a worker can run, a row each. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "sys/seccomp.h"

#define RUNTIMES_FLAGS_MAX 4

struct runtime {
    const char *name;    /* the job's `language` */
    const char *version; /* the job's `language_version`, NULL: none given */
    /* Absolute paths, the first that is there wins; none at all: the job's own
     * file is executed. */
    const char *interpreters[4];
    const char *flags[RUNTIMES_FLAGS_MAX];
    const char *code_file; /* where `code` is put, below /workspace */
    unsigned code_mode;
    uint32_t seccomp; /* enum seccomp_profile */
    /* "NAME=value" put before the job's own environment. */
    const char *env[4];
};

struct runtimes_row {
    const char *name;
    const char *path; /* NULL: not installed here */
};

/* Looks once for every interpreter; call it before the root changes. */
void runtimes_probe(void);
/* All rows, for `forkyard check` and the worker's log. Probes when nobody
 * did. */
const struct runtimes_row *runtimes_list(size_t *out_count);

/* ERR_INPUT: no such language or version at all. ERR_SYSTEM: known, but its
 * interpreter is not installed. *out_path: the interpreter, NULL when the file
 * itself is run. */
int runtimes_find(struct view language, struct view version,
                  const struct runtime **out, const char **out_path,
                  struct err *e) MUST_USE;
