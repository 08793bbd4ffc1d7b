/* SPDX-License-Identifier: MIT */
/* fd.h - descriptors: whole reads and writes, pairs, and closing the rest.
 *
 * Everything opened here is CLOEXEC. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"

/* Retry EINTR; a short count at end of file is an error for read. */
int fd_write_all(int fd, const void *data, size_t len, struct err *e) MUST_USE;
int fd_read_exact(int fd, void *data, size_t len, struct err *e) MUST_USE;
/* The whole file, at most the buffer's maximum (else ERR_LIMIT). */
int fd_read_file(const char *path, struct buf *out, struct err *e) MUST_USE;
/* At most size-1 bytes of a small file (/proc, cgroup), terminated. */
ssize_t fd_read_small(int dir_fd, const char *path, char *dst, size_t size);
int fd_write_small(int dir_fd, const char *path, const char *text); /* 0/-1 */

int fd_pipe(int out_fds[2], struct err *e) MUST_USE;
int fd_socketpair_seqpacket(int out_fds[2], struct err *e) MUST_USE;
int fd_set_nonblock(int fd, bool on, struct err *e) MUST_USE;
/* A sealed (no write, grow, shrink) memfd with these bytes, at offset 0. */
int fd_memfd_sealed(const char *name, const void *data, size_t len, int *out_fd,
                    struct err *e) MUST_USE;
/* The same, of a program to be executed; -1 with e->sys EACCES where the host
 * forbids to execute such memory. */
int fd_memfd_program(const char *name, const void *data, size_t len,
                     int *out_fd, struct err *e) MUST_USE;
/* Closes all descriptors from `from` up except the sorted keep list. Safe
 * between fork and exec. */
void fd_close_all_except(int from, const int *keep, size_t keep_count);
