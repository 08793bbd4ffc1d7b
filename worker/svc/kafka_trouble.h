/* SPDX-License-Identifier: MIT */
/* kafka_trouble.h - what a client is refused, by kind, and what to do about
 * it: one line in the log when it begins, one a minute while it lasts, one when
 * it is over, however often librdkafka complains. Pure, apart from the log and
 * the clock. For one thread. */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

/* The first of those that last says most. */
enum kafka_trouble_kind {
    KAFKA_TROUBLE_AUTHENTICATION,
    KAFKA_TROUBLE_TLS,
    KAFKA_TROUBLE_UNREACHABLE,
    KAFKA_TROUBLE_TOO_OLD,
    KAFKA_TROUBLE_GROUP_RIGHT,
    KAFKA_TROUBLE_TOPIC_RIGHT,
    KAFKA_TROUBLE_CLUSTER_RIGHT,
    KAFKA_TROUBLE_TOPIC_UNKNOWN,
    KAFKA_TROUBLE_TOO_LARGE,
    KAFKA_TROUBLE_METADATA,
    KAFKA_TROUBLE_OTHER,
    KAFKA_TROUBLE_KINDS,
};

struct kafka_trouble {
    const char *client; /* for the log: "jobs", "results", ... */
    struct kafka_trouble_row {
        uint64_t count; /* complaints since the start */
        uint64_t said;  /* of these, up to the last line in the log */
        uint64_t said_ms;
        uint64_t since_ms;
        bool is_on;
        char text[256]; /* the last one's */
    } rows[KAFKA_TROUBLE_KINDS];
};

/* "authentication", ...: a label. */
const char *kafka_trouble_name(enum kafka_trouble_kind kind);
const char *kafka_trouble_remedy(enum kafka_trouble_kind kind);

enum kafka_trouble_kind kafka_trouble_kind_of(rd_kafka_resp_err_t code);

/* One more complaint. */
void kafka_trouble_note(struct kafka_trouble *trouble, rd_kafka_resp_err_t code,
                        const char *text);
void kafka_trouble_over(struct kafka_trouble *trouble,
                        enum kafka_trouble_kind kind);
void kafka_trouble_all_over(struct kafka_trouble *trouble);
/* The first that lasts, of first to last: its text and the remedy; false when
 * there is none. */
bool kafka_trouble_words(const struct kafka_trouble *trouble,
                         enum kafka_trouble_kind first,
                         enum kafka_trouble_kind last, char *out, size_t size);
