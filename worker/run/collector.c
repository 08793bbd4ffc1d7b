/* SPDX-License-Identifier: MIT */
/* collector.c - see collector.h. Runs in the engine. */
#include "run/collector.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* Room for the line about missing bytes. */
#define NOTE_BYTES 80

void collector_init(struct collector *c, uint64_t limit_bytes)
{
    memset(c, 0, sizeof(*c));
    c->limit = limit_bytes;
    buf_init(&c->head, limit_bytes + NOTE_BYTES);
}

void collector_done(struct collector *c)
{
    buf_done(&c->head);
    free(c->ring);
    c->ring = NULL;
}

bool collector_is_truncated(const struct collector *c)
{
    return c->total > c->limit;
}

/* Head size: everything while it fits in half the limit. */
static size_t head_max(const struct collector *c)
{
    return (size_t)(c->limit - c->limit / 2);
}

/* Position of byte `offset` of the stream in the ring. */
static size_t ring_at(const struct collector *c, uint64_t offset)
{
    return (size_t)((offset - head_max(c)) % c->ring_size);
}

static void add_to_ring(struct collector *c, const uint8_t *data, size_t len)
{
    uint64_t offset = c->total;

    if (c->limit / 2 == 0) {
        return;
    }
    if (!c->ring) {
        c->ring_size = (size_t)(c->limit / 2);
        c->ring = xmalloc(c->ring_size);
    }
    if (len > c->ring_size) { /* only the end of it can stay */
        offset += len - c->ring_size;
        data += len - c->ring_size;
        len = c->ring_size;
    }
    size_t at = ring_at(c, offset);
    size_t first = c->ring_size - at < len ? c->ring_size - at : len;
    memcpy(c->ring + at, data, first);
    memcpy(c->ring, data + first, len - first);
}

void collector_add(struct collector *c, const void *data, size_t len)
{
    const uint8_t *at = data;
    size_t room = head_max(c) - c->head.len;
    size_t to_head = len < room ? len : room;

    /* The maximum of the buffer is above the head's: this cannot fail. */
    (void)!buf_append(&c->head, at, to_head, NULL);
    c->total += to_head;
    if (len > to_head) {
        add_to_ring(c, at + to_head, len - to_head);
        c->total += len - to_head;
    }
}

struct view collector_text(struct collector *c)
{
    uint64_t after_head = c->total - c->head.len;
    uint64_t kept = after_head < c->ring_size ? after_head : c->ring_size;
    uint64_t missing = after_head - kept;
    size_t head_len = c->head.len;

    if (missing > 0) {
        (void)!buf_printf(&c->head, NULL,
                          "\n[... %" PRIu64 " bytes not kept ...]\n", missing);
    }
    if (kept > 0) {
        size_t at = ring_at(c, c->total - kept);
        size_t first =
            c->ring_size - at < kept ? c->ring_size - at : (size_t)kept;
        (void)!buf_append(&c->head, c->ring + at, first, NULL);
        (void)!buf_append(&c->head, c->ring, (size_t)kept - first, NULL);
    }
    struct view text = buf_view(&c->head);
    c->head.len = head_len;
    return text;
}
