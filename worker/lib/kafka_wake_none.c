/* SPDX-License-Identifier: MIT */
/* kafka_wake_none.c - svc/kafka_wake.h for a library without an event loop,
 * which polls: so that its users need no libuv. Takes the place of
 * svc/kafka_wake.c in libforkyard, and is in no program. */
#include "svc/kafka_wake.h"

int kafka_wake_open(uv_loop_t *loop, void (*on_wake)(void *arg), void *arg,
                    struct kafka_wake **out, struct err *e)
{
    (void)loop;
    (void)on_wake;
    (void)arg;
    (void)out;
    return err_set(e, ERR_BUG, "no event loop in this library");
}

void kafka_wake_watch(struct kafka_wake *wake, rd_kafka_queue_t *queue)
{
    (void)wake;
    (void)queue;
}

void kafka_wake_unwatch(rd_kafka_queue_t *queue)
{
    (void)queue;
}

void kafka_wake_fire(struct kafka_wake *wake)
{
    (void)wake;
}

void kafka_wake_after(struct kafka_wake *wake, uint64_t delay_ms)
{
    (void)wake;
    (void)delay_ms;
}

void kafka_wake_close(struct kafka_wake *wake)
{
    (void)wake; /* there is none */
}
