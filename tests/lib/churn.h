/* SPDX-License-Identifier: MIT */
/* churn.h - for tests: an engine that starts boxes and ends them at random
 * moments, and nothing else, in a process of its own. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#define CHURN_SLOTS 3

/* In memory that the engine and the test share. */
struct churn_tally {
    _Atomic pid_t launcher; /* 0: not forked yet */
    _Atomic int is_ready;
    _Atomic int should_pause; /* the test's wish: end all, start nothing */
    _Atomic int is_idle;      /* and it is so */
    _Atomic unsigned started;
    _Atomic unsigned answered; /* by the launcher */
    _Atomic unsigned run;      /* of these, with a report of init */
    _Atomic unsigned brought;  /* of these, with all their files */
    /* Whose files come back now; and whose init somebody killed, not the
     * engine, in the midst of it, or while it was a compiler's. */
    _Atomic unsigned collecting;
    _Atomic unsigned cut_collections;
    _Atomic unsigned cut_compilers;
    char error[240]; /* what no engine should see */
};

struct churn_spec {
    struct churn_tally *tally;
    const char *cgroup_parent;
    uid_t uid; /* of engine and launcher; 0: as we are */
    uint64_t seed;
};

/* What every box of it brings with it and writes. */
#define CHURN_BYTES_PER_BOX (UINT64_C(1) << 20)

/* The engine's pid. It exits with 1 when it lost its launcher, with 0 after a
 * SIGTERM, when the launcher has ended in order. */
pid_t churn_start(const struct churn_spec *spec);
/* xorshift; never give it 0. */
uint64_t churn_random(uint64_t *seed);
