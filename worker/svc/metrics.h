/* SPDX-License-Identifier: MIT */
/* metrics.h - the figures of a worker and their text for Prometheus. Runs in
 * the engine, on its one thread: counting is an addition, without a lock.
 *
 * What is counted stands in metrics_table.h. A row has up to two kinds of
 * labels; their values are told at run time by metrics_label() and are then
 * numbers, in the order they were told. Values of a second kind (STATUS,
 * REASON) are told before those of the first.
 *
 * No clock, no socket, no Kafka. */
#pragma once

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "svc/metrics_table.h"

#define METRICS_ENUM(name, ...) METRICS_##name,
enum metrics_id {
    METRICS_ROWS(METRICS_ENUM, METRICS_ENUM, METRICS_ENUM) METRICS_COUNT
};

enum metrics_type { METRICS_COUNTER, METRICS_GAUGE, METRICS_TIMES };

/* Kinds of labels; metrics.c has their keys. */
enum metrics_kind {
    METRICS_BY_NONE,
    METRICS_BY_BUILD,
    METRICS_BY_PART_OF_WORKER,
    METRICS_BY_QUEUE,
    METRICS_BY_STATUS,
    METRICS_BY_REASON,
    METRICS_BY_BY,
    METRICS_BY_LIMIT,
    METRICS_BY_CHANGE,
    METRICS_BY_OUTCOME,
    METRICS_BY_PARTITION,
    METRICS_BY_PRODUCER,
    METRICS_BY_ERROR,
    METRICS_BY_FIGURE,
    METRICS_BY_PROCESS,
    METRICS_KINDS,
};

struct metrics_row {
    const char *otel;
    const char *unit;
    const char *doc;
    enum metrics_type type;
    enum metrics_kind kinds[2];
};
extern const struct metrics_row metrics_rows[METRICS_COUNT];

#define METRICS_NAME_MAX 96
/* As Prometheus sees it: dots become underscores, the unit a suffix, and what
 * only grows ends in _total. */
void metrics_name(const struct metrics_row *row, char out[METRICS_NAME_MAX]);
/* The keys of its labels: how many, and which. */
size_t metrics_keys(const struct metrics_row *row, const char *out[4]);
const char *metrics_type_name(enum metrics_type type);

struct metrics;

struct metrics *metrics_new(void);
void metrics_free(struct metrics *m); /* accepts NULL */

/* One more value of a kind of labels, and its number. A kind with two keys
 * (BUILD, PARTITION) takes two values, the others NULL as the second. */
size_t metrics_label(struct metrics *m, enum metrics_kind kind,
                     const char *value, const char *second);
/* No values of this kind any more, and no figures by it. */
void metrics_unlabel(struct metrics *m, enum metrics_kind kind);

/* Not known now: left out of the text. */
#define METRICS_ABSENT ((double)NAN)

/* first, second: numbers of labels, 0 where a row has none. */
void metrics_add(struct metrics *m, enum metrics_id id, size_t first,
                 size_t second, double value);
void metrics_set(struct metrics *m, enum metrics_id id, size_t first,
                 double value);
void metrics_observe(struct metrics *m, enum metrics_id id, size_t first,
                     double seconds);

enum metrics_format { METRICS_TEXT, METRICS_OPEN };
/* Does an Accept header ask for OpenMetrics? NULL: no header. */
enum metrics_format metrics_format_of(const char *accept);
const char *metrics_media_type(enum metrics_format format);
/* All of it; figures that are no number are left out. */
int metrics_print(const struct metrics *m, enum metrics_format format,
                  struct buf *out, struct err *e) MUST_USE;
