/* SPDX-License-Identifier: MIT */
/* config_table.h - every setting, one row each.
 *
 * From these rows come the YAML parser, the FORKYARD_... variables, the
 * --section.name=value flags, `forkyard check`, the sample file in deploy/ and
 * the reference. A row: C name, dotted name, type, default, min, max, doc.
 * The variable is FORKYARD_ + the dotted name in capitals, dots as
 * underscores. Types: TEXT, NUM, SIZE (bytes), TIME (ms), BOOL. */
#pragma once

/* clang-format off */
#define CONFIG_ROWS(TEXT, NUM, SIZE, TIME, BOOL)                               \
TEXT(worker_id,       "worker.id",       "",        "name in telemetry and results; empty: host name and pid") \
NUM (worker_slots,    "worker.slots",    0, 0, 4096, "boxes at the same time; 0: four per core") \
TEXT(worker_user,     "worker.user",     "nobody",  "the engine runs as this user when started as root") \
TIME(worker_drain_ms, "worker.drain_timeout", 30000, 0, 86400000, "how long SIGTERM waits for running jobs before they are killed and left for redelivery") \
TIME(worker_heartbeat_ms, "worker.heartbeat_interval", 10000, 100, 3600000, "between two worker.heartbeat events") \
TEXT(topics_prefix,   "topics.prefix",   "forkyard.", "in front of every topic name") \
TEXT(topics_group,    "topics.group",    "forkyard", "consumer group of the workers") \
TEXT(topics_queues,   "topics.queues",   "high:8,default:3,low:1", "queues this worker takes jobs from, each with its weight") \
TIME(topics_commit_ms, "topics.commit_interval", 250, 10, 60000, "between two offset commits of finished jobs") \
TEXT(topics_delivery, "topics.delivery", "at-least-once", "at-least-once, or exactly-once: results and offsets in one transaction, for readers that read committed records only") \
TIME(topics_transaction_ms, "topics.transaction_interval", 100, 10, 5000, "between two transactions, with topics.delivery: exactly-once") \
TIME(topics_revoke_ms, "topics.revoke_grace", 5000, 0, 50000, "how long a partition that another worker is to have waits for its running jobs to end; the group waits as well") \
BOOL(topics_kill_revoked, "topics.kill_revoked", 0, "kill jobs of a partition that has gone to another worker, which runs them again; if not, they go on, and readers take the first result") \
TEXT(retry_group,     "retry.group",     "",         "consumer group of those who bring waiting jobs back when they are due, one for all workers; empty: topics.prefix and retry") \
TEXT(retry_backoff,   "retry.backoff",   "5s,1m,10m,1h", "how long a job waits before each further attempt, of 5s, 1m, 10m, 1h; the last one repeats") \
TIME(retry_rewrite_ms, "retry.rewrite_interval", 86400000, 1000, 2592000000, "what waits longer is written anew each time, because Kafka keeps a record for some days only") \
BOOL(retry_forward,   "retry.forward",   1, "bring waiting jobs back when they are due; some worker must, and needs the right to write to every jobs topic") \
TEXT(http_listen,     "http.listen",     "",        "metrics and health over HTTP: 127.0.0.1:9464, [::1]:9464 or unix:/path, port 0 is any free one; empty: off. Nobody is asked who he is, so mind who can reach it") \
BOOL(guard_enabled,   "guard.enabled",   1, "take no new jobs while the host is over one of the thresholds below; what runs goes on") \
NUM (guard_cpu_percent, "guard.cpu_percent", 80, 0, 100, "CPU time of the host that neither workers nor their boxes use; 0: not looked at") \
NUM (guard_memory_percent, "guard.memory_percent", 80, 0, 100, "memory of the host that is not available; 0: not looked at") \
NUM (guard_disk_percent, "guard.disk_percent", 95, 0, 100, "use of the file system of guard.disk_path; 0: not looked at") \
TEXT(guard_disk_path, "guard.disk_path", "/",  "any path on the file system to look at; a local one, because it is asked every second") \
NUM (guard_pressure_cpu_percent, "guard.pressure_cpu_percent", 0, 0, 100, "share of the last 10 s in which something waited for a processor, where the kernel tells (PSI); 0: not looked at, because a worker that uses its slots causes it itself") \
NUM (guard_pressure_memory_percent, "guard.pressure_memory_percent", 60, 0, 100, "the same for memory") \
NUM (guard_pressure_io_percent, "guard.pressure_io_percent", 80, 0, 100, "the same for disks") \
NUM (guard_zombies,   "guard.zombies",   10, 0, 4194304, "dead processes that nobody waits for, those of boxes and containers not counted; 0: not looked at") \
NUM (guard_release_percent, "guard.release_percent", 90, 1, 100, "jobs are taken again when every figure is at or below this share of its threshold") \
TIME(guard_trip_ms,   "guard.trip_time", 3000, 0, 3600000, "how long a figure must be over its threshold; 0: one measurement is enough") \
TIME(guard_release_ms, "guard.release_time", 5000, 0, 3600000, "how long all must be low enough before jobs are taken again") \
TIME(guard_interval_ms, "guard.interval", 1000, 1000, 60000, "between two measurements of the host") \
BOOL(events_telemetry, "events.telemetry", 1, "publish telemetry events") \
BOOL(events_audit,    "events.audit",    1, "publish audit records") \
TEXT(box_cgroup,      "box.cgroup",      "auto", "auto, v2, v1 or none: which cgroup hierarchy holds the boxes; auto takes what is writable") \
TEXT(box_cgroup_parent, "box.cgroup_parent", "forkyard", "cgroup below which the boxes are made") \
NUM (box_uid_base,    "box.uid_base",    1900000000, 1000, 2147000000, "slot N runs as this user id + N; two workers on one host need ranges that do not meet") \
TIME(box_grace_ms,    "box.grace",       250, 0, 60000, "a job over its wall, CPU or idle time gets SIGTERM, and is killed so much later; 0: at once") \
NUM (box_prepared,    "box.prepared",    64, 0, 4096, "boxes made ahead of their jobs, one per slot at most: each is two idle processes of some 20 KB; 0: a box is made when its job comes") \
SIZE(job_max_bytes,   "job.max_bytes",   8388608, 1024, 1073741824, "largest job record; over it: dead letter") \
SIZE(job_code_max_bytes, "job.code_max_bytes", 1048576, 1, 1073741824, "largest code field") \
SIZE(job_args_max_bytes, "job.args_max_bytes", 1048576, 1, 1073741824, "largest sum of args, and of parameters") \
NUM (job_max_files,   "job.max_files",   1000, 0, 100000, "most files one job may carry") \
NUM (job_max_fetch_files, "job.max_fetch_files", 100, 0, 10000, "most fetch_files one job may ask for") \
SIZE(compile_max_bytes, "compile.max_bytes", 33554432, 65536, 1073741824, "files that a compile stage may hand to the run, besides the job's own") \
SIZE(result_max_bytes, "result.max_bytes", 4194304, 65536, 1073741824, "largest result record; a larger one loses contents of files and output, and says so") \
BOOL(result_snapshots, "result.snapshots", 1, "telemetry and processes of the worker before and after, in each result") \
TIME(default_wall_time_ms, "limits.default.wall_time", 30000, 1, 86400000, "wall clock, when the job names none") \
TIME(default_cpu_time_ms, "limits.default.cpu_time", 30000, 1, 86400000, "CPU time of all processes of the box") \
SIZE(default_memory_bytes, "limits.default.memory", 536870912, 1048576, 1099511627776, "memory of the box") \
SIZE(default_stack_bytes, "limits.default.stack", 8388608, 65536, 1073741824, "stack of one process") \
NUM (default_max_processes, "limits.default.max_processes", 64, 1, 1000000, "processes and threads of the box") \
NUM (default_max_open_files, "limits.default.max_open_files", 256, 8, 1000000, "descriptors of one process") \
SIZE(default_max_file_size_bytes, "limits.default.max_file_size", 10485760, 0, 1099511627776, "largest file the job may write") \
SIZE(default_disk_bytes, "limits.default.disk", 52428800, 65536, 1099511627776, "size of /workspace") \
SIZE(default_tmp_bytes, "limits.default.tmp", 104857600, 65536, 1099511627776, "size of /tmp") \
NUM (default_max_inodes, "limits.default.max_inodes", 10000, 16, 10000000, "files and directories in /workspace, and in /tmp") \
SIZE(default_stdout_bytes, "limits.default.stdout", 1048576, 0, 268435456, "stdout kept: half from the head, half from the tail") \
SIZE(default_stderr_bytes, "limits.default.stderr", 1048576, 0, 268435456, "stderr kept, the same way") \
SIZE(default_artifact_bytes, "limits.default.artifacts", 1048576, 0, 1073741824, "contents of all artifacts together; the rest is named without") \
NUM (default_max_artifacts, "limits.default.max_artifacts", 100, 0, 10000, "files below /workspace/artifacts that come back; 0: none") \
NUM (default_cpu_quota_millicores, "limits.default.cpu_quota_millicores", 1000, 10, 1000000, "share of a core, where the cpu cgroup is writable") \
TIME(max_wall_time_ms, "limits.max.wall_time", 3600000, 1, 604800000, "over this a job is refused") \
TIME(max_cpu_time_ms, "limits.max.cpu_time", 3600000, 1, 604800000, "over this a job is refused") \
SIZE(max_memory_bytes, "limits.max.memory", 4294967296, 1048576, 1125899906842624, "over this a job is refused") \
SIZE(max_stack_bytes, "limits.max.stack", 1073741824, 65536, 1099511627776, "over this a job is refused") \
NUM (max_max_processes, "limits.max.max_processes", 4096, 1, 4194304, "over this a job is refused") \
NUM (max_max_open_files, "limits.max.max_open_files", 65536, 8, 1048576, "over this a job is refused") \
SIZE(max_max_file_size_bytes, "limits.max.max_file_size", 1073741824, 0, 1125899906842624, "over this a job is refused") \
SIZE(max_disk_bytes, "limits.max.disk", 1073741824, 65536, 1125899906842624, "over this a job is refused") \
NUM (max_max_inodes, "limits.max.max_inodes", 1000000, 16, 100000000, "over this a job is refused") \
SIZE(max_stdout_bytes, "limits.max.stdout", 16777216, 0, 1073741824, "over this a job is refused") \
SIZE(max_stderr_bytes, "limits.max.stderr", 16777216, 0, 1073741824, "over this a job is refused") \
SIZE(max_artifact_bytes, "limits.max.artifacts", 16777216, 0, 1073741824, "over this a job is refused") \
NUM (max_max_artifacts, "limits.max.max_artifacts", 10000, 0, 10000, "over this a job is refused") \
NUM (max_cpu_quota_millicores, "limits.max.cpu_quota_millicores", 64000, 10, 1000000, "over this a job is refused") \
TEXT(log_level,       "log.level",       "info", "debug, info, warn or error") \
TEXT(log_format,      "log.format",      "text", "text or json")
/* clang-format on */
