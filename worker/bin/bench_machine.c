/* SPDX-License-Identifier: MIT */
/* bench_machine.c - see bench_machine.h. Runs in `forkyard bench`; changes
 * nothing. */
#include "bin/bench_machine.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"

/* The parent of all threads of the kernel; in a container it is another
 * process, whose name tells. */
#define KTHREADD      2
#define PROCESSES_MAX 32768
#define CHILDREN_TEXT (PROCESSES_MAX * 8)

static ssize_t read_proc(pid_t pid, const char *file, char *dst, size_t size)
{
    char path[96];

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    return fd_read_small(AT_FDCWD, path, dst, size);
}

unsigned bench_machine_children(pid_t pid, pid_t *out, unsigned max)
{
    AUTO_FREE char *text = xmalloc(CHILDREN_TEXT);
    char file[64];
    unsigned count = 0;

    (void)snprintf(file, sizeof(file), "task/%d/children", (int)pid);
    if (read_proc(pid, file, text, CHILDREN_TEXT) <= 0) {
        return 0;
    }
    char *at = text;
    for (long child = strtol(at, &at, 10); child > 0;
         child = strtol(at, &at, 10)) {
        if (count < max) {
            out[count] = (pid_t)child;
        }
        count++;
    }
    return count;
}

/* ---- CPU --------------------------------------------------------------- */

/* Time that was not idle. Idle time is what the kernel takes from a clock;
 * the other columns are what its ticks happened to meet. */
static double busy_us(void)
{
    uint64_t wall_us = clock_mono_us();
    unsigned long long idle = 0;
    unsigned long long iowait = 0;
    unsigned long long steal = 0;
    char text[512];

    if (fd_read_small(AT_FDCWD, "/proc/stat", text, sizeof(text)) <= 0 ||
        sscanf(text, "cpu %*u %*u %*u %llu %llu %*u %*u %llu", &idle, &iowait,
               &steal) != 3) {
        return 0;
    }
    double ticks = (double)(idle + iowait + steal);
    double processors = (double)sysconf(_SC_NPROCESSORS_ONLN);

    return processors * (double)wall_us -
           ticks * 1e6 / (double)sysconf(_SC_CLK_TCK);
}

static double used_us(int who)
{
    struct rusage used;

    (void)getrusage(who, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

/* ---- all processes ----------------------------------------------------- */

struct process {
    pid_t pid;
    pid_t parent;
    bool is_self;
    bool is_ours; /* we, or a descendant */
    double us;    /* its own, and of the children it has reaped */
};

struct census {
    struct process rows[PROCESSES_MAX]; /* by pid, as /proc lists them */
    size_t count;
};

static struct process *find(struct census *c, pid_t pid)
{
    size_t low = 0;
    size_t high = c->count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (c->rows[middle].pid == pid) {
            return &c->rows[middle];
        }
        if (c->rows[middle].pid < pid) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

static bool read_process(pid_t pid, struct process *out)
{
    unsigned long ticks[4];
    char text[1024];
    const char *at = NULL;

    if (read_proc(pid, "stat", text, sizeof(text)) > 0) {
        at = strrchr(text, ')'); /* the name may hold anything */
    }
    if (!at ||
        sscanf(at,
               ") %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
               "%lu %lu %lu %lu",
               &out->parent, &ticks[0], &ticks[1], &ticks[2], &ticks[3]) != 5) {
        return false;
    }
    out->pid = pid;
    out->is_self = out->is_ours = false;
    out->us = (double)(ticks[0] + ticks[1] + ticks[2] + ticks[3]) * 1e6 /
              (double)sysconf(_SC_CLK_TCK);
    return true;
}

/* Finer than ticks: most kernel threads never fill one. */
static double thread_us(pid_t pid)
{
    char text[128];

    return read_proc(pid, "schedstat", text, sizeof(text)) > 0
               ? strtod(text, NULL) / 1000
               : 0;
}

static bool has_kthreadd(void)
{
    char text[64];

    return read_proc(KTHREADD, "comm", text, sizeof(text)) > 0 &&
           strcmp(text, "kthreadd\n") == 0;
}

static void list_all(struct census *c)
{
    DIR *dir = opendir("/proc");

    c->count = 0;
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry;
         entry = readdir(dir)) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

        if (pid > 0 && c->count < PROCESSES_MAX &&
            read_process(pid, &c->rows[c->count])) {
            c->count++;
        }
    }
    if (dir) {
        (void)closedir(dir);
    }
}

/* Numbers wrap, so that a child may stand before its parent: as often as
 * something new is found. */
static void mark_ours(struct census *c)
{
    struct process *self = find(c, getpid());
    bool is_more = self != NULL;

    if (self) {
        self->is_self = self->is_ours = true;
    }
    while (is_more) {
        is_more = false;
        for (size_t i = 0; i < c->count; i++) {
            struct process *p = &c->rows[i];
            const struct process *parent =
                p->is_ours ? NULL : find(c, p->parent);

            if (parent && parent->is_ours) {
                p->is_ours = is_more = true;
            }
        }
    }
}

static void count_all(struct bench_machine_reading *to)
{
    AUTO_FREE struct census *c = xmalloc(sizeof(*c));
    bool has_kernel = has_kthreadd();

    list_all(c);
    mark_ours(c);
    for (size_t i = 0; i < c->count; i++) {
        const struct process *p = &c->rows[i];

        if (has_kernel && (p->pid == KTHREADD || p->parent == KTHREADD)) {
            to->kernel_us += thread_us(p->pid);
        } else if (!p->is_ours) {
            to->others_us += p->us;
        } else if (!p->is_self) {
            to->tree_us += p->us;
        }
    }
}

void bench_machine_read(struct bench_machine_reading *out)
{
    memset(out, 0, sizeof(*out));
    out->busy_us[0] = busy_us();
    out->self_us[0] = used_us(RUSAGE_SELF);
    count_all(out);
    /* What we have reaped; what is alive is counted above. */
    out->tree_us += used_us(RUSAGE_CHILDREN);
    out->self_us[1] = used_us(RUSAGE_SELF);
    out->busy_us[1] = busy_us();
}

void bench_machine_between(const struct bench_machine_reading *from,
                           const struct bench_machine_reading *to,
                           struct bench_machine_used *out)
{
    double busy = to->busy_us[0] - from->busy_us[1];

    out->others_us = to->others_us - from->others_us;
    out->machine_us = busy - out->others_us;
    out->self_us = to->self_us[0] - from->self_us[1];
    out->tree_us = to->tree_us - from->tree_us;
    out->kernel_us = to->kernel_us - from->kernel_us;
    out->own_us = out->self_us + out->tree_us + out->kernel_us;
}

/* ---- processes --------------------------------------------------------- */

static bool is_sleeping(pid_t pid)
{
    char text[512];

    if (read_proc(pid, "stat", text, sizeof(text)) <= 0) {
        return false;
    }
    const char *at = strrchr(text, ')'); /* the name may hold anything */
    return at && at[1] == ' ' && at[2] == 'S';
}

/* All descendants; the number of them. */
static unsigned descendants(pid_t root, pid_t *out, unsigned max)
{
    unsigned count = bench_machine_children(root, out, max);

    for (unsigned i = 0; i < count && i < max; i++) {
        count += bench_machine_children(out[i], out + count, max - count);
    }
    return count < max ? count : max;
}

void bench_machine_look_at(pid_t pid, struct bench_machine_look *out)
{
    AUTO_FREE pid_t *tree = xmalloc(PROCESSES_MAX * sizeof(pid_t));

    tree[0] = pid;
    out->count = 1 + descendants(pid, tree + 1, PROCESSES_MAX - 1);
    out->is_asleep = true;
    out->ran_us = 0;
    for (unsigned i = 0; i < out->count; i++) {
        out->is_asleep = out->is_asleep && is_sleeping(tree[i]);
        out->ran_us += thread_us(tree[i]);
    }
}

double bench_machine_kernel_kb(void)
{
    static const char *const keys[] = {
        "\nSUnreclaim:", "\nKernelStack:", "\nPageTables:", "\nPercpu:"};
    char text[8192];
    double sum = 0;

    if (fd_read_small(AT_FDCWD, "/proc/meminfo", text, sizeof(text)) <= 0) {
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const char *at = strstr(text, keys[i]);

        sum += at ? strtod(at + strlen(keys[i]), NULL) : 0;
    }
    return sum;
}

/* Negative when it may not be read. */
static double private_kb(pid_t pid)
{
    static const char *const keys[] = {"Private_Clean:", "Private_Dirty:"};
    char text[4096];
    double sum = 0;

    if (read_proc(pid, "smaps_rollup", text, sizeof(text)) <= 0) {
        return -1;
    }
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const char *at = strstr(text, keys[i]);

        sum += at ? strtod(at + strlen(keys[i]), NULL) : 0;
    }
    return sum;
}

/* "NSpid:  4711  1": its numbers from the outside in. */
static bool is_init(pid_t pid)
{
    char text[4096];
    const char *line = NULL;

    if (read_proc(pid, "status", text, sizeof(text)) > 0) {
        line = strstr(text, "\nNSpid:");
    }
    size_t len = line ? strcspn(line + 1, "\n") + 1 : 0;
    return len > 2 && line[len - 1] == '1' && line[len - 2] == '\t';
}

void bench_machine_boxes(pid_t launcher, struct bench_machine_boxes *out)
{
    AUTO_FREE pid_t *below = xmalloc(PROCESSES_MAX * sizeof(pid_t));
    unsigned count = descendants(launcher, below, PROCESSES_MAX);

    memset(out, 0, sizeof(*out));
    for (unsigned i = 0; i < count; i++) {
        bool is_box = is_init(below[i]);
        double kb = private_kb(below[i]);

        out->count += is_box ? 1 : 0;
        if (kb < 0) {
            out->is_hidden = true;
        } else if (is_box) {
            out->kb += kb;
        } else {
            out->slot_kb += kb;
        }
    }
}
