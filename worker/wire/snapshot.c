/* SPDX-License-Identifier: MIT */
/* snapshot.c - the tables of snapshot.h. Written by the engine. Pure. */
#include "wire/snapshot.h"

/* clang-format off */
#define ROW(owner, member, type) \
    RECORD_ROW(owner, member, type, RECORD_PLAIN, 0)
#define TABLE(table, struct_name) \
    {#table, sizeof(struct struct_name), table##_fields, \
     ARRAY_LEN(table##_fields)}

static const struct record_field host_fields[] = {
    ROW(snapshot_host, sampled_unix_nano, RECORD_UINT),
    ROW(snapshot_host, cpu_count, RECORD_UINT),
    ROW(snapshot_host, cpu_percent, RECORD_DOUBLE),
    ROW(snapshot_host, cpu_others_percent, RECORD_DOUBLE),
    ROW(snapshot_host, load_1m, RECORD_DOUBLE),
    ROW(snapshot_host, load_5m, RECORD_DOUBLE),
    ROW(snapshot_host, load_15m, RECORD_DOUBLE),
    ROW(snapshot_host, memory_total_bytes, RECORD_UINT),
    ROW(snapshot_host, memory_used_bytes, RECORD_UINT),
    ROW(snapshot_host, swap_used_bytes, RECORD_UINT),
    ROW(snapshot_host, disk_total_bytes, RECORD_UINT),
    ROW(snapshot_host, disk_used_bytes, RECORD_UINT),
    ROW(snapshot_host, pressure_cpu_percent, RECORD_DOUBLE),
    ROW(snapshot_host, pressure_memory_percent, RECORD_DOUBLE),
    ROW(snapshot_host, pressure_io_percent, RECORD_DOUBLE),
    ROW(snapshot_host, processes, RECORD_UINT),
    ROW(snapshot_host, zombies, RECORD_UINT),
    ROW(snapshot_host, jobs_running, RECORD_UINT),
    ROW(snapshot_host, guard_tripped, RECORD_BOOL),
};
const struct record snapshot_host_record = TABLE(host, snapshot_host);

static const struct record_field daemon_fields[] = {
    ROW(snapshot_daemon, pid, RECORD_UINT),
    ROW(snapshot_daemon, memory_rss_bytes, RECORD_UINT),
    ROW(snapshot_daemon, cpu_us, RECORD_UINT),
    ROW(snapshot_daemon, threads, RECORD_UINT),
    ROW(snapshot_daemon, open_files, RECORD_UINT),
};
static const struct record daemon_record = TABLE(daemon, snapshot_daemon);

static const struct record_field box_fields[] = {
    ROW(snapshot_box, pid, RECORD_UINT),
    ROW(snapshot_box, processes_peak, RECORD_UINT),
};
static const struct record box_record = TABLE(box, snapshot_box);

#define OBJECT(member, table) \
    RECORD_OBJECT_ROW(snapshot_process, member, RECORD_PLAIN, &table##_record)

static const struct record_field process_fields[] = {
    ROW(snapshot_process, sampled_unix_nano, RECORD_UINT),
    OBJECT(engine, daemon),
    OBJECT(launcher, daemon),
    OBJECT(box, box),
};
const struct record snapshot_process_record =
    TABLE(process, snapshot_process);
/* clang-format on */

void snapshot_host_init(struct snapshot_host *host)
{
    record_init(&snapshot_host_record, host);
}

void snapshot_process_init(struct snapshot_process *process)
{
    record_init(&snapshot_process_record, process);
}

int snapshot_host_encode(const struct snapshot_host *host, struct buf *b,
                         struct err *e)
{
    return record_encode(&snapshot_host_record, host, b, e);
}

int snapshot_process_encode(const struct snapshot_process *process,
                            struct buf *b, struct err *e)
{
    return record_encode(&snapshot_process_record, process, b, e);
}
