/* SPDX-License-Identifier: MIT */
/* escape_calls.c - system calls that a box has no business with. What must
 * not be answers EPERM, or ends the job; what a program can do without, and
 * every call that this kernel or a later one may have besides, answers ENOSYS.
 */
#include "probe.h"

#include <linux/bpf.h>
#include <linux/memfd.h>
#include <linux/mman.h>
#include <linux/reboot.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/shm.h>

/* Newer than the headers of Debian 12. */
#define NR_CACHESTAT        451
#define NR_STATMOUNT        457
#define NR_LISTMOUNT        458
#define NR_LSM_SET_ATTR     460
#define NR_MSEAL            462
#define NR_SETXATTRAT       463
#define NR_OPEN_TREE_ATTR   467
#define NR_FILE_SETATTR     469
#define NR_FIRST_UNHEARD_OF 471
#define NR_LAST             1100

#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)

static const char *try_unheard_of(const struct probe *p)
{
    (void)p;
    for (long nr = NR_FIRST_UNHEARD_OF; nr <= NR_LAST; nr++) {
        if (syscall(nr, -2, -2, -2, -2, -2, -2) != -1 || errno != ENOSYS) {
            return say("%ld: %s", nr, answer(-1));
        }
    }
    return "ENOSYS";
}

/* Outside the child would go on as a second probe. */
static const char *try_clone(const struct probe *p)
{
    long pid = syscall(SYS_clone, p->call[0] | SIGCHLD, 0, 0, 0, 0);

    if (pid == 0) {
        _exit(0);
    }
    return answer(pid);
}

#ifdef __x86_64__
static int call_i386(void *arg)
{
    long rc = 20; /* getpid */

    (void)arg;
    __asm__ volatile("int $0x80" : "+a"(rc) : : "memory");
    return rc == getpid() ? 42 : 43;
}

static int call_x32(void *arg)
{
    (void)arg;
    return syscall(0x40000000 + SYS_getpid) == getpid() ? 42 : 43;
}

/* Through the segment for 32-bit code, where `syscall` is another
 * instruction: exit(42) of i386, or never back. */
static int call_from_32_bits(void *arg)
{
    static const unsigned char code[] = {
        0xb8, 1,    0,    0,   0, /* mov $1, %eax */
        0xbb, 42,   0,    0,   0, /* mov $42, %ebx */
        0xcd, 0x80, 0x0f, 0x0b};  /* int $0x80; ud2 */
    void *low = (void *)syscall(SYS_mmap, 0x10000, 4096, 7, 0x32, -1, 0);
    struct {
        unsigned offset;
        unsigned short segment;
    } __attribute__((packed)) far = {0x10000, 0x23};

    (void)arg;
    if (low != (void *)0x10000) {
        return 41;
    }
    memcpy(low, code, sizeof(code));
    __asm__ volatile("ljmp *%0" : : "m"(far) : "memory");
    return 43;
}

static int write_port(void *arg)
{
    (void)arg;
    __asm__ volatile("outb %%al, $0x80" : : "a"(0));
    return 42;
}

static const char *try_i386(const struct probe *p)
{
    (void)p;
    return in_child(call_i386, NULL);
}

static const char *try_x32(const struct probe *p)
{
    (void)p;
    return in_child(call_x32, NULL);
}

static const char *try_32_bits(const struct probe *p)
{
    (void)p;
    return in_child(call_from_32_bits, NULL);
}

static const char *try_port(const struct probe *p)
{
    (void)p;
    return in_child(write_port, NULL);
}
#endif

static const struct probe probes[] = {
    /* The file tree. */
    {"mount", "EPERM", CALL(SYS_mount, BAD, BAD, BAD, 0, BAD)},
    {"umount2", "EPERM", CALL(SYS_umount2, BAD, 0)},
    {"pivot_root", "EPERM", CALL(SYS_pivot_root, BAD, BAD)},
    {"chroot", "EPERM", CALL(SYS_chroot, BAD)},
    {"open_tree", "EPERM", CALL(SYS_open_tree, AT_FDCWD, BAD, 1)},
    {"open_tree_attr", "ENOSYS",
     CALL_INSIDE(NR_OPEN_TREE_ATTR, AT_FDCWD, BAD, 1, BAD, 32)},
    {"move_mount", "EPERM", CALL(SYS_move_mount, -1, BAD, -1, BAD, 0)},
    {"fsopen", "EPERM", CALL(SYS_fsopen, BAD, 0)},
    {"fsconfig", "EPERM", CALL(SYS_fsconfig, -1, 0, BAD, BAD, 0)},
    {"fsmount", "EPERM", CALL(SYS_fsmount, -1, 0, 0)},
    {"fspick", "EPERM", CALL(SYS_fspick, AT_FDCWD, BAD, 0)},
    {"mount_setattr", "EPERM",
     CALL(SYS_mount_setattr, AT_FDCWD, BAD, 0, BAD, 32)},
    {"statmount", "ENOSYS", CALL_INSIDE(NR_STATMOUNT, BAD, BAD, 64, 0)},
    {"listmount", "ENOSYS", CALL_INSIDE(NR_LISTMOUNT, BAD, BAD, 64, 0)},
    {"swapon", "ends the job: swapon", CALL(SYS_swapon, BAD, 0)},
    {"swapoff", "ends the job: swapoff", CALL(SYS_swapoff, BAD)},
    {"quotactl", "EPERM", CALL(SYS_quotactl, 0x80000100, BAD, 0, BAD)},
    {"quotactl_fd", "EPERM", CALL(SYS_quotactl_fd, -1, 0, 0, BAD)},
    {"name_to_handle_at", "EPERM",
     CALL(SYS_name_to_handle_at, AT_FDCWD, BAD, BAD, BAD, 0)},
    {"open_by_handle_at", "ends the job: open_by_handle_at",
     CALL(SYS_open_by_handle_at, AT_FDCWD, BAD, 0)},
    {"setxattr", "ENOSYS", CALL(SYS_setxattr, BAD, BAD, BAD, 1, 0)},
    {"fsetxattr", "ENOSYS", CALL(SYS_fsetxattr, -1, BAD, BAD, 1, 0)},
    {"removexattr", "ENOSYS", CALL(SYS_removexattr, BAD, BAD)},
    {"setxattrat", "ENOSYS",
     CALL_INSIDE(NR_SETXATTRAT, AT_FDCWD, BAD, 0, BAD, BAD, 16)},
    {"file_setattr", "ENOSYS",
     CALL_INSIDE(NR_FILE_SETATTR, AT_FDCWD, BAD, BAD, 32, 0)},
    {"cachestat", "ENOSYS", CALL_INSIDE(NR_CACHESTAT, -1, BAD, BAD, 0)},
    {"sync of all disks", "ENOSYS", CALL_INSIDE(SYS_sync)},

    /* Namespaces. */
    {"unshare time", "EPERM", CALL(SYS_unshare, 0x80)},
    {"unshare mnt", "EPERM", CALL(SYS_unshare, CLONE_NEWNS)},
    {"unshare cgroup", "EPERM", CALL(SYS_unshare, CLONE_NEWCGROUP)},
    {"unshare uts", "EPERM", CALL(SYS_unshare, CLONE_NEWUTS)},
    {"unshare ipc", "EPERM", CALL(SYS_unshare, CLONE_NEWIPC)},
    {"unshare user", "EPERM", CALL(SYS_unshare, CLONE_NEWUSER)},
    {"unshare pid", "EPERM", CALL(SYS_unshare, CLONE_NEWPID)},
    {"unshare net", "EPERM", CALL(SYS_unshare, CLONE_NEWNET)},
    {"unshare files", "EPERM", CALL(SYS_unshare, CLONE_FILES)},
    {"setns", "EPERM", CALL(SYS_setns, -1, 0)},
    {"clone mnt", "EPERM", ANYWHERE_WITH(try_clone, NULL, CLONE_NEWNS)},
    {"clone cgroup", "EPERM", ANYWHERE_WITH(try_clone, NULL, CLONE_NEWCGROUP)},
    {"clone uts", "EPERM", ANYWHERE_WITH(try_clone, NULL, CLONE_NEWUTS)},
    {"clone ipc", "EPERM", ANYWHERE_WITH(try_clone, NULL, CLONE_NEWIPC)},
    {"clone user", "EPERM", ANYWHERE_WITH(try_clone, NULL, CLONE_NEWUSER)},
    {"clone pid", "EPERM", ANYWHERE_WITH(try_clone, NULL, CLONE_NEWPID)},
    {"clone net", "EPERM", ANYWHERE_WITH(try_clone, NULL, CLONE_NEWNET)},
    {"clone user and all", "EPERM",
     ANYWHERE_WITH(try_clone, NULL,
                   CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET)},
    {"clone with noise above", "EPERM",
     ANYWHERE_WITH(try_clone, NULL, (1L << 32) | CLONE_NEWUSER)},
    {"clone3", "ENOSYS", CALL(SYS_clone3, BAD, 88)},

    /* Other processes. */
    {"ptrace traceme", "EPERM", CALL(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0)},
    {"ptrace attach to init", "EPERM",
     CALL_INSIDE(SYS_ptrace, PTRACE_ATTACH, 1, 0, 0)},
    {"ptrace seize init", "EPERM",
     CALL_INSIDE(SYS_ptrace, PTRACE_SEIZE, 1, 0, 0)},
    {"process_vm_readv", "EPERM",
     CALL(SYS_process_vm_readv, 1, BAD, 1, BAD, 1, 0)},
    {"process_vm_writev", "EPERM",
     CALL(SYS_process_vm_writev, 1, BAD, 1, BAD, 1, 0)},
    {"process_madvise", "EPERM", CALL(SYS_process_madvise, -1, BAD, 1, 20, 0)},
    {"process_mrelease", "EPERM", CALL(SYS_process_mrelease, -1, 0)},
    {"pidfd_getfd", "EPERM", CALL(SYS_pidfd_getfd, -1, 0, 0)},
    {"kcmp", "EPERM", CALL(SYS_kcmp, 0, 0, 0, 0, 0)},
    {"move_pages", "EPERM", CALL(SYS_move_pages, 0, 1, BAD, BAD, BAD, 0)},
    {"migrate_pages", "EPERM", CALL(SYS_migrate_pages, 1, 64, BAD, BAD)},

    /* Huge pages. Outside: a mapping, or none left; EFAULT; EINVAL. */
    {"mmap of huge pages", "EPERM",
     CALL(SYS_mmap, 0, 2 << 20, PROT_READ, ANONYMOUS | MAP_HUGETLB, -1, 0)},
    {"mmap of huge pages to write", "EPERM",
     CALL(SYS_mmap, 0, 2 << 20, PROT_READ | PROT_WRITE,
          ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB, -1, 0)},
    {"mmap of 1 GiB pages", "EPERM",
     CALL(SYS_mmap, 0, 1 << 30, PROT_READ,
          ANONYMOUS | MAP_HUGETLB | MAP_HUGE_1GB, -1, 0)},
    {"mmap of huge pages, shared", "EPERM",
     CALL(SYS_mmap, 0, 2 << 20, PROT_READ,
          MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0)},
    {"mmap of huge pages, noise above", "EPERM",
     CALL(SYS_mmap, 0, 2 << 20, PROT_READ, (1L << 32) | ANONYMOUS | MAP_HUGETLB,
          -1, 0)},
    {"mmap of small pages", "done",
     CALL_INSIDE(SYS_mmap, 0, 4096, PROT_READ, ANONYMOUS, -1, 0)},
    {"memfd_create of huge pages", "EPERM",
     CALL(SYS_memfd_create, BAD, MFD_HUGETLB)},
    {"memfd_create of 1 GiB pages", "EPERM",
     CALL(SYS_memfd_create, BAD, MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_1GB)},
    {"memfd_create of huge pages, noise above", "EPERM",
     CALL(SYS_memfd_create, BAD, (1L << 32) | MFD_HUGETLB)},
    {"shmget of huge pages", "EPERM",
     CALL(SYS_shmget, IPC_PRIVATE, 0, SHM_HUGETLB | 0600)},
    {"shmget of huge pages, noise above", "EPERM",
     CALL(SYS_shmget, IPC_PRIVATE, 0, (1L << 32) | SHM_HUGETLB | 0600)},

    /* Kernel surface. */
    {"add_key", "EPERM", CALL(SYS_add_key, BAD, BAD, BAD, 1, 0)},
    {"request_key", "EPERM", CALL(SYS_request_key, BAD, BAD, BAD, 0)},
    {"keyctl", "EPERM", CALL(SYS_keyctl, 0, -3, 0, 0, 0)},
    {"bpf", "ends the job: bpf", CALL(SYS_bpf, BPF_PROG_LOAD, BAD, 64)},
    {"perf_event_open", "EPERM", CALL(SYS_perf_event_open, BAD, 0, -1, -1, 0)},
    {"userfaultfd", "EPERM", CALL(SYS_userfaultfd, 0)},
    {"userfaultfd, user faults", "EPERM",
     CALL(SYS_userfaultfd, UFFD_USER_MODE_ONLY)},
    {"io_uring_setup", "ENOSYS", CALL(SYS_io_uring_setup, 1, BAD)},
    {"io_uring_enter", "ENOSYS", CALL(SYS_io_uring_enter, -1, 1, 0, 0, 0, 0)},
    {"io_uring_register", "ENOSYS", CALL(SYS_io_uring_register, -1, 0, BAD, 1)},
    {"io_setup", "ENOSYS", CALL(SYS_io_setup, 1 << 20, BAD)},
    {"io_submit", "ENOSYS", CALL(SYS_io_submit, 0, 1, BAD)},
    {"seccomp", "EPERM", CALL(SYS_seccomp, 1, 0, BAD)},
    {"memfd_secret", "ENOSYS", CALL_INSIDE(SYS_memfd_secret, 0)},
    {"landlock_create_ruleset", "ENOSYS",
     CALL_INSIDE(SYS_landlock_create_ruleset, 0, 0, 1)},
    {"landlock_add_rule", "ENOSYS",
     CALL_INSIDE(SYS_landlock_add_rule, -1, 1, BAD, 0)},
    {"landlock_restrict_self", "ENOSYS",
     CALL_INSIDE(SYS_landlock_restrict_self, -1, 0)},
    {"lsm_set_self_attr", "ENOSYS",
     CALL_INSIDE(NR_LSM_SET_ATTR, 100, BAD, BAD, 0)},
    {"mseal", "ENOSYS", CALL_INSIDE(NR_MSEAL, 0, 0, 0)},
    {"remap_file_pages", "ENOSYS",
     CALL(SYS_remap_file_pages, BAD, 4096, 0, 0, 0)},
    {"mq_open", "ENOSYS", CALL(SYS_mq_open, BAD, 0, 0, 0)},
    {"mq_unlink", "ENOSYS", CALL(SYS_mq_unlink, BAD)},
    {"calls nobody has heard of", "ENOSYS", HERE(try_unheard_of, NULL)},
    {"call -1", "ENOSYS", CALL_INSIDE(-1)},
#ifdef SYS_lookup_dcookie
    {"lookup_dcookie", "EPERM", CALL(SYS_lookup_dcookie, 0, BAD, 1)},
#endif

    /* The machine. */
    {"acct", "EPERM", CALL(SYS_acct, BAD)},
    {"adjtimex", "EPERM", CALL(SYS_adjtimex, BAD)},
    {"clock_adjtime", "EPERM", CALL(SYS_clock_adjtime, 0, BAD)},
    {"clock_settime", "EPERM", CALL(SYS_clock_settime, 0, BAD)},
    {"settimeofday", "EPERM", CALL(SYS_settimeofday, BAD, BAD)},
    {"init_module", "ends the job: init_module",
     CALL(SYS_init_module, BAD, 1, BAD)},
    {"finit_module", "ends the job: finit_module",
     CALL(SYS_finit_module, -1, BAD, 0)},
    {"delete_module", "ends the job: delete_module",
     CALL(SYS_delete_module, BAD, 0)},
    {"kexec_load", "ends the job: kexec_load",
     CALL(SYS_kexec_load, 0, 1 << 20, BAD, 0)},
    {"kexec_file_load", "ends the job: kexec_file_load",
     CALL(SYS_kexec_file_load, -1, -1, 1, BAD, 0)},
    {"reboot", "EPERM", CALL(SYS_reboot, 0, 0, 0, 0)},
    {"reboot, rightly asked", "EPERM",
     CALL_INSIDE(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
                 LINUX_REBOOT_CMD_RESTART, 0)},
    {"sethostname", "EPERM", CALL(SYS_sethostname, BAD, 1)},
    {"setdomainname", "EPERM", CALL(SYS_setdomainname, BAD, 1)},
    {"syslog", "EPERM", CALL(SYS_syslog, 3, BAD, 1)},
    {"vhangup", "EPERM", CALL_INSIDE(SYS_vhangup)},
    {"fanotify_init", "EPERM", CALL(SYS_fanotify_init, 0, 0)},
    {"fanotify_mark", "EPERM",
     CALL(SYS_fanotify_mark, -1, 1, 1, AT_FDCWD, BAD)},
    {"personality without randomness", "EPERM",
     CALL(SYS_personality, ADDR_NO_RANDOMIZE)},
    {"personality that executes data", "EPERM",
     CALL(SYS_personality, READ_IMPLIES_EXEC)},
    {"personality of 32 bits", "EPERM", CALL(SYS_personality, PER_LINUX32)},

#ifdef __x86_64__
    {"ioperm", "ends the job: ioperm", CALL(SYS_ioperm, 0x80, 1, 1)},
    {"iopl", "ends the job: iopl", CALL(SYS_iopl, 3)},
    {"port 0x80", "SIGSEGV", HERE(try_port, NULL)},
    {"modify_ldt", "ENOSYS", CALL(SYS_modify_ldt, 0, BAD, 1)},
    {"set_thread_area", "ENOSYS", CALL_INSIDE(SYS_set_thread_area, BAD)},
    {"uselib", "EPERM", CALL_INSIDE(SYS_uselib, BAD)},
    {"ustat", "EPERM", CALL(SYS_ustat, 0, BAD)},
    {"sysfs", "EPERM", CALL(SYS_sysfs, 3, 0, 0)},
    {"_sysctl", "EPERM", CALL(SYS__sysctl, BAD)},
    {"create_module", "EPERM", CALL(SYS_create_module, BAD, 1)},
    {"nfsservctl", "EPERM", CALL(SYS_nfsservctl, 0, BAD, BAD)},
    {"mknod of a device", "EPERM", CALL(SYS_mknod, BAD, 0020666, 0x103)},
    {"i386 call", "ends the job: i386:getpid", ANYWHERE(try_i386, NULL)},
    {"i386 call from 32-bit code", "ends the job: i386:exit",
     ANYWHERE(try_32_bits, NULL)},
    {"x32 call", "ends the job: x32:getpid", ANYWHERE(try_x32, NULL)},
#endif
};

int main(int argc, char **argv)
{
    return probe_main(argc, argv, probes, PROBE_COUNT(probes));
}
