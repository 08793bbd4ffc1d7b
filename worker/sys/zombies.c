/* SPDX-License-Identifier: MIT */
/* zombies.c - see zombies.h. Runs in the engine, as an ordinary user.
 *
 * Zombies of nested pid namespaces are not counted. A box is one: a job that
 * does not wait for its children would else stop the worker for everybody, and
 * they end with the box. Containers are others: theirs end with them too. What
 * remains is what the guard is about: daemons of this host that do not reap.
 * No job can get out of its namespace, so none can be counted. */
#include "sys/zombies.h"

#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "sys/procstat.h"

int zombies_open(struct zombies *z, const char *proc_path, struct err *e)
{
    memset(z, 0, sizeof(*z));
    z->dir = opendir(proc_path);
    return z->dir ? 0 : err_sys(e, "opening %s", proc_path);
}

static bool is_nested(int proc_fd, pid_t pid)
{
    char path[32];
    char text[4096];

    (void)snprintf(path, sizeof(path), "%d/status", (int)pid);
    return fd_read_small(proc_fd, path, text, sizeof(text)) > 0 &&
           procstat_is_nested(text);
}

static void look(struct zombies *z, pid_t pid)
{
    struct procstat stat;
    int proc_fd = dirfd(z->dir);

    if (!procstat_read(proc_fd, pid, &stat)) {
        return;
    }
    z->round_processes++;
    if (stat.state == 'Z' && !is_nested(proc_fd, pid)) {
        z->round_zombies++;
    }
}

static void end_round(struct zombies *z)
{
    z->is_known = true;
    z->processes = z->round_processes;
    z->zombies = z->round_zombies;
    z->round_processes = z->round_zombies = 0;
    rewinddir(z->dir);
}

/* The position in /proc is a process id, so that processes which come and go
 * between two steps neither hide others nor show them twice. */
void zombies_step(struct zombies *z, unsigned most)
{
    unsigned looked = 0;

    while (z->dir && looked < most) {
        const struct dirent *entry = readdir(z->dir);
        pid_t pid = entry ? procstat_pid_of(entry->d_name) : 0;

        if (!entry) {
            end_round(z);
            return;
        }
        if (pid > 0) {
            look(z, pid);
            looked++;
        }
    }
}

void zombies_close(struct zombies *z)
{
    if (z->dir) {
        (void)closedir(z->dir);
        z->dir = NULL;
    }
}
