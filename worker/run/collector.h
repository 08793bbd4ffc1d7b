/* SPDX-License-Identifier: MIT */
/* collector.h - keeps the head and the tail of a stream of unknown length,
 * and counts all of it. Memory grows with what was written, up to the limit. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/buf.h"

struct collector {
    uint64_t limit; /* bytes kept; half from the head, half from the tail */
    uint64_t total; /* bytes seen */
    struct buf head;
    uint8_t *ring; /* the tail, once the head is full */
    size_t ring_size;
};

void collector_init(struct collector *c, uint64_t limit_bytes);
void collector_add(struct collector *c, const void *data, size_t len);
bool collector_is_truncated(const struct collector *c);
/* Head and tail in one piece, valid until the next call on it. When bytes are
 * missing in between, a line says how many. */
struct view collector_text(struct collector *c);
void collector_done(struct collector *c);
