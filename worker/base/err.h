/* SPDX-License-Identifier: MIT */
/* err.h - one error, in a buffer the caller owns.
 *
 * A function that fails fills the error once and returns -1; its caller
 * handles it, or adds context with err_wrap() and returns, or (at the top)
 * logs it. Never log and return. No allocation: works in a forked child and
 * when memory is gone. */
#pragma once

#include "base/base.h"

enum err_kind {
    ERR_NONE = 0,
    ERR_INPUT,  /* what came in is wrong: never retry */
    ERR_RETRY,  /* may work later: broker away, slot busy */
    ERR_LIMIT,  /* a named maximum was reached */
    ERR_SYSTEM, /* the kernel or a library refused; sys holds errno */
    ERR_BUG,    /* ours */
};

struct err {
    enum err_kind kind;
    int sys; /* errno, 0 when none */
    char msg[500];
};

/* All three return -1, so that `return err_set(...)` reads well. A NULL error
 * is allowed and ignored. */
int err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
int err_sys(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Puts "context: " in front of the text; keeps kind and errno. */
int err_wrap(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* "input", "retry", ...: for logs and dead-letter headers. */
const char *err_kind_name(enum err_kind kind);
