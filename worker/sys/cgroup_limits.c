/* SPDX-License-Identifier: MIT */
/* cgroup_limits.c - what a job may use, written into its slot's cgroup. Runs in
 * the launcher. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "sys/cgroup_inside.h"

#define CPU_PERIOD_US 100000u

int cgroup_tree_of(const struct cgroups *c, unsigned controller)
{
    for (size_t i = 0; i < c->tree_count; i++) {
        if (c->trees[i].controllers & controller) {
            return (int)i;
        }
    }
    return -1;
}

static int write_num(int dir_fd, const char *file, uint64_t value)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "%" PRIu64, value);
    return fd_write_small(dir_fd, file, text);
}

static uint64_t read_num(int dir_fd, const char *file)
{
    char text[32];

    return fd_read_small(dir_fd, file, text, sizeof(text)) > 0
               ? strtoull(text, NULL, 10)
               : 0;
}

static int write_memory(const struct cgroups *c, int fd, uint64_t bytes)
{
    if (c->version == CGROUP_V2) {
        /* The kernel would kill until it fits, box init first. */
        if (read_num(fd, "memory.current") > bytes) {
            errno = EBUSY;
            return -1;
        }
        (void)fd_write_small(fd, "memory.swap.max", "0");
        (void)fd_write_small(fd, "memory.oom.group", "1");
        return write_num(fd, "memory.max", bytes);
    }
    /* memsw may not be below the plain limit at any moment: lift it first. */
    (void)fd_write_small(fd, "memory.memsw.limit_in_bytes", "-1");
    if (write_num(fd, "memory.limit_in_bytes", bytes) < 0) {
        /* EBUSY: pages of the last job still charged */
        (void)fd_write_small(fd, "memory.force_empty", "0");
        if (write_num(fd, "memory.limit_in_bytes", bytes) < 0) {
            return -1;
        }
    }
    (void)write_num(fd, "memory.memsw.limit_in_bytes", bytes);
    return 0;
}

static int write_cpu(const struct cgroups *c, int fd, uint64_t millicores)
{
    uint64_t quota_us = millicores * CPU_PERIOD_US / 1000;
    char text[64];

    if (c->version == CGROUP_V1) {
        return write_num(fd, "cpu.cfs_quota_us", quota_us);
    }
    (void)snprintf(text, sizeof(text), "%" PRIu64 " %u", quota_us,
                   CPU_PERIOD_US);
    return fd_write_small(fd, "cpu.max", text);
}

static int write_pids(const struct cgroups *c, int fd, uint64_t max_processes)
{
    (void)c;
    return write_num(fd, "pids.max", max_processes + CGROUP_OWN_TASKS);
}

/* What a job may ask for. */
static const struct {
    unsigned controller;
    size_t at; /* in struct box_limits */
    int (*write)(const struct cgroups *c, int dir_fd, uint64_t value);
    const char *name;
} limits_of[] = {
    {CGROUP_MEMORY, offsetof(struct box_limits, memory_bytes), write_memory,
     "limits.memory_bytes"},
    {CGROUP_PIDS, offsetof(struct box_limits, max_processes), write_pids,
     "limits.max_processes"},
    {CGROUP_CPU, offsetof(struct box_limits, cpu_quota_millicores), write_cpu,
     "limits.cpu_quota_millicores"},
};

static uint64_t limit_at(const struct box_limits *limits, size_t at)
{
    uint64_t value;

    memcpy(&value, (const char *)limits + at, sizeof(value));
    return value;
}

int cgroup_write_limits(const struct cgroups *c, struct cgroup_slot *slot,
                        const struct box_limits *limits, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(limits_of); i++) {
        unsigned controller = limits_of[i].controller;
        uint64_t value = limit_at(limits, limits_of[i].at);
        int tree = cgroup_tree_of(c, controller);

        if (tree < 0 || ((slot->set_controllers & controller) &&
                         limit_at(&slot->set, limits_of[i].at) == value)) {
            continue;
        }
        slot->set_controllers &= ~controller;
        AUTO_FD int dir_fd = openat(c->trees[tree].worker_fd, slot->name,
                                    O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (dir_fd < 0 || limits_of[i].write(c, dir_fd, value) < 0) {
            slot->worn |= errno == EBUSY ? 1u << tree : 0;
            return err_sys(e, "%s: the cgroup refused %" PRIu64,
                           limits_of[i].name, value);
        }
        slot->set_controllers |= controller;
    }
    slot->set = *limits;
    return 0;
}

/* The kernel lets all that waits for its share go on at once, and forgives what
 * was used beyond it. What the slot is set to stays as it was noted: whoever
 * writes limits next writes this one too. */
void cgroup_slot_unthrottle(const struct cgroups *c, struct cgroup_slot *slot)
{
    int tree = cgroup_tree_of(c, CGROUP_CPU);

    if (tree < 0 || !(slot->set_controllers & CGROUP_CPU)) {
        return;
    }
    AUTO_FD int dir_fd = openat(c->trees[tree].worker_fd, slot->name,
                                O_PATH | O_DIRECTORY | O_CLOEXEC);
    slot->set_controllers &= ~(unsigned)CGROUP_CPU;
    (void)(c->version == CGROUP_V1
               ? fd_write_small(dir_fd, "cpu.cfs_quota_us", "-1")
               : fd_write_small(dir_fd, "cpu.max", "max"));
}

/* A hundred times what slot process and init take; a whole processor, or the
 * box would be late. */
static const struct box_limits making = {
    .memory_bytes = UINT64_C(64) << 20,
    .max_processes = 8,
    .cpu_quota_millicores = 1000,
};

int cgroup_slot_widen(const struct cgroups *c, struct cgroup_slot *slot,
                      struct err *e)
{
    struct box_limits wide = slot->set;
    bool is_tight = false;

    if (slot->set_controllers == 0) {
        return 0; /* nobody has set any */
    }
    for (size_t i = 0; i < ARRAY_LEN(limits_of); i++) {
        size_t at = limits_of[i].at;
        uint64_t least = limit_at(&making, at);

        if (limit_at(&wide, at) < least) {
            memcpy((char *)&wide + at, &least, sizeof(least));
            is_tight = true;
        }
    }
    return is_tight ? cgroup_write_limits(c, slot, &wide, e) : 0;
}
