/* SPDX-License-Identifier: MIT */
/* kafka_once.c - see kafka_once.h. */
#include "svc/kafka_once.h"

#include <stdlib.h>
#include <utlist.h>

#include "base/mem.h"

struct wait {
    struct kafka_loan *loan;
    kafka_in_told_fn on_told;
    void *arg;
    struct wait *next, *prev;
};

struct kafka_once {
    struct wait *waits; /* in the order they came */
};

struct kafka_once *kafka_once_new(void)
{
    return xcalloc(1, sizeof(struct kafka_once));
}

void kafka_once_add(struct kafka_once *once, struct kafka_loan *loan,
                    kafka_in_told_fn on_told, void *arg)
{
    struct wait *wait = xcalloc(1, sizeof(*wait));

    *wait = (struct wait){.loan = loan, .on_told = on_told, .arg = arg};
    DL_APPEND(once->waits, wait);
}

/* May add others, and may give the loan back. */
static void tell(struct kafka_once *once, struct wait *wait,
                 enum kafka_in_told told)
{
    kafka_in_told_fn on_told = wait->on_told;
    void *arg = wait->arg;

    DL_DELETE(once->waits, wait);
    free(wait);
    on_told(told, arg);
}

bool kafka_once_serve(struct kafka_once *once)
{
    struct wait *wait = NULL;
    struct wait *next = NULL;
    bool is_marked = false;

    DL_FOREACH_SAFE(once->waits, wait, next)
    {
        struct kafka_part *part = wait->loan->part;

        if (!part->queue || part->is_leaving) {
            tell(once, wait, KAFKA_IN_NOT_OURS);
        } else if (offsets_is_marked(&part->offsets, wait->loan->ticket)) {
            tell(once, wait, KAFKA_IN_TOLD);
        } else if (!offsets_can_mark(&part->offsets)) {
            tell(once, wait, KAFKA_IN_CANNOT_TELL);
        } else {
            is_marked |= offsets_mark_once(&part->offsets, wait->loan->ticket);
        }
    }
    return is_marked;
}

void kafka_once_unmark(struct kafka_once *once)
{
    struct wait *wait = NULL;

    DL_FOREACH(once->waits, wait)
    {
        offsets_unmark(&wait->loan->part->offsets, wait->loan->ticket);
    }
}

void kafka_once_drop_all(struct kafka_once *once)
{
    while (once->waits) {
        tell(once, once->waits, KAFKA_IN_NOT_OURS);
    }
}

void kafka_once_free(struct kafka_once *once)
{
    free(once);
}
