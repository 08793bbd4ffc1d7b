/* SPDX-License-Identifier: MIT */
/* proctitle.c - see proctitle.h. Runs in the launcher, before the first box:
 * /proc/PID/cmdline is open to everybody, so a job could read the worker's
 * settings in that of its init, which began as a copy of us. */
#include "sys/proctitle.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"

/* Fields of /proc/self/stat between the name and arg_start. */
#define FIELDS_BEFORE 45

/* From the space before the count-th next word; NULL when there is none. */
static const char *skip_words(const char *at, int count)
{
    for (; at && count > 0; count--) {
        at = strchr(at + 1, ' ');
    }
    return at;
}

static int find_arguments(uintptr_t *out_start, uintptr_t *out_end,
                          struct err *e)
{
    char stat[2048];

    if (fd_read_small(AT_FDCWD, "/proc/self/stat", stat, sizeof(stat)) <= 0) {
        return err_sys(e, "reading /proc/self/stat");
    }
    const char *at = strrchr(stat, ')'); /* the name may hold anything */
    at = at ? skip_words(at, FIELDS_BEFORE + 1) : NULL;
    if (!at || sscanf(at, "%" SCNuPTR " %" SCNuPTR, out_start, out_end) != 2) {
        return err_set(e, ERR_SYSTEM, "/proc/self/stat lacks fields");
    }
    return 0;
}

int proctitle_replace(const char *title, struct err *e)
{
    uintptr_t start = 0;
    uintptr_t end = 0;

    if (find_arguments(&start, &end, e) < 0) {
        return -1;
    }
    if (start && start < end) { /* none: there is nothing to hide */
        explicit_bzero((void *)start, end - start);
        (void)snprintf((char *)start, end - start, "%s", title);
    }
    return 0;
}
