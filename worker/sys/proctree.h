/* SPDX-License-Identifier: MIT */
/* proctree.h - what the processes of a box use, read from /proc: for hosts
 * where no cgroup can be had. A box's processes are the descendants of its
 * init: orphans come back to it. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/base.h"
#include "sys/box.h"

struct proctree_usage {
    uint64_t cpu_us;    /* living processes and those they have reaped */
    uint64_t rss_bytes; /* shared pages counted in each */
    uint64_t processes; /* init itself not counted */
};

/* 0, or -1 when /proc could not be read. Reads every process of the host:
 * call it a few times a second, no more. */
int proctree_sum(int proc_dir_fd, pid_t init,
                 struct proctree_usage *out) MUST_USE;
/* A box that was killed as a whole is in nobody's rusage but, a little of it,
 * that of its init: what was seen of it while it lived is put in where it is
 * more. */
void proctree_raise(const struct proctree_usage *seen, struct box_usage *io);
