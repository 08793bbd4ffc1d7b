/* SPDX-License-Identifier: MIT */
/* base.c - what AUTO_FREE and AUTO_FD run. Linked into every process; never
 * changes errno, so that a failing function can return right after it. */
#include "base/base.h"

#include <errno.h>
#include <string.h>

void auto_free_cleanup(void *pointer_to_pointer)
{
    int saved = errno;
    void *p;

    /* Any pointer type may stand here: copied bytewise, not through void **. */
    memcpy(&p, pointer_to_pointer, sizeof(p));
    free(p);
    errno = saved;
}

void auto_fd_cleanup(int *fd)
{
    int saved = errno;

    if (*fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
    errno = saved;
}
