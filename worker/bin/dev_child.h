/* SPDX-License-Identifier: MIT */
/* dev_child.h - one process of `forkyard dev`, on the loop.
 *
 * Happy path: dev_child_start() runs the command in a session of its own (so
 * that Ctrl-C reaches only dev, which then stops things in order); each line
 * the child writes to lines_fd calls on_line; stdin is a pipe that stays open
 * as long as dev lives.
 *
 * Failures: a child that ends, for whatever reason, calls on_exit once all its
 * descriptors are closed; from then on the struct may be started again.
 *
 * On close: dev_child_signal() and wait for on_exit. A child never outlives
 * dev, not even after kill -9 of dev: see with_parent.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/base.h"
#include "base/err.h"

#define DEV_CHILD_LINE_MAX 4096
#define DEV_CHILD_ARGS_MAX 96

struct dev_child {
    /* Set by the owner before the first start. */
    void (*on_line)(struct dev_child *child, const char *line);
    void (*on_exit)(struct dev_child *child);
    void *owner;
    int lines_fd; /* 1, or 3 for a worker's --ready-fd */

    bool is_running; /* also while its descriptors are being closed */
    int pid;
    int64_t exit_status;
    int exit_signal;

    uv_process_t process;
    uv_pipe_t hold;
    uv_pipe_t lines;
    int open_handles;
    size_t len;
    bool is_skipping; /* inside a line longer than the buffer */
    char line[DEV_CHILD_LINE_MAX];
};

/* A command line being put together; strings are copied. */
struct dev_argv {
    char *items[DEV_CHILD_ARGS_MAX];
    size_t count;
};

void dev_argv_add(struct dev_argv *argv, const char *fmt, ...)
    PRINTF_LIKE(2, 3);
void dev_argv_done(struct dev_argv *argv);
/* Begins with what ties the child to this process; program NULL: ourselves. */
void dev_argv_begin(struct dev_argv *argv, const char *program);

int dev_child_start(struct dev_child *child, uv_loop_t *loop,
                    const struct dev_argv *argv, struct err *e) MUST_USE;
void dev_child_signal(struct dev_child *child, int signum);
/* "exit code 1", "signal 9 (Killed)" */
void dev_child_how_ended(const struct dev_child *child, char *dst,
                         size_t dst_size);
