/* SPDX-License-Identifier: MIT */
/* kafka_hold.h - a producer that waits for answers rests meanwhile.
 *
 * While five records of a partition wait for their answer and others wait
 * behind them, the thread of an idempotent producer looks for room again and
 * again without sleeping (librdkafka 2.15.1, rd_kafka_toppar_producer_serve).
 * Mostly that is for a millisecond. Behind a network that says nothing it is
 * for as long as requests wait, half a minute and more, and costs a processor.
 * Such a thread sleeps when its partitions are paused: what is in flight is
 * not touched by that, and answers, retries and timeouts go on.
 *
 * Happy path: no answer for a while, all partitions are paused; with the first
 * answer they are resumed.
 * Failures: what was in flight may have to be sent again, of which nobody
 * tells: every now and then they are resumed for a moment.
 * On close: the owner calls kafka_hold_end() before it flushes. */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* So many of a partition may wait for an answer beside each other. */
#define KAFKA_HOLD_IN_FLIGHT 5

struct kafka_hold_topic {
    char *name;
    int32_t partitions; /* that are known to be there */
};

struct kafka_hold {
    struct kafka_hold_topic *topics; /* that were written to */
    size_t count;
    uint64_t at_ms;    /* when to look again; 0: there is nothing to see */
    uint64_t answered; /* when last looked */
    bool is_on;
};

/* What the owner knows of the client. */
struct kafka_hold_client {
    rd_kafka_t *rk;
    uint64_t waiting;  /* records without an answer */
    uint64_t answered; /* all that ever were, well or not */
    bool is_reachable; /* no thread spins without a connection */
};

/* A record was acknowledged. */
void kafka_hold_answered(struct kafka_hold *hold, const char *topic,
                         int32_t partition);
/* A record was taken. True: at_ms was set, see that it is kept. */
bool kafka_hold_sent(struct kafka_hold *hold,
                     const struct kafka_hold_client *client, uint64_t now_ms);
/* Due, if on, after each answer, and at at_ms. */
void kafka_hold_serve(struct kafka_hold *hold,
                      const struct kafka_hold_client *client, uint64_t now_ms);
/* Resumes what is paused. */
void kafka_hold_end(struct kafka_hold *hold, rd_kafka_t *rk);
/* Forgets all, e.g. for another client: nothing of it is paused. */
void kafka_hold_done(struct kafka_hold *hold);
