/* SPDX-License-Identifier: MIT */
/* ready.h - is this worker ready for jobs, part by part, and since when? A
 * judgement of facts that are given: no clock is read, nothing is asked. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "run/guard.h"

enum ready_name {
    READY_WORKER,   /* not on its way out */
    READY_LAUNCHER, /* there is somebody to make boxes */
    READY_BROKER,   /* can be reached */
    READY_CONSUMER, /* a member of its group, with or without partitions */
    READY_RESULTS,  /* go out, or at least fit into memory */
    READY_GUARD,    /* the host is well */
    READY_PARTS,
};

struct ready_facts {
    bool is_draining;
    bool is_launcher_lost;
    bool is_broker_known; /* it has been asked, and answered or not */
    bool is_broker_reachable;
    const char *broker_error;
    bool is_member;
    const char *consumer_error; /* "": nothing keeps it from its jobs */
    size_t partitions;
    const char *results_error; /* "": the last ones went out */
    unsigned unpublished;
    unsigned unpublished_max;
    const struct guard *guard;
};

struct ready_part {
    bool is_ready;
    uint64_t since_unix_ns; /* it has been so */
    char reason[512];
};

struct ready {
    bool is_judged;
    struct ready_part parts[READY_PARTS];
};

const char *ready_part_name(enum ready_name name);
/* ready: zeros before the first time. */
void ready_judge(struct ready *ready, const struct ready_facts *facts,
                 uint64_t now_unix_ns);
bool ready_is(const struct ready *ready);
/* {"ready": false, "parts": {"broker": {"ready": false, "reason": "...",
 * "since": "2026-11-26T12:00:00.000Z", "since_unix_nano": ...}, ...}} */
int ready_print(const struct ready *ready, struct buf *out,
                struct err *e) MUST_USE;
