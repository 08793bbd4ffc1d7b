/* SPDX-License-Identifier: MIT */
/* err.c - filling the caller's error. Every process uses it, forked children
 * too; it never allocates and never logs. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const kind_names[] = {
    [ERR_NONE] = "none",   [ERR_INPUT] = "input",   [ERR_RETRY] = "retry",
    [ERR_LIMIT] = "limit", [ERR_SYSTEM] = "system", [ERR_BUG] = "bug",
};

const char *err_kind_name(enum err_kind kind)
{
    if ((size_t)kind >= ARRAY_LEN(kind_names)) {
        return "unknown";
    }
    return kind_names[kind];
}

int err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
{
    va_list ap;

    if (e == NULL) {
        return -1;
    }
    e->kind = kind;
    e->sys = 0;
    va_start(ap, fmt);
    (void)vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
    va_end(ap);
    return -1;
}

int err_sys(struct err *e, const char *fmt, ...)
{
    int sys = errno;
    size_t used;
    va_list ap;

    if (e == NULL) {
        return -1;
    }
    e->kind = ERR_SYSTEM;
    e->sys = sys;
    va_start(ap, fmt);
    (void)vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
    va_end(ap);
    used = strlen(e->msg);
    /* strerrordesc_np: no locale, no allocation, so fine after fork. */
    if (strerrordesc_np(sys) != NULL) {
        (void)snprintf(e->msg + used, sizeof(e->msg) - used, ": %s",
                       strerrordesc_np(sys));
    } else {
        (void)snprintf(e->msg + used, sizeof(e->msg) - used, ": errno %d", sys);
    }
    errno = sys;
    return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
    struct err context;
    size_t used;
    size_t old_len;
    va_list ap;

    if (e == NULL) {
        return -1;
    }
    va_start(ap, fmt);
    (void)vsnprintf(context.msg, sizeof(context.msg) - 2, fmt, ap);
    va_end(ap);
    used = strlen(context.msg);
    memcpy(context.msg + used, ": ", 2);
    used += 2;

    /* The end of the cause is what gets cut when both do not fit. */
    old_len = strnlen(e->msg, sizeof(e->msg) - 1);
    if (old_len > sizeof(e->msg) - 1 - used) {
        old_len = sizeof(e->msg) - 1 - used;
    }
    memmove(e->msg + used, e->msg, old_len);
    memcpy(e->msg, context.msg, used);
    e->msg[used + old_len] = '\0';
    return -1;
}
