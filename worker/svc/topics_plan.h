/* SPDX-License-Identifier: MIT */
/* topics_plan.h - what a cluster has of the topics Forkyard needs, and making
 * the rest. Blocking; for the command line tools. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "svc/topics.h"
#include "wire/config.h"

enum topics_state {
    TOPICS_OK,
    TOPICS_MISSING,
    TOPICS_FEWER, /* partitions than wanted */
    TOPICS_MORE,
};

struct topics_row {
    const struct topics_spec *spec; /* borrows the struct topics */
    enum topics_state state;
    uint32_t partitions;  /* in the cluster now, 0 when missing */
    uint32_t replication; /* wanted, cut to the number of brokers */
    char note[200];       /* after apply: why it could not be created; "" */
};

struct topics_plan {
    struct topics_row *rows; /* one per topic, same order */
    size_t count;
    size_t missing;
    uint32_t brokers;
};

const char *
topics_plan_state_name(enum topics_state state); /* "missing", ... */

/* Compares with the cluster; changes nothing. ERR_RETRY: no answer. */
int topics_plan_make(const struct config *config, const struct topics *topics,
                     struct topics_plan *out, struct err *e) MUST_USE;
void topics_plan_free(struct topics_plan *plan);
/* Creates what is missing in the plan, and nothing else; rows it created
 * become TOPICS_OK. A topic somebody else created meanwhile counts as created.
 * ERR_INPUT: the broker takes no admin requests (the embedded one). On other
 * failures the rows' notes say which topic and why. */
int topics_plan_apply(const struct config *config, struct topics_plan *plan,
                      struct err *e) MUST_USE;
