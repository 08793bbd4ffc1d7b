/* SPDX-License-Identifier: MIT */
/* check_guard.c - see check_guard.h. Runs in `forkyard check`, beside workers
 * or where there is none yet: boxes that run are told from others by their
 * cgroup, where there is one. */
#include "bin/check_guard.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

#include "bin/cli.h"
#include "run/guard.h"
#include "sys/hoststat.h"

/* Twenty ticks of the kernel's clock on each processor. */
#define MEASURE_NS 200000000

enum verdict { LOW_ENOUGH, TOO_HIGH, NOT_KNOWN, NOT_LOOKED_AT };

static const struct {
    const char *word;
    char color;
} verdicts[] = {
    [LOW_ENOUGH] = {"ok", 'g'},
    [TOO_HIGH] = {"over", 'r'},
    [NOT_KNOWN] = {"unknown", 'y'},
    [NOT_LOOKED_AT] = {"off", 'y'},
};

static enum verdict verdict_of(const struct guard_gauge *gauge)
{
    if (gauge->threshold <= 0) {
        return NOT_LOOKED_AT;
    }
    if (isnan(gauge->value)) {
        return NOT_KNOWN;
    }
    return gauge->value > gauge->threshold ? TOO_HIGH : LOW_ENOUGH;
}

/* In the order in which a worker looks for one. */
static void open_host(struct hoststat *h, const struct config *config)
{
    static const enum cgroup_version versions[] = {CGROUP_V2, CGROUP_V1,
                                                   CGROUP_NONE};

    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        const struct hoststat_spec spec = {
            .proc_path = "/proc",
            .cgroup_path = "/sys/fs/cgroup",
            .disk_path = config->guard_disk_path,
            .cgroup_version = versions[i],
            .cgroup_parent = config->box_cgroup_parent,
        };

        hoststat_open(h, &spec);
        if (h->own.counter_fd >= 0 || versions[i] == CGROUP_NONE) {
            return;
        }
        hoststat_close(h);
    }
}

static void measure(struct guard *g, const struct config *config)
{
    const struct timespec wait = {.tv_nsec = MEASURE_NS};
    struct guard_change changes[GUARD_FIGURES];
    struct snapshot_process process;
    struct snapshot_host host;
    struct hoststat h;

    guard_init(g, config);
    open_host(&h, config);
    hoststat_read(&h, &host, &process);
    (void)nanosleep(&wait, NULL); /* a share of time needs a time */
    hoststat_read(&h, &host, &process);
    hoststat_close(&h);
    (void)guard_judge(g, &host, 0, changes);
}

static void print_gauge(const struct guard_row *row,
                        const struct guard_gauge *gauge)
{
    enum verdict verdict = verdict_of(gauge);
    char value[32] = "?";

    if (!isnan(gauge->value)) {
        (void)snprintf(value, sizeof(value), "%.*f%s",
                       row->unit[0] == '%' ? 1 : 0, gauge->value, row->unit);
    }
    (void)printf(
        "  %s%-8s%s %-16s %7s, ", cli_color(stdout, verdicts[verdict].color),
        verdicts[verdict].word, cli_color(stdout, '0'), row->name, value);
    if (gauge->threshold > 0) {
        (void)printf("limit %.0f%s, back at %.4g%s", gauge->threshold,
                     row->unit, gauge->release, row->unit);
    } else {
        (void)printf("no limit");
    }
    (void)printf(": %s\n", row->words);
}

void check_guard_print(const struct config *config)
{
    struct guard g;

    measure(&g, config);
    for (unsigned i = 0; i < GUARD_FIGURES; i++) {
        print_gauge(&guard_rows[i], &g.gauges[i]);
    }
}

json_t *check_guard_json(const struct config *config)
{
    json_t *list = json_array();
    struct guard g;

    measure(&g, config);
    for (unsigned i = 0; i < GUARD_FIGURES; i++) {
        const struct guard_row *row = &guard_rows[i];
        const struct guard_gauge *gauge = &g.gauges[i];
        json_t *object = json_pack(
            "{s:s, s:s, s:s, s:s, s:f, s:f, s:s}", "figure", row->name,
            "meaning", row->words, "setting", row->setting, "unit", row->unit,
            "threshold", gauge->threshold, "release", gauge->release, "state",
            verdicts[verdict_of(gauge)].word);

        /* JSON has no word for a number that is none. */
        (void)json_object_set_new(
            object, "value",
            isnan(gauge->value) ? json_null() : json_real(gauge->value));
        (void)json_array_append_new(list, object);
    }
    return list;
}
