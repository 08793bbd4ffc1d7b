/* SPDX-License-Identifier: MIT */
/* ending.c - a result in words and as an exit code: see ending.h.
 *
 * Runs in the command line tools. Pure: prints nothing itself. */
#include "bin/ending.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define MILLI       1000
#define SIGNAL_BASE 128

enum unit { UNIT_MS, UNIT_BYTES, UNIT_COUNT };

static const struct {
    const char *words;
    enum unit unit;
} limits[STATUS_LIMIT_COUNT] = {
    [STATUS_LIMIT_WALL_TIME] = {"wall time limit", UNIT_MS},
    [STATUS_LIMIT_CPU_TIME] = {"CPU time limit", UNIT_MS},
    [STATUS_LIMIT_IDLE_TIME] = {"idle time limit", UNIT_MS},
    [STATUS_LIMIT_SESSION_TIME] = {"session time limit", UNIT_MS},
    [STATUS_LIMIT_MEMORY] = {"memory limit", UNIT_BYTES},
    [STATUS_LIMIT_STDOUT] = {"stdout limit", UNIT_BYTES},
    [STATUS_LIMIT_STDERR] = {"stderr limit", UNIT_BYTES},
    [STATUS_LIMIT_FILE_SIZE] = {"file size limit", UNIT_BYTES},
    [STATUS_LIMIT_DISK] = {"disk limit", UNIT_BYTES},
    [STATUS_LIMIT_INODES] = {"limit of files", UNIT_COUNT},
    [STATUS_LIMIT_PROCESSES] = {"process limit", UNIT_COUNT},
    [STATUS_LIMIT_OPEN_FILES] = {"open files limit", UNIT_COUNT},
    [STATUS_LIMIT_STACK] = {"stack limit", UNIT_BYTES},
    [STATUS_LIMIT_NETWORK_REQUESTS] = {"limit of network requests", UNIT_COUNT},
    [STATUS_LIMIT_FILE_OPERATIONS] = {"limit of file operations", UNIT_COUNT},
};

/* Statuses under which the program was not (fully) run by our doing or by the
 * request's, not by its own. */
static bool is_ours(int status)
{
    static const enum status ours[] = {
        STATUS_VALIDATION_ERROR, STATUS_SETUP_ERROR,    STATUS_REJECTED,
        STATUS_CANCELLED,        STATUS_EXPIRED,        STATUS_FILE_ERROR,
        STATUS_COMPILE_ERROR,    STATUS_INTERNAL_ERROR, STATUS_WORKER_LOST,
    };

    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        if ((int)ours[i] == status) {
            return true;
        }
    }
    return status < 0;
}

int ending_exit_code(const struct result *result)
{
    if (result->status == STATUS_SUCCESS) {
        return 0;
    }
    if (result->status == STATUS_TIME_LIMIT_EXCEEDED) {
        return ENDING_EXIT_TIME_LIMIT;
    }
    if (is_ours(result->status)) {
        return ENDING_EXIT_OURS;
    }
    if (result->signal.present && result->signal.number > 0 &&
        result->signal.number < SIGNAL_BASE) {
        return SIGNAL_BASE + (int)result->signal.number;
    }
    if (result->exit_code > 0 && result->exit_code <= UINT8_MAX) {
        return (int)result->exit_code;
    }
    return 1;
}

static void format_value(enum unit unit, uint64_t value, char *dst,
                         size_t dst_size)
{
    switch (unit) {
    case UNIT_MS:
        str_format_us(value * MILLI, dst, dst_size);
        break;
    case UNIT_BYTES:
        str_format_size(value, dst, dst_size);
        break;
    case UNIT_COUNT:
        (void)snprintf(dst, dst_size, "%" PRIu64, value);
        break;
    }
}

static void limit_reason(const struct result_termination *t, char *dst,
                         size_t dst_size)
{
    char value[64];

    if (t->limit_value == RECORD_NO_UINT) {
        (void)str_copy(dst, dst_size, limits[t->limit].words);
        return;
    }
    format_value(limits[t->limit].unit, t->limit_value, value, sizeof(value));
    (void)snprintf(dst, dst_size, "%s of %s", limits[t->limit].words, value);
}

void ending_reason(const struct result *result, char *dst, size_t dst_size)
{
    const struct result_termination *t = &result->termination;
    struct view words = result->error.present && result->error.message.data
                            ? result->error.message
                            : result->status_reason;

    dst[0] = '\0';
    if (result->status == STATUS_SUCCESS) {
        return;
    }
    if (result->status == STATUS_NONZERO_EXIT) {
        (void)snprintf(dst, dst_size, "exit code %" PRId64, result->exit_code);
    } else if (result->status == STATUS_SIGNALLED && result->signal.present) {
        (void)snprintf(dst, dst_size, "signal %.*s",
                       VIEW_ARG(result->signal.name));
    } else if (t->present && t->limit >= 0 && t->limit < STATUS_LIMIT_COUNT) {
        limit_reason(t, dst, dst_size);
    } else if (t->present && t->syscall.data) {
        (void)snprintf(dst, dst_size, "system call %.*s", VIEW_ARG(t->syscall));
    } else {
        (void)snprintf(dst, dst_size, "%.*s", VIEW_ARG(words));
    }
}

void ending_time(const struct result *result, char *dst, size_t dst_size)
{
    uint64_t us = RECORD_NO_UINT;

    if (result->usage.present) {
        us = result->usage.wall_us;
    }
    if (us == RECORD_NO_UINT && result->timings.present) {
        us = result->timings.run_us;
    }
    if (us == RECORD_NO_UINT) {
        (void)str_copy(dst, dst_size, "-");
        return;
    }
    str_format_us(us, dst, dst_size);
}
