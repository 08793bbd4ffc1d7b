/* SPDX-License-Identifier: MIT */
/* proctitle_test.c - arguments are gone from /proc, for children as well. */
#include "lib/unit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "sys/proc.h"
#include "sys/proctitle.h"

#define SECRET "--set=kafka.sasl.password=hunter2"

static void test_arguments_are_gone(void **state)
{
    char text[4096];
    struct err e;

    (void)state;
    ssize_t before =
        fd_read_small(AT_FDCWD, "/proc/self/cmdline", text, sizeof(text));
    assert_true(before > 0);
    assert_non_null(memmem(text, (size_t)before, SECRET, strlen(SECRET)));

    assert_int_equal(proctitle_replace("other", &e), 0);
    ssize_t after =
        fd_read_small(AT_FDCWD, "/proc/self/cmdline", text, sizeof(text));
    assert_true(after > 0);
    assert_string_equal(text, "other");
    assert_null(memmem(text, (size_t)after, "hunter2", strlen("hunter2")));
}

static void test_a_child_has_the_title(void **state)
{
    char text[4096];
    int status = -1;
    pid_t pid = proc_clone(0, -1, NULL);

    (void)state;
    if (pid == 0) {
        (void)fd_read_small(AT_FDCWD, "/proc/self/cmdline", text, sizeof(text));
        _exit(strcmp(text, "other") == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments_are_gone),
        cmocka_unit_test(test_a_child_has_the_title),
    };

    if (argc < 2) { /* once more, with something to hide */
        char secret[] = SECRET;
        char *const again[] = {argv[0], secret, NULL};

        (void)execv("/proc/self/exe", again);
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
