/* SPDX-License-Identifier: MIT */
/* boxrun.h - for tests: a launcher, and boxes run to their end, one at a time
 * or one in each of its two slots. */
#pragma once

#include <stdbool.h>

#include "run/launch_proto.h"

struct boxrun {
    int sock;
    pid_t launcher;
    uint64_t seq;
    struct launch_ready ready;
    struct launch_ended early; /* of the other slot, not yet asked for */
    bool has_early;
};

struct boxrun_job {
    const char *const *argv; /* NULL-terminated */
    const char *input;       /* stdin, may be NULL */
    const char *file_path;   /* one file, may be NULL */
    const char *file_text;
    size_t file_len; /* 0: up to the NUL */
    struct box_limits limits;
    uint32_t network;
    uint32_t profile;       /* enum seccomp_profile */
    uint32_t slot;          /* 0 or 1 */
    unsigned kill_after_ms; /* 0: never; boxrun_run only */
};

/* One that was started. */
struct boxrun_box {
    uint64_t seq;
    uint32_t slot;
    int out_fd; /* stdout and stderr together; closed by boxrun_end */
};

struct boxrun_result {
    struct launch_ended ended;
    char out[65536];
    size_t out_len;
};

extern const struct box_limits boxrun_limits; /* sane ones */
extern const char *boxrun_prepared;           /* the setting box.prepared */

/* cgroup as in the setting box.cgroup. Fails the test when it cannot. */
void boxrun_open(struct boxrun *b, const char *cgroup);
void boxrun_close(struct boxrun *b);
/* Waits until nothing runs and each slot has its box ahead again. */
void boxrun_settle(const struct boxrun *b);
/* The box of another slot goes on meanwhile. */
void boxrun_start(struct boxrun *b, const struct boxrun_job *job,
                  struct boxrun_box *out);
void boxrun_kill(struct boxrun *b, const struct boxrun_box *box);
/* Reads what is left of the output and waits for the end. */
void boxrun_end(struct boxrun *b, struct boxrun_box *box,
                struct boxrun_result *out);
/* Both; stdout and stderr together in out. */
void boxrun_run(struct boxrun *b, const struct boxrun_job *job,
                struct boxrun_result *out);
/* /bin/sh -c script, with boxrun_limits. */
void boxrun_sh(struct boxrun *b, const char *script, struct boxrun_result *out);
