/* SPDX-License-Identifier: MIT */
/* proctree.c - see proctree.h. Runs in the launcher. */
#include "sys/proctree.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"

struct row {
    pid_t pid;
    pid_t parent;
    uint64_t cpu_ticks;
    uint64_t rss_pages;
    bool is_in; /* belongs to the box */
};

struct rows {
    struct row *items;
    size_t count;
    size_t cap;
};

/* The name may hold spaces, brackets and digits: fields are counted from the
 * last ')'. */
static bool parse_stat(const char *text, struct row *out)
{
    const char *at = strrchr(text, ')');
    unsigned long utime, stime;
    long cutime, cstime, rss;
    int parent;

    if (!at || sscanf(at + 1,
                      " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu "
                      "%ld %ld %*d %*d %*d %*d %*u %*u %ld",
                      &parent, &utime, &stime, &cutime, &cstime, &rss) != 6) {
        return false;
    }
    out->parent = parent;
    out->cpu_ticks = utime + stime + (uint64_t)cutime + (uint64_t)cstime;
    out->rss_pages = rss > 0 ? (uint64_t)rss : 0;
    return true;
}

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
        char path[300];
        char text[1024];
        struct row row = {
            .pid = atoll(entry->d_name) > 0 ? (pid_t)atoll(entry->d_name) : 0};

        (void)snprintf(path, sizeof(path), "%s/stat", entry->d_name);
        if (row.pid > 0 &&
            fd_read_small(proc_dir_fd, path, text, sizeof(text)) > 0 &&
            parse_stat(text, &row)) {
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
    uint64_t tick_us = 1000000u / (uint64_t)sysconf(_SC_CLK_TCK);
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

    memset(out, 0, sizeof(*out));
    if (read_all(proc_dir_fd, &rows) < 0) {
        free(rows.items);
        return -1;
    }
    mark(&rows, init);
    for (size_t i = 0; i < rows.count; i++) {
        const struct row *row = &rows.items[i];
        if (row->is_in) {
            out->cpu_us += row->cpu_ticks * tick_us;
            out->rss_bytes += row->rss_pages * page;
            out->processes += row->pid != init;
        }
    }
    free(rows.items);
    return 0;
}
