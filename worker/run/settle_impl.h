/* SPDX-License-Identifier: MIT */
/* settle_impl.h - what settle.c and settle_txn.c share. For nobody else. */
#pragma once

#include <uv.h>

#include "base/base.h"
#include "run/envelope.h"
#include "run/settle.h"
#include "svc/kafka_txn.h"

struct settle {
    struct settle_spec spec;
    uv_timer_t timer;
    struct parcel *unsent;  /* could not be queued, or wait for a transaction */
    struct parcel *waiting; /* queued, not acknowledged */
    unsigned count;         /* works */
    char *results_topic;
    char *dead_topic;
    struct kafka_txn *txn; /* NULL: each record by itself */
    struct kafka_in *in;   /* with txn: whose offsets go with them */
    char txn_id[400];
    struct kafka_txn_fate *fates; /* of those waiting, in their order */
};

/* The parcel's record, without on_ack. The envelope is to be freed. */
void settle_make_record(const struct settle *s, const struct parcel *parcel,
                        struct envelope *envelope, struct kafka_record *out);
/* A broker may take less than result.max_bytes, and says so each time: half
 * of it, then. Without output at the least it goes through. */
void settle_shrink(struct settle *s, struct work *w);
/* One record of it is acknowledged. */
void settle_took(struct settle *s, struct parcel *parcel);
/* None of its records will be sent. */
void settle_give_up(struct settle *s, struct work *w);

/* --- settle_txn.c --- */

int settle_txn_open(struct settle *s, struct err *e) MUST_USE;
/* Begins a transaction when there is something for one. */
void settle_txn_cycle(struct settle *s);
