/* SPDX-License-Identifier: MIT */
/* kafka_tail.h - reads every partition of a topic, or of a few, without a
 * group, for the command line tools (results, output). Blocking; no loop. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "wire/config.h"

struct kafka_tail;

#define KAFKA_TAIL_TOPICS_MAX 4

enum kafka_tail_start { KAFKA_TAIL_BEGINNING, KAFKA_TAIL_END };

/* Returns when the start positions are fixed: what is produced after this
 * call is seen. */
int kafka_tail_open(const struct config *config, const char *topic,
                    enum kafka_tail_start start, struct kafka_tail **out,
                    struct err *e) MUST_USE;
/* One more topic over the same connections; when it fails, the tail goes on
 * without it. */
int kafka_tail_add(struct kafka_tail *tail, const char *topic,
                   enum kafka_tail_start start, struct err *e) MUST_USE;
/* 1 with a message valid until the next call, 0 at the timeout, -1 on a fatal
 * error. *at_end (may be NULL) tells whether every partition has been read to
 * the end it had at open or later. */
int kafka_tail_next(struct kafka_tail *tail, int timeout_ms,
                    struct view *out_key, struct view *out_value, bool *at_end,
                    struct err *e) MUST_USE;
/* Of which topic the last message was: 0 of the one that was opened, then in
 * the order they were added. Records of one topic and key come in order; over
 * topics there is none. */
size_t kafka_tail_topic(const struct kafka_tail *tail);
/* Before the first kafka_tail_next(), of a tail opened at the end: one
 * partition of its first topic from this offset on. ERR_INPUT: there is no such
 * record. */
int kafka_tail_from(struct kafka_tail *tail, int32_t partition, int64_t offset,
                    struct err *e) MUST_USE;
/* The last message, with all that Kafka says of it; valid as long as its value.
 * For who includes librdkafka. */
struct rd_kafka_message_s;
const struct rd_kafka_message_s *
kafka_tail_message(const struct kafka_tail *tail);
/* Did the last message come only after its topic was opened? */
bool kafka_tail_is_later(const struct kafka_tail *tail);
/* Partitions of the first topic, and what each had when it was opened: *out_end
 * is the offset of the next record. */
int32_t kafka_tail_partitions(const struct kafka_tail *tail);
void kafka_tail_range(const struct kafka_tail *tail, int32_t partition,
                      int64_t *out_low, int64_t *out_end);
/* -1 with what it is and what to do about it: reading was refused for a reason
 * that waiting does not mend. Known after kafka_tail_next(). */
int kafka_tail_refusal(const struct kafka_tail *tail, struct err *e) MUST_USE;
/* What a connection, or reading a partition, last complained about; "" when
 * nothing did. Known after kafka_tail_next(). */
const char *kafka_tail_trouble(const struct kafka_tail *tail);
void kafka_tail_close(struct kafka_tail *tail); /* accepts NULL */
