/* SPDX-License-Identifier: MIT */
/* status.c - names of endings, and the order in which they win. Pure. */
#include "wire/status.h"

static const char *const names[STATUS_COUNT] = {
    [STATUS_SUCCESS] = "success",
    [STATUS_NONZERO_EXIT] = "nonzero_exit",
    [STATUS_SIGNALLED] = "signalled",
    [STATUS_TIME_LIMIT_EXCEEDED] = "time_limit_exceeded",
    [STATUS_MEMORY_LIMIT_EXCEEDED] = "memory_limit_exceeded",
    [STATUS_OUTPUT_LIMIT_EXCEEDED] = "output_limit_exceeded",
    [STATUS_PROCESS_LIMIT_EXCEEDED] = "process_limit_exceeded",
    [STATUS_DISK_LIMIT_EXCEEDED] = "disk_limit_exceeded",
    [STATUS_SECURITY_VIOLATION] = "security_violation",
    [STATUS_COMPILE_ERROR] = "compile_error",
    [STATUS_FILE_ERROR] = "file_error",
    [STATUS_VALIDATION_ERROR] = "validation_error",
    [STATUS_SETUP_ERROR] = "setup_error",
    [STATUS_REJECTED] = "rejected",
    [STATUS_CANCELLED] = "cancelled",
    [STATUS_EXPIRED] = "expired",
    [STATUS_INTERNAL_ERROR] = "internal_error",
    [STATUS_WORKER_LOST] = "worker_lost",
};

static const char *const by_names[STATUS_BY_COUNT] = {
    [STATUS_BY_KERNEL_OOM] = "kernel_oom",
    [STATUS_BY_SECCOMP] = "seccomp",
    [STATUS_BY_RLIMIT] = "rlimit",
    [STATUS_BY_CGROUP] = "cgroup",
    [STATUS_BY_WORKER_TIMER] = "worker_timer",
    [STATUS_BY_WORKER_GUARD] = "worker_guard",
    [STATUS_BY_CANCEL] = "cancel",
    [STATUS_BY_SHUTDOWN] = "shutdown",
    [STATUS_BY_SELF] = "self",
};

static const char *const limit_names[STATUS_LIMIT_COUNT] = {
    [STATUS_LIMIT_WALL_TIME] = "wall_time",
    [STATUS_LIMIT_CPU_TIME] = "cpu_time",
    [STATUS_LIMIT_IDLE_TIME] = "idle_time",
    [STATUS_LIMIT_SESSION_TIME] = "session_time",
    [STATUS_LIMIT_MEMORY] = "memory",
    [STATUS_LIMIT_STDOUT] = "stdout",
    [STATUS_LIMIT_STDERR] = "stderr",
    [STATUS_LIMIT_FILE_SIZE] = "file_size",
    [STATUS_LIMIT_DISK] = "disk",
    [STATUS_LIMIT_INODES] = "inodes",
    [STATUS_LIMIT_PROCESSES] = "processes",
    [STATUS_LIMIT_OPEN_FILES] = "open_files",
    [STATUS_LIMIT_STACK] = "stack",
    [STATUS_LIMIT_NETWORK_REQUESTS] = "network_requests",
    [STATUS_LIMIT_FILE_OPERATIONS] = "file_operations",
};

const struct record_enum status_enum = {names, ARRAY_LEN(names)};
const struct record_enum status_by_enum = {by_names, ARRAY_LEN(by_names)};
const struct record_enum status_limit_enum = {limit_names,
                                              ARRAY_LEN(limit_names)};

const char *status_name(enum status status)
{
    return record_enum_name(&status_enum, (int)status);
}

int status_find(struct view name)
{
    return record_enum_find(&status_enum, name);
}

enum status status_pick(uint32_t holds)
{
    /* Ours first, because then nothing else can be believed; then what the
     * user asked for; then limits, which explain the signal or exit code that
     * follows from them. The endings before the run exclude each other and
     * stand where the order does not matter. */
    static const enum status order[] = {
        STATUS_INTERNAL_ERROR,
        STATUS_WORKER_LOST,
        STATUS_CANCELLED,
        STATUS_EXPIRED,
        STATUS_REJECTED,
        STATUS_VALIDATION_ERROR,
        STATUS_SETUP_ERROR,
        STATUS_TIME_LIMIT_EXCEEDED,
        STATUS_MEMORY_LIMIT_EXCEEDED,
        STATUS_OUTPUT_LIMIT_EXCEEDED,
        STATUS_PROCESS_LIMIT_EXCEEDED,
        STATUS_DISK_LIMIT_EXCEEDED,
        STATUS_SECURITY_VIOLATION,
        STATUS_COMPILE_ERROR,
        STATUS_SIGNALLED,
        STATUS_NONZERO_EXIT,
        STATUS_FILE_ERROR,
    };

    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        if ((holds & STATUS_BIT(order[i])) != 0) {
            return order[i];
        }
    }
    return STATUS_SUCCESS;
}

enum status status_of_limit(enum status_limit limit)
{
    static const enum status endings[STATUS_LIMIT_COUNT] = {
        [STATUS_LIMIT_WALL_TIME] = STATUS_TIME_LIMIT_EXCEEDED,
        [STATUS_LIMIT_CPU_TIME] = STATUS_TIME_LIMIT_EXCEEDED,
        [STATUS_LIMIT_IDLE_TIME] = STATUS_TIME_LIMIT_EXCEEDED,
        [STATUS_LIMIT_SESSION_TIME] = STATUS_TIME_LIMIT_EXCEEDED,
        [STATUS_LIMIT_MEMORY] = STATUS_MEMORY_LIMIT_EXCEEDED,
        [STATUS_LIMIT_STDOUT] = STATUS_OUTPUT_LIMIT_EXCEEDED,
        [STATUS_LIMIT_STDERR] = STATUS_OUTPUT_LIMIT_EXCEEDED,
        [STATUS_LIMIT_FILE_SIZE] = STATUS_DISK_LIMIT_EXCEEDED,
        [STATUS_LIMIT_DISK] = STATUS_DISK_LIMIT_EXCEEDED,
        [STATUS_LIMIT_INODES] = STATUS_DISK_LIMIT_EXCEEDED,
        [STATUS_LIMIT_PROCESSES] = STATUS_PROCESS_LIMIT_EXCEEDED,
        [STATUS_LIMIT_OPEN_FILES] = STATUS_PROCESS_LIMIT_EXCEEDED,
        [STATUS_LIMIT_STACK] = STATUS_MEMORY_LIMIT_EXCEEDED,
        [STATUS_LIMIT_NETWORK_REQUESTS] = STATUS_SECURITY_VIOLATION,
        [STATUS_LIMIT_FILE_OPERATIONS] = STATUS_DISK_LIMIT_EXCEEDED,
    };

    return endings[limit];
}
