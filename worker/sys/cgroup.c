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
#include "sys/cgroup_inside.h"

/* What a box that waits for its job has itself is a tenth of this. */
#define CARRIED_MAX_BYTES (8u << 20)

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
 * that a later one can tell whether it is still alive. 0 ticks: it is dead, and
 * nobody has waited for it yet. */
static int start_ticks(const char *pid, unsigned long long *out)
{
    char path[64];
    char stat[1024];
    char state = 0;

    (void)snprintf(path, sizeof(path), "/proc/%s/stat", pid);
    if (fd_read_small(AT_FDCWD, path, stat, sizeof(stat)) <= 0) {
        return -1;
    }
    char *at = strrchr(stat, ')'); /* the name may hold anything */
    if (!at || sscanf(at + 1,
                      " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
                      "%*u %*u %*d %*d %*d %*d %*d %*d %llu",
                      &state, out) != 2) {
        return -1;
    }
    if (state == 'Z' || state == 'X') {
        *out = 0;
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

/* ---- slots ------------------------------------------------------------- */

/* The counters of a job. */
enum counter {
    CPU,
    CPU_SYSTEM,
    OOM_KILLS,
    MEMORY_PEAK,
    MEMORY_NOW,
    PIDS_PEAK,
    FORKS_REFUSED,
};

static const struct {
    unsigned controller;
    int open_flags; /* the first choice, O_RDONLY the second */
    bool is_seldom; /* read: not worth a descriptor */
    struct {
        const char *file; /* NULL: in that of the counter before */
        const char *key;  /* NULL: a number alone, else behind `key ` */
        uint64_t per_unit;
    } in[2]; /* v1, v2 */
} counters[CGROUP_COUNTERS] = {
    [CPU] = {CGROUP_CPUACCT,
             O_RDONLY,
             false,
             {{"cpuacct.usage", NULL, 1000}, {"cpu.stat", "usage_usec ", 1}}},
    [CPU_SYSTEM] = {CGROUP_CPUACCT,
                    O_RDONLY,
                    false,
                    {{"cpuacct.usage_sys", NULL, 1000},
                     {NULL, "system_usec ", 1}}},
    [OOM_KILLS] = {CGROUP_MEMORY,
                   O_RDONLY,
                   false,
                   {{"memory.oom_control", "oom_kill ", 1},
                    {"memory.events", "oom_kill ", 1}}},
    /* Written to be set back; in v2 since 6.12, and for readers of the same
     * open file only. */
    [MEMORY_PEAK] = {CGROUP_MEMORY,
                     O_RDWR,
                     false,
                     {{"memory.max_usage_in_bytes", NULL, 1},
                      {"memory.peak", NULL, 1}}},
    [MEMORY_NOW] = {CGROUP_MEMORY,
                    O_RDONLY,
                    false,
                    {{"memory.usage_in_bytes", NULL, 1},
                     {"memory.current", NULL, 1}}},
    [PIDS_PEAK] = {CGROUP_PIDS,
                   O_RDONLY,
                   false,
                   {{"pids.peak", NULL, 1}, {"pids.peak", NULL, 1}}},
    [FORKS_REFUSED] = {CGROUP_PIDS,
                       O_RDONLY,
                       true,
                       {{"pids.events", "max ", 1},
                        {"pids.events", "max ", 1}}},
};

static size_t version_at(const struct cgroups *c)
{
    return c->version == CGROUP_V2;
}

/* -1 where there is none. */
static int open_counter(const struct cgroups *c, const struct cgroup_slot *slot,
                        enum counter which)
{
    int tree = cgroup_tree_of(c, counters[which].controller);
    const char *file = counters[which].in[version_at(c)].file;
    int flags = counters[which].open_flags;
    char path[64];

    if (tree < 0 || !file) {
        return -1;
    }
    (void)snprintf(path, sizeof(path), "%s/%s", slot->name, file);
    int fd = openat(c->trees[tree].worker_fd, path, flags | O_CLOEXEC);
    if (fd < 0 && flags != O_RDONLY) {
        fd = openat(c->trees[tree].worker_fd, path, O_RDONLY | O_CLOEXEC);
    }
    return fd;
}

/* own_fd: what the caller has to close. */
static int counter_fd(const struct cgroups *c, const struct cgroup_slot *slot,
                      enum counter which, int *own_fd)
{
    if (slot->counter_fd[which] >= 0) {
        return slot->counter_fd[which];
    }
    *own_fd = open_counter(c, slot, which);
    return *own_fd;
}

static int read_text(const struct cgroups *c, const struct cgroup_slot *slot,
                     enum counter which, char *dst, size_t size)
{
    AUTO_FD int own_fd = -1;
    int fd = counter_fd(c, slot, which, &own_fd);
    ssize_t n = fd < 0 ? -1 : pread(fd, dst, size - 1, 0);

    dst[n > 0 ? n : 0] = '\0';
    return n > 0 ? 0 : -1;
}

static uint64_t find_num(const struct cgroups *c, enum counter which,
                         const char *text)
{
    const char *key = counters[which].in[version_at(c)].key;
    const char *at = key ? strstr(text, key) : text;

    return at ? strtoull(at + (key ? strlen(key) : 0), NULL, 10) /
                    counters[which].in[version_at(c)].per_unit
              : 0;
}

/* 0 where it cannot be known. */
static uint64_t read_counter(const struct cgroups *c,
                             const struct cgroup_slot *slot, enum counter which)
{
    char text[1024];

    if (read_text(c, slot, which, text, sizeof(text)) < 0) {
        return 0;
    }
    return find_num(c, which, text);
}

/* Both of one read where they are in one file. */
static void read_cpu(const struct cgroups *c, const struct cgroup_slot *slot,
                     uint64_t *out_us, uint64_t *out_system_us)
{
    char text[1024];

    *out_us = *out_system_us = 0;
    if (read_text(c, slot, CPU, text, sizeof(text)) < 0) {
        return;
    }
    *out_us = find_num(c, CPU, text);
    *out_system_us = c->version == CGROUP_V2
                         ? find_num(c, CPU_SYSTEM, text)
                         : read_counter(c, slot, CPU_SYSTEM);
}

static void reset_peak(const struct cgroups *c, struct cgroup_slot *slot)
{
    AUTO_FD int own_fd = -1;
    int fd = counter_fd(c, slot, MEMORY_PEAK, &own_fd);

    slot->is_peak_reset = fd >= 0 && pwrite(fd, "0", 1, 0) == 1 &&
                          (c->version == CGROUP_V1 || own_fd < 0);
}

/* What cannot be kept is opened for each use. */
static void keep_counters(const struct cgroups *c, struct cgroup_slot *slot,
                          unsigned controllers)
{
    for (size_t k = 0; k < CGROUP_COUNTERS; k++) {
        if ((counters[k].controller & controllers) && !counters[k].is_seldom) {
            slot->counter_fd[k] = open_counter(c, slot, (enum counter)k);
        }
    }
}

static int open_slot_dir(const struct cgroups *c, struct cgroup_slot *slot,
                         size_t i)
{
    int worker_fd = c->trees[i].worker_fd;

    if (mkdirat(worker_fd, slot->name, 0755) < 0 && errno != EEXIST) {
        return -1;
    }
    if (c->is_keeping) {
        keep_counters(c, slot, c->trees[i].controllers);
    }
    if (c->version == CGROUP_V2) {
        slot->dir_fd =
            openat(worker_fd, slot->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return slot->dir_fd < 0 ? -1 : 0;
    }
    if (c->is_keeping) {
        slot->enter_fd[i] =
            openat(worker_fd, slot->enter_path, O_WRONLY | O_CLOEXEC);
        return slot->enter_fd[i] < 0 ? -1 : 0;
    }
    return 0;
}

static void close_held(int *fd)
{
    if (*fd >= 0) {
        close(take_fd(fd));
    }
}

static void close_slot_dir(const struct cgroups *c, struct cgroup_slot *slot,
                           size_t i)
{
    for (size_t k = 0; k < CGROUP_COUNTERS; k++) {
        if (counters[k].controller & c->trees[i].controllers) {
            close_held(&slot->counter_fd[k]);
        }
    }
    close_held(&slot->enter_fd[i]);
    close_held(&slot->dir_fd);
    slot->set_controllers &= ~c->trees[i].controllers;
    (void)unlinkat(c->trees[i].worker_fd, slot->name, AT_REMOVEDIR);
}

int cgroup_slot_open(const struct cgroups *c, unsigned index,
                     struct cgroup_slot *out, struct err *e)
{
    memset(out, 0, sizeof(*out));
    (void)snprintf(out->name, sizeof(out->name), "slot%u", index);
    (void)snprintf(out->enter_path, sizeof(out->enter_path), "slot%u/tasks",
                   index);
    out->dir_fd = -1;
    memset(out->enter_fd, -1, sizeof(out->enter_fd));
    memset(out->counter_fd, -1, sizeof(out->counter_fd));
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

bool cgroup_slot_is_out_of_memory(const struct cgroups *c,
                                  const struct cgroup_slot *slot)
{
    return (c->controllers & CGROUP_MEMORY) &&
           read_counter(c, slot, OOM_KILLS) > slot->before[OOM_KILLS];
}

uint64_t cgroup_slot_cpu_us(const struct cgroups *c,
                            const struct cgroup_slot *slot)
{
    uint64_t now = read_counter(c, slot, CPU);

    return now > slot->before[CPU] ? now - slot->before[CPU] : 0;
}

int cgroup_slot_begin(const struct cgroups *c, struct cgroup_slot *slot,
                      const struct box_limits *limits, struct err *e)
{
    if (cgroup_write_limits(c, slot, limits, e) < 0) {
        return -1;
    }
    reset_peak(c, slot);
    return 0;
}

bool cgroup_slot_is_worn(const struct cgroup_slot *slot)
{
    return slot->worn != 0;
}

static void renew_tree(const struct cgroups *c, struct cgroup_slot *slot,
                       size_t tree)
{
    unsigned controllers = c->trees[tree].controllers;

    close_slot_dir(c, slot, tree);
    (void)open_slot_dir(c, slot, tree);
    if (controllers & CGROUP_PIDS) {
        slot->before[FORKS_REFUSED] = read_counter(c, slot, FORKS_REFUSED);
    }
    if (controllers & CGROUP_MEMORY) {
        slot->before[OOM_KILLS] = read_counter(c, slot, OOM_KILLS);
    }
}

/* We note what the next job begins with: where the old directory could not be
 * removed it goes on. */
void cgroup_slot_renew(const struct cgroups *c, struct cgroup_slot *slot)
{
    struct err e;

    for (size_t i = 0; i < c->tree_count; i++) {
        if (slot->worn & (1u << i)) {
            renew_tree(c, slot, i);
        }
    }
    slot->worn = 0;
    /* Ahead of the next job, which will want the same more often than not; if
     * it fails now it is tried again then, and told. */
    (void)!cgroup_write_limits(c, slot, &slot->set, &e);
}

static void wear(const struct cgroups *c, struct cgroup_slot *slot,
                 unsigned controller)
{
    int tree = cgroup_tree_of(c, controller);

    slot->worn |= tree < 0 ? 0 : 1u << tree;
}

void cgroup_slot_note(const struct cgroups *c, struct cgroup_slot *slot)
{
    if (read_counter(c, slot, MEMORY_NOW) > CARRIED_MAX_BYTES) {
        wear(c, slot, CGROUP_MEMORY);
    }
    read_cpu(c, slot, &slot->before[CPU], &slot->before[CPU_SYSTEM]);
}

/* No job runs in a slot between two jobs: what a counter of failures says at
 * the end of one is what the next begins with. */
static uint64_t since_before(struct cgroup_slot *slot, enum counter which,
                             uint64_t now)
{
    uint64_t before = slot->before[which];

    slot->before[which] = now;
    return now - before;
}

void cgroup_slot_end(const struct cgroups *c, struct cgroup_slot *slot,
                     struct cgroup_usage *out)
{
    uint64_t cpu_us = 0;
    uint64_t system_us = 0;

    memset(out, 0, sizeof(*out));
    read_cpu(c, slot, &cpu_us, &system_us);
    out->cpu_us = since_before(slot, CPU, cpu_us);
    out->cpu_system_us = since_before(slot, CPU_SYSTEM, system_us);
    out->oom_kills =
        since_before(slot, OOM_KILLS, read_counter(c, slot, OOM_KILLS));
    out->memory_peak_bytes = read_counter(c, slot, MEMORY_PEAK);
    uint64_t peak = read_counter(c, slot, PIDS_PEAK);
    out->processes_peak = peak > CGROUP_OWN_TASKS ? peak - CGROUP_OWN_TASKS : 0;
    /* A fork is refused only at the limit. Kernels before 6.1 have no peak. */
    if (peak == 0 || peak >= slot->set.max_processes + CGROUP_OWN_TASKS) {
        out->forks_refused = since_before(slot, FORKS_REFUSED,
                                          read_counter(c, slot, FORKS_REFUSED));
    }
    if (peak > CGROUP_OWN_TASKS + 1) {
        wear(c, slot, CGROUP_PIDS);
    } else if (!slot->is_peak_reset) {
        wear(c, slot, CGROUP_MEMORY);
    }
}

int cgroup_enter(const struct cgroups *c, const struct cgroup_slot *slot)
{
    if (c->version != CGROUP_V1) {
        return 0; /* born there */
    }
    for (size_t i = 0; i < c->tree_count; i++) {
        int fd = slot->enter_fd[i];

        /* Not kept open: the box closes all it inherits soon. */
        if (fd < 0) {
            fd = openat(c->trees[i].worker_fd, slot->enter_path,
                        O_WRONLY | O_CLOEXEC);
        }
        if (fd < 0 || write(fd, "0", 1) != 1) {
            return -1;
        }
    }
    return 0;
}
