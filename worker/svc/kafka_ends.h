/* SPDX-License-Identifier: MIT */
/* kafka_ends.h - where the partitions end, asked of the broker from time to
 * time: what is not finished can be counted then, also what is not fetched
 * because all slots are busy. The answer says by the way whether the broker
 * can be reached, and whether the topics are there and may be read; what else
 * the client complains of is kept here too. Runs in the engine, below kafka_in;
 * never blocks. */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "svc/kafka_parts.h"
#include "svc/kafka_trouble.h"

#define KAFKA_ENDS_EVERY_MS 5000

/* What the last answer was. */
struct kafka_ends_state {
    bool is_known; /* there has been one */
    bool is_reachable;
    char error[400];      /* when it is not */
    uint64_t answered_ms; /* the last good one; monotonic */
};

struct kafka_ends;

/* Borrows. */
/* name: of the client, for the log. */
struct kafka_ends *kafka_ends_new(struct kafka_parts *parts, const char *name);
void kafka_ends_free(struct kafka_ends *ends); /* accepts NULL */
/* Of a client, which is asked from now on; wake is rung when there is an
 * answer. What is known, and was complained of, stays from client to client. */
void kafka_ends_attach(struct kafka_ends *ends, rd_kafka_t *rk,
                       struct kafka_wake *wake);
/* Before the client is destroyed. */
void kafka_ends_detach(struct kafka_ends *ends);
/* On every wake-up and now and then: takes answers, and asks again when it is
 * time to. */
void kafka_ends_serve(struct kafka_ends *ends, uint64_t now_ms);
/* What the client, or an answer to it, complains of. */
void kafka_ends_error(struct kafka_ends *ends, rd_kafka_resp_err_t code,
                      const char *text);
/* The group has given us something: it lets us in. */
void kafka_ends_joined(struct kafka_ends *ends);
const struct kafka_trouble *kafka_ends_troubles(const struct kafka_ends *ends);
const struct kafka_ends_state *kafka_ends_state(const struct kafka_ends *ends);
