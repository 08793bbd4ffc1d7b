/* SPDX-License-Identifier: MIT */
/* kafka_once.h - jobs that may run at most once, and wait to be told that the
 * broker knows of their beginning. Runs in the engine, below kafka_in.
 *
 * Happy path: _add; _serve marks the record (wire/offsets.h), a commit carries
 * the mark, the next _serve says KAFKA_IN_TOLD.
 * Failures: a partition that went meanwhile, KAFKA_IN_NOT_OURS; a broker that
 * takes no metadata, KAFKA_IN_CANNOT_TELL. With as many marks as a partition
 * may have, one waits until another's job is finished.
 * On close: nothing may wait. */
#pragma once

#include <stdbool.h>

#include "base/base.h"
#include "svc/kafka_in.h"
#include "svc/kafka_parts.h"

struct kafka_once;

struct kafka_once *kafka_once_new(void);
void kafka_once_add(struct kafka_once *once, struct kafka_loan *loan,
                    kafka_in_told_fn on_told, void *arg);
/* True: a commit would help. */
bool kafka_once_serve(struct kafka_once *once);
/* Before partitions go: none of those that wait has begun. */
void kafka_once_unmark(struct kafka_once *once);
void kafka_once_drop_all(struct kafka_once *once);
void kafka_once_free(struct kafka_once *once); /* accepts NULL */
