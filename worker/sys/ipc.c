/* SPDX-License-Identifier: MIT */
/* ipc.c - see ipc.h. Runs in engine and launcher. */
#include "sys/ipc.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int) * IPC_FDS_MAX)];
};

int ipc_send(int sock, const void *data, size_t len, const int *fds,
             size_t fd_count, struct err *e)
{
    union {
        const void *in;
        void *out;
    } unconst = {.in = data}; /* struct iovec has no const */
    struct iovec iov = {.iov_base = unconst.out, .iov_len = len};
    union control control;
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    if (fd_count > IPC_FDS_MAX) {
        return err_set(e, ERR_BUG, "ipc: %zu descriptors", fd_count);
    }
    if (fd_count > 0) {
        memset(&control, 0, sizeof(control));
        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * fd_count);
    }

    ssize_t n;
    do {
        n = sendmsg(sock, &msg, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
        return err_set(e, ERR_RETRY, "ipc: the peer does not read");
    }
    if (n != (ssize_t)len) {
        return err_sys(e, "ipc: sendmsg");
    }
    return 0;
}

static size_t take_fds(struct msghdr *msg, int *fds, size_t max_fds)
{
    size_t total = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
            if (total < max_fds) {
                fds[total] = fd;
            } else {
                close(fd);
            }
            total++;
        }
    }
    return total;
}

ssize_t ipc_recv(int sock, void *data, size_t size, int *fds, size_t max_fds,
                 struct err *e)
{
    struct iovec iov = {.iov_base = data, .iov_len = size};
    union control control;
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    ssize_t n;

    for (size_t i = 0; i < max_fds; i++) {
        fds[i] = -1;
    }
    do {
        n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        return err_set(e, ERR_RETRY, "ipc: nothing there");
    }
    if (n < 0) {
        return err_sys(e, "ipc: recvmsg");
    }
    size_t got = take_fds(&msg, fds, max_fds);
    if (got > max_fds || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
        for (size_t i = 0; i < max_fds; i++) {
            if (fds[i] >= 0) {
                close(take_fd(&fds[i]));
            }
        }
        return err_set(e, ERR_BUG,
                       "ipc: a packet over %zu bytes or %zu "
                       "descriptors",
                       size, max_fds);
    }
    return n;
}
