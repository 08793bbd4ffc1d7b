/* SPDX-License-Identifier: MIT */
/* hostcheck.c - what this host can isolate: a table of facts and probes.
 *
 * Runs in `forkyard check`, with whatever privilege that was started with, so
 * that it finds what a worker started the same way would find. Changes nothing
 * that outlives it but the parent cgroup a worker would make as well. */
#include "sys/hostcheck.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "sys/cgroup.h"
#include "sys/landlock.h"
#include "sys/proc.h"

/* The youngest call that has no substitute is mount_setattr(), which makes the
 * template read-only: 5.12. clone3, pidfds, openat2 and subset=pid of /proc are
 * older. */
#define KERNEL_MAJOR 5
#define KERNEL_MINOR 12

#define USERNS_REMEDY                                                          \
    "allow user namespaces: sysctl -w user.max_user_namespaces=15000 "         \
    "kernel.unprivileged_userns_clone=1 "                                      \
    "kernel.apparmor_restrict_unprivileged_userns=0 (those the kernel has), "  \
    "or run as root"
#define NS_REMEDY                                                              \
    "run as root, or allow user namespaces; in a container: --privileged, "    \
    "or --security-opt seccomp=unconfined --cap-add SYS_ADMIN"

struct row;
typedef bool (*probe_fn)(const struct row *row,
                         const struct hostcheck_spec *spec, char *detail,
                         size_t size);

struct row {
    const char *name;
    const char *meaning;
    bool is_required;
    probe_fn probe;
    uint64_t flag; /* CLONE_NEW... */
    const char *remedy;
};

static bool is_root(void)
{
    return geteuid() == 0;
}

static bool probe_kernel(const struct row *row,
                         const struct hostcheck_spec *spec, char *detail,
                         size_t size)
{
    struct utsname host = {0};
    int major = 0;
    int minor = 0;

    (void)row;
    (void)spec;
    if (uname(&host) < 0 ||
        sscanf(host.release, "%d.%d", &major, &minor) != 2) {
        (void)snprintf(detail, size, "unknown");
        return false;
    }
    (void)snprintf(detail, size, "%s", host.release);
    return major > KERNEL_MAJOR ||
           (major == KERNEL_MAJOR && minor >= KERNEL_MINOR);
}

static bool probe_root(const struct row *row, const struct hostcheck_spec *spec,
                       char *detail, size_t size)
{
    (void)row;
    (void)spec;
    if (is_root()) {
        (void)snprintf(detail, size,
                       "root: each slot gets a user id of its "
                       "own");
        return true;
    }
    (void)snprintf(detail, size,
                   "user %d: boxes through user namespaces, all slots share "
                   "this user id",
                   (int)geteuid());
    return false;
}

/* Runs in the child, which shares nothing with us any more. */
static int mount_proc(void)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) <
            0) {
        return errno;
    }
    return 0;
}

/* A child with these namespaces, which does `inside`; 0 or its errno. */
static int try_namespaces(uint64_t flags, int (*inside)(void))
{
    pid_t pid = proc_clone(flags, -1, NULL);
    int status = 0;

    if (pid < 0) {
        return errno;
    }
    if (pid == 0) {
        _exit(inside ? inside() : 0);
    }
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return errno;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
}

static bool say_errno(int sys, char *detail, size_t size)
{
    (void)snprintf(detail, size, "%s", sys ? strerror(sys) : "available");
    return sys == 0;
}

static bool probe_ns(const struct row *row, const struct hostcheck_spec *spec,
                     char *detail, size_t size)
{
    uint64_t with_user = is_root() ? 0 : CLONE_NEWUSER;

    (void)spec;
    return say_errno(try_namespaces(row->flag | with_user, NULL), detail, size);
}

static bool probe_proc_mount(const struct row *row,
                             const struct hostcheck_spec *spec, char *detail,
                             size_t size)
{
    (void)spec;
    return say_errno(try_namespaces(row->flag, mount_proc), detail, size);
}

static bool probe_seccomp(const struct row *row,
                          const struct hostcheck_spec *spec, char *detail,
                          size_t size)
{
    uint32_t action = SECCOMP_RET_KILL_PROCESS;
    long rc = syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action);

    (void)row;
    (void)spec;
    return say_errno(rc < 0 ? errno : 0, detail, size);
}

/* Runs in the child: the filter is its own, and allows everything. */
static int listen_once(void)
{
    struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const struct sock_fprog program = {1, &allow};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                SECCOMP_FILTER_FLAG_NEW_LISTENER, &program) < 0) {
        return errno;
    }
    return 0;
}

static bool probe_listener(const struct row *row,
                           const struct hostcheck_spec *spec, char *detail,
                           size_t size)
{
    (void)row;
    (void)spec;
    return say_errno(try_namespaces(0, listen_once), detail, size);
}

static bool probe_no_new_privs(const struct row *row,
                               const struct hostcheck_spec *spec, char *detail,
                               size_t size)
{
    int rc = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);

    (void)row;
    (void)spec;
    return say_errno(rc < 0 ? errno : 0, detail, size);
}

static bool probe_landlock(const struct row *row,
                           const struct hostcheck_spec *spec, char *detail,
                           size_t size)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
                       LANDLOCK_CREATE_RULESET_VERSION);

    (void)row;
    (void)spec;
    if (abi < 1) {
        return say_errno(errno, detail, size);
    }
    (void)snprintf(detail, size, "ABI %ld, boxes use %u", abi, landlock_abi());
    return landlock_abi() > 0;
}

bool hostcheck_core_stays(const char *core_pattern)
{
    return core_pattern[0] != '@';
}

/* A file is bounded by RLIMIT_CORE, and a handler behind a pipe is not started
 * where that is 1. A socket is connected to whatever the limit, and is sent
 * all of the core. */
static bool probe_core(const struct row *row, const struct hostcheck_spec *spec,
                       char *detail, size_t size)
{
    (void)row;
    (void)spec;
    if (fd_read_small(AT_FDCWD, "/proc/sys/kernel/core_pattern", detail, size) <
        0) {
        return say_errno(errno, detail, size);
    }
    detail[strcspn(detail, "\n")] = 0;
    return hostcheck_core_stays(detail);
}

static bool probe_cgroup(const struct row *row,
                         const struct hostcheck_spec *spec, char *detail,
                         size_t size)
{
    struct cgroups c;
    struct err e = {0};

    (void)row;
    if (cgroup_open(&c, "/sys/fs/cgroup", spec->cgroup, spec->cgroup_parent,
                    &e) < 0) {
        (void)snprintf(detail, size, "%.*s", (int)size - 1, e.msg);
        return false;
    }
    (void)snprintf(
        detail, size, "%s, writable:%s%s%s%s", cgroup_version_name(c.version),
        c.controllers & CGROUP_MEMORY ? " memory" : "",
        c.controllers & CGROUP_PIDS ? " pids" : "",
        c.controllers & CGROUP_CPU ? " cpu" : "", c.controllers ? "" : " none");
    cgroup_close(&c);
    return c.version != CGROUP_NONE;
}

static const struct row rows[] = {
    {"kernel", "the Linux kernel, at least 5.12", true, probe_kernel, 0,
     "use a newer kernel"},
    {"root", "who runs the worker", false, probe_root, 0,
     "run as root for a user id per slot"},
    {"user_ns", "user namespaces", true, probe_ns, CLONE_NEWUSER,
     USERNS_REMEDY},
    {"pid_ns", "process namespaces", true, probe_ns, CLONE_NEWPID, NS_REMEDY},
    {"mount_ns", "mount namespaces", true, probe_ns, CLONE_NEWNS, NS_REMEDY},
    {"net_ns", "network namespaces", true, probe_ns, CLONE_NEWNET, NS_REMEDY},
    {"ipc_ns", "IPC namespaces", true, probe_ns, CLONE_NEWIPC, NS_REMEDY},
    {"uts_ns", "host name namespaces", true, probe_ns, CLONE_NEWUTS, NS_REMEDY},
    {"cgroup_ns", "cgroup namespaces", true, probe_ns, CLONE_NEWCGROUP,
     NS_REMEDY},
    {"proc_mount", "a /proc of the box's own", true, probe_proc_mount,
     CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS,
     "something is mounted over /proc (a container's masks): in a container "
     "use --privileged, or --security-opt unmask=ALL"},
    {"seccomp", "system call filters", true, probe_seccomp, 0,
     "use a kernel with CONFIG_SECCOMP_FILTER"},
    {"listener", "calls that end a job are named", false, probe_listener, 0,
     "a filter around the worker, of a container manager, has the one listener "
     "there can be; such calls then kill their process, and are not named"},
    {"no_new_privs", "no privilege through exec", true, probe_no_new_privs, 0,
     "use a newer kernel"},
    {"cgroup", "memory and process limits by cgroup", false, probe_cgroup, 0,
     "delegate a cgroup (systemd: Delegate=yes) or run as root; without one, "
     "rlimits and watching take its place"},
    {"landlock", "file access rules", false, probe_landlock, 0,
     "add landlock to the kernel's lsm= list; without it boxes lack their "
     "second wall"},
    {"core", "crashes that stay in their box", false, probe_core, 0,
     "sysctl -w kernel.core_pattern=core, or a pipe: through a socket (@) each "
     "crash of a job is sent to the host's handler"},
};

const size_t hostcheck_count = ARRAY_LEN(rows);

void hostcheck_probe(size_t index, const struct hostcheck_spec *spec,
                     struct hostcheck_fact *out)
{
    const struct row *row = &rows[index];

    *out = (struct hostcheck_fact){
        .name = row->name,
        .meaning = row->meaning,
        .is_required = row->is_required,
        .remedy = row->remedy,
    };
    out->is_there = row->probe(row, spec, out->detail, sizeof(out->detail));
}

void hostcheck_layers(const struct hostcheck_spec *spec,
                      struct hostcheck_layers *out)
{
    struct cgroups c;
    struct err e = {0};

    *out = (struct hostcheck_layers){.is_root = is_root(),
                                     .landlock = landlock_abi()};
    if (cgroup_open(&c, "/sys/fs/cgroup", spec->cgroup, spec->cgroup_parent,
                    &e) == 0) {
        out->controllers = c.controllers;
        cgroup_close(&c);
    }
}
