/* SPDX-License-Identifier: MIT */
/* fd_test.c - are reads whole, descriptors closed on exec, memory sealed? */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "lib/unit.h"

#include "base/fd.h"

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static bool is_cloexec(int fd)
{
    return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

static void short_reads_are_errors(void **state)
{
    char data[8] = "";
    struct err e;
    int fds[2];

    (void)state;
    assert_int_equal(fd_pipe(fds, &e), 0);
    assert_true(is_cloexec(fds[0]) && is_cloexec(fds[1]));
    assert_int_equal(fd_write_all(fds[1], "abcdef", 6, &e), 0);
    assert_int_equal(fd_read_exact(fds[0], data, 4, &e), 0);
    assert_memory_equal(data, "abcd", 4);
    (void)close(fds[1]);
    assert_int_equal(fd_read_exact(fds[0], data, 4, &e), -1);
    assert_string_equal(e.msg, "end of file after 2 of 4 bytes");
    (void)close(fds[0]);
    assert_int_equal(fd_read_exact(fds[0], data, 1, &e), -1);
    assert_int_equal(e.sys, EBADF);
}

static void files_are_read_up_to_a_maximum(void **state)
{
    AUTO_BUF struct buf b;
    struct err e;
    char small[16];

    (void)state;
    buf_init(&b, 1 << 20);
    assert_int_equal(fd_read_file("/proc/self/status", &b, &e), 0);
    assert_true(b.len > 100);
    buf_done(&b);
    buf_init(&b, 10);
    assert_int_equal(fd_read_file("/proc/self/status", &b, &e), -1);
    assert_int_equal(e.kind, ERR_LIMIT);
    assert_int_equal(fd_read_file("/nowhere/at/all", &b, &e), -1);
    assert_int_equal(e.sys, ENOENT);
    assert_int_equal(
        fd_read_small(AT_FDCWD, "/proc/self/status", small, sizeof(small)), 15);
    assert_int_equal(strlen(small), 15);
    assert_int_equal(fd_read_small(AT_FDCWD, "/nowhere", small, 16), -1);
    assert_int_equal(fd_write_small(AT_FDCWD, "/nowhere", "x"), -1);
    assert_int_equal(fd_write_small(AT_FDCWD, "/dev/null", "x"), 0);
    assert_int_equal(fd_write_small(AT_FDCWD, "/dev/full", "x"), -1);
}

static void messages_keep_their_borders(void **state)
{
    char data[16];
    int fds[2];

    (void)state;
    assert_int_equal(fd_socketpair_seqpacket(fds, NULL), 0);
    assert_true(is_cloexec(fds[0]) && is_cloexec(fds[1]));
    assert_int_equal(write(fds[0], "ab", 2), 2);
    assert_int_equal(write(fds[0], "cde", 3), 3);
    assert_int_equal(read(fds[1], data, sizeof(data)), 2);
    assert_int_equal(read(fds[1], data, sizeof(data)), 3);
    assert_int_equal(fd_set_nonblock(fds[1], true, NULL), 0);
    assert_int_equal(read(fds[1], data, sizeof(data)), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(fd_set_nonblock(fds[1], false, NULL), 0);
    assert_int_equal(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void sealed_memory_stays_as_it_is(void **state)
{
    AUTO_FD int fd = -1;
    char data[8] = "";
    struct err e;

    (void)state;
    assert_int_equal(fd_memfd_sealed("test", "hello", 5, &fd, &e), 0);
    assert_true(is_cloexec(fd));
    assert_int_equal(fd_read_exact(fd, data, 5, &e), 0);
    assert_string_equal(data, "hello");
    assert_int_equal(pwrite(fd, "J", 1, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(ftruncate(fd, 100), -1);
    assert_ptr_equal(mmap(NULL, 5, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0),
                     MAP_FAILED);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
}

static void all_but_the_kept_are_closed(void **state)
{
    /* Far above what the test program itself has open. */
    static const int from = 200;
    static const int keep[] = {3, 201, 203, 210};
    static const bool is_kept[] = {false, true, false, true, false};

    (void)state;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(dup2(STDERR_FILENO, from + i), from + i);
    }
    fd_close_all_except(from, keep, ARRAY_LEN(keep));
    for (int i = 0; i < 5; i++) {
        assert_int_equal(is_open(from + i), is_kept[i]);
    }
    assert_true(is_open(STDERR_FILENO));
    fd_close_all_except(from, NULL, 0);
    assert_false(is_open(201));
}

static void auto_fd_closes_and_keeps_errno(void **state)
{
    int kept = -1;
    int closed = -1;

    (void)state;
    {
        AUTO_FD int a = dup(STDERR_FILENO);
        AUTO_FD int b = dup(STDERR_FILENO);

        closed = a;
        kept = take_fd(&b);
        assert_int_equal(b, -1);
        errno = E2BIG;
    }
    assert_int_equal(errno, E2BIG);
    assert_false(is_open(closed));
    assert_true(is_open(kept));
    (void)close(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_reads_are_errors),
        cmocka_unit_test(files_are_read_up_to_a_maximum),
        cmocka_unit_test(messages_keep_their_borders),
        cmocka_unit_test(sealed_memory_stays_as_it_is),
        cmocka_unit_test(all_but_the_kept_are_closed),
        cmocka_unit_test(auto_fd_closes_and_keeps_errno),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
