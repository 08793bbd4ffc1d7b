/* SPDX-License-Identifier: MIT */
/* guard.h - may this worker take jobs, or does its host have enough to do?
 * A decision over measurements, limits and time, all of which are given:
 * no clock is read here, and nothing is measured.
 *
 * Each figure (a gauge) goes its own way: over its threshold for
 * guard.trip_time it trips; at or below its release value for
 * guard.release_time it is well again. Jobs are taken while none is tripped.
 * A figure that is not known stands for one that is low: what cannot be
 * measured cannot be a reason, and stops nobody for ever. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "wire/config.h"
#include "wire/snapshot.h"

enum guard_figure {
    GUARD_CPU,
    GUARD_MEMORY,
    GUARD_DISK,
    GUARD_PRESSURE_CPU,
    GUARD_PRESSURE_MEMORY,
    GUARD_PRESSURE_IO,
    GUARD_ZOMBIES,
    GUARD_FIGURES,
};

enum guard_state {
    GUARD_WELL,
    GUARD_RISING,  /* over the threshold, not for long enough */
    GUARD_TRIPPED, /* no jobs are taken */
    GUARD_FALLING, /* low enough again, not for long enough: none yet */
    GUARD_STATES,
};

/* What a figure is called; the same for all workers. */
struct guard_row {
    const char *name;    /* "memory" */
    const char *setting; /* "guard.memory_percent" */
    const char *metric;  /* its OpenTelemetry name, or one in that manner */
    const char *unit;    /* "%", or "" for a count */
    const char *words;   /* "memory in use" */
};
extern const struct guard_row guard_rows[GUARD_FIGURES];

struct guard_gauge {
    enum guard_state state;
    double value;      /* the last; not a number when not known */
    double threshold;  /* 0: not looked at */
    double release;    /* at or below it: low enough */
    uint64_t since_ms; /* when the state began */
    uint64_t tripped_at_ms;
};

struct guard {
    bool is_enabled;
    uint64_t trip_ms;
    uint64_t release_ms;
    unsigned tripped; /* so many gauges are */
    struct guard_gauge gauges[GUARD_FIGURES];
};

/* One gauge tripped, or became well after it had been tripped. */
struct guard_change {
    enum guard_figure figure;
    bool is_trip;
    uint64_t lasted_ms; /* a release: since it tripped */
};

void guard_init(struct guard *g, const struct config *config);
/* One measurement, at this time of a clock that never steps back. Returns how
 * many changes it made, and writes them. With guard.enabled off the values are
 * kept, and nothing ever trips. */
size_t guard_judge(struct guard *g, const struct snapshot_host *host,
                   uint64_t now_ms, struct guard_change out[GUARD_FIGURES]);
bool guard_is_tripped(const struct guard *g);
/* "well", "rising", "tripped", "falling" */
const char *guard_state_name(enum guard_state state);
/* The figure as it is in a snapshot; not a number when it is not known. */
double guard_value(enum guard_figure figure, const struct snapshot_host *host);
