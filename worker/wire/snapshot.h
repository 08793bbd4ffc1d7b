/* SPDX-License-Identifier: MIT */
/* snapshot.h - what a worker knows of its host and of its own processes at
 * one moment: telemetry_before, telemetry_after, process_before and
 * process_after of a result. In a result they are open maps: these are the
 * keys that we write, others may be added. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "wire/record.h"

/* Numbers that could not be read are absent (see record.h). */
struct snapshot_host {
    uint64_t sampled_unix_nano; /* when most of it was read */
    uint64_t cpu_count;
    double cpu_percent;        /* of all CPUs, since the sample before */
    double cpu_others_percent; /* of it, not used by workers and boxes */
    double load_1m;
    double load_5m;
    double load_15m;
    uint64_t memory_total_bytes;
    uint64_t memory_used_bytes; /* what the kernel could not hand out */
    uint64_t swap_used_bytes;
    uint64_t disk_total_bytes;
    uint64_t disk_used_bytes;
    /* Share of the last 10 s in which somebody waited for it. */
    double pressure_cpu_percent;
    double pressure_memory_percent;
    double pressure_io_percent;
    uint64_t processes;
    uint64_t zombies; /* those of containers and boxes not counted */
    uint64_t jobs_running;
    bool guard_tripped; /* no new jobs are taken */
};

struct snapshot_daemon {
    bool present;
    uint64_t pid;
    uint64_t memory_rss_bytes;
    uint64_t cpu_us;
    uint64_t threads;
    uint64_t open_files;
};

struct snapshot_box {
    bool present;
    uint64_t pid; /* its init, as the worker's host sees it */
    uint64_t processes_peak;
};

struct snapshot_process {
    uint64_t sampled_unix_nano; /* of engine and launcher */
    struct snapshot_daemon engine;
    struct snapshot_daemon launcher;
    struct snapshot_box box; /* once it has ended */
};

extern const struct record snapshot_host_record;
extern const struct record snapshot_process_record;

void snapshot_host_init(struct snapshot_host *host);
void snapshot_process_init(struct snapshot_process *process);
int snapshot_host_encode(const struct snapshot_host *host, struct buf *b,
                         struct err *e) MUST_USE;
int snapshot_process_encode(const struct snapshot_process *process,
                            struct buf *b, struct err *e) MUST_USE;
