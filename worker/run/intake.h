/* SPDX-License-Identifier: MIT */
/* intake.h - takes in what one box sends back (wire/collection.h), up to a
 * maximum, into memory of our own: nothing that the box still has can change
 * it. Runs in the engine; looks at no byte of it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"

struct intake {
    uv_poll_t *poll; /* freed when the loop lets it go */
    int fd;          /* -1: at its end, or closed */
    struct buf got;
    bool is_over; /* it sent more than it may: what came is not whole */
};

void intake_init(struct intake *in); /* closed, empty */
/* A pipe of ours; *out_write_fd is for the box. Init before. */
int intake_open(struct intake *in, uv_loop_t *loop, uint64_t max_bytes,
                int *out_write_fd, struct err *e) MUST_USE;
/* All that is still in the pipe, to which nobody writes any more; and closes
 * it. */
void intake_drain(struct intake *in);
/* Frees; may be init'ed again. */
void intake_done(struct intake *in);
