/* SPDX-License-Identifier: MIT */
/* boxpair.h - for tests: launcher, executor and loop as in a worker with two
 * slots; compiled programs of tests/probe run in them, side by side, to their
 * verdicts. One pair at a time. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "run/launch_proto.h"
#include "run/plan.h"
#include "run/verdict.h"

#define BOXPAIR_ARGS_MAX 4
#define BOXPAIR_SLOTS    2

struct boxpair_job {
    const char *program;                /* of tests/probe, without the .c */
    const char *args[BOXPAIR_ARGS_MAX]; /* up to the first NULL */
    struct box_limits limits;
    uint64_t wall_ms;
    uint64_t output_bytes; /* kept of each stream */
    /* May start the next one; NULL: nothing is to be done. */
    void (*on_end)(struct boxpair_job *job);
    void *arg;
    /* what came of it */
    struct plan plan; /* its numbers only */
    bool is_running;
    uint64_t started_us; /* monotonic, as the engine saw it */
    uint64_t ended_us;
    uint64_t out_total;
    uint64_t err_total;
    struct launch_ended ended;
    struct verdict verdict;
    char out[512]; /* the beginning of stdout, terminated */
};

/* The settings box.cgroup and box.cgroup_parent. Fails the test when it
 * cannot. */
void boxpair_open(const char *cgroup, const char *cgroup_parent);
void boxpair_close(void);
const struct launch_ready *boxpair_ready(void);
pid_t boxpair_launcher(void);
void boxpair_start(struct boxpair_job *job);
/* Both let the other box go on. */
void boxpair_wait(const struct boxpair_job *job);
void boxpair_pass(unsigned ms);
