/* SPDX-License-Identifier: MIT */
/* guard.c - see guard.h. Runs in the engine and in `forkyard check`. Pure. */
#include "run/guard.h"

#include <math.h>
#include <string.h>

/* OpenTelemetry has utilization as a share of 1; here, as in the settings and
 * in what people say, it is a percentage, and the unit goes with the value. */
const struct guard_row guard_rows[GUARD_FIGURES] = {
    [GUARD_CPU] = {"cpu", "guard.cpu_percent", "system.cpu.utilization", "%",
                   "CPU time used by others"},
    [GUARD_MEMORY] = {"memory", "guard.memory_percent",
                      "system.memory.utilization", "%", "memory in use"},
    [GUARD_DISK] = {"disk", "guard.disk_percent",
                    "system.filesystem.utilization", "%", "disk in use"},
    [GUARD_PRESSURE_CPU] = {"pressure_cpu", "guard.pressure_cpu_percent",
                            "system.linux.pressure.cpu", "%",
                            "time in which something waits for a processor"},
    [GUARD_PRESSURE_MEMORY] = {"pressure_memory",
                               "guard.pressure_memory_percent",
                               "system.linux.pressure.memory", "%",
                               "time in which something waits for memory"},
    [GUARD_PRESSURE_IO] = {"pressure_io", "guard.pressure_io_percent",
                           "system.linux.pressure.io", "%",
                           "time in which something waits for a disk"},
    [GUARD_ZOMBIES] = {"zombies", "guard.zombies", "system.process.zombies", "",
                       "dead processes that nobody waits for"},
};

/* ---- figures ----------------------------------------------------------- */

static double share(uint64_t part, uint64_t whole)
{
    return part == RECORD_NO_UINT || whole == RECORD_NO_UINT || whole == 0
               ? NAN
               : 100 * (double)part / (double)whole;
}

double guard_value(enum guard_figure figure, const struct snapshot_host *host)
{
    switch (figure) {
    case GUARD_CPU:
        return host->cpu_others_percent;
    case GUARD_MEMORY:
        return share(host->memory_used_bytes, host->memory_total_bytes);
    case GUARD_DISK:
        return share(host->disk_used_bytes, host->disk_total_bytes);
    case GUARD_PRESSURE_CPU:
        return host->pressure_cpu_percent;
    case GUARD_PRESSURE_MEMORY:
        return host->pressure_memory_percent;
    case GUARD_PRESSURE_IO:
        return host->pressure_io_percent;
    case GUARD_ZOMBIES:
        return host->zombies == RECORD_NO_UINT ? NAN : (double)host->zombies;
    case GUARD_FIGURES:
    default:
        return NAN;
    }
}

static uint64_t threshold_of(enum guard_figure figure,
                             const struct config *config)
{
    const uint64_t thresholds[GUARD_FIGURES] = {
        [GUARD_CPU] = config->guard_cpu_percent,
        [GUARD_MEMORY] = config->guard_memory_percent,
        [GUARD_DISK] = config->guard_disk_percent,
        [GUARD_PRESSURE_CPU] = config->guard_pressure_cpu_percent,
        [GUARD_PRESSURE_MEMORY] = config->guard_pressure_memory_percent,
        [GUARD_PRESSURE_IO] = config->guard_pressure_io_percent,
        [GUARD_ZOMBIES] = config->guard_zombies,
    };

    return thresholds[figure];
}

void guard_init(struct guard *g, const struct config *config)
{
    memset(g, 0, sizeof(*g));
    g->is_enabled = config->guard_enabled;
    g->trip_ms = config->guard_trip_ms;
    g->release_ms = config->guard_release_ms;
    for (unsigned i = 0; i < GUARD_FIGURES; i++) {
        struct guard_gauge *gauge = &g->gauges[i];

        gauge->value = NAN;
        gauge->threshold = (double)threshold_of(i, config);
        gauge->release =
            gauge->threshold * (double)config->guard_release_percent / 100;
    }
}

/* ---- the table --------------------------------------------------------- */

enum input { LOW, BETWEEN, OVER, INPUTS };

static enum input input_of(const struct guard *g,
                           const struct guard_gauge *gauge)
{
    if (!g->is_enabled || gauge->threshold <= 0 || isnan(gauge->value) ||
        gauge->value <= gauge->release) {
        return LOW;
    }
    return gauge->value > gauge->threshold ? OVER : BETWEEN;
}

/* Between release value and threshold nothing begins and nothing ends. */
static const enum guard_state moves[GUARD_STATES][INPUTS] = {
    [GUARD_WELL] = {GUARD_WELL, GUARD_WELL, GUARD_RISING},
    [GUARD_RISING] = {GUARD_WELL, GUARD_WELL, GUARD_RISING},
    [GUARD_TRIPPED] = {GUARD_FALLING, GUARD_TRIPPED, GUARD_TRIPPED},
    [GUARD_FALLING] = {GUARD_FALLING, GUARD_TRIPPED, GUARD_TRIPPED},
};

static void enter(struct guard_gauge *gauge, enum guard_state state,
                  uint64_t now_ms)
{
    if (gauge->state != state) {
        gauge->state = state;
        gauge->since_ms = now_ms;
    }
}

/* True when the gauge has tripped or was released. */
static bool step(const struct guard *g, struct guard_gauge *gauge,
                 uint64_t now_ms, struct guard_change *out)
{
    enter(gauge, moves[gauge->state][input_of(g, gauge)], now_ms);
    uint64_t for_ms = now_ms - gauge->since_ms;

    if (gauge->state == GUARD_RISING && for_ms >= g->trip_ms) {
        enter(gauge, GUARD_TRIPPED, now_ms);
        gauge->tripped_at_ms = now_ms;
        *out = (struct guard_change){.is_trip = true};
        return true;
    }
    if (gauge->state == GUARD_FALLING && for_ms >= g->release_ms) {
        enter(gauge, GUARD_WELL, now_ms);
        *out =
            (struct guard_change){.lasted_ms = now_ms - gauge->tripped_at_ms};
        return true;
    }
    return false;
}

size_t guard_judge(struct guard *g, const struct snapshot_host *host,
                   uint64_t now_ms, struct guard_change out[GUARD_FIGURES])
{
    size_t count = 0;

    for (unsigned i = 0; i < GUARD_FIGURES; i++) {
        struct guard_gauge *gauge = &g->gauges[i];

        gauge->value = guard_value(i, host);
        if (step(g, gauge, now_ms, &out[count])) {
            out[count].figure = i;
            if (out[count].is_trip) {
                g->tripped++;
            } else {
                g->tripped--;
            }
            count++;
        }
    }
    return count;
}

bool guard_is_tripped(const struct guard *g)
{
    return g->tripped > 0;
}

const char *guard_state_name(enum guard_state state)
{
    static const char *const names[GUARD_STATES] = {
        [GUARD_WELL] = "well",
        [GUARD_RISING] = "rising",
        [GUARD_TRIPPED] = "tripped",
        [GUARD_FALLING] = "falling",
    };

    return names[state];
}
