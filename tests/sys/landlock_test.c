/* SPDX-License-Identifier: MIT */
/* landlock_test.c - Do the rules forbid what nothing else in the test would,
 * and no more? Tried with each ABI that this kernel has, by a process that is
 * root of a user namespace of its own, in a tree laid out like a box's. */
#include "lib/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <termios.h>

#include "base/base.h"
#include "sys/landlock.h"
#include "sys/ns.h"
#include "sys/proc.h"

/* ---- the plan ------------------------------------------------------------ */

static const struct {
    unsigned abi;
    unsigned want_abi;
    uint64_t fs;
    uint64_t net;
    uint64_t scoped;
    uint32_t attr_bytes;
    uint32_t flags;
} plans[] = {
    {0, 0, 0, 0, 0, 0, 0},       {1, 0, 0, 0, 0, 0, 0},
    {2, 2, 0x3fff, 0, 0, 8, 0},  {3, 3, 0x7fff, 0, 0, 8, 0},
    {4, 4, 0x7fff, 3, 0, 16, 0}, {5, 5, 0xffff, 3, 0, 16, 0},
    {6, 6, 0xffff, 3, 3, 24, 0}, {7, 7, 0xffff, 3, 3, 24, 5},
    {8, 7, 0xffff, 3, 3, 24, 5},
};

static void plans_follow_the_abi(void **state)
{
    struct landlock_plan plan;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
        landlock_plan_make(plans[i].abi, true, &plan);
        assert_int_equal(plan.abi, plans[i].want_abi);
        assert_int_equal(plan.handled.fs, plans[i].fs);
        assert_int_equal(plan.handled.net, plans[i].net);
        assert_int_equal(plan.handled.scoped, plans[i].scoped);
        assert_int_equal(plan.attr_bytes, plans[i].attr_bytes);
        assert_int_equal(plan.restrict_flags, plans[i].flags);
        landlock_plan_make(plans[i].abi, false, &plan);
        assert_int_equal(plan.handled.net, 0);
        assert_int_equal(plan.handled.fs, plans[i].fs);
    }
}

/* ---- what is tried --------------------------------------------------------
 */

static int host_fd; /* "/" outside of the tree */
static char abstract_name[32];

static int touch(const char *path, int flags)
{
    AUTO_FD int fd = open(path, flags | O_CLOEXEC, 0644);

    return fd < 0 ? -1 : 0;
}

static int read_usr(void)
{
    return touch("/usr/file", O_RDONLY);
}
static int list_usr(void)
{
    return touch("/usr", O_RDONLY | O_DIRECTORY);
}
static int write_usr(void)
{
    return touch("/usr/file", O_WRONLY);
}
static int make_in_usr(void)
{
    return touch("/usr/new", O_WRONLY | O_CREAT);
}
static int make_in_root(void)
{
    return mkdir("/new", 0755);
}
static int remove_from_usr(void)
{
    return unlink("/usr/file");
}
static int truncate_usr(void)
{
    return truncate("/usr/file", 0);
}
static int make_in_tmp(void)
{
    return touch("/tmp/file", O_WRONLY | O_CREAT | O_TRUNC);
}
static int make_kinds(void)
{
    if (mkdir("/workspace/a", 0755) < 0 || mkdir("/workspace/b", 0755) < 0 ||
        mkfifo("/workspace/a/fifo", 0600) < 0 ||
        symlink("x", "/workspace/a/link") < 0) {
        return -1;
    }
    return touch("/workspace/a/file", O_RDWR | O_CREAT);
}
static int move_between(void)
{
    if (link("/workspace/a/file", "/workspace/b/other") < 0) {
        return -1;
    }
    return rename("/workspace/a/file", "/workspace/b/file");
}
static int remove_own(void)
{
    if (unlink("/workspace/b/file") < 0 || unlink("/workspace/b/other") < 0) {
        return -1;
    }
    return rmdir("/workspace/b");
}
static int move_to_usr(void)
{
    return rename("/tmp/file", "/usr/new");
}
static int write_device(void)
{
    return touch("/dev/null", O_WRONLY);
}
static int make_in_dev(void)
{
    return touch("/dev/new", O_WRONLY | O_CREAT);
}
static int control_device(void)
{
    struct termios t;
    AUTO_FD int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    return fd < 0 ? 0 : ioctl(fd, TCGETS, &t);
}
static int write_proc(void)
{
    return touch("/proc/comm", O_WRONLY | O_TRUNC);
}
static int make_in_proc(void)
{
    return touch("/proc/new", O_WRONLY | O_CREAT);
}
static int mount_more(void)
{
    return mount("x", "/tmp", "tmpfs", 0, NULL);
}
static int read_host(void)
{
    AUTO_FD int fd = openat(host_fd, "etc/passwd", O_RDONLY | O_CLOEXEC);

    return fd < 0 ? -1 : 0;
}
static int run_host(void)
{
    char *argv[] = {NULL};

    return execveat(host_fd, "usr/bin/true", argv, argv, 0);
}
static int signal_outside(void)
{
    return kill(getppid(), 0);
}
static int call_outside(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(name.sun_path + 1, abstract_name, strlen(abstract_name));
    return connect(fd, (struct sockaddr *)&name,
                   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                               strlen(abstract_name)));
}
static int bind_any(int type)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    AUTO_FD int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    return bind(fd, (struct sockaddr *)&any, sizeof(any));
}
static int bind_tcp(void)
{
    return bind_any(SOCK_STREAM);
}
static int bind_udp(void)
{
    return bind_any(SOCK_DGRAM);
}
/* To port 0 nobody listens. */
static int connect_tcp(void)
{
    struct sockaddr_in nobody = {.sin_family = AF_INET};
    AUTO_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    nobody.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect(fd, (struct sockaddr *)&nobody, sizeof(nobody));
}

/* In order: later ones use what earlier ones made. From ABI `since` on the
 * answer is `want`, before it `without`. */
static const struct {
    const char *name;
    int (*attempt)(void);
    unsigned since;
    int want;
    int without;
} attempts[] = {
    {"read", read_usr, 1, 0, 0},
    {"list", list_usr, 1, 0, 0},
    {"write", write_usr, 1, EACCES, 0},
    {"make in /usr", make_in_usr, 1, EACCES, 0},
    {"make in /", make_in_root, 1, EACCES, 0},
    {"remove", remove_from_usr, 1, EACCES, 0},
    {"truncate", truncate_usr, 3, EACCES, 0},
    {"make in /tmp", make_in_tmp, 1, 0, 0},
    {"make all kinds in /workspace", make_kinds, 1, 0, 0},
    {"move between directories", move_between, 2, 0, EXDEV},
    {"remove one's own", remove_own, 1, 0, 0},
    {"move out of /tmp", move_to_usr, 1, EACCES, 0},
    {"write to a device", write_device, 1, 0, 0},
    {"make in /dev", make_in_dev, 1, EACCES, 0},
    {"control a device", control_device, 5, EACCES, ENOTTY},
    {"write to /proc", write_proc, 1, 0, 0},
    {"make in /proc", make_in_proc, 1, EACCES, 0},
    {"mount", mount_more, 1, EPERM, 0},
    {"read outside of the root", read_host, 1, EACCES, 0},
    {"run outside of the root", run_host, 1, EACCES, 0},
    {"signal outside", signal_outside, 6, EPERM, 0},
    {"abstract socket outside", call_outside, 6, EPERM, 0},
    {"bind TCP", bind_tcp, 4, EACCES, 0},
    {"connect TCP", connect_tcp, 4, EACCES, ECONNREFUSED},
    {"bind UDP", bind_udp, 1, 0, 0},
};

/* ---- the tree --------------------------------------------------------------
 */

static int lay_out(void)
{
    static const char *const dirs[] = {"/tmp/usr", "/tmp/dev", "/tmp/proc",
                                       "/tmp/tmp", "/tmp/workspace"};
    struct err e = {.msg = ""};

    host_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (ns_become_root(&e) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("x", "/tmp", "tmpfs", 0, "mode=0755") < 0) {
        return -1;
    }
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        if (mkdir(dirs[i], 0755) < 0) {
            return -1;
        }
    }
    if (touch("/tmp/usr/file", O_WRONLY | O_CREAT) < 0 ||
        touch("/tmp/proc/comm", O_WRONLY | O_CREAT) < 0 ||
        touch("/tmp/dev/null", O_WRONLY | O_CREAT) < 0 ||
        mount("/dev/null", "/tmp/dev/null", NULL, MS_BIND, NULL) < 0 ||
        mount("x", "/tmp/workspace", "tmpfs", 0, "mode=0755") < 0) {
        return -1;
    }
    return chroot("/tmp") < 0 || chdir("/") < 0 ? -1 : 0;
}

static int try_all(unsigned abi, bool denies_tcp)
{
    int wrong = 0;

    for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
        bool is_tcp = strstr(attempts[i].name, "TCP") != NULL;
        bool is_in_force = abi >= attempts[i].since && (denies_tcp || !is_tcp);
        int want = is_in_force ? attempts[i].want : attempts[i].without;

        errno = 0;
        int got = attempts[i].attempt() < 0 ? errno : 0;
        if (got != want) {
            print_error("ABI %u, %s: %s, not %s\n", abi, attempts[i].name,
                        strerror(got), strerror(want));
            wrong++;
        }
    }
    return wrong;
}

static int inside(unsigned abi, bool denies_tcp)
{
    struct landlock_plan plan;
    const char *step = NULL;

    if (lay_out() < 0) {
        print_error("cannot lay out a tree: %s\n", strerror(errno));
        return 1;
    }
    if (landlock_holds()) {
        print_error("rules hold before there are any\n");
        return 1;
    }
    landlock_plan_make(abi, denies_tcp, &plan);
    if (landlock_apply(&plan, &step) < 0) {
        print_error("ABI %u: %s: %s\n", abi, step, strerror(errno));
        return 1;
    }
    if (!landlock_holds()) {
        print_error("ABI %u: rules do not hold\n", abi);
        return 1;
    }
    return try_all(abi, denies_tcp);
}

static void in_child(unsigned abi, bool denies_tcp)
{
    int status = -1;
    pid_t pid = proc_clone(0, -1, NULL);

    assert_true(pid >= 0);
    if (pid == 0) {
        _exit(inside(abi, denies_tcp) != 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static int listen_abstract(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(abstract_name, sizeof(abstract_name), "fy-landlock-%d",
                   (int)getpid());
    memcpy(name.sun_path + 1, abstract_name, strlen(abstract_name));
    assert_return_code(bind(fd, (struct sockaddr *)&name,
                            (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
                                        1 + strlen(abstract_name))),
                       errno);
    assert_return_code(listen(fd, 64), errno);
    return fd;
}

static void each_abi_forbids_its_own(void **state)
{
    unsigned newest = landlock_abi();

    (void)state;
    if (newest == 0) {
        skip(); /* a kernel without Landlock */
    }
    AUTO_FD int listener = listen_abstract();
    for (unsigned abi = LANDLOCK_ABI_MIN; abi <= newest; abi++) {
        in_child(abi, true);
        in_child(abi, false);
    }
}

static void what_fails_is_named(void **state)
{
    struct landlock_plan plan;
    const char *step = NULL;

    (void)state;
    if (landlock_abi() == 0) {
        skip();
    }
    landlock_plan_make(landlock_abi(), true, &plan);
    plan.handled.fs |= UINT64_C(1) << 63; /* a right no kernel has */
    assert_int_equal(landlock_apply(&plan, &step), -1);
    assert_int_equal(errno, EINVAL);
    assert_string_equal(step, "landlock_create_ruleset");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_follow_the_abi),
        cmocka_unit_test(each_abi_forbids_its_own),
        cmocka_unit_test(what_fails_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
