/* SPDX-License-Identifier: MIT */
/* procstat.c - see procstat.h. Runs in launcher and engine, and needs no
 * privilege: what is parsed here may be read of any process. */
#include "sys/procstat.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

static uint64_t us_of(unsigned long ticks)
{
    return ticks * (uint64_t)1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

/* The name may hold spaces, brackets and digits: fields are counted from the
 * last ')'. */
bool procstat_parse(const char *text, struct procstat *out)
{
    const char *at = strrchr(text, ')');
    unsigned long utime, stime;
    long cutime, cstime, threads, rss;
    int parent;
    char state;

    if (!at || sscanf(at + 1,
                      " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu "
                      "%ld %ld %*d %*d %ld %*d %*u %*u %ld",
                      &state, &parent, &utime, &stime, &cutime, &cstime,
                      &threads, &rss) != 8) {
        return false;
    }
    out->state = state;
    out->parent = parent;
    out->cpu_us = us_of(utime + stime);
    out->reaped_cpu_us = us_of((unsigned long)cutime + (unsigned long)cstime);
    out->threads = threads > 0 ? (uint64_t)threads : 0;
    out->rss_bytes =
        rss > 0 ? (uint64_t)rss * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
    return true;
}

bool procstat_read(int proc_dir_fd, pid_t pid, struct procstat *out)
{
    char path[32];
    char text[1024];

    (void)snprintf(path, sizeof(path), "%d/stat", (int)pid);
    return fd_read_small(proc_dir_fd, path, text, sizeof(text)) > 0 &&
           procstat_parse(text, out);
}

/* "NSpid:\t4711\t12\t1": its number in each pid namespace, from the reader's
 * inwards. The line is younger than Linux 4.1: always there. */
bool procstat_is_nested(const char *status_text)
{
    const char *line = strstr(status_text, "\nNSpid:");

    if (!line) {
        return false;
    }
    line += strlen("\nNSpid:");
    line += strspn(line, " \t");
    line += strspn(line, "0123456789");
    line += strspn(line, " \t");
    return *line >= '0' && *line <= '9';
}

pid_t procstat_pid_of(const char *name)
{
    char *end = NULL;
    long pid = 0;

    if (*name < '1' || *name > '9') {
        return 0;
    }
    pid = strtol(name, &end, 10);
    return *end == '\0' && pid <= INT_MAX ? (pid_t)pid : 0;
}
