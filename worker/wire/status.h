/* SPDX-License-Identifier: MIT */
/* status.h - how a job can end, and which of several endings is told. */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "wire/record.h"

enum status {
    STATUS_SUCCESS,
    STATUS_NONZERO_EXIT,
    STATUS_SIGNALLED,
    STATUS_TIME_LIMIT_EXCEEDED,
    STATUS_MEMORY_LIMIT_EXCEEDED,
    STATUS_OUTPUT_LIMIT_EXCEEDED,
    STATUS_PROCESS_LIMIT_EXCEEDED,
    STATUS_DISK_LIMIT_EXCEEDED,
    STATUS_SECURITY_VIOLATION,
    STATUS_COMPILE_ERROR,
    STATUS_FILE_ERROR,
    STATUS_VALIDATION_ERROR,
    STATUS_SETUP_ERROR,
    STATUS_REJECTED,
    STATUS_CANCELLED,
    STATUS_EXPIRED,
    STATUS_INTERNAL_ERROR,
    STATUS_WORKER_LOST,
    STATUS_COUNT,
};

/* termination.by: who ended the job. */
enum status_by {
    STATUS_BY_KERNEL_OOM,
    STATUS_BY_SECCOMP,
    STATUS_BY_RLIMIT,
    STATUS_BY_CGROUP,
    STATUS_BY_WORKER_TIMER,
    STATUS_BY_WORKER_GUARD,
    STATUS_BY_CANCEL,
    STATUS_BY_SHUTDOWN,
    STATUS_BY_SELF,
    STATUS_BY_COUNT,
};

/* termination.limit: which limit was reached. */
enum status_limit {
    STATUS_LIMIT_WALL_TIME,
    STATUS_LIMIT_CPU_TIME,
    STATUS_LIMIT_IDLE_TIME,
    STATUS_LIMIT_SESSION_TIME,
    STATUS_LIMIT_MEMORY,
    STATUS_LIMIT_STDOUT,
    STATUS_LIMIT_STDERR,
    STATUS_LIMIT_FILE_SIZE,
    STATUS_LIMIT_DISK,
    STATUS_LIMIT_INODES,
    STATUS_LIMIT_PROCESSES,
    STATUS_LIMIT_OPEN_FILES,
    STATUS_LIMIT_STACK,
    STATUS_LIMIT_NETWORK_REQUESTS,
    STATUS_LIMIT_FILE_OPERATIONS,
    STATUS_LIMIT_COUNT,
};

extern const struct record_enum status_enum;
extern const struct record_enum status_by_enum;
extern const struct record_enum status_limit_enum;

const char *status_name(enum status status);
int status_find(struct view name); /* -1 when unknown */

/* Several endings may hold at once (killed for memory while being cancelled).
 * holds: a set of STATUS_BIT(); empty means success. */
#define STATUS_BIT(status) (UINT32_C(1) << (status))
enum status status_pick(uint32_t holds);

/* The ending that reaching this limit means. */
enum status status_of_limit(enum status_limit limit);
