/* SPDX-License-Identifier: MIT */
/* hoststat.h - how this host and the worker's own processes fare: CPU, memory,
 * disk, pressure, processes. Texts of /proc are parsed by pure functions;
 * hoststat_read() reads them and is called once a second.
 *
 * Happy path: open, then read as often as wanted; shares of time are over the
 * time since the read before.
 * Failures: what this kernel does not have, or does not show, is absent in the
 * snapshot (RECORD_NO_UINT, not a number); nothing fails. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/base.h"
#include "sys/owncpu.h"
#include "sys/zombies.h"
#include "wire/snapshot.h"

/* ---- texts ------------------------------------------------------------- */

struct hoststat_cpu {
    uint64_t busy_ticks; /* of all processors; stolen time is others' */
    uint64_t all_ticks;
};

/* /proc/stat, /proc/meminfo, /proc/loadavg, /proc/pressure/NAME. False, and
 * *out as it was, when the text is not what it should be. */
bool hoststat_parse_cpu(const char *text, struct hoststat_cpu *out);
bool hoststat_parse_memory(const char *text, struct snapshot_host *out);
bool hoststat_parse_load(const char *text, struct snapshot_host *out);
bool hoststat_parse_pressure(const char *text, double *out_percent);

/* ---- the host ---------------------------------------------------------- */

struct hoststat_spec {
    const char *proc_path;   /* "/proc" */
    const char *cgroup_path; /* "/sys/fs/cgroup" */
    const char *disk_path;   /* a path on the file system to look at */
    enum cgroup_version cgroup_version;
    const char *cgroup_parent; /* below it are boxes */
    pid_t engine;              /* 0: none */
    pid_t launcher;            /* 0: none */
};

struct hoststat {
    struct hoststat_spec spec;
    int proc_fd;
    struct owncpu own;
    struct zombies zombies;
    bool has_before;
    struct hoststat_cpu before;
    bool has_own_before;
    uint64_t own_before_us;
    uint64_t tick_us;
};

/* Borrows the texts of spec. */
void hoststat_open(struct hoststat *h, const struct hoststat_spec *spec);
/* Sets all members but jobs_running, guard_tripped and box. Blocks for less
 * than a millisecond; the first time for as long as reading the state of every
 * process takes. */
void hoststat_read(struct hoststat *h, struct snapshot_host *host,
                   struct snapshot_process *process);
void hoststat_close(struct hoststat *h);
