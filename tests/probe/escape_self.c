/* SPDX-License-Identifier: MIT */
/* escape_self.c - what a process can make of itself: capabilities, users,
 * filters, priorities, limits; what it was born with; and what programs with
 * mode bits and file capabilities could give it. */
#include "probe.h"

#include <dirent.h>
#include <elf.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/xattr.h>
#include <time.h>

/* linux/prctl.h is too new or too old, depending on where we are. */
#define SET_MM           35
#define SET_MM_START_BRK 6
#define SET_MM_EXE_FILE  13
#define SET_IO_FLUSHER   57

/* --- capabilities and users ------------------------------------------------
 */

static const char *try_capset(const struct probe *p)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    const uint32_t bit = 1u << p->call[0] % 32;
    struct __user_cap_data_struct sets[2] = {{0, 0, 0}, {0, 0, 0}};
    struct __user_cap_data_struct *set = &sets[p->call[0] / 32];

    *set = (struct __user_cap_data_struct){bit, bit, bit};
    return answer(syscall(SYS_capset, &head, sets));
}

static const char *try_prctl(const struct probe *p)
{
    const long *c = p->call;

    return answer(prctl((int)c[0], c[1], c[2], c[3], c[4]));
}

/* All of /proc/self/status that says what it may. */
static const char *try_status(const struct probe *p)
{
    const char *at = strstr(text_of("/proc/self/status"), p->arg);
    size_t len = strlen(p->arg);

    if (!at) {
        return "no such line";
    }
    at += len + strspn(at + len, ":\t ");
    return say("%.*s", (int)strcspn(at, "\n"), at);
}

static const char *try_setuid_root(const struct probe *p)
{
    (void)p;
    return answer(syscall(SYS_setresuid, 0, 0, 0));
}

static const char *try_setuid_other(const struct probe *p)
{
    (void)p;
    return answer(syscall(SYS_setresuid, 65534, 65534, 65534));
}

static const char *try_setgid_root(const struct probe *p)
{
    (void)p;
    return answer(syscall(SYS_setresgid, 0, 0, 0));
}

static const char *try_groups(const struct probe *p)
{
    gid_t group = getgid();

    (void)p;
    return answer(syscall(SYS_setgroups, 1, &group));
}

/* Says the one before, and changes nothing. */
static const char *try_fsuid(const struct probe *p)
{
    (void)p;
    (void)syscall(SYS_setfsuid, 0);
    return say("%ld", syscall(SYS_setfsuid, -1));
}

/* --- filters ---------------------------------------------------------------
 */

/* A filter that allows all must not undo the one that is there. */
static const char *try_wider_filter(const struct probe *p)
{
    struct sock_filter allow = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
    struct sock_fprog program = {1, &allow};

    (void)p;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0) {
        return say("no filter: %s", answer(-1));
    }
    return answer(syscall(SYS_unshare, CLONE_NEWUSER));
}

/* --- programs with more than we have ---------------------------------------
 */

/* Runs it with a variable that its loader heeds unless the program was given
 * something; then it says nothing, or that it is secure. */
static bool gains(const char *path)
{
    char *const argv[] = {(char *)path, "--help", NULL};
    char *const env[] = {"LD_SHOW_AUXV=1", NULL};
    char text[8192];
    size_t len = 0;
    ssize_t n = 0;
    int fds[2];

    if (pipe(fds) < 0) {
        return true;
    }
    pid_t pid = fork();
    if (pid == 0) {
        (void)alarm(5);
        (void)dup2(open("/dev/null", O_RDONLY), 0);
        (void)dup2(fds[1], 1);
        (void)dup2(open("/dev/null", O_WRONLY), 2);
        (void)execve(path, argv, env);
        (void)!write(1, "AT_SECURE: 0 not run", 20);
        _exit(0);
    }
    close(fds[1]);
    while (len < sizeof(text) - 1 &&
           (n = read(fds[0], text + len, sizeof(text) - 1 - len)) > 0) {
        len += (size_t)n;
        text[len] = 0;
        if (strstr(text, "AT_SECURE:")) {
            break;
        }
    }
    text[len] = 0;
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    close(fds[0]);
    const char *secure = strstr(text, "AT_SECURE:");
    return !secure || secure[strlen("AT_SECURE:") +
                             strspn(secure + strlen("AT_SECURE:"), " ")] != '0';
}

/* A program without a loader would say nothing either way. */
static bool has_loader(const char *path)
{
    char head[4096];
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, head, sizeof(head));

    close(fd);
    return n > 0 && memmem(head, (size_t)n, "/ld-", 4) != NULL;
}

static bool has_more(const char *path)
{
    struct stat st;
    char value[64];

    if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode) ||
        !(st.st_mode & S_IXOTH)) {
        return false;
    }
    return (st.st_mode & (S_ISUID | S_ISGID)) != 0 ||
           getxattr(path, "security.capability", value, sizeof(value)) > 0;
}

static const char *first_that_gains(const char *folder)
{
    static char path[4096];
    DIR *dir = opendir(folder);
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (has_more(path) && has_loader(path) && gains(path)) {
            return path;
        }
    }
    if (dir) {
        closedir(dir);
    }
    return NULL;
}

static const char *try_programs(const struct probe *p)
{
    static const char *const folders[] = {
        "/usr/bin",
        "/usr/sbin",
        "/usr/lib/openssh",
        "/usr/lib/dbus-1.0",
        "/usr/lib/polkit-1",
        "/usr/lib/x86_64-linux-gnu/gstreamer1.0/gstreamer-1.0"};

    (void)p;
    for (size_t i = 0; i < PROBE_COUNT(folders); i++) {
        const char *path = first_that_gains(folders[i]);

        if (path) {
            return say("%s gains", path);
        }
    }
    return "none gains";
}

/* A copy of this program with mode bits of its own, started again to say who
 * it is. */
static const char *try_own_bits(const struct probe *p)
{
    static const char copy[] = "/workspace/bits";
    char text[65536];
    ssize_t n = 0;
    int from = open("/proc/self/exe", O_RDONLY);
    int to = open(copy, O_WRONLY | O_CREAT | O_EXCL, 0700);

    (void)p;
    while ((n = read(from, text, sizeof(text))) > 0) {
        if (write(to, text, (size_t)n) != n) {
            return answer(-1);
        }
    }
    if (from < 0 || to < 0 || fchmod(to, 06755) < 0) {
        return answer(-1);
    }
    close(to);
    (void)execl(copy, copy, "run", "identity", NULL);
    return answer(-1);
}

static const char *try_identity(const struct probe *p)
{
    uid_t ids[6];

    (void)p;
    (void)getresuid(&ids[0], &ids[1], &ids[2]);
    (void)getresgid(&ids[3], &ids[4], &ids[5]);
    return say("%u %u %u %u %u %u secure %lu", ids[0], ids[1], ids[2], ids[3],
               ids[4], ids[5], getauxval(AT_SECURE));
}

/* --- as it was born --------------------------------------------------------
 */

static const char *try_descriptors(const struct probe *p)
{
    char found[2000] = "";

    (void)p;
    for (int fd = 0; fd < 4096; fd++) {
        size_t len = strlen(found);

        if (fcntl(fd, F_GETFD) >= 0) {
            (void)snprintf(found + len, sizeof(found) - len, "%s%d",
                           len ? " " : "", fd);
        }
    }
    return say("%s", found);
}

/* What they are, and what can be done with them. */
static const char *try_kinds(const struct probe *p)
{
    char found[64] = "";

    (void)p;
    for (int fd = 0; fd < 3; fd++) {
        struct stat st;
        size_t len = strlen(found);

        if (fstat(fd, &st) < 0) {
            return answer(-1);
        }
        (void)snprintf(found + len, sizeof(found) - len, "%s%s", len ? " " : "",
                       S_ISREG(st.st_mode)    ? "file"
                       : S_ISFIFO(st.st_mode) ? "pipe"
                                              : "other");
    }
    return say("%s", found);
}

/* Its input is the engine's memory, sealed: opened again to be written. */
static const char *try_stdin_written(const struct probe *p)
{
    int fd = open("/proc/self/fd/0", O_RDWR);

    (void)p;
    return fd < 0 ? answer(fd) : answer(write(fd, "x", 1));
}

static const char *try_stdin_grown(const struct probe *p)
{
    int fd = open("/proc/self/fd/0", O_RDWR);

    (void)p;
    return fd < 0 ? answer(fd) : answer(ftruncate(fd, 1 << 20));
}

static const char *try_stdin_seals(const struct probe *p)
{
    (void)p;
    return say("%x", (unsigned)fcntl(0, F_GET_SEALS));
}

static const char *try_environment(const struct probe *p)
{
    extern char **environ;
    char found[2000] = "";

    (void)p;
    for (char **at = environ; *at; at++) {
        size_t len = strlen(found);

        (void)snprintf(found + len, sizeof(found) - len, "%s%s", len ? " " : "",
                       *at);
    }
    return say("%s", found);
}

/* The session is the slot's, whose leader no box can name. */
static const char *try_session(const struct probe *p)
{
    (void)p;
    return getsid(0) == 0 && getpgrp() == getpid() && getppid() == 1
               ? "no leader in sight, a group of its own"
               : say("session %d group %d parent %d", getsid(0), getpgrp(),
                     getppid());
}

static const char *try_names(const struct probe *p)
{
    char host[64] = "";
    char domain[64] = "";

    (void)p;
    if (gethostname(host, sizeof(host)) < 0 ||
        getdomainname(domain, sizeof(domain)) < 0) {
        return answer(-1);
    }
    return say("%s '%s'", host, domain);
}

/* --- limits and priorities -------------------------------------------------
 */

static const char *try_raise(const struct probe *p)
{
    struct rlimit limit;

    if (getrlimit((__rlimit_resource_t)p->call[0], &limit) < 0) {
        return answer(-1);
    }
    if (limit.rlim_max == RLIM_INFINITY) {
        return "no limit";
    }
    limit.rlim_max++;
    return answer(setrlimit((__rlimit_resource_t)p->call[0], &limit));
}

static const char *try_scheduler(const struct probe *p)
{
    struct sched_param param = {.sched_priority = 1};

    return answer(sched_setscheduler(0, (int)p->call[0], &param));
}

static const char *try_deadline(const struct probe *p)
{
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } attr = {.size = sizeof(attr),
              .policy = 6, /* SCHED_DEADLINE */
              .runtime = 1000000,
              .deadline = 10000000,
              .period = 10000000};

    (void)p;
    return answer(syscall(SYS_sched_setattr, 0, &attr, 0));
}

/* By so much, from wherever the tests were started at. */
static const char *try_nice(const struct probe *p)
{
    int now = getpriority(PRIO_PROCESS, 0);

    return answer(setpriority(PRIO_PROCESS, 0, now + (int)p->call[0]));
}

static const char *try_ioprio(const struct probe *p)
{
    return answer(syscall(SYS_ioprio_set, 1, 0, p->call[0]));
}

static const char *try_own_affinity(const struct probe *p)
{
    cpu_set_t cpus;

    (void)p;
    if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0) {
        return answer(-1);
    }
    return answer(sched_setaffinity(0, sizeof(cpus), &cpus));
}

static const char *try_no_cpu(const struct probe *p)
{
    cpu_set_t none;

    (void)p;
    CPU_ZERO(&none);
    return answer(sched_setaffinity(0, sizeof(none), &none));
}

static const char *try_mlock(const struct probe *p)
{
    size_t len = 16u << 20;
    void *at = mmap(NULL, len, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)p;
    return at == MAP_FAILED ? answer(-1) : answer(mlock(at, len));
}

static const char *try_mlockall(const struct probe *p)
{
    (void)p;
    return answer(mlockall(MCL_CURRENT | MCL_FUTURE));
}

/* Hardware faults of its own making. */
static const char *try_poison(const struct probe *p)
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    return at == MAP_FAILED ? answer(-1)
                            : answer(madvise(at, 4096, (int)p->call[0]));
}

/* The first page, where a NULL of the kernel's would point. */
static const char *try_page_zero(const struct probe *p)
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

    (void)p;
    return at == MAP_FAILED ? answer(-1) : "done";
}

/* --- ending badly ----------------------------------------------------------
 */

static int crash(void *arg)
{
    const struct probe *p = arg;

    (void)raise((int)p->call[0]);
    return 42;
}

/* Neither a core nor a file of one. */
static const char *try_crash(const struct probe *p)
{
    static char ended[64];
    struct probe own = *p;
    struct dirent *entry;
    DIR *dir = NULL;

    (void)snprintf(ended, sizeof(ended), "%s", in_child(crash, &own));
    dir = opendir(".");
    while (dir && (entry = readdir(dir))) {
        if (strncmp(entry->d_name, "core", 4) == 0) {
            return say("%s and %s", ended, entry->d_name);
        }
    }
    return ended;
}

/* --- clocks that wake the machine; harmless ones ---------------------------
 */

static const char *try_alarm(const struct probe *p)
{
    return answer(timerfd_create((int)p->call[0], 0));
}

static const char *try_timer(const struct probe *p)
{
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_NONE};

    return answer(timer_create((clockid_t)p->call[0], &event, &timer));
}

/* What programs are built on, and must go on to work. */
static const char *try_harmless(const struct probe *p)
{
    struct itimerspec soon = {.it_value.tv_nsec = 1};
    struct epoll_event event = {.events = EPOLLIN};
    sigset_t usr1;

    (void)p;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    (void)sigprocmask(SIG_BLOCK, &usr1, NULL);
    int ep = epoll_create1(0);
    int timer = timerfd_create(CLOCK_MONOTONIC, 0);
    int signals = signalfd(-1, &usr1, 0);
    int events = eventfd(1, 0);
    if (ep < 0 || timer < 0 || signals < 0 || events < 0 ||
        timerfd_settime(timer, 0, &soon, NULL) < 0 || raise(SIGUSR1) != 0 ||
        epoll_ctl(ep, EPOLL_CTL_ADD, timer, &event) < 0 ||
        epoll_ctl(ep, EPOLL_CTL_ADD, signals, &event) < 0 ||
        epoll_ctl(ep, EPOLL_CTL_ADD, events, &event) < 0) {
        return answer(-1);
    }
    struct epoll_event ready[4];
    int count = 0;
    for (int i = 0; i < 1000 && count < 3; i++) {
        count = epoll_wait(ep, ready, 4, 10);
    }
    return count == 3 ? "all three" : say("%d", count);
}

/* clang-format off */
#define LIMIT(what, resource) \
    {"more " what, "EPERM", HERE_WITH(try_raise, NULL, resource)}
/* clang-format on */

static const struct probe probes[] = {
    {"identity", "1000 1000 1000 1000 1000 1000 secure 0",
     ANYWHERE(try_identity, NULL)},
    {"capabilities, inheritable", "0000000000000000",
     HERE(try_status, "CapInh")},
    {"capabilities, permitted", "0000000000000000",
     ANYWHERE(try_status, "CapPrm")},
    {"capabilities, effective", "0000000000000000",
     ANYWHERE(try_status, "CapEff")},
    {"capabilities, bounding", "0000000000000000",
     ANYWHERE(try_status, "CapBnd")},
    {"capabilities, ambient", "0000000000000000", HERE(try_status, "CapAmb")},
    {"no_new_privs", "1", ANYWHERE(try_status, "NoNewPrivs")},
    {"seccomp mode", "2", ANYWHERE(try_status, "Seccomp")},
    {"groups", "", HERE(try_status, "Groups")},
    {"signals blocked", "0000000000000000", HERE(try_status, "SigBlk")},
    {"signals ignored", "0000000000000000", HERE(try_status, "SigIgn")},
    {"CAP_SYS_ADMIN", "EPERM", ANYWHERE_WITH(try_capset, NULL, CAP_SYS_ADMIN)},
    {"CAP_NET_RAW", "EPERM", ANYWHERE_WITH(try_capset, NULL, CAP_NET_RAW)},
    {"CAP_BPF", "EPERM", ANYWHERE_WITH(try_capset, NULL, 39)},
    {"bounding set", "EPERM",
     ANYWHERE_WITH(try_prctl, NULL, PR_CAPBSET_DROP, CAP_CHOWN)},
    {"ambient capability", "EPERM",
     HERE_WITH(try_prctl, NULL, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE,
               CAP_CHOWN)},
    {"keep capabilities", "EPERM",
     ANYWHERE_WITH(try_prctl, NULL, PR_SET_KEEPCAPS, 1)},
    {"secure bits", "EPERM",
     ANYWHERE_WITH(try_prctl, NULL, PR_SET_SECUREBITS, SECBIT_KEEP_CAPS)},
    {"user 0", "EINVAL", ANYWHERE(try_setuid_root, NULL)},
    {"user nobody", "EINVAL", ANYWHERE(try_setuid_other, NULL)},
    {"group 0", "EINVAL", ANYWHERE(try_setgid_root, NULL)},
    {"its group as a further one", "EPERM", ANYWHERE(try_groups, NULL)},
    {"user 0 for files", "1000", ANYWHERE(try_fsuid, NULL)},

    {"new privileges again", "EINVAL",
     HERE_WITH(try_prctl, NULL, PR_SET_NO_NEW_PRIVS, 0)},
    {"seccomp off", "EINVAL",
     HERE_WITH(try_prctl, NULL, PR_SET_SECCOMP, SECCOMP_MODE_DISABLED)},
    {"seccomp strict", "EINVAL",
     HERE_WITH(try_prctl, NULL, PR_SET_SECCOMP, SECCOMP_MODE_STRICT)},
    {"a filter that allows all", "EPERM", HERE(try_wider_filter, NULL)},
    {"its break elsewhere", "EPERM",
     HERE_WITH(try_prctl, NULL, SET_MM, SET_MM_START_BRK, BAD)},
    {"its program another", "EPERM",
     HERE_WITH(try_prctl, NULL, SET_MM, SET_MM_EXE_FILE, 0)},
    {"I/O flusher", "EPERM", HERE_WITH(try_prctl, NULL, SET_IO_FLUSHER, 1)},
    {"dumpable as root", "EINVAL",
     HERE_WITH(try_prctl, NULL, PR_SET_DUMPABLE, 2)},

    {"programs with mode bits or capabilities",
     "none gains",
     try_programs,
     PROBE_CONTROL_USER,
     NULL,
     {0}},
    {"mode bits of its own", "1000 1000 1000 1000 1000 1000 secure 0",
     HERE(try_own_bits, NULL)},

    {"descriptors", "0 1 2", HERE(try_descriptors, NULL)},
    {"kinds of descriptors", "file pipe pipe", ANYWHERE(try_kinds, NULL)},
    {"seals of stdin", "f", ANYWHERE(try_stdin_seals, NULL)},
    {"stdin, written", "EPERM", HERE(try_stdin_written, NULL)},
    {"stdin, grown", "EPERM", HERE(try_stdin_grown, NULL)},
    {"environment", "PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8",
     ANYWHERE(try_environment, NULL)},
    {"session", "no leader in sight, a group of its own",
     ANYWHERE(try_session, NULL)},
    {"host and domain", "box ''", ANYWHERE(try_names, NULL)},

    LIMIT("CPU time", RLIMIT_CPU),
    LIMIT("file size", RLIMIT_FSIZE),
    /* Set where no cgroup holds the memory. */
    {"more data", "EPERM or no limit", HERE_WITH(try_raise, NULL, RLIMIT_DATA)},
    LIMIT("stack", RLIMIT_STACK),
    LIMIT("core", RLIMIT_CORE),
    LIMIT("processes", RLIMIT_NPROC),
    LIMIT("open files", RLIMIT_NOFILE),
    LIMIT("locked memory", RLIMIT_MEMLOCK),
    LIMIT("pending signals", RLIMIT_SIGPENDING),
    LIMIT("message queues", RLIMIT_MSGQUEUE),
    LIMIT("priority", RLIMIT_NICE),
    LIMIT("real-time priority", RLIMIT_RTPRIO),
    {"first in, first out", "EPERM",
     ANYWHERE_WITH(try_scheduler, NULL, SCHED_FIFO)},
    {"round robin", "EPERM", ANYWHERE_WITH(try_scheduler, NULL, SCHED_RR)},
    {"deadlines", "EPERM", HERE(try_deadline, NULL)},
    {"nice -1", "EACCES", ANYWHERE_WITH(try_nice, NULL, -1)},
    {"nice 1", "done", HERE_WITH(try_nice, NULL, 1)},
    {"I/O in real time", "EPERM", ANYWHERE_WITH(try_ioprio, NULL, 1 << 13)},
    {"I/O when idle", "done", HERE_WITH(try_ioprio, NULL, 3 << 13)},
    {"processors it has", "done", HERE(try_own_affinity, NULL)},
    {"no processor", "EINVAL", HERE(try_no_cpu, NULL)},
    {"16 MiB locked", "ENOMEM", ANYWHERE(try_mlock, NULL)},
    {"all locked", "ENOMEM", ANYWHERE(try_mlockall, NULL)},
    {"a page poisoned", "EPERM or EINVAL",
     HERE_WITH(try_poison, NULL, MADV_HWPOISON)},
    {"a page taken offline", "EPERM or EINVAL",
     HERE_WITH(try_poison, NULL, 101)},
    {"page 0", "EPERM", ANYWHERE(try_page_zero, NULL)},

    {"core of SIGSEGV", "SIGSEGV", HERE_WITH(try_crash, NULL, SIGSEGV)},
    {"core of SIGABRT", "SIGABRT", HERE_WITH(try_crash, NULL, SIGABRT)},
    {"core of SIGQUIT", "SIGQUIT", HERE_WITH(try_crash, NULL, SIGQUIT)},

    {"alarm in real time", "EPERM",
     HERE_WITH(try_alarm, NULL, CLOCK_REALTIME_ALARM)},
    {"alarm since boot", "EPERM",
     HERE_WITH(try_alarm, NULL, CLOCK_BOOTTIME_ALARM)},
    {"timer that wakes the machine", "EPERM or EOPNOTSUPP",
     HERE_WITH(try_timer, NULL, CLOCK_REALTIME_ALARM)},
    {"timer, signal and event descriptors", "all three",
     HERE(try_harmless, NULL)},
};

int main(int argc, char **argv)
{
    return probe_main(argc, argv, probes, PROBE_COUNT(probes));
}
