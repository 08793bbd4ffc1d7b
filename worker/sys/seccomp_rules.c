/* SPDX-License-Identifier: MIT */
/* seccomp_rules.c - which system calls a box may make, as data.
 *
 * A name libseccomp does not know on this architecture is left out. Groups are
 * ordered as a reader would ask; the compiled program is a tree, so order
 * costs nothing. */
#include "sys/seccomp_rules.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <linux/shm.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/base.h"

/* Not here: inotify. /usr is shared with the host and every other box, and a
 * watch on it tells of all who open a file there; and the instances of all
 * boxes count against the host's own user. Nor sync and syncfs, which write
 * back what others have written. See decisions/2026-11-26-nothing-shared.md. */
static const char *const files[] = {
    "access",     "chdir",       "chmod",
    "close",      "close_range", "copy_file_range",
    "creat",      "dup",         "dup2",
    "dup3",       "faccessat",   "faccessat2",
    "fadvise64",  "fallocate",   "fchdir",
    "fchmod",     "fchmodat",    "fchmodat2",
    "fdatasync",  "flock",       "fstat",
    "fstatfs",    "fsync",       "ftruncate",
    "futimesat",  "getcwd",      "getdents",
    "getdents64", "link",        "linkat",
    "lseek",      "lstat",       "mkdir",
    "mkdirat",    "newfstatat",  "open",
    "openat",     "openat2",     "pread64",
    "preadv",     "preadv2",     "pwrite64",
    "pwritev",    "pwritev2",    "read",
    "readahead",  "readlink",    "readlinkat",
    "readv",      "rename",      "renameat",
    "renameat2",  "rmdir",       "sendfile",
    "stat",       "statfs",      "statx",
    "symlink",    "symlinkat",   "sync_file_range",
    "truncate",   "umask",       "unlink",
    "unlinkat",   "utime",       "utimensat",
    "utimes",     "write",       "writev",
    "fgetxattr",  "flistxattr",  "getxattr",
    "lgetxattr",  "listxattr",   "llistxattr",
    NULL};

/* On what a box can open: files, pipes, sockets, harmless devices. The ones
 * that reach further (TIOCSTI) need a terminal, and there is none: no tty and
 * no ptmx node, and stdio is pipes. */
static const char *const device_control[] = {"ioctl", NULL};

/* tee and vmsplice are not here: no program was seen to need them. */
static const char *const moving_pages[] = {"splice", NULL};

static const char *const ownership[] = {"chown", "fchown", "fchownat", "lchown",
                                        NULL};

/* No policies for NUMA nodes: libnuma does without. */
static const char *const memory[] = {"brk",     "madvise",  "membarrier",
                                     "mincore", "mprotect", "mremap",
                                     "msync",   "munmap",   NULL};

static const char *const special_memory[] = {
    "mlock",      "mlock2",    "mlockall",      "munlock", "munlockall",
    "pkey_alloc", "pkey_free", "pkey_mprotect", NULL};

static const char *const processes[] = {"execve",
                                        "execveat",
                                        "exit",
                                        "exit_group",
                                        "fork",
                                        "getpgid",
                                        "getpgrp",
                                        "getpid",
                                        "getppid",
                                        "getpriority",
                                        "getrlimit",
                                        "getrusage",
                                        "getsid",
                                        "gettid",
                                        "kill",
                                        "pidfd_open",
                                        "pidfd_send_signal",
                                        "rseq",
                                        "set_robust_list",
                                        "get_robust_list",
                                        "set_tid_address",
                                        "setpgid",
                                        "setpriority",
                                        "setrlimit",
                                        "setsid",
                                        "tgkill",
                                        "times",
                                        "tkill",
                                        "vfork",
                                        "wait4",
                                        "waitid",
                                        "waitpid",
                                        "arch_prctl",
                                        "capget",
                                        "capset",
                                        "prctl",
                                        "getcpu",
                                        "restart_syscall",
                                        NULL};

static const char *const identity[] = {
    "getegid",  "geteuid", "getgid",    "getgroups", "getresgid", "getresuid",
    "getuid",   "setgid",  "setgroups", "setregid",  "setresgid", "setresuid",
    "setreuid", "setuid",  "setfsgid",  "setfsuid",  NULL};

static const char *const scheduling_facts[] = {"sched_getaffinity",
                                               "sched_get_priority_max",
                                               "sched_get_priority_min",
                                               "sched_getparam",
                                               "sched_getscheduler",
                                               "sched_yield",
                                               NULL};

static const char *const scheduling[] = {
    "ioprio_get",         "ioprio_set",        "sched_getattr",
    "sched_setattr",      "sched_setparam",    "sched_rr_get_interval",
    "sched_setscheduler", "sched_setaffinity", NULL};

static const char *const signals[] = {"alarm",           "pause",
                                      "rt_sigaction",    "rt_sigpending",
                                      "rt_sigprocmask",  "rt_sigqueueinfo",
                                      "rt_sigreturn",    "rt_sigsuspend",
                                      "rt_sigtimedwait", "rt_tgsigqueueinfo",
                                      "sigaltstack",     "signalfd",
                                      "signalfd4",       NULL};

static const char *const clocks[] = {"clock_getres",
                                     "clock_gettime",
                                     "clock_nanosleep",
                                     "getitimer",
                                     "gettimeofday",
                                     "nanosleep",
                                     "setitimer",
                                     "time",
                                     "timer_create",
                                     "timer_delete",
                                     "timer_getoverrun",
                                     "timer_gettime",
                                     "timer_settime",
                                     "timerfd_create",
                                     "timerfd_gettime",
                                     "timerfd_settime",
                                     NULL};

static const char *const waiting[] = {
    "epoll_create",  "epoll_create1", "epoll_ctl",  "epoll_pwait",
    "epoll_pwait2",  "epoll_wait",    "eventfd",    "eventfd2",
    "futex",         "futex_waitv",   "futex_wait", "futex_wake",
    "futex_requeue", "pipe",          "pipe2",      "poll",
    "ppoll",         "pselect6",      "select",     NULL};

/* The network namespace is empty; the calls are there because programs make
 * them at start, and for AF_UNIX. */
static const char *const sockets[] = {
    "connect",  "getpeername", "getsockname", "getsockopt", "recvfrom",
    "recvmsg",  "sendmsg",     "sendto",      "setsockopt", "shutdown",
    "sendmmsg", "recvmmsg",    NULL};

static const char *const serving[] = {"accept", "accept4", "bind", "listen",
                                      NULL};

/* Its own ipc namespace, bounded by the memory limit. No POSIX message queues:
 * Landlock, where it is, denies all, and the bytes of all boxes count against
 * the host's own user. */
static const char *const sysv_ipc[] = {
    "msgctl", "msgget",     "msgrcv", "msgsnd", "semctl", "semget",
    "semop",  "semtimedop", "shmat",  "shmctl", "shmdt",  NULL};

static const char *const system_facts[] = {"getrandom", "sysinfo", "uname",
                                           NULL};

#define ALL      SECCOMP_FOR_ALL
#define PROGRAMS SECCOMP_FOR_PROGRAM

const struct seccomp_group seccomp_allowed[] = {
    {"files in its own tree", files, ALL},
    {"pages of one file in another; Go's copies use it", moving_pages,
     PROGRAMS},
    {"ioctl on what it can open", device_control, ALL},
    {"chown to its only id; tar and cp -p call it", ownership, ALL},
    {"its own memory", memory, ALL},
    {"memory that is locked or has keys; V8 asks for them", special_memory,
     PROGRAMS},
    {"its own processes, in its own pid namespace", processes, ALL},
    {"reading and re-setting its only id", identity, ALL},
    {"how it is scheduled", scheduling_facts, ALL},
    {"scheduling downwards; rlimits stop the rest", scheduling, PROGRAMS},
    {"signals", signals, ALL},
    {"clocks; setting one is not here", clocks, ALL},
    {"pipes, polling, futexes", waiting, ALL},
    {"sockets, of the families below", sockets, ALL},
    {"what makes a server", serving, PROGRAMS},
    {"System V IPC, in its own namespace", sysv_ipc, PROGRAMS},
    {"facts about the system", system_facts, ALL},
};
const size_t seccomp_allowed_count = ARRAY_LEN(seccomp_allowed);

#define NEW_NAMESPACES                                                         \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |             \
     CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)
/* Call numbers and families are int: the upper half is noise. */
#define INT_BITS UINT64_C(0xffffffff)
/* AF_INET is 2, AF_INET6 is 10: one row for both. */
#define INTERNET_BITS (INT_BITS - (AF_INET ^ AF_INET6))

const struct seccomp_row seccomp_conditional[] = {
    /* Threads and forks, but no namespaces: each is kernel surface that only
     * root used to reach. clone3 hides its flags behind a pointer: ENOSYS,
     * and libc falls back to clone. */
    {"clone", ALL, {{0, NEW_NAMESPACES, 0}}},
    /* Locks, flags, copies, seals. Not 1024 to 1027: leases and F_NOTIFY, which
     * is inotify by another name. Nor 1031, the size of a pipe: those of
     * stdout and stderr count against the worker's user. */
    {"fcntl", ALL, {{1, INT_BITS - 63, 0}}},
    {"fcntl", ALL, {{1, INT_BITS, F_DUPFD_CLOEXEC}}},
    {"fcntl", ALL, {{1, INT_BITS - 7, F_GETPIPE_SZ}}},
    /* AF_VSOCK is not held by a network namespace and reaches the
     * hypervisor; AF_ALG, AF_PACKET, AF_CAN ... are surface, and so are the
     * protocols beside TCP and UDP: asking for SCTP or L2TP has the kernel
     * load it. Netlink: routes only, for getifaddrs(). */
    {"socket", ALL, {{0, INT_BITS, AF_UNIX}}},
    {"socket",
     PROGRAMS,
     {{0, INTERNET_BITS, AF_INET}, {2, INT_BITS, IPPROTO_IP}}},
    {"socket",
     PROGRAMS,
     {{0, INTERNET_BITS, AF_INET}, {2, INT_BITS, IPPROTO_TCP}}},
    {"socket",
     PROGRAMS,
     {{0, INTERNET_BITS, AF_INET}, {2, INT_BITS, IPPROTO_UDP}}},
    {"socket",
     PROGRAMS,
     {{0, INT_BITS, AF_NETLINK}, {2, INT_BITS, NETLINK_ROUTE}}},
    {"socketpair", ALL, {{0, INT_BITS, AF_UNIX}}},
    /* No huge pages: they come from a pool of the host's that all boxes share,
     * and no limit on memory counts them. Nor a descriptor of such memory, for
     * which mmap needs no flag. The flags are in the lower half, and the kernel
     * looks at no more. */
    {"mmap", ALL, {{3, MAP_HUGETLB, 0}}},
    {"memfd_create", ALL, {{1, MFD_HUGETLB, 0}}},
    {"shmget", PROGRAMS, {{2, SHM_HUGETLB, 0}}},
    /* Its own limits only: a job that set those of its init, same user, could
     * end the box without a report. */
    {"prlimit64", ALL, {{0, INT_BITS, 0}}},
    /* Pipes with a name. */
    {"mknod", ALL, {{1, S_IFMT, S_IFIFO}}},
    {"mknodat", ALL, {{2, S_IFMT, S_IFIFO}}},
    /* PER_LINUX, and asking for the current one. */
    {"personality", PROGRAMS, {{0, INT_BITS, 0}}},
    {"personality", PROGRAMS, {{0, INT_BITS, 0xffffffff}}},
};
const size_t seccomp_conditional_count = ARRAY_LEN(seccomp_conditional);

static const char *const mounting[] = {
    "chroot", "fsconfig",      "fsmount",    "fsopen",      "fspick",
    "mount",  "mount_setattr", "move_mount", "open_tree",   "pivot_root",
    "umount", "umount2",       "quotactl",   "quotactl_fd", NULL};

static const char *const other_processes[] = {"kcmp",
                                              "pidfd_getfd",
                                              "process_madvise",
                                              "process_mrelease",
                                              "process_vm_readv",
                                              "process_vm_writev",
                                              "ptrace",
                                              "move_pages",
                                              "migrate_pages",
                                              NULL};

static const char *const namespaces[] = {"setns", "unshare", NULL};

static const char *const kernel_surface[] = {
    "add_key",           "keyctl",          "lookup_dcookie",
    "name_to_handle_at", "perf_event_open", "request_key",
    "userfaultfd",       "seccomp",         NULL};

static const char *const machine[] = {
    "acct",       "adjtimex", "clock_adjtime", "clock_settime", "create_module",
    "nfsservctl", "reboot",   "setdomainname", "sethostname",   "settimeofday",
    "stime",      "syslog",   "vhangup",       "uselib",        "ustat",
    "sysfs",      "_sysctl",  "fanotify_init", "fanotify_mark", NULL};

const struct seccomp_group seccomp_forbidden[] = {
    {"the file tree is fixed", mounting, ALL},
    {"other processes' memory and descriptors", other_processes, ALL},
    {"no way into or out of namespaces", namespaces, ALL},
    {"kernel surface with a history", kernel_surface, ALL},
    {"the machine itself", machine, ALL},
};
const size_t seccomp_forbidden_count = ARRAY_LEN(seccomp_forbidden);

/* Not what programs try and do without: who makes these wants to leave. bpf and
 * handles have led out of containers, the others are the kernel's own. */
static const char *const break_out[] = {"bpf", "open_by_handle_at", NULL};
static const char *const kernel_itself[] = {
    "delete_module", "finit_module", "init_module", "ioperm",          "iopl",
    "kexec_load",    "swapoff",      "swapon",      "kexec_file_load", NULL};

const struct seccomp_group seccomp_ending[] = {
    {"known ways out of a container", break_out, ALL},
    {"what the kernel is made of", kernel_itself, ALL},
};
const size_t seccomp_ending_count = ARRAY_LEN(seccomp_ending);
