/* SPDX-License-Identifier: MIT */
/* dead_delete.h - deletes dead letters, in each partition from the oldest on.
 * For the command line tools. Blocking; no loop. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "wire/config.h"

/* Of a partition, what is there: the offsets from low to before before. */
struct dead_range {
    int32_t partition;
    int64_t low;
    int64_t before;
};

/* One for each partition, in order. Those buried before older_than_unix_ms, or
 * (0) all there are now: a letter that comes later is none of them. A younger
 * letter keeps what lies behind it. *out is on the heap. */
int dead_delete_ranges(const struct config *config, uint64_t older_than_unix_ms,
                       struct dead_range **out, size_t *out_count,
                       struct err *e) MUST_USE;
/* Those of which low is before before. */
int dead_delete(const struct config *config, const struct dead_range *ranges,
                size_t count, struct err *e) MUST_USE;
