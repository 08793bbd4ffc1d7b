/* SPDX-License-Identifier: MIT */
/* owncpu.c - see owncpu.h. Runs in the engine, as an ordinary user: what it
 * reads of cgroups and processes may be read by anybody. */
#include "sys/owncpu.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "sys/procstat.h"

/* The whole hierarchy below the parent, living boxes and past ones. */
static const struct {
    const char *format; /* root, parent */
    const char *key;
    uint64_t units_per_us;
} counters[] = {
    [CGROUP_V1] = {"%s/cpuacct/%s/cpuacct.usage", NULL, 1000},
    [CGROUP_V2] = {"%s/%s/cpu.stat", "usage_usec ", 1},
};

/* Without a cgroup the processes of running boxes are read one by one. That is
 * a few hundred at most on hosts without cgroups; beyond, no answer. */
#define MOST_PROCESSES 4096

void owncpu_open(struct owncpu *o, int proc_fd, enum cgroup_version version,
                 const char *cgroup_root, const char *cgroup_parent)
{
    char path[512];

    *o = (struct owncpu){.proc_fd = proc_fd, .counter_fd = -1};
    if (version == CGROUP_NONE) {
        return;
    }
    (void)snprintf(path, sizeof(path), counters[version].format, cgroup_root,
                   cgroup_parent);
    o->counter_fd = open(path, O_RDONLY | O_CLOEXEC);
    o->counter_key = counters[version].key;
    o->units_per_us = counters[version].units_per_us;
}

void owncpu_close(struct owncpu *o)
{
    if (o->counter_fd >= 0) {
        close(take_fd(&o->counter_fd));
    }
}

static bool read_counter(const struct owncpu *o, uint64_t *out_us)
{
    char text[1024];
    const char *at = text;
    char *end = NULL;
    ssize_t n = pread(o->counter_fd, text, sizeof(text) - 1, 0);

    if (n <= 0) {
        return false;
    }
    text[n] = '\0';
    if (o->counter_key) {
        at = strstr(text, o->counter_key);
        at = at ? at + strlen(o->counter_key) : "";
    }
    *out_us = strtoull(at, &end, 10) / o->units_per_us;
    return end != at;
}

struct queue {
    pid_t pids[MOST_PROCESSES];
    size_t count;
    bool is_full;
};

static void add_pids(const char *at, struct queue *q)
{
    while (*at >= '0' && *at <= '9') {
        char *end = NULL;
        long pid = strtol(at, &end, 10);

        if (q->count == MOST_PROCESSES) {
            q->is_full = true;
            return;
        }
        q->pids[q->count++] = (pid_t)pid;
        at = end + strspn(end, " \n");
    }
}

/* /proc/PID/task/PID/children: those its first thread has started; a launcher
 * and an init have no other. What threads of a job start is missed, and what
 * does not fit into the buffer: it counts as others', until it is reaped. */
static bool add_children(int proc_fd, pid_t pid, struct queue *q)
{
    char path[64];
    char text[4096];
    ssize_t n;

    (void)snprintf(path, sizeof(path), "%d/task/%d/children", (int)pid,
                   (int)pid);
    n = fd_read_small(proc_fd, path, text, sizeof(text));
    if (n < 0) {
        return false;
    }
    char *last = strrchr(text, ' ');
    if (n == sizeof(text) - 1 && last) {
        *last = '\0'; /* what follows may be cut */
    }
    add_pids(text, q);
    return true;
}

/* What has ended is in the launcher's own sum over those it waited for; what
 * lives is read, with what it has waited for itself. */
static bool sum_processes(const struct owncpu *o, uint64_t *out_us)
{
    struct queue q = {.count = 0};
    struct procstat stat;

    if (!procstat_read(o->proc_fd, o->launcher, &stat) ||
        !add_children(o->proc_fd, o->launcher, &q)) {
        return false;
    }
    *out_us = stat.reaped_cpu_us;
    for (size_t i = 0; i < q.count && !q.is_full; i++) {
        /* What is gone by now is in its parent's sum next time. */
        if (procstat_read(o->proc_fd, q.pids[i], &stat)) {
            *out_us += stat.cpu_us + stat.reaped_cpu_us;
            (void)add_children(o->proc_fd, q.pids[i], &q);
        }
    }
    return !q.is_full;
}

static uint64_t cpu_of(const struct owncpu *o, pid_t pid)
{
    struct procstat stat;

    return pid > 0 && procstat_read(o->proc_fd, pid, &stat) ? stat.cpu_us : 0;
}

bool owncpu_read(const struct owncpu *o, uint64_t *out_us)
{
    uint64_t boxes_us = 0;
    bool is_known = true;

    if (o->counter_fd >= 0) {
        is_known = read_counter(o, &boxes_us);
    } else if (o->launcher > 0) {
        is_known = sum_processes(o, &boxes_us);
    }
    if (!is_known) {
        return false;
    }
    *out_us = boxes_us + cpu_of(o, o->engine) + cpu_of(o, o->launcher);
    return true;
}
