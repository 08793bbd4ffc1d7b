/* SPDX-License-Identifier: MIT */
/* attacks.h - every attack of tests/probe/attack_*.c: what it may have, and
 * how it must end, with cgroups and without. */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "run/plan.h"
#include "sys/box_limits.h"
#include "wire/status.h"

/* How a job may end. */
enum ending {
    EXITS,        /* with this code */
    SIGNALLED,    /* by this signal, its own doing */
    WALL,         /* did not end by itself */
    CPU,          /* all its processes used up the time */
    OOM,          /* the kernel said so */
    OVER_MEMORY,  /* the launcher's watch said so */
    PROCESSES,    /* was refused one, and failed */
    TMP_FULL,     /* and failed */
    SPACE_FULL,   /* /workspace, and failed */
    INODES_GONE,  /* and failed */
    FILE_SIZE,    /* one file too large */
    STDOUT_FLOOD, /* stopped by the engine */
    STDERR_FLOOD,
};

struct expected {
    enum ending ending;
    int code; /* of EXITS, SIGNALLED */
};

struct attack_row {
    const char *program; /* attack_... */
    const char *name;
    struct expected with;    /* memory, pids and cpu cgroups */
    struct expected without; /* none of them */
    /* What it tells it got; 0, 0: nothing, or it does not matter. */
    uint64_t told_min;
    uint64_t told_max;
    /* 0: as usual, and more than enough */
    uint64_t wall_ms;
    uint64_t cpu_time_ms;
    uint64_t max_inodes;
    /* Not where no cpu cgroup is: see worker/doc/neighbours.md. */
    bool needs_cpu_quota;
};

#define MIB         (UINT64_C(1) << 20)
#define ENDLESS_MS  150u
#define PLENTY_MS   30000u
#define TASKS       64u
#define OPEN_FILES  256u
#define INODES      4000u
#define MOST_BYTES  (256 * MIB) /* no attack takes more */
#define SIGNALS_MAX 1024u       /* rlimits.c */

/* A busy machine, not the one that is attacked. */
#define ENDED_LATE_MS 5000u

#define OF(field) offsetof(struct plan, field)

/* Measured: from `low` thousandths of the limit up to `high`, and `more`. */
static const struct {
    const char *name;
    enum status status;
    bool has_limit;
    enum status_by by;
    enum status_limit limit;
    size_t value;
    bool is_flood;
    unsigned low;
    unsigned high;
    uint64_t more;
} endings[] = {
    [EXITS] = {"exit", STATUS_SUCCESS, false, 0, 0, 0, false, 0, 0, 0},
    [SIGNALLED] = {"signal", STATUS_SIGNALLED, false, 0, 0, 0, false, 0, 0, 0},
    [WALL] = {"wall time", STATUS_TIME_LIMIT_EXCEEDED, true,
              STATUS_BY_WORKER_TIMER, STATUS_LIMIT_WALL_TIME, OF(wall_time_ms),
              false, 1000, 1000, ENDED_LATE_MS},
    [CPU] = {"CPU time", STATUS_TIME_LIMIT_EXCEEDED, true,
             STATUS_BY_WORKER_TIMER, STATUS_LIMIT_CPU_TIME, OF(box.cpu_time_ms),
             false, 1000, 1000, ENDED_LATE_MS},
    [OOM] = {"memory, kernel", STATUS_MEMORY_LIMIT_EXCEEDED, true,
             STATUS_BY_KERNEL_OOM, STATUS_LIMIT_MEMORY, OF(box.memory_bytes),
             false, 900, 1000, 0},
    [OVER_MEMORY] = {"memory, watch", STATUS_MEMORY_LIMIT_EXCEEDED, true,
                     STATUS_BY_WORKER_GUARD, STATUS_LIMIT_MEMORY,
                     OF(box.memory_bytes), false, 1000, 3000, 0},
    [PROCESSES] = {"processes", STATUS_PROCESS_LIMIT_EXCEEDED, true,
                   STATUS_BY_CGROUP, STATUS_LIMIT_PROCESSES,
                   OF(box.max_processes), false, 1000, 1000, 0},
    [TMP_FULL] = {"disk, /tmp", STATUS_DISK_LIMIT_EXCEEDED, true,
                  STATUS_BY_SELF, STATUS_LIMIT_DISK, OF(box.tmp_bytes), false,
                  900, 1000, MIB},
    [SPACE_FULL] = {"disk, /workspace", STATUS_DISK_LIMIT_EXCEEDED, true,
                    STATUS_BY_SELF, STATUS_LIMIT_DISK, OF(box.workspace_bytes),
                    false, 900, 1000, MIB},
    [INODES_GONE] = {"inodes", STATUS_DISK_LIMIT_EXCEEDED, true, STATUS_BY_SELF,
                     STATUS_LIMIT_INODES, OF(box.max_inodes), false, 1000, 1000,
                     0},
    [FILE_SIZE] = {"file size", STATUS_DISK_LIMIT_EXCEEDED, true,
                   STATUS_BY_RLIMIT, STATUS_LIMIT_FILE_SIZE,
                   OF(box.file_size_bytes), false, 1000, 1000, 0},
    [STDOUT_FLOOD] = {"stdout", STATUS_OUTPUT_LIMIT_EXCEEDED, true,
                      STATUS_BY_WORKER_GUARD, STATUS_LIMIT_STDOUT,
                      OF(stdout_bytes), true, 1000, 1000, 3 * MIB},
    [STDERR_FLOOD] = {"stderr", STATUS_OUTPUT_LIMIT_EXCEEDED, true,
                      STATUS_BY_WORKER_GUARD, STATUS_LIMIT_STDERR,
                      OF(stderr_bytes), true, 1000, 1000, 3 * MIB},
};

/* clang-format off */
static const struct box_limits usual_limits = {
    .memory_bytes = 128 * MIB, .stack_bytes = 8 * MIB,
    .file_size_bytes = 10 * MIB, .workspace_bytes = 16 * MIB,
    .tmp_bytes = 16 * MIB, .max_inodes = INODES, .cpu_time_ms = PLENTY_MS,
    .max_processes = TASKS, .max_open_files = OPEN_FILES,
    .cpu_quota_millicores = 1000,
};

#define IT(program_, name_) .program = "attack_" program_, .name = name_
#define ENDS(how, code) .with = {how, code}, .without = {how, code}
#define DIFFERS(how, code, how_without, code_without)                          \
    .with = {how, code}, .without = {how_without, code_without}
#define TELLS(min, max) .told_min = min, .told_max = max

static const struct attack_row attack_rows[] = {
    /* processes; the program itself is one of them */
    {IT("processes", "fork_until_refused"), DIFFERS(PROCESSES, 0, EXITS, 1),
     TELLS(TASKS - 1, TASKS - 1)},
    {IT("processes", "zombies"), DIFFERS(PROCESSES, 0, EXITS, 1),
     TELLS(TASKS - 1, TASKS - 1)},
    {IT("processes", "threads_until_refused"), DIFFERS(PROCESSES, 0, EXITS, 1),
     TELLS(TASKS - 1, TASKS - 1)},
    {IT("processes", "fork_bomb"), ENDS(WALL, 0), .wall_ms = ENDLESS_MS},
    {IT("processes", "thread_bomb"), ENDS(WALL, 0), .wall_ms = ENDLESS_MS},
    {IT("processes", "vfork_storm"), ENDS(EXITS, 0)},
    {IT("processes", "clone_storm"), ENDS(EXITS, 0)},
    {IT("processes", "exec_loop"), ENDS(EXITS, 0)},
    {IT("processes", "reparent_storm"), ENDS(EXITS, 0)},
    {IT("processes", "crash_storm"), ENDS(EXITS, 0)},
    {IT("processes", "daemons"), ENDS(EXITS, 0), TELLS(20, 20)},
    {IT("processes", "moving_daemons"), ENDS(EXITS, 0)},
    {IT("processes", "busy_orphans"), ENDS(EXITS, 0)},
    /* memory */
    {IT("memory", "heap"), DIFFERS(OOM, 0, EXITS, 1)},
    {IT("memory", "stack"), ENDS(SIGNALLED, SIGSEGV)},
    {IT("memory", "shared_map"), DIFFERS(OOM, 0, OVER_MEMORY, 0)},
    {IT("memory", "shared_out"), DIFFERS(OOM, 9, OVER_MEMORY, 0)},
    {IT("memory", "page_tables"), DIFFERS(OOM, 0, EXITS, 0),
     TELLS(MOST_BYTES, MOST_BYTES)},
    {IT("memory", "many_maps"), ENDS(EXITS, 0), TELLS(1, 65536)},
    {IT("memory", "locked"), ENDS(EXITS, 0), TELLS(0, 65536)},
    {IT("memory", "memfds"), DIFFERS(OOM, 0, EXITS, 0),
     TELLS(MOST_BYTES, MOST_BYTES)},
    {IT("memory", "posix_shm"), ENDS(TMP_FULL, 0), TELLS(12 * MIB, 16 * MIB)},
    {IT("memory", "sysv_shm"), DIFFERS(OOM, 0, EXITS, 0),
     TELLS(MOST_BYTES, MOST_BYTES)},
    {IT("memory", "sysv_messages"), DIFFERS(OOM, 0, EXITS, 0),
     TELLS(MOST_BYTES, MOST_BYTES + MIB)},
    {IT("memory", "sysv_semaphores"), DIFFERS(OOM, 0, EXITS, 0),
     TELLS(MOST_BYTES, MOST_BYTES + 2 * MIB)},
    {IT("memory", "posix_messages"), ENDS(EXITS, 1)},
    {IT("memory", "pipes"), ENDS(EXITS, 0), TELLS(MIB, 80 * MIB)},
    {IT("memory", "sockets"), DIFFERS(OOM, 9, EXITS, 0),
     TELLS(128 * MIB, MOST_BYTES + 8 * MIB)},
    {IT("memory", "evict_cache"), ENDS(EXITS, 0)},
    /* files */
    {IT("files", "fill_tmp"), ENDS(TMP_FULL, 0), TELLS(15 * MIB, 16 * MIB)},
    {IT("files", "fill_workspace"), ENDS(SPACE_FULL, 0),
     TELLS(14 * MIB, 16 * MIB)},
    {IT("files", "huge_file"), ENDS(FILE_SIZE, 0)},
    {IT("files", "huge_hole"), ENDS(FILE_SIZE, 0)},
    {IT("files", "many_holes"), ENDS(EXITS, 0), TELLS(1600 * MIB, 1600 * MIB)},
    {IT("files", "files_until_refused"), ENDS(INODES_GONE, 0),
     TELLS(INODES - 2, INODES - 1)},
    {IT("files", "links_until_refused"), ENDS(INODES_GONE, 0),
     TELLS(INODES - 3, INODES - 2)},
    {IT("files", "descriptors"), ENDS(EXITS, 0),
     TELLS(OPEN_FILES - 3, OPEN_FILES - 3)},
    {IT("files", "descriptors_in_flight"), ENDS(EXITS, 0),
     TELLS(1, 2 * OPEN_FILES)},
    {IT("files", "deep_directory"), ENDS(EXITS, 0), TELLS(10000, 10000),
     .max_inodes = 10100},
    {IT("files", "huge_directory"), ENDS(EXITS, 0), TELLS(3000, 3000)},
    {IT("files", "odd_names"), ENDS(EXITS, 0), TELLS(24, 24)},
    {IT("files", "link_loops"), ENDS(EXITS, 0)},
    {IT("files", "absent_names"), ENDS(EXITS, 0)},
    {IT("files", "sync_storm"), ENDS(EXITS, 0)},
    {IT("files", "proc_scans"), ENDS(EXITS, 0)},
    {IT("files", "locks"), ENDS(EXITS, 0)},
    /* signals and timers */
    {IT("signals", "stop_all"), ENDS(WALL, 0), .wall_ms = ENDLESS_MS},
    {IT("signals", "deaf"), ENDS(WALL, 0), .wall_ms = ENDLESS_MS},
    {IT("signals", "kill_all"), ENDS(EXITS, 0), TELLS(20, 20)},
    {IT("signals", "kill_siblings"), ENDS(EXITS, 0), TELLS(20, 20)},
    {IT("signals", "kill_init"), ENDS(EXITS, 0), TELLS(128, 128)},
    {IT("signals", "queue_signals"), ENDS(EXITS, 0), TELLS(1, SIGNALS_MAX)},
    {IT("signals", "stopped_children"), ENDS(EXITS, 0)},
    {IT("signals", "traced_children"), ENDS(EXITS, 0)},
    {IT("signals", "timers_until_refused"), ENDS(EXITS, 0),
     TELLS(1, SIGNALS_MAX)},
    {IT("signals", "timer_storm"), ENDS(EXITS, 0)},
    {IT("signals", "interval_timers"), ENDS(EXITS, 0)},
    {IT("signals", "timer_descriptors"), ENDS(EXITS, 0),
     TELLS(OPEN_FILES - 3, OPEN_FILES - 3)},
    /* what the kernel does for all */
    {IT("kernel", "spin"), ENDS(WALL, 0), .wall_ms = ENDLESS_MS},
    {IT("kernel", "spin"), ENDS(CPU, 0), .cpu_time_ms = 200},
    {IT("kernel", "yield_storm"), ENDS(WALL, 0), .wall_ms = ENDLESS_MS},
    {IT("kernel", "crowd_one_processor"), ENDS(WALL, 0), .wall_ms = ENDLESS_MS},
    {IT("kernel", "nap_storm"), ENDS(WALL, 0), .wall_ms = ENDLESS_MS,
     .needs_cpu_quota = true},
    {IT("kernel", "futex_storm"), ENDS(EXITS, 0)},
    {IT("kernel", "barrier_storm"), ENDS(EXITS, 0)},
    {IT("kernel", "map_storm"), ENDS(EXITS, 0)},
    {IT("kernel", "random_storm"), ENDS(EXITS, 0)},
    {IT("kernel", "syscall_storm"), ENDS(EXITS, 0)},
    {IT("kernel", "inotify_instances"), ENDS(EXITS, 1)},
    {IT("kernel", "epoll_nests"), ENDS(EXITS, 0), TELLS(1, 5)},
    /* output */
    {IT("output", "flood_stdout"), ENDS(STDOUT_FLOOD, 0)},
    {IT("output", "flood_stderr"), ENDS(STDERR_FLOOD, 0)},
    {IT("output", "flood_both"), ENDS(STDOUT_FLOOD, 0)},
    {IT("output", "flood_by_many"), ENDS(STDOUT_FLOOD, 0)},
    {IT("output", "flood_by_pages"), ENDS(STDOUT_FLOOD, 0)},
    {IT("output", "single_bytes"), ENDS(EXITS, 0)},
    {IT("output", "closed_streams"), ENDS(EXITS, 7)},
    {IT("output", "writing_orphan"), ENDS(EXITS, 0), TELLS(1, 1)},
    {IT("output", "silent_orphan"), ENDS(EXITS, 0)},
    {IT("output", "read_own_output"), ENDS(EXITS, 0)},
    {IT("output", "change_flags"), ENDS(EXITS, 0), TELLS(2, 2)},
    /* clang-format on */
};
/* clang-format on */
