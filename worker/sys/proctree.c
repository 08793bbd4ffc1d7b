/* SPDX-License-Identifier: MIT */
/* proctree.c - see proctree.h. Runs in the launcher. */
#include "sys/proctree.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "sys/procstat.h"

struct row {
    pid_t pid;
    pid_t parent;
    uint64_t cpu_us;
    uint64_t rss_bytes;
    bool is_in; /* belongs to the box */
};

struct rows {
    struct row *items;
    size_t count;
    size_t cap;
};

static void add_row(struct rows *rows, const struct row *row)
{
    if (rows->count == rows->cap) {
        rows->cap = rows->cap ? rows->cap * 2 : 256;
        rows->items = xrealloc(rows->items, rows->cap * sizeof(*rows->items));
    }
    rows->items[rows->count++] = *row;
}

static int read_all(int proc_dir_fd, struct rows *rows)
{
    struct dirent *entry;
    int fd = openat(proc_dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

    if (!dir) {
        return -1;
    }
    while ((entry = readdir(dir))) {
        struct procstat stat;
        pid_t pid = procstat_pid_of(entry->d_name);

        if (pid > 0 && procstat_read(proc_dir_fd, pid, &stat)) {
            const struct row row = {.pid = pid,
                                    .parent = stat.parent,
                                    .cpu_us = stat.cpu_us + stat.reaped_cpu_us,
                                    .rss_bytes = stat.rss_bytes};

            add_row(rows, &row);
        }
    }
    closedir(dir);
    return 0;
}

static bool is_parent_in(const struct rows *rows, pid_t parent)
{
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->items[i].pid == parent) {
            return rows->items[i].is_in;
        }
    }
    return false;
}

/* Marks children of marked ones until nothing changes: pids wrap around, so
 * one pass in pid order is not enough. */
static void mark(struct rows *rows, pid_t init)
{
    bool changed = true;

    for (size_t i = 0; i < rows->count; i++) {
        rows->items[i].is_in = rows->items[i].pid == init;
    }
    while (changed) {
        changed = false;
        for (size_t i = 0; i < rows->count; i++) {
            struct row *row = &rows->items[i];
            if (!row->is_in && is_parent_in(rows, row->parent)) {
                row->is_in = changed = true;
            }
        }
    }
}

int proctree_sum(int proc_dir_fd, pid_t init, struct proctree_usage *out)
{
    struct rows rows = {NULL, 0, 0};

    memset(out, 0, sizeof(*out));
    if (read_all(proc_dir_fd, &rows) < 0) {
        free(rows.items);
        return -1;
    }
    mark(&rows, init);
    for (size_t i = 0; i < rows.count; i++) {
        const struct row *row = &rows.items[i];
        if (row->is_in) {
            out->cpu_us += row->cpu_us;
            out->rss_bytes += row->rss_bytes;
            out->processes += row->pid != init;
        }
    }
    free(rows.items);
    return 0;
}

void proctree_raise(const struct proctree_usage *seen, struct box_usage *io)
{
    if (seen->rss_bytes > io->max_rss_bytes) {
        io->max_rss_bytes = seen->rss_bytes;
    }
    if (seen->cpu_us > io->cpu_user_us + io->cpu_system_us) {
        io->cpu_user_us = seen->cpu_us - io->cpu_system_us;
    }
}
