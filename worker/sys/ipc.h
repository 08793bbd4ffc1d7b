/* SPDX-License-Identifier: MIT */
/* ipc.h - fixed-size messages with descriptors over SOCK_SEQPACKET. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/base.h"
#include "base/err.h"

#define IPC_FDS_MAX 8

/* One packet, whole or not at all. ERR_RETRY when the peer's buffer is full
 * and the socket does not block. */
int ipc_send(int sock, const void *data, size_t len, const int *fds,
             size_t fd_count, struct err *e) MUST_USE;

/* The packet's length; 0 when the peer is gone; -1 with the error (ERR_RETRY:
 * nothing there now). A packet longer than size, or with more descriptors than
 * max_fds, is an error and its descriptors are closed. Received descriptors
 * are CLOEXEC; unused entries of fds are -1. */
ssize_t ipc_recv(int sock, void *data, size_t size, int *fds, size_t max_fds,
                 struct err *e) MUST_USE;
