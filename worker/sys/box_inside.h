/* SPDX-License-Identifier: MIT */
/* box_inside.h - what box.c and box_job.c share: box init's own state. */
#pragma once

#include "sys/box.h"

struct box_init {
    const struct box_slot *slot;
    const struct box_make *make;
    struct box_report report;
    int io_fd;       /* /proc/self/io, -1 where the kernel has none */
    int listener_fd; /* calls that end the job, -1: they kill */
};

/* Sends the report; what the launcher does not hear it sees: init's end. */
void box_tell(struct box_init *in);
/* The report of a failure, then the end. errno tells why. */
NORETURN void box_fail(struct box_init *in, enum box_phase phase,
                       const char *step);
/* With all layers up: waits for a job, runs it, reports, ends. */
NORETURN void box_job_run(struct box_init *in);
