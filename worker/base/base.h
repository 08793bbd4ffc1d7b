/* SPDX-License-Identifier: MIT */
/* base.h - attributes and scope helpers every file may use. */
#pragma once

#include <stdlib.h>
#include <unistd.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt_index, first)                                          \
    __attribute__((format(printf, fmt_index, first)))
#define NORETURN __attribute__((noreturn))
#define UNUSED   __attribute__((unused))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Released when the variable leaves its scope. Initialise at declaration:
 * AUTO_FREE to NULL, AUTO_FD to -1. Both keep errno as it was. */
#define AUTO_FREE __attribute__((cleanup(auto_free_cleanup)))
#define AUTO_FD   __attribute__((cleanup(auto_fd_cleanup)))

void auto_free_cleanup(void *pointer_to_pointer);
void auto_fd_cleanup(int *fd);

/* Hands the descriptor on: the AUTO_FD variable no longer closes it. */
static inline int take_fd(int *fd)
{
    int taken = *fd;

    *fd = -1;
    return taken;
}
