/* SPDX-License-Identifier: MIT */
/* fd.c - descriptors. Every process uses it; never leaves one open across an
 * exec, and never takes a short read for a whole one. */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define READ_CHUNK_BYTES 16384

int fd_write_all(int fd, const void *data, size_t len, struct err *e)
{
    const uint8_t *p = data;

    while (len > 0) {
        ssize_t n = write(fd, p, len);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_sys(e, "write of %zu bytes", len);
        }
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

int fd_read_exact(int fd, void *data, size_t len, struct err *e)
{
    uint8_t *p = data;
    size_t got = 0;

    while (got < len) {
        ssize_t n = read(fd, p + got, len - got);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_sys(e, "read of %zu bytes", len);
        }
        if (n == 0) {
            return err_set(e, ERR_SYSTEM, "end of file after %zu of %zu bytes",
                           got, len);
        }
        got += (size_t)n;
    }
    return 0;
}

int fd_read_file(const char *path, struct buf *out, struct err *e)
{
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t chunk[READ_CHUNK_BYTES];

    if (fd < 0) {
        return err_sys(e, "open %s", path);
    }
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof(chunk));

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_sys(e, "read %s", path);
        }
        if (n == 0) {
            return 0;
        }
        if (buf_append(out, chunk, (size_t)n, e) < 0) {
            return err_wrap(e, "%s", path);
        }
    }
}

ssize_t fd_read_small(int dir_fd, const char *path, char *dst, size_t size)
{
    AUTO_FD int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
    size_t got = 0;

    if (fd < 0 || size == 0) {
        return -1;
    }
    /* /proc hands out long files in pieces, so one read is not enough. */
    while (got < size - 1) {
        ssize_t n = read(fd, dst + got, size - 1 - got);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -1;
        }
        if (n == 0) {
            break;
        }
        got += (size_t)n;
    }
    dst[got] = '\0';
    return (ssize_t)got;
}

int fd_write_small(int dir_fd, const char *path, const char *text)
{
    AUTO_FD int fd = openat(dir_fd, path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    size_t len = strlen(text);
    ssize_t n;

    if (fd < 0) {
        return -1;
    }
    /* The kernel's files take their whole value in one write or none of it. */
    do {
        n = write(fd, text, len);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return -1;
    }
    if ((size_t)n != len) {
        errno = EIO;
        return -1;
    }
    return 0;
}

int fd_pipe(int out_fds[2], struct err *e)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0) {
        return err_sys(e, "pipe2");
    }
    out_fds[0] = fds[0];
    out_fds[1] = fds[1];
    return 0;
}

int fd_socketpair_seqpacket(int out_fds[2], struct err *e)
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) {
        return err_sys(e, "socketpair");
    }
    out_fds[0] = fds[0];
    out_fds[1] = fds[1];
    return 0;
}

int fd_set_nonblock(int fd, bool on, struct err *e)
{
    int flags = fcntl(fd, F_GETFL);
    int wanted;

    if (flags < 0) {
        return err_sys(e, "F_GETFL on %d", fd);
    }
    wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    if (wanted != flags && fcntl(fd, F_SETFL, wanted) < 0) {
        return err_sys(e, "F_SETFL on %d", fd);
    }
    return 0;
}

static int fill_and_seal(int fd, const char *name, const void *data, size_t len,
                         struct err *e)
{
    static const int seals =
        F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;

    if (fd < 0) {
        return err_sys(e, "memfd_create %s", name);
    }
    if (fd_write_all(fd, data, len, e) < 0) {
        return err_wrap(e, "memfd %s", name);
    }
    if (lseek(fd, 0, SEEK_SET) < 0) {
        return err_sys(e, "memfd %s: lseek", name);
    }
    if (fcntl(fd, F_ADD_SEALS, seals) < 0) {
        return err_sys(e, "memfd %s: seal", name);
    }
    return 0;
}

int fd_memfd_sealed(const char *name, const void *data, size_t len, int *out_fd,
                    struct err *e)
{
    AUTO_FD int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fill_and_seal(fd, name, data, len, e) < 0) {
        return -1;
    }
    *out_fd = take_fd(&fd);
    return 0;
}

#ifndef MFD_EXEC
#define MFD_EXEC 0x10u
#endif

int fd_memfd_program(const char *name, const void *data, size_t len,
                     int *out_fd, struct err *e)
{
    unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    AUTO_FD int fd = memfd_create(name, flags | MFD_EXEC);

    if (fd < 0 && errno == EINVAL) { /* before 6.3 all memory could be */
        fd = memfd_create(name, flags);
    }
    if (fill_and_seal(fd, name, data, len, e) < 0) {
        return -1;
    }
    *out_fd = take_fd(&fd);
    return 0;
}

/* close_range() needs Linux 5.9; before that, and where a filter forbids it,
 * one by one up to the limit. System calls only: also called after clone. */
static void close_between(unsigned first, unsigned last)
{
    struct rlimit lim;
    unsigned end = 65536;

    if (first > last || close_range(first, last, 0) == 0) {
        return;
    }
    if (getrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur < end) {
        end = (unsigned)lim.rlim_cur;
    }
    for (unsigned fd = first; fd < end && fd <= last; fd++) {
        (void)close((int)fd);
    }
}

void fd_close_all_except(int from, const int *keep, size_t keep_count)
{
    unsigned next = from > 0 ? (unsigned)from : 0;

    for (size_t i = 0; i < keep_count; i++) {
        if (keep[i] < 0 || (unsigned)keep[i] < next) {
            continue;
        }
        if ((unsigned)keep[i] > next) {
            close_between(next, (unsigned)keep[i] - 1);
        }
        next = (unsigned)keep[i] + 1;
    }
    close_between(next, UINT_MAX);
}
