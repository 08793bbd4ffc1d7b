/* SPDX-License-Identifier: MIT */
/* cgroup_test.c - which directories of other workers a new one removes: those
 * of the dead of its own pid namespace, no others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "sys/cgroup.h"
#include "sys/proc.h"

#define PARENT "forkyard-test"

static struct cgroups groups;
static struct err e;

/* A process id nobody has any more, for a while. */
static pid_t dead_pid(void)
{
    pid_t pid = proc_clone(0, -1, NULL);

    if (pid == 0) {
        _exit(0);
    }
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    return pid;
}

static unsigned long long pid_namespace(void)
{
    struct stat st;

    assert_int_equal(stat("/proc/self/ns/pid", &st), 0);
    return st.st_ino;
}

static void make(const char *name)
{
    assert_return_code(mkdirat(groups.trees[0].root_fd, name, 0755), 0);
}

static bool is_there(const char *name)
{
    return faccessat(groups.trees[0].root_fd, name, F_OK, 0) == 0;
}

static void removes_the_dead_of_its_namespace(void **state)
{
    char dead[64];
    char foreign[64];
    char older[64];
    struct cgroups later;

    (void)state;
    if (cgroup_open(&groups, "/sys/fs/cgroup", "auto", PARENT, &e) < 0 ||
        groups.version == CGROUP_NONE) {
        skip(); /* no writable hierarchy here */
    }
    pid_t pid = dead_pid();
    (void)snprintf(dead, sizeof(dead), "w%d-1-%llu", (int)pid, pid_namespace());
    (void)snprintf(foreign, sizeof(foreign), "w%d-1-%llu", (int)pid,
                   pid_namespace() + 1);
    (void)snprintf(older, sizeof(older), "w%d-1", (int)pid);
    make(dead);
    make(foreign);
    make(older);
    assert_int_equal(cgroup_open(&later, "/sys/fs/cgroup", "auto", PARENT, &e),
                     0);
    assert_false(is_there(dead));
    assert_true(is_there(foreign));
    assert_true(is_there(older));
    assert_true(is_there(groups.worker_dir)); /* ours, and alive */
    (void)unlinkat(groups.trees[0].root_fd, foreign, AT_REMOVEDIR);
    (void)unlinkat(groups.trees[0].root_fd, older, AT_REMOVEDIR);
    cgroup_close(&later); /* the same process: the same directory */
    cgroup_close(&groups);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(removes_the_dead_of_its_namespace),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
