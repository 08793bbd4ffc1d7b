/* SPDX-License-Identifier: MIT */
/* verdict.h - from what was observed to what is told: pure, no clock, no
 * kernel. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "run/launch_proto.h"
#include "run/plan.h"
#include "wire/status.h"

/* Why the engine itself ended a box. */
enum verdict_stop {
    VERDICT_STOP_NONE,
    VERDICT_STOP_WALL,
    VERDICT_STOP_STDOUT,
    VERDICT_STOP_STDERR,
    VERDICT_STOP_SHUTDOWN,
};

struct verdict_facts {
    const struct launch_ended *ended;
    const struct plan *plan;
    enum verdict_stop stop;
    uint64_t stdout_total;
    uint64_t stderr_total;
    const char *missing; /* why a file it had to leave is not here; NULL */
};

struct verdict {
    enum status status;
    bool has_exit_code;
    int exit_code;
    int signal_number; /* 0: none */
    bool has_termination;
    enum status_by by;
    bool has_limit;
    enum status_limit limit;
    uint64_t limit_value;
    uint64_t measured_value;
    char call[64]; /* the system call that ended the job, or "" */
    char reason[256];
};

void verdict_make(const struct verdict_facts *facts, struct verdict *out);
/* CPU time of the box: of its cgroup, else of its processes. */
uint64_t verdict_cpu_us(const struct launch_ended *ended);
uint64_t verdict_memory_bytes(const struct launch_ended *ended);
uint64_t verdict_wall_us(const struct launch_ended *ended);
/* "SIGKILL"; NULL for a number without a name. */
const char *verdict_signal_name(int number);
