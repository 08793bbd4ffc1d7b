/* SPDX-License-Identifier: MIT */
/* boxrun.h - for tests: a launcher, and one box at a time run to its end. */
#pragma once

#include "run/launch_proto.h"

struct boxrun {
    int sock;
    pid_t launcher;
    uint64_t seq;
    struct launch_ready ready;
};

struct boxrun_job {
    const char *const *argv; /* NULL-terminated */
    const char *input;       /* stdin, may be NULL */
    const char *file_path;   /* one file, may be NULL */
    const char *file_text;
    struct box_limits limits;
    uint32_t network;
    unsigned kill_after_ms; /* 0: never */
};

struct boxrun_result {
    struct launch_ended ended;
    char out[65536];
    size_t out_len;
};

extern const struct box_limits boxrun_limits; /* sane ones */

/* cgroup as in the setting box.cgroup. Fails the test when it cannot. */
void boxrun_open(struct boxrun *b, const char *cgroup);
void boxrun_close(struct boxrun *b);
/* stdout and stderr together in out. */
void boxrun_run(struct boxrun *b, const struct boxrun_job *job,
                struct boxrun_result *out);
/* /bin/sh -c script, with boxrun_limits. */
void boxrun_sh(struct boxrun *b, const char *script, struct boxrun_result *out);
