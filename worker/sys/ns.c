/* SPDX-License-Identifier: MIT */
/* ns.c - see ns.h. Runs in the launcher. */
#include "sys/ns.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "base/fd.h"

const struct ns_row ns_rows[] = {
    {"user_ns", "user", CLONE_NEWUSER, NS_OF_SLOT},
    {"pid_ns", "pid", CLONE_NEWPID, NS_OF_BOX},
    {"mount_ns", "mnt", CLONE_NEWNS, NS_OF_BOX},
    {"ipc_ns", "ipc", CLONE_NEWIPC, NS_OF_BOX},
    {"uts_ns", "uts", CLONE_NEWUTS, NS_OF_SLOT},
    {"net_ns", "net", CLONE_NEWNET, 0},
    {"cgroup_ns", "cgroup", CLONE_NEWCGROUP, 0},
};
const size_t ns_row_count = ARRAY_LEN(ns_rows);

static uint64_t flags_of(unsigned cloned)
{
    uint64_t flags = 0;

    for (size_t i = 0; i < ns_row_count; i++) {
        flags |= ns_rows[i].cloned & cloned ? ns_rows[i].clone_flag : 0;
    }
    return flags;
}

uint64_t ns_slot_flags(void)
{
    return flags_of(NS_OF_SLOT);
}

uint64_t ns_box_flags(void)
{
    return flags_of(NS_OF_BOX);
}

static int write_map(int proc_dir_fd, pid_t pid, const char *file,
                     unsigned outer, struct err *e)
{
    char path[64];
    char line[64];

    (void)snprintf(path, sizeof(path), "%d/%s", (int)pid, file);
    (void)snprintf(line, sizeof(line), "%d %u 1\n", NS_INNER_ID, outer);
    if (fd_write_small(proc_dir_fd, path, line) < 0) {
        return err_sys(e, "writing %s", file);
    }
    return 0;
}

int ns_write_maps(int proc_dir_fd, pid_t pid, uid_t uid, gid_t gid,
                  struct err *e)
{
    if (write_map(proc_dir_fd, pid, "uid_map", uid, e) < 0) {
        return -1;
    }
    return write_map(proc_dir_fd, pid, "gid_map", gid, e);
}

static int bring_up_loopback(struct err *e)
{
    struct ifreq request = {.ifr_name = "lo"};
    AUTO_FD int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (sock < 0 || ioctl(sock, SIOCSIFFLAGS, &request) < 0) {
        return err_sys(e, "bringing up lo");
    }
    return 0;
}

int ns_make_net(int loopback, int *out_fd, struct err *e)
{
    if (unshare(CLONE_NEWNET) < 0) {
        return err_sys(e, "making a network namespace");
    }
    AUTO_FD int made = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (made < 0) {
        return err_sys(e, "opening the new network namespace");
    }
    if (loopback && bring_up_loopback(e) < 0) {
        return -1;
    }
    *out_fd = take_fd(&made);
    return 0;
}

int ns_become_root(struct err *e)
{
    char line[64];
    uid_t uid = geteuid();
    gid_t gid = getegid();

    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) {
        return err_sys(e, "making a user namespace (unprivileged user "
                          "namespaces may be switched off on this host)");
    }
    /* A process that changed its user is not dumpable, and then its own
     * /proc files belong to root. */
    (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    (void)snprintf(line, sizeof(line), "0 %u 1\n", uid);
    if (fd_write_small(AT_FDCWD, "/proc/self/uid_map", line) < 0) {
        return err_sys(e, "writing uid_map");
    }
    if (fd_write_small(AT_FDCWD, "/proc/self/setgroups", "deny") < 0) {
        return err_sys(e, "writing setgroups");
    }
    (void)snprintf(line, sizeof(line), "0 %u 1\n", gid);
    if (fd_write_small(AT_FDCWD, "/proc/self/gid_map", line) < 0) {
        return err_sys(e, "writing gid_map");
    }
    return 0;
}
