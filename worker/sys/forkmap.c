/* SPDX-License-Identifier: MIT */
/* forkmap.c - see forkmap.h. Runs in the launcher at its boot; never touches
 * the memory itself. */
#include "sys/forkmap.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/buf.h"
#include "base/fd.h"

#define MAPS_MAX_BYTES (1u << 20)

#ifndef FORKYARD_SANITIZED
/* A library, and not one that every child needs. The name alone counts: the
 * program may stand in a directory of any name. */
static bool is_dropped(const char *path)
{
    static const char *const needed[] = {"libc.so", "libc-", "ld-",
                                         "libpthread", "ld.so"};
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;

    if (!strstr(name, ".so")) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
        if (!strncmp(name, needed[i], strlen(needed[i]))) {
            return false;
        }
    }
    return true;
}

/* "from-to perms offset dev inode   path" */
static void look_at(const char *line)
{
    uintptr_t from = 0;
    uintptr_t to = 0;
    int path = 0;

    if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %n", &from, &to, &path) != 2 ||
        path == 0 || !is_dropped(line + path)) {
        return;
    }
    /* Refused for what is special to the kernel: then the child gets it. */
    (void)madvise((void *)from, to - from, MADV_DONTFORK);
}

static int read_maps(int proc_fd, struct buf *text, struct err *e)
{
    char chunk[4096];
    AUTO_FD int fd = openat(proc_fd, "self/maps", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : 0;

    while (fd >= 0 && (n = read(fd, chunk, sizeof(chunk))) > 0) {
        if (buf_append(text, chunk, (size_t)n, e) < 0) {
            return -1;
        }
    }
    if (n < 0) {
        return err_sys(e, "reading /proc/self/maps");
    }
    return buf_append(text, "", 1, e);
}

int forkmap_drop_libraries(int proc_fd, struct err *e)
{
    AUTO_BUF struct buf text;

    /* What the boot has freed is not copied to every box either. */
    (void)malloc_trim(0);
    buf_init(&text, MAPS_MAX_BYTES);
    if (read_maps(proc_fd, &text, e) < 0) {
        return err_wrap(e, "making boxes lean");
    }
    char *rest = (char *)text.data;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        look_at(line);
    }
    return 0;
}
#else
/* The sanitizer's own library is needed by every child. */
int forkmap_drop_libraries(int proc_fd, struct err *e)
{
    (void)proc_fd;
    (void)e;
    return 0;
}
#endif
