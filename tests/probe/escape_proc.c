/* SPDX-License-Identifier: MIT */
/* escape_proc.c - what /proc shows and lets change: nothing but the box's own
 * processes, and of its init only what everybody may know. */
#include "probe.h"

#include <dirent.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/vfs.h>

/* linux/nsfs.h and linux/pidfd.h, as of Linux 6.12; Debian 12 has older. */
#define NSIO            0xb7
#define NS_USERNS       _IO(NSIO, 0x1)
#define NS_PARENT       _IO(NSIO, 0x2)
#define NS_OWNER_UID    _IO(NSIO, 0x4)
#define NS_MNT_GET_NEXT _IOR(NSIO, 11, struct ns_mnt_info)
#define NS_MNT_GET_PREV _IOR(NSIO, 12, struct ns_mnt_info)
#define PIDFD_NS(n)     _IO(0xff, n)

struct ns_mnt_info {
    uint32_t size;
    uint32_t mounts;
    uint64_t id;
};

/* --- entries ---------------------------------------------------------------
 */

/* Everything in it that is no process. */
static const char *try_listing(const struct probe *p)
{
    char found[2000] = "";
    DIR *dir = opendir(p->arg);
    struct dirent *entry;

    if (!dir) {
        return answer(-1);
    }
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] == '.' || strtol(entry->d_name, NULL, 10) > 0) {
            continue;
        }
        (void)snprintf(found + strlen(found), sizeof(found) - strlen(found),
                       "%s%s", found[0] ? " " : "", entry->d_name);
    }
    return say("%s", found);
}

static const char *try_processes(const struct probe *p)
{
    char found[2000] = "";
    DIR *dir = opendir("/proc");
    struct dirent *entry;

    (void)p;
    while (dir && (entry = readdir(dir))) {
        long pid = strtol(entry->d_name, NULL, 10);

        if (pid > 0) {
            (void)snprintf(found + strlen(found), sizeof(found) - strlen(found),
                           "%s%s", found[0] ? " " : "",
                           pid == getpid() ? "self" : entry->d_name);
        }
    }
    return say("%s", found);
}

static const char *try_open(const struct probe *p)
{
    return answer(open(p->arg, O_RDONLY));
}

/* --- namespaces behind descriptors -----------------------------------------
 */

static const char *try_ns_ioctl(const struct probe *p)
{
    struct ns_mnt_info info = {.size = sizeof(info)};
    int fd = open(p->arg, O_RDONLY);

    return fd < 0 ? answer(fd) : answer(ioctl(fd, p->call[0], &info));
}

/* The owner is a user outside: the kernel shows the one that stands for all it
 * cannot name. */
static const char *try_owner(const struct probe *p)
{
    uid_t uid = 0;
    int fd = open("/proc/self/ns/user", O_RDONLY);

    (void)p;
    return ioctl(fd, NS_OWNER_UID, &uid) < 0 ? answer(-1) : say("%u", uid);
}

static const char *try_setns(const struct probe *p)
{
    int fd = open(p->arg, O_RDONLY);

    return fd < 0 ? answer(fd) : answer(setns(fd, 0));
}

static const char *try_setns_pidfd(const struct probe *p)
{
    (void)p;
    int fd = (int)syscall(SYS_pidfd_open, 1, 0);

    return fd < 0 ? answer(fd) : answer(setns(fd, CLONE_NEWNS));
}

/* A namespace of init without its /proc: by an ioctl on a pidfd. */
static const char *try_pidfd_ns(const struct probe *p)
{
    int fd = (int)syscall(SYS_pidfd_open, 1, 0);

    return fd < 0 ? answer(fd) : answer(ioctl(fd, PIDFD_NS(p->call[0]), 0));
}

/* --- init ------------------------------------------------------------------
 */

/* The kernel takes the signal and drops it; the box goes on, or the runner
 * would see. */
static const char *try_kill_init(const struct probe *p)
{
    (void)p;
    for (int s = 1; s <= SIGRTMAX; s++) {
        if (kill(1, s) < 0 && s != 32 && s != 33) {
            return say("%d: %s", s, answer(-1));
        }
    }
    return kill(1, 0) == 0 ? "lives" : answer(-1);
}

static const char *try_kill_init_by_pidfd(const struct probe *p)
{
    (void)p;
    int fd = (int)syscall(SYS_pidfd_open, 1, 0);

    if (fd < 0 || syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) < 0 ||
        syscall(SYS_tgkill, 1, 1, SIGKILL) < 0) {
        return answer(-1);
    }
    return kill(1, 0) == 0 ? "lives" : answer(-1);
}

/* As if the kernel had sent it. */
static const char *try_forged_signal(const struct probe *p)
{
    siginfo_t info = {.si_signo = SIGKILL, .si_code = SI_KERNEL};

    (void)p;
    return answer(syscall(SYS_rt_sigqueueinfo, 1, SIGKILL, &info));
}

static const char *try_robust_list(const struct probe *p)
{
    void *head = NULL;
    size_t len = 0;

    (void)p;
    return answer(syscall(SYS_get_robust_list, 1, &head, &len));
}

static const char *try_prlimit(const struct probe *p)
{
    (void)p;
    return answer(syscall(SYS_prlimit64, 1, 0, NULL, NULL));
}

static const char *try_core_sched(const struct probe *p)
{
    (void)p; /* PR_SCHED_CORE, PR_SCHED_CORE_SHARE_FROM */
    return answer(prctl(62, 3, 1, 0, 0));
}

/* --- itself ----------------------------------------------------------------
 */

static const char *try_self(const struct probe *p)
{
    (void)p;
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
        return answer(-1);
    }
    return answer(open("/proc/self/mem", O_RDONLY));
}

/* Where its memory is in the machine: frame numbers are zeros. */
static const char *try_frames(const struct probe *p)
{
    uint64_t entry = 0;
    int fd = open("/proc/self/pagemap", O_RDONLY);
    off_t at = (off_t)((uintptr_t)&entry / 4096 * sizeof(entry));

    (void)p;
    if (pread(fd, &entry, sizeof(entry), at) != sizeof(entry)) {
        return answer(-1);
    }
    return (entry & ((UINT64_C(1) << 55) - 1)) == 0 ? "hidden" : "shown";
}

/* Lower than it was; higher is its own loss. */
/* The first in a box of its own image, the second in the launcher's. */
static const char *try_cmdline(const struct probe *p)
{
    char words[4096] = "";
    int fd = open("/proc/1/cmdline", O_RDONLY);

    (void)p;
    if (fd < 0 || read(fd, words, sizeof(words) - 1) < 0) {
        return answer(-1);
    }
    return !strcmp(words, "fy-slot") || !strcmp(words, "forkyard: boxes")
               ? "a name and no more"
               : say("%s", words);
}

static const char *try_oom_value(const struct probe *p)
{
    char value[16] = "";
    int fd = open("/proc/self/oom_score_adj", O_RDONLY);

    (void)p;
    if (fd < 0 || read(fd, value, sizeof(value) - 1) <= 0) {
        return answer(-1);
    }
    return say("%.*s", (int)strcspn(value, "\n"), value);
}

static const char *try_oom_score(const struct probe *p)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY);

    (void)p;
    return fd < 0 ? answer(fd) : answer(write(fd, "-1000", 5));
}

static const char *try_map(const struct probe *p)
{
    int fd = open(p->arg, O_WRONLY);

    return fd < 0 ? answer(fd) : answer(write(fd, "0 0 1\n", 6));
}

static const char *try_offsets(const struct probe *p)
{
    int fd = open("/proc/self/timens_offsets", O_WRONLY);

    (void)p;
    return fd < 0 ? answer(fd) : answer(write(fd, "monotonic 1 0\n", 14));
}

/* The paths of all hierarchies, when they are the same. */
static const char *try_cgroup(const struct probe *p)
{
    char text[4096];
    const char *path = "no line";
    char *rest = NULL;

    (void)p;
    (void)snprintf(text, sizeof(text), "%s", text_of("/proc/self/cgroup"));
    char *line = strtok_r(text, "\n", &rest);
    for (; line; line = strtok_r(NULL, "\n", &rest)) {
        path = strrchr(line, ':') ? strrchr(line, ':') + 1 : line;
        if (strcmp(path, "/") != 0) {
            break;
        }
    }
    return say("%s", path);
}

static const struct probe probes[] = {
    /* What is not there: the mount has processes only. */
    {"all of /proc", "self thread-self", ANYWHERE(try_listing, "/proc")},
    {"processes", "1 self", ANYWHERE(try_processes, NULL)},
    {"/proc/sys", "ENOENT", HERE(try_open, "/proc/sys")},
    {"core_pattern", "ENOENT", HERE(try_read, "/proc/sys/kernel/core_pattern")},
    {"write core_pattern", "ENOENT",
     HERE(try_write, "/proc/sys/kernel/core_pattern")},
    {"write overcommit_memory", "ENOENT",
     HERE(try_write, "/proc/sys/vm/overcommit_memory")},
    {"sysrq-trigger", "ENOENT", HERE(try_open, "/proc/sysrq-trigger")},
    {"kcore", "ENOENT", HERE(try_open, "/proc/kcore")},
    {"kallsyms", "ENOENT", HERE(try_open, "/proc/kallsyms")},
    {"kmsg", "ENOENT", HERE(try_open, "/proc/kmsg")},
    {"keys", "ENOENT", HERE(try_open, "/proc/keys")},
    {"modules", "ENOENT", HERE(try_open, "/proc/modules")},
    {"kernel command line", "ENOENT", HERE(try_open, "/proc/cmdline")},
    {"kernel configuration", "ENOENT", HERE(try_open, "/proc/config.gz")},
    {"timer_list", "ENOENT", HERE(try_open, "/proc/timer_list")},
    {"/proc/mounts of all", "ENOENT", HERE(try_open, "/proc/mounts")},
    {"/proc/net", "ENOENT", HERE(try_open, "/proc/net/tcp")},
    {"/proc/bus", "ENOENT", HERE(try_open, "/proc/bus/pci")},
    {"/proc/scsi", "ENOENT", HERE(try_open, "/proc/scsi/scsi")},
    {"/proc/fs", "ENOENT", HERE(try_open, "/proc/fs")},
    {"/proc/irq", "ENOENT", HERE(try_open, "/proc/irq")},
    {"/proc/acpi", "ENOENT", HERE(try_open, "/proc/acpi")},

    /* Of init. */
    {"memory of init", "EACCES", HERE(try_read, "/proc/1/mem")},
    {"memory of init, to write", "EACCES", HERE(try_write, "/proc/1/mem")},
    {"environment of init", "EACCES", HERE(try_read, "/proc/1/environ")},
    {"maps of init", "EACCES", HERE(try_read, "/proc/1/maps")},
    {"smaps of init", "EACCES", HERE(try_read, "/proc/1/smaps")},
    {"auxv of init", "EACCES", HERE(try_read, "/proc/1/auxv")},
    {"pagemap of init", "EACCES", HERE(try_read, "/proc/1/pagemap")},
    {"stack of init", "EACCES", HERE(try_read, "/proc/1/stack")},
    {"system call of init", "EACCES", HERE(try_read, "/proc/1/syscall")},
    {"personality of init", "EACCES", HERE(try_read, "/proc/1/personality")},
    {"counters of init", "EACCES", HERE(try_read, "/proc/1/io")},
    {"root of init", "EACCES", HERE(try_link, "/proc/1/root")},
    {"a file through init's root", "EACCES",
     HERE(try_open, "/proc/1/root/etc/passwd")},
    {"directory of init", "EACCES", HERE(try_link, "/proc/1/cwd")},
    {"program of init", "EACCES", HERE(try_link, "/proc/1/exe")},
    {"program of init, to run", "EACCES", HERE(try_open, "/proc/1/exe")},
    {"descriptors of init", "EACCES", HERE(try_open, "/proc/1/fd")},
    {"descriptor 0 of init", "EACCES", HERE(try_open, "/proc/1/fd/0")},
    {"fdinfo of init", "EACCES", HERE(try_open, "/proc/1/fdinfo")},
    {"map_files of init", "EACCES", HERE(try_open, "/proc/1/map_files")},
    {"mount namespace of init", "EACCES", HERE(try_open, "/proc/1/ns/mnt")},
    {"user namespace of init", "EACCES", HERE(try_open, "/proc/1/ns/user")},
    {"net namespace of init", "EACCES", HERE(try_link, "/proc/1/ns/net")},
    {"memory of init's thread", "EACCES", HERE(try_read, "/proc/1/task/1/mem")},
    {"oom score of init", "EACCES", HERE(try_write, "/proc/1/oom_score_adj")},
    {"coredump filter of init", "EACCES",
     HERE(try_write, "/proc/1/coredump_filter")},
    {"name of init", "EACCES", HERE(try_write, "/proc/1/comm")},
    {"id map of init", "EACCES", HERE(try_write, "/proc/1/uid_map")},
    {"clear_refs of init", "EACCES", HERE(try_write, "/proc/1/clear_refs")},
    {"timer slack of init", "EPERM", HERE(try_write, "/proc/1/timerslack_ns")},
    {"command line of init", "a name and no more", HERE(try_cmdline, NULL)},
    {"signals to init", "lives", HERE(try_kill_init, NULL)},
    {"SIGKILL to init by pidfd", "lives", HERE(try_kill_init_by_pidfd, NULL)},
    {"forged signal to init", "EPERM", HERE(try_forged_signal, NULL)},
    {"robust list of init", "EPERM", HERE(try_robust_list, NULL)},
    {"limits of init", "EPERM", HERE(try_prlimit, NULL)},
    {"core scheduling of init", "EPERM or ENODEV or EINVAL",
     HERE(try_core_sched, NULL)},

    /* Namespaces that a descriptor could lead to. */
    {"setns to its own mounts", "EPERM",
     ANYWHERE(try_setns, "/proc/self/ns/mnt")},
    {"setns to its own user", "EPERM", HERE(try_setns, "/proc/self/ns/user")},
    {"setns to its own net", "EPERM", ANYWHERE(try_setns, "/proc/self/ns/net")},
    {"setns to init by pidfd", "EPERM", HERE(try_setns_pidfd, NULL)},
    {"parent of the user namespace", "EPERM",
     HERE_WITH(try_ns_ioctl, "/proc/self/ns/user", NS_PARENT)},
    {"parent of the pid namespace", "EPERM",
     HERE_WITH(try_ns_ioctl, "/proc/self/ns/pid", NS_PARENT)},
    {"owner of the net namespace", "EPERM",
     HERE_WITH(try_ns_ioctl, "/proc/self/ns/net", NS_USERNS)},
    {"owner of the user namespace", "EPERM",
     HERE_WITH(try_ns_ioctl, "/proc/self/ns/user", NS_USERNS)},
    {"next mount namespace", "EPERM or ENOTTY",
     HERE_WITH(try_ns_ioctl, "/proc/self/ns/mnt", NS_MNT_GET_NEXT)},
    {"mount namespace before", "EPERM or ENOTTY",
     HERE_WITH(try_ns_ioctl, "/proc/self/ns/mnt", NS_MNT_GET_PREV)},
    {"user who owns the box", "65534 or 1000", ANYWHERE(try_owner, NULL)},
    {"cgroup namespace by pidfd", "EACCES or ENOTTY",
     HERE_WITH(try_pidfd_ns, NULL, 1)},
    {"ipc namespace by pidfd", "EACCES or ENOTTY",
     HERE_WITH(try_pidfd_ns, NULL, 2)},
    {"mount namespace by pidfd", "EACCES or ENOTTY",
     HERE_WITH(try_pidfd_ns, NULL, 3)},
    {"net namespace by pidfd", "EACCES or ENOTTY",
     HERE_WITH(try_pidfd_ns, NULL, 4)},
    {"pid namespace by pidfd", "EACCES or ENOTTY",
     HERE_WITH(try_pidfd_ns, NULL, 5)},
    {"user namespace by pidfd", "EACCES or ENOTTY",
     HERE_WITH(try_pidfd_ns, NULL, 9)},
    {"uts namespace by pidfd", "EACCES or ENOTTY",
     HERE_WITH(try_pidfd_ns, NULL, 10)},

    /* Itself. */
    {"own memory, hidden by itself", "EACCES", HERE(try_self, NULL)},
    {"own frames", "hidden", ANYWHERE(try_frames, NULL)},
    {"own kernel stack", "EACCES", HERE(try_read, "/proc/self/stack")},
    {"own oom score", "EACCES", HERE(try_oom_score, NULL)},
    /* Before others of the host, when its memory is out. */
    {"own oom score, read", "500", HERE(try_oom_value, NULL)},
    {"own uid map", "EPERM", HERE(try_map, "/proc/self/uid_map")},
    {"own gid map", "EPERM", HERE(try_map, "/proc/self/gid_map")},
    {"own setgroups", "EACCES", HERE(try_write, "/proc/self/setgroups")},
    {"own time offsets", "EPERM", ANYWHERE(try_offsets, NULL)},
    {"own cgroup", "/", ANYWHERE(try_cgroup, NULL)},
};

int main(int argc, char **argv)
{
    return probe_main(argc, argv, probes, PROBE_COUNT(probes));
}
