/* SPDX-License-Identifier: MIT */
/* launch_check.c - see launch_check.h. Looks, and changes nothing. */
#include "run/launch_check.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static const struct {
    const char *name;
    size_t offset;
    uint64_t min;
} rows[] = {
    {"memory_bytes", offsetof(struct box_limits, memory_bytes), 1},
    {"stack_bytes", offsetof(struct box_limits, stack_bytes), 1},
    {"file_size_bytes", offsetof(struct box_limits, file_size_bytes), 0},
    {"workspace_bytes", offsetof(struct box_limits, workspace_bytes), 1},
    {"tmp_bytes", offsetof(struct box_limits, tmp_bytes), 1},
    {"max_inodes", offsetof(struct box_limits, max_inodes), 1},
    {"cpu_time_ms", offsetof(struct box_limits, cpu_time_ms), 1},
    {"max_processes", offsetof(struct box_limits, max_processes), 1},
    {"max_open_files", offsetof(struct box_limits, max_open_files), 1},
    {"cpu_quota_millicores", offsetof(struct box_limits, cpu_quota_millicores),
     1},
};

static uint64_t value_at(const struct box_limits *limits, size_t offset)
{
    return *(const uint64_t *)(const void *)((const char *)limits + offset);
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void launch_check_maxima(const struct config *config, struct box_limits *out)
{
    const struct config *c = config;

    /* A default may lie over the maximum that a job may ask for itself. */
    *out = (struct box_limits){
        .memory_bytes = larger(c->max_memory_bytes, c->default_memory_bytes),
        .stack_bytes = larger(c->max_stack_bytes, c->default_stack_bytes),
        .file_size_bytes =
            larger(c->max_max_file_size_bytes, c->default_max_file_size_bytes),
        .workspace_bytes = larger(c->max_disk_bytes, c->default_disk_bytes),
        .tmp_bytes = larger(c->max_disk_bytes, c->default_tmp_bytes),
        .max_inodes = larger(c->max_max_inodes, c->default_max_inodes),
        .cpu_time_ms = larger(c->max_cpu_time_ms, c->default_cpu_time_ms),
        .max_processes = larger(c->max_max_processes, c->default_max_processes),
        .max_open_files =
            larger(c->max_max_open_files, c->default_max_open_files),
        .cpu_quota_millicores = larger(c->max_cpu_quota_millicores,
                                       c->default_cpu_quota_millicores),
    };
}

int launch_check_limits(const struct box_limits *limits,
                        const struct box_limits *maxima, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t value = value_at(limits, rows[i].offset);
        uint64_t max = value_at(maxima, rows[i].offset);

        if (value < rows[i].min || value > max) {
            return err_set(e, ERR_BUG,
                           "limits.%s: %" PRIu64 " is not between %" PRIu64
                           " and %" PRIu64,
                           rows[i].name, value, rows[i].min, max);
        }
    }
    return 0;
}

static bool is_sealed(int fd, const struct stat *st)
{
    const int wanted = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK;

    int seals = fcntl(fd, F_GET_SEALS); /* -1: a file that can have none */

    return S_ISREG(st->st_mode) && seals >= 0 && (seals & wanted) == wanted;
}

static bool is_input(int fd, const struct stat *st)
{
    return is_sealed(fd, st) || S_ISFIFO(st->st_mode) ||
           (S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3));
}

static bool is_output(int fd, const struct stat *st)
{
    return S_ISFIFO(st->st_mode) &&
           (fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY;
}

static const struct {
    const char *name;
    bool (*fits)(int fd, const struct stat *st);
} kinds[LAUNCH_FD_MAX] = {
    [LAUNCH_FD_BUNDLE] = {"bundle", is_sealed},
    [LAUNCH_FD_STDIN] = {"stdin", is_input},
    [LAUNCH_FD_STDOUT] = {"stdout", is_output},
    [LAUNCH_FD_STDERR] = {"stderr", is_output},
    [LAUNCH_FD_COLLECTION] = {"collection", is_output},
};

int launch_check_fds(const int fds[LAUNCH_FD_MAX], struct err *e)
{
    for (int i = 0; i < LAUNCH_FD_MAX; i++) {
        struct stat st;

        if (fds[i] < 0 && i >= LAUNCH_FD_COUNT) {
            continue;
        }
        if (fds[i] < 0 || fstat(fds[i], &st) < 0 ||
            !kinds[i].fits(fds[i], &st)) {
            return err_set(e, ERR_BUG,
                           "descriptor %d (%s) is missing or of the wrong kind",
                           i, kinds[i].name);
        }
    }
    return 0;
}
