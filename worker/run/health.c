/* SPDX-License-Identifier: MIT */
/* health.c - see health.h. */
#include "run/health.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sys/hoststat.h"

struct health {
    struct health_spec spec;
    struct hoststat hoststat;
    struct snapshot_host host;
    struct snapshot_process process;
    struct guard guard;
    struct buf snapshots; /* those of one result, while it is made */
};

/* All keys of four snapshots, with the largest numbers, are under 3 KiB. */
#define SNAPSHOTS_MAX_BYTES 8192

/* ---- telling ----------------------------------------------------------- */

static void tell_log(const struct guard_row *row,
                     const struct guard_gauge *gauge,
                     const struct guard_change *change, unsigned tripped)
{
    if (change->is_trip) {
        log_warn("guard tripped, no new jobs",
                 "figure=%s value=%.1f%s threshold=%.0f release=%.1f "
                 "setting=%s",
                 row->name, gauge->value, row->unit, gauge->threshold,
                 gauge->release, row->setting);
        return;
    }
    /* A warning too: whoever saw the one must see the other. */
    log_warn(tripped ? "guard released, others are tripped"
                     : "guard released, jobs are taken",
             "figure=%s value=%.1f%s lasted_ms=%" PRIu64, row->name,
             gauge->value, row->unit, change->lasted_ms);
}

static void tell(struct health *h, const struct guard_change *change)
{
    const struct guard_row *row = &guard_rows[change->figure];
    const struct guard_gauge *gauge = &h->guard.gauges[change->figure];
    /* OpenTelemetry counts a utilization from 0 to 1. */
    double part = row->unit[0] == '%' ? 100 : 1;
    struct event event;
    const struct event_attribute attributes[] = {
        EVENT_ATTR_TEXT("forkyard.guard.figure", view_of(row->name)),
        EVENT_ATTR_DOUBLE("forkyard.guard.value", gauge->value),
        EVENT_ATTR_DOUBLE("forkyard.guard.threshold", gauge->threshold),
        EVENT_ATTR_DOUBLE("forkyard.guard.release", gauge->release),
        EVENT_ATTR_TEXT("forkyard.guard.unit", view_of(row->unit)),
        EVENT_ATTR_UINT("forkyard.guard.tripped", h->guard.tripped),
        EVENT_ATTR_DOUBLE(row->metric, gauge->value / part),
        EVENT_ATTR_UINT("forkyard.guard.lasted_ms", change->lasted_ms),
    };

    tell_log(row, gauge, change, h->guard.tripped);
    event_init(&event);
    event.type = view_of(change->is_trip ? "guard.tripped" : "guard.released");
    event.severity = change->is_trip ? EVENT_WARN : EVENT_INFO;
    telemetry_emit(h->spec.telemetry, &event, attributes,
                   ARRAY_LEN(attributes) - (change->is_trip ? 1 : 0));
}

/* ---- measuring --------------------------------------------------------- */

bool health_measure(struct health *h)
{
    struct guard_change changes[GUARD_FIGURES];
    bool was_tripped = guard_is_tripped(&h->guard);

    hoststat_read(&h->hoststat, &h->host, &h->process);
    size_t count = guard_judge(&h->guard, &h->host, clock_mono_ms(), changes);
    for (size_t i = 0; i < count; i++) {
        tell(h, &changes[i]);
    }
    return was_tripped && !guard_is_tripped(&h->guard);
}

bool health_takes_jobs(const struct health *h)
{
    return !guard_is_tripped(&h->guard);
}

const struct snapshot_host *health_host(const struct health *h)
{
    return &h->host;
}

const struct guard *health_guard(const struct health *h)
{
    return &h->guard;
}

/* ---- a job's snapshots ------------------------------------------------- */

void health_snapshot(const struct health *h, unsigned jobs_running,
                     struct health_snapshot *out)
{
    out->host = h->host;
    out->process = h->process;
    out->host.jobs_running = jobs_running;
    out->host.guard_tripped = guard_is_tripped(&h->guard);
}

static void add_box(struct snapshot_box *box, const struct launch_ended *ended,
                    const struct result *result)
{
    if (ended->init_pid > 0) {
        box->present = true;
        box->pid = (uint64_t)ended->init_pid;
        box->processes_peak = result->usage.processes_peak;
    }
}

void health_add_snapshots(struct health *h,
                          const struct health_snapshot *before,
                          unsigned jobs_running,
                          const struct launch_ended *ended,
                          struct result *result)
{
    struct buf *bytes = &h->snapshots;
    struct health_snapshot after;
    const struct {
        const struct record *record;
        const void *from;
        struct view *to;
    } rows[] = {
        {&snapshot_host_record, &before->host, &result->telemetry_before},
        {&snapshot_host_record, &after.host, &result->telemetry_after},
        {&snapshot_process_record, &before->process, &result->process_before},
        {&snapshot_process_record, &after.process, &result->process_after},
    };
    size_t ends[ARRAY_LEN(rows)];
    size_t start = 0;

    if (!h->spec.config->result_snapshots) {
        return;
    }
    health_snapshot(h, jobs_running, &after);
    add_box(&after.process.box, ended, result);
    buf_clear(bytes);
    /* Views last: the buffer moves while it grows. */
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (record_encode(rows[i].record, rows[i].from, bytes, NULL) < 0) {
            return;
        }
        ends[i] = bytes->len;
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        *rows[i].to =
            (struct view){(const char *)bytes->data + start, ends[i] - start};
        start = ends[i];
    }
}

/* ---- life -------------------------------------------------------------- */

struct health *health_new(const struct health_spec *spec)
{
    struct health *h = xcalloc(1, sizeof(*h));
    const struct hoststat_spec hoststat = {
        .proc_path = "/proc",
        .cgroup_path = "/sys/fs/cgroup",
        .disk_path = spec->config->guard_disk_path,
        .cgroup_version = spec->host->controllers & CGROUP_CPUACCT
                              ? (enum cgroup_version)spec->host->cgroup_version
                              : CGROUP_NONE,
        .cgroup_parent = spec->config->box_cgroup_parent,
        .engine = getpid(),
        .launcher = spec->launcher,
    };

    h->spec = *spec;
    guard_init(&h->guard, spec->config);
    snapshot_host_init(&h->host);
    snapshot_process_init(&h->process);
    hoststat_open(&h->hoststat, &hoststat);
    buf_init(&h->snapshots, SNAPSHOTS_MAX_BYTES);
    return h;
}

void health_free(struct health *h)
{
    if (h) {
        hoststat_close(&h->hoststat);
        buf_done(&h->snapshots);
        free(h);
    }
}
