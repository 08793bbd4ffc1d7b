/* SPDX-License-Identifier: MIT */
/* cgroup.c - see cgroup.h. */
#include "sys/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/str.h"

#define CPU_PERIOD_US 100000u

/* v1: where each controller is usually mounted; a joint mount is reached
 * through either name. */
static const struct {
    const char *mount;
    unsigned controllers;
    const char *probe; /* a file that proves it */
} v1_trees[] = {
    {"memory", CGROUP_MEMORY, "memory.limit_in_bytes"},
    {"pids", CGROUP_PIDS, "tasks"},
    {"cpu", CGROUP_CPU, "cpu.cfs_quota_us"},
    {"cpuacct", CGROUP_CPUACCT, "cpuacct.usage"},
};

static const char *const version_names[] = {"none", "v1", "v2"};

const char *cgroup_version_name(enum cgroup_version version)
{
    return version_names[version];
}

/* "w<pid>-<start time in ticks>-<pid namespace>": names a worker for ever, so
 * that a later one can tell whether it is still alive. */
static int start_ticks(const char *pid, unsigned long long *out)
{
    char path[64];
    char stat[1024];

    (void)snprintf(path, sizeof(path), "/proc/%s/stat", pid);
    if (fd_read_small(AT_FDCWD, path, stat, sizeof(stat)) <= 0) {
        return -1;
    }
    char *at = strrchr(stat, ')'); /* the name may hold anything */
    if (!at || sscanf(at + 1,
                      " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
                      "%*u %*u %*d %*d %*d %*d %*d %*d %llu",
                      out) != 1) {
        return -1;
    }
    return 0;
}

/* Process ids mean nothing in another pid namespace, and containers may share
 * this tree. 0: unknown. */
static unsigned long long own_pid_namespace(void)
{
    struct stat st;

    return stat("/proc/self/ns/pid", &st) == 0 ? st.st_ino : 0;
}

/* What cannot be told is taken for alive: its boxes would be killed. */
static bool is_alive(const char *worker_dir)
{
    char pid[16];
    unsigned long long ticks = 0;
    unsigned long long namespace = 0;
    unsigned long long now = 0;

    if (sscanf(worker_dir, "w%15[0-9]-%llu-%llu", pid, &ticks, &namespace) !=
            3 ||
        namespace != own_pid_namespace()) {
        return true; /* not ours to judge */
    }
    if (kill((pid_t)strtol(pid, NULL, 10), 0) < 0) {
        return errno != ESRCH;
    }
    return start_ticks(pid, &now) < 0 || now == ticks;
}

/* Ends every process below a directory nobody owns any more. */
static void kill_tasks(int dir_fd)
{
    char list[4096];

    if (fd_write_small(dir_fd, "cgroup.kill", "1") == 0) {
        return;
    }
    if (fd_read_small(dir_fd, "cgroup.procs", list, sizeof(list)) <= 0) {
        return;
    }
    char *save = NULL;
    for (char *p = strtok_r(list, "\n", &save); p;
         p = strtok_r(NULL, "\n", &save)) {
        uint64_t pid = 0;
        if (str_parse_u64(p, &pid, NULL) == 0 && pid > 1) {
            (void)kill((pid_t)pid, SIGKILL);
        }
    }
}

/* A worker's directory with its slots: two levels, no more. */
static void remove_worker_dir(int root_fd, const char *name)
{
    int fd = openat(root_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        if (strncmp(entry->d_name, "slot", 4) != 0) {
            continue;
        }
        int slot =
            openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (slot >= 0) {
            kill_tasks(slot);
            close(slot);
        }
        (void)unlinkat(fd, entry->d_name, AT_REMOVEDIR);
    }
    if (dir) {
        closedir(dir);
    }
    (void)unlinkat(root_fd, name, AT_REMOVEDIR);
}

/* The lock that a live worker holds on its directory: no pid namespace hides
 * it, as it hides the worker's pid, and it ends with the worker. */
static bool is_locked(int root_fd, const char *name)
{
    AUTO_FD int fd = openat(root_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0;
}

static void sweep(int root_fd)
{
    int fd = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        if (entry->d_name[0] == 'w' && !is_alive(entry->d_name) &&
            !is_locked(root_fd, entry->d_name)) {
            remove_worker_dir(root_fd, entry->d_name);
        }
    }
    if (dir) {
        closedir(dir);
    }
}

static int open_made(int at_fd, const char *name)
{
    if (mkdirat(at_fd, name, 0755) < 0 && errno != EEXIST) {
        return -1;
    }
    return openat(at_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* <mount>/<parent>/<worker>; false when this host does not let us. */
static bool open_tree(struct cgroups *c, const char *mount, const char *parent,
                      unsigned controllers, const char *probe)
{
    struct cgroup_tree *tree = &c->trees[c->tree_count];
    AUTO_FD int mount_fd = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (mount_fd < 0) {
        return false;
    }
    AUTO_FD int root_fd = open_made(mount_fd, parent);
    if (root_fd < 0) {
        return false;
    }
    if (c->version == CGROUP_V2) {
        (void)fd_write_small(root_fd, "cgroup.subtree_control",
                             "+memory +pids +cpu");
    }
    sweep(root_fd);
    AUTO_FD int worker_fd = open_made(root_fd, c->worker_dir);
    if (worker_fd < 0 || flock(worker_fd, LOCK_SH | LOCK_NB) < 0 ||
        faccessat(worker_fd, probe, W_OK, 0) < 0) {
        (void)unlinkat(root_fd, c->worker_dir, AT_REMOVEDIR);
        return false;
    }
    tree->controllers = controllers;
    tree->root_fd = take_fd(&root_fd);
    tree->worker_fd = take_fd(&worker_fd);
    c->controllers |= controllers;
    c->tree_count++;
    return true;
}

static bool open_v1(struct cgroups *c, const char *fs_root, const char *parent)
{
    c->version = CGROUP_V1;
    for (size_t i = 0; i < ARRAY_LEN(v1_trees); i++) {
        char mount[256];

        (void)snprintf(mount, sizeof(mount), "%s/%s", fs_root,
                       v1_trees[i].mount);
        (void)open_tree(c, mount, parent, v1_trees[i].controllers,
                        v1_trees[i].probe);
    }
    return c->controllers & CGROUP_MEMORY;
}

/* The controllers must be on in our own cgroup; memory is the one that makes
 * v2 worth taking. The processes of a box live in leaves only, so that the
 * rule against inner processes holds. */
static bool open_v2(struct cgroups *c, const char *fs_root, const char *parent)
{
    char controllers[256] = "";
    AUTO_FD int fd = open(fs_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    c->version = CGROUP_V2;
    if (fd < 0 ||
        fd_read_small(fd, "cgroup.controllers", controllers,
                      sizeof(controllers)) <= 0 ||
        !strstr(controllers, "memory") || !strstr(controllers, "pids")) {
        return false;
    }
    (void)fd_write_small(fd, "cgroup.subtree_control", "+memory +pids +cpu");
    unsigned has = CGROUP_MEMORY | CGROUP_PIDS | CGROUP_CPUACCT;
    if (strstr(controllers, "cpu")) {
        has |= CGROUP_CPU;
    }
    if (!open_tree(c, fs_root, parent, has, "cgroup.procs")) {
        return false;
    }
    return fd_write_small(c->trees[0].worker_fd, "cgroup.subtree_control",
                          "+memory +pids +cpu") == 0;
}

static void reset(struct cgroups *c)
{
    cgroup_close(c);
    c->controllers = 0;
    c->tree_count = 0;
    c->version = CGROUP_NONE;
}

int cgroup_open(struct cgroups *c, const char *fs_root, const char *wanted,
                const char *parent, struct err *e)
{
    unsigned long long ticks = 0;
    bool any = strcmp(wanted, "auto") == 0;

    memset(c, 0, sizeof(*c));
    (void)start_ticks("self", &ticks);
    (void)snprintf(c->worker_dir, sizeof(c->worker_dir), "w%d-%llu-%llu",
                   (int)getpid(), ticks, own_pid_namespace());
    if (strcmp(wanted, "none") == 0) {
        return 0;
    }
    if (any || strcmp(wanted, "v2") == 0) {
        if (open_v2(c, fs_root, parent)) {
            return 0;
        }
        reset(c);
    }
    if (any || strcmp(wanted, "v1") == 0) {
        if (open_v1(c, fs_root, parent)) {
            return 0;
        }
        reset(c);
    }
    if (any) {
        return 0;
    }
    return err_set(e, ERR_SYSTEM,
                   "box.cgroup: %s cannot be had here: no writable memory "
                   "controller below %s (run as root, or delegate a subtree)",
                   wanted, fs_root);
}

void cgroup_close(struct cgroups *c)
{
    for (size_t i = 0; i < c->tree_count; i++) {
        remove_worker_dir(c->trees[i].root_fd, c->worker_dir);
        close(c->trees[i].worker_fd);
        close(c->trees[i].root_fd);
    }
    c->tree_count = 0;
}

static void slot_name(unsigned index, char *dst, size_t size)
{
    (void)snprintf(dst, size, "slot%u", index);
}

static int open_slot_dir(const struct cgroups *c, struct cgroup_slot *slot,
                         size_t i)
{
    char name[32];

    slot_name(slot->index, name, sizeof(name));
    slot->dir_fd[i] = open_made(c->trees[i].worker_fd, name);
    if (slot->dir_fd[i] < 0) {
        return -1;
    }
    if (c->version == CGROUP_V1) {
        slot->enter_fd[i] =
            openat(slot->dir_fd[i], "tasks", O_WRONLY | O_CLOEXEC);
        return slot->enter_fd[i] < 0 ? -1 : 0;
    }
    return 0;
}

static void close_slot_dir(const struct cgroups *c, struct cgroup_slot *slot,
                           size_t i)
{
    char name[32];

    slot_name(slot->index, name, sizeof(name));
    if (slot->enter_fd[i] >= 0) {
        close(take_fd(&slot->enter_fd[i]));
    }
    if (slot->dir_fd[i] >= 0) {
        close(take_fd(&slot->dir_fd[i]));
        (void)unlinkat(c->trees[i].worker_fd, name, AT_REMOVEDIR);
    }
}

int cgroup_slot_open(const struct cgroups *c, unsigned index,
                     struct cgroup_slot *out, struct err *e)
{
    memset(out, 0, sizeof(*out));
    out->index = index;
    for (size_t i = 0; i < CGROUP_TREES; i++) {
        out->dir_fd[i] = out->enter_fd[i] = -1;
    }
    for (size_t i = 0; i < c->tree_count; i++) {
        if (open_slot_dir(c, out, i) < 0) {
            return err_sys(e, "making the cgroup of slot %u", index);
        }
    }
    return 0;
}

void cgroup_slot_close(const struct cgroups *c, struct cgroup_slot *slot)
{
    for (size_t i = 0; i < c->tree_count; i++) {
        close_slot_dir(c, slot, i);
    }
}

static int tree_of(const struct cgroups *c, unsigned controller)
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

/* A number alone, or the one behind `key ` in a flat keyed file. */
static uint64_t read_num(int dir_fd, const char *file, const char *key)
{
    char text[1024];

    if (fd_read_small(dir_fd, file, text, sizeof(text)) <= 0) {
        return 0;
    }
    const char *at = key ? strstr(text, key) : text;
    return at ? strtoull(at + (key ? strlen(key) : 0), NULL, 10) : 0;
}

static int write_memory(const struct cgroups *c, int fd, uint64_t bytes)
{
    if (c->version == CGROUP_V2) {
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

static int write_limits(const struct cgroups *c, struct cgroup_slot *slot,
                        const struct box_limits *l, struct err *e)
{
    int memory = tree_of(c, CGROUP_MEMORY);
    int pids = tree_of(c, CGROUP_PIDS);
    int cpu = tree_of(c, CGROUP_CPU);
    const struct box_limits *old = &slot->set;

    if (memory >= 0 &&
        (!slot->is_set || old->memory_bytes != l->memory_bytes) &&
        write_memory(c, slot->dir_fd[memory], l->memory_bytes) < 0) {
        return err_sys(e, "limits.memory_bytes: the cgroup refused %" PRIu64,
                       l->memory_bytes);
    }
    if (pids >= 0 &&
        (!slot->is_set || old->max_processes != l->max_processes) &&
        write_num(slot->dir_fd[pids], "pids.max", l->max_processes + 1) < 0) {
        return err_sys(e, "limits.max_processes: the cgroup refused %" PRIu64,
                       l->max_processes);
    }
    if (cpu >= 0 &&
        (!slot->is_set ||
         old->cpu_quota_millicores != l->cpu_quota_millicores) &&
        write_cpu(c, slot->dir_fd[cpu], l->cpu_quota_millicores) < 0) {
        return err_sys(e,
                       "limits.cpu_quota_millicores: the cgroup refused "
                       "%" PRIu64,
                       l->cpu_quota_millicores);
    }
    slot->set = *l;
    slot->is_set = true;
    return 0;
}

static uint64_t oom_kills(const struct cgroups *c,
                          const struct cgroup_slot *slot)
{
    int memory = tree_of(c, CGROUP_MEMORY);

    if (memory < 0) {
        return 0;
    }
    return c->version == CGROUP_V2
               ? read_num(slot->dir_fd[memory], "memory.events", "oom_kill ")
               : read_num(slot->dir_fd[memory], "memory.oom_control",
                          "oom_kill ");
}

static uint64_t pids_failed(const struct cgroups *c,
                            const struct cgroup_slot *slot)
{
    int pids = tree_of(c, CGROUP_PIDS);

    return pids < 0 ? 0 : read_num(slot->dir_fd[pids], "pids.events", "max ");
}

static uint64_t cpu_us(const struct cgroups *c, const struct cgroup_slot *slot)
{
    int acct = tree_of(c, CGROUP_CPUACCT);

    if (acct < 0) {
        return 0;
    }
    return c->version == CGROUP_V2
               ? read_num(slot->dir_fd[acct], "cpu.stat", "usage_usec ")
               : read_num(slot->dir_fd[acct], "cpuacct.usage", NULL) / 1000;
}

static uint64_t cpu_system_us(const struct cgroups *c,
                              const struct cgroup_slot *slot)
{
    int acct = tree_of(c, CGROUP_CPUACCT);

    if (acct < 0) {
        return 0;
    }
    return c->version == CGROUP_V2
               ? read_num(slot->dir_fd[acct], "cpu.stat", "system_usec ")
               : read_num(slot->dir_fd[acct], "cpuacct.usage_sys", NULL) / 1000;
}

uint64_t cgroup_slot_cpu_us(const struct cgroups *c,
                            const struct cgroup_slot *slot)
{
    uint64_t now = cpu_us(c, slot);

    return now > slot->cpu_us_before ? now - slot->cpu_us_before : 0;
}

int cgroup_slot_begin(const struct cgroups *c, struct cgroup_slot *slot,
                      const struct box_limits *limits, struct err *e)
{
    int memory = tree_of(c, CGROUP_MEMORY);

    if (write_limits(c, slot, limits, e) < 0) {
        return -1;
    }
    if (memory >= 0 && c->version == CGROUP_V1) {
        (void)fd_write_small(slot->dir_fd[memory], "memory.max_usage_in_bytes",
                             "0");
    }
    return 0;
}

/* What the next job begins with. */
static void note_counters(const struct cgroups *c, struct cgroup_slot *slot)
{
    slot->oom_before = oom_kills(c, slot);
    slot->pids_failed_before = pids_failed(c, slot);
    slot->cpu_us_before = cpu_us(c, slot);
    slot->cpu_system_us_before = cpu_system_us(c, slot);
}

/* A peak cannot be set back everywhere (pids.peak never, memory.peak before
 * 6.12): then the slot gets a fresh directory. A job of one process leaves
 * pids.peak at its floor of two, so that the common case pays nothing. */
static void renew(const struct cgroups *c, struct cgroup_slot *slot, int i)
{
    close_slot_dir(c, slot, (size_t)i);
    slot->is_set = false;
    (void)open_slot_dir(c, slot, (size_t)i);
    note_counters(c, slot);
}

void cgroup_slot_end(const struct cgroups *c, struct cgroup_slot *slot,
                     struct cgroup_usage *out)
{
    int memory = tree_of(c, CGROUP_MEMORY);
    int pids = tree_of(c, CGROUP_PIDS);

    /* Nothing runs in a slot between two jobs: what the counters say at the
     * end of one is what the next begins with. */
    uint64_t cpu_now = cpu_us(c, slot);
    uint64_t system_now = cpu_system_us(c, slot);
    uint64_t oom_now = oom_kills(c, slot);

    memset(out, 0, sizeof(*out));
    out->cpu_us = cpu_now - slot->cpu_us_before;
    out->oom_kills = oom_now - slot->oom_before;
    out->cpu_system_us = system_now - slot->cpu_system_us_before;
    slot->cpu_us_before = cpu_now;
    slot->cpu_system_us_before = system_now;
    slot->oom_before = oom_now;
    if (memory >= 0) {
        out->memory_peak_bytes =
            c->version == CGROUP_V2
                ? read_num(slot->dir_fd[memory], "memory.peak", NULL)
                : read_num(slot->dir_fd[memory], "memory.max_usage_in_bytes",
                           NULL);
    }
    uint64_t peak =
        pids < 0 ? 0 : read_num(slot->dir_fd[pids], "pids.peak", NULL);
    out->processes_peak = peak > 0 ? peak - 1 : 0;
    /* A fork is refused only at the limit. Kernels before 6.1 have no peak. */
    if (peak == 0 || peak > slot->set.max_processes) {
        uint64_t failed_now = pids_failed(c, slot);

        out->forks_refused = failed_now - slot->pids_failed_before;
        slot->pids_failed_before = failed_now;
    }
    if (peak > 2 || (c->version == CGROUP_V2 && memory >= 0)) {
        renew(c, slot, pids >= 0 ? pids : memory);
    }
}

int cgroup_enter(const struct cgroups *c, const struct cgroup_slot *slot)
{
    for (size_t i = 0; i < c->tree_count; i++) {
        if (slot->enter_fd[i] >= 0 && write(slot->enter_fd[i], "0", 1) != 1) {
            return -1;
        }
    }
    return 0;
}
