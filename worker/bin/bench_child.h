/* SPDX-License-Identifier: MIT */
/* bench_child.h - a process that bench starts: ourselves, with other
 * arguments. It ends with us, however we end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/base.h"
#include "base/err.h"

#define BENCH_CHILD_ARGS_MAX 32

struct bench_child {
    pid_t pid;    /* 0: none */
    int lines_fd; /* its standard output */
    int hold_fd;  /* its standard input, kept open */
};

/* args: what comes after the program's name; ends with NULL. A process group
 * of its own, so that Ctrl-C reaches only bench, which then stops it. */
int bench_child_start(struct bench_child *child, const char *const *args,
                      struct err *e) MUST_USE;
/* Its next line, without the end. ERR_RETRY at the timeout, ERR_SYSTEM when it
 * has closed its output. */
int bench_child_line(struct bench_child *child, int timeout_ms, char *dst,
                     size_t dst_size, struct err *e) MUST_USE;
/* Accepts one that is not running. Waits; kills what does not end. */
void bench_child_stop(struct bench_child *child);

/* SIGINT or SIGTERM has come: every phase stops soon. */
bool bench_child_is_interrupted(void);
void bench_child_catch_signals(void);
