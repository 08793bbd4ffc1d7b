/* SPDX-License-Identifier: MIT */
/* trial.h - for tests: jobs through an executor, with a real launcher and real
 * boxes. The loop turns only while one of these functions is waiting. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "lib/boxrun.h"
#include "run/executor.h"
#include "wire/bundle.h"

#define TRIAL_SLOTS 2 /* what boxrun's launcher has */

struct trial {
    const char *code; /* of /bin/sh -c */
    struct view input;
    uint64_t wall_ms;
    uint64_t idle_ms;            /* 0: none */
    uint64_t grace_ms;           /* 0: killed at once */
    struct box_limits limits;    /* without memory: sane ones */
    struct bundle_wanted wanted; /* of its files; without a folder: nothing */
    const char *fetch;           /* one of them by name */
    uint64_t collection_bytes;   /* 0: enough */
    struct plan plan;
    /* what came of it */
    unsigned ends;
    enum verdict_stop stop;
    struct launch_ended ended;
    uint64_t out_total;
    uint64_t seen; /* by on_output */
    char out[256];
    char err[256];
    struct buf collection;
    bool is_collection_over;
};

/* What trial_open made. */
extern struct trials {
    struct boxrun run;
    struct boxes *boxes;
    struct executor *ex;
    uv_loop_t loop;
    unsigned open_jobs;
    unsigned lost;
} trials;

/* For cmocka, around each case. */
int trial_open(void **state);
int trial_close(void **state);

int trial_try_start(struct trial *job); /* -1: it could not be started */
void trial_start(struct trial *job);
/* Until it has written to stdout: its program runs. */
void trial_wait_seen(const struct trial *job);
void trial_run_all(void); /* until nothing runs */
void trial_run_one(struct trial *job);
void trial_expect_success(const struct trial *job);
