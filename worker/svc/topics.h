/* SPDX-License-Identifier: MIT */
/* topics.h - the topics Forkyard needs, from broker-config/topics.yaml, a copy
 * of which is inside the program. What a cluster has of them: topics_plan.h */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "wire/config.h"

#define TOPICS_MAX        256
#define TOPICS_CONFIG_MAX 32

struct topics_setting {
    char *name;
    char *value;
};

struct topics_spec {
    char *name; /* full, with prefix */
    uint32_t partitions;
    uint32_t embedded; /* partitions in the embedded broker */
    uint32_t replication;
    struct topics_setting config[TOPICS_CONFIG_MAX];
    size_t config_count;
};

struct topics {
    struct topics_spec *items;
    size_t count;
};

/* path NULL: the copy inside the program. "jobs.*" becomes one topic per
 * queue of topics.queues. ERR_INPUT names the line. */
int topics_load(const struct config *config, const char *path,
                struct topics *out, struct err *e) MUST_USE;
void topics_free(struct topics *topics);

/* topics_data.c */
extern const char topics_data[];
extern const uint64_t topics_data_size;
