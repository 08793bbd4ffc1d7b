/* SPDX-License-Identifier: MIT */
/* dev_dir.h - the private directory of one `forkyard dev`.
 *
 * It is locked as long as its dev lives: the kernel lets go of the lock however
 * the process ends, so that the next dev can tell, and remove, what one left
 * that had no time to clean up. Unlike a process id a lock is never somebody
 * else's, and holds in every container that shares /tmp. */
#pragma once

#include <stddef.h>

#include "base/base.h"
#include "base/err.h"

struct dev_dir {
    char path[4096]; /* "": none */
    int lock_fd;
};

/* Makes the directory in $TMPDIR (else /tmp), for this user alone; first
 * removes those of this user's dead fleets. */
int dev_dir_make(struct dev_dir *dir, struct err *e) MUST_USE;
/* With all that is in it. Does nothing when there is none. */
void dev_dir_remove(struct dev_dir *dir);
