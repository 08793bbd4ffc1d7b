/* SPDX-License-Identifier: MIT */
/* escape_neighbour.c - can a box find, hear or disturb anybody beside it? The
 * other side is this program too, as `victim`: once in a box of its own, once
 * on the host. It leaves open all that could be found by name or number, and
 * prints a line for whatever happens to it.
 *
 *   escape_neighbour victim WHO-TAG PORT      WHO: box or host */
#include "probe.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>

#define NAME "fyprobe-"

static key_t key_of(const char *who_tag)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (; *who_tag; who_tag++) {
        hash = (hash ^ (unsigned char)*who_tag) * 16777619u;
    }
    return (key_t)(hash | 1); /* 0 is IPC_PRIVATE */
}

static socklen_t abstract(const char *who_tag, struct sockaddr_un *out)
{
    memset(out, 0, sizeof(*out));
    out->sun_family = AF_UNIX;
    int len = snprintf(out->sun_path + 1, sizeof(out->sun_path) - 1, NAME "%s",
                       who_tag);

    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len);
}

static struct sockaddr_in loopback(unsigned port)
{
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port)};

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return in;
}

/* --- the victim ------------------------------------------------------------
 */

static const char *const shared_files[] = {"/tmp/" NAME, "/dev/shm/" NAME};

static int open_sockets(const char *who_tag, unsigned port)
{
    struct sockaddr_un un;
    socklen_t len = abstract(who_tag, &un);
    struct sockaddr_in in = loopback(port);
    socklen_t in_len = sizeof(in);
    int stream = socket(AF_UNIX, SOCK_STREAM, 0);
    int tcp = socket(AF_INET, SOCK_STREAM, 0);

    if (bind(stream, (void *)&un, len) < 0 || listen(stream, 100) < 0 ||
        bind(tcp, (void *)&in, sizeof(in)) < 0 || listen(tcp, 100) < 0 ||
        getsockname(tcp, (void *)&in, &in_len) < 0) {
        return -1;
    }
    return ntohs(in.sin_port);
}

static int open_ipc(const char *who_tag)
{
    key_t key = key_of(who_tag);

    if (shmget(key, 4096, IPC_CREAT | 0666) < 0 ||
        semget(key, 1, IPC_CREAT | 0666) < 0 ||
        msgget(key, IPC_CREAT | 0666) < 0) {
        return -1;
    }
    return 0;
}

static int make_files(const char *who_tag)
{
    char path[200];

    for (size_t i = 0; i < PROBE_COUNT(shared_files); i++) {
        (void)snprintf(path, sizeof(path), "%s%s", shared_files[i], who_tag);
        /* In a box both are the same directory. */
        if (open(path, O_RDWR | O_CREAT, 0666) < 0) {
            return -1;
        }
    }
    return 0;
}

static void close_all(const char *who_tag)
{
    char path[200];
    key_t key = key_of(who_tag);

    (void)shmctl(shmget(key, 0, 0), IPC_RMID, NULL);
    (void)semctl(semget(key, 0, 0), 0, IPC_RMID);
    (void)msgctl(msgget(key, 0), IPC_RMID, NULL);
    for (size_t i = 0; i < PROBE_COUNT(shared_files); i++) {
        (void)snprintf(path, sizeof(path), "%s%s", shared_files[i], who_tag);
        (void)unlink(path);
    }
}

struct priorities {
    int nice;
    long io;
};

/* Whoever runs the tests may have set them. */
static struct priorities own_priorities(void)
{
    return (struct priorities){getpriority(PRIO_PROCESS, 0),
                               syscall(SYS_ioprio_get, 1, 0)};
}

/* On SIGTERM, the host's victim says what else may have been done to it. */
static int be_victim(const char *who_tag, unsigned port)
{
    const struct priorities born = own_priorities();
    sigset_t all;
    int signal_number = 0;

    sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    int own_port = open_sockets(who_tag, port);
    if (own_port < 0 || open_ipc(who_tag) < 0 || make_files(who_tag) < 0) {
        (void)printf("victim: %s (port %d)\n", strerror(errno), own_port);
        close_all(who_tag);
        return 1;
    }
    (void)printf("ready %d\n", own_port);
    (void)fflush(stdout);
    while (sigwait(&all, &signal_number) == 0 && signal_number != SIGTERM) {
        (void)printf("signal %d\n", signal_number);
        (void)fflush(stdout);
    }
    const struct priorities now = own_priorities();
    (void)printf("nice %+d, ioprio %+ld\n", now.nice - born.nice,
                 now.io - born.io);
    close_all(who_tag);
    return 0;
}

/* --- the probes ------------------------------------------------------------
 */

static const char *who_tag(const struct probe *p)
{
    static char text[100];

    (void)snprintf(text, sizeof(text), "%s-%s", p->arg, probe_tag);
    return text;
}

static const char *try_stream(const struct probe *p)
{
    struct sockaddr_un un;
    socklen_t len = abstract(who_tag(p), &un);

    return answer(connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&un, len));
}

static const char *try_tcp(const struct probe *p)
{
    struct sockaddr_in in = loopback(probe_port);

    (void)p;
    return answer(
        connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&in, sizeof(in)));
}

static const char *try_shm(const struct probe *p)
{
    return answer(shmget(key_of(who_tag(p)), 0, 0));
}

static const char *try_sem(const struct probe *p)
{
    return answer(semget(key_of(who_tag(p)), 0, 0));
}

static const char *try_msg(const struct probe *p)
{
    return answer(msgget(key_of(who_tag(p)), 0));
}

/* Numbers instead of keys: whatever there is. */
static const char *try_all_ipc(const struct probe *p)
{
    struct shmid_ds shm;
    struct msqid_ds msg;
    struct seminfo sem;

    (void)p;
    int shm_max = shmctl(0, SHM_STAT, &shm);
    const char *first = answer(shm_max);
    if (shm_max < 0 && errno == EINVAL && msgctl(0, MSG_STAT, &msg) < 0 &&
        errno == EINVAL && semctl(0, 0, SEM_INFO, &sem) == 0 &&
        sem.semusz == 0) {
        return "none";
    }
    return say("some: %s", first);
}

static const char *try_file(const struct probe *p)
{
    char path[200];

    (void)snprintf(path, sizeof(path), "%s%s-%s", shared_files[0], p->arg,
                   probe_tag);
    return answer(open(path, O_RDONLY));
}

static const char *try_shared_memory(const struct probe *p)
{
    char path[200];

    (void)snprintf(path, sizeof(path), "%s%s-%s", shared_files[1], p->arg,
                   probe_tag);
    return answer(open(path, O_RDONLY));
}

/* Names of sockets that others have. */
static const char *try_net_unix(const struct probe *p)
{
    const char *text = text_of("/proc/self/net/unix");
    const char *first = strchr(text, '\n'); /* behind the heading */

    (void)p;
    return first && first[1] == 0 ? "none" : first ? first : text;
}

/* Every number a process may well have. Init and this one are there. */
static const char *try_signals(const struct probe *p)
{
    (void)p;
    for (pid_t pid = 2; pid < 100000; pid++) {
        if (pid != getpid() && (kill(pid, 0) == 0 || errno != ESRCH)) {
            return say("%d: %s", pid, answer(kill(pid, 0)));
        }
    }
    return "ESRCH";
}

/* Asked outside it would be the end of the session: not a control. */
static const char *try_kill_all(const struct probe *p)
{
    (void)p;
    return answer(kill(-1, SIGKILL));
}

static const char *try_groups(const struct probe *p)
{
    (void)p;
    for (pid_t pid = 2; pid < 100000; pid++) {
        if (pid != getpgrp() && (kill(-pid, 0) == 0 || errno != ESRCH)) {
            return say("%d: %s", pid, answer(kill(-pid, 0)));
        }
    }
    return "ESRCH";
}

/* Of the host's victim, by its number outside. */
static const char *try_pidfd(const struct probe *p)
{
    (void)p;
    return answer(syscall(SYS_pidfd_open, probe_pid, 0));
}

static const char *try_proc(const struct probe *p)
{
    char path[64];

    (void)p;
    (void)snprintf(path, sizeof(path), "/proc/%d/status", probe_pid);
    return answer(open(path, O_RDONLY));
}

static const char *try_affinity(const struct probe *p)
{
    unsigned long mask = 1;

    (void)p;
    return answer(
        syscall(SYS_sched_setaffinity, probe_pid, sizeof(mask), &mask));
}

static const char *try_nice(const struct probe *p)
{
    (void)p;
    return answer(setpriority(PRIO_PROCESS, (id_t)probe_pid, 10));
}

static const char *try_own(const struct probe *p)
{
    (void)p;
    return answer(fcntl(STDOUT_FILENO, F_SETOWN, probe_pid));
}

/* "All of this user": the victim's priorities are looked at in its last line.
 */
static const char *try_user_nice(const struct probe *p)
{
    (void)p;
    return answer(setpriority(PRIO_USER, getuid(), 19));
}

static const char *try_user_ioprio(const struct probe *p)
{
    (void)p;
    return answer(syscall(SYS_ioprio_set, 3, getuid(), 3 << 13));
}

static const struct probe probes[] = {
    {"abstract socket of the next box", "ECONNREFUSED",
     ANYWHERE(try_stream, "box")},
    {"abstract socket of the host", "ECONNREFUSED",
     ANYWHERE(try_stream, "host")},
    {"System V memory of the next box", "ENOENT", ANYWHERE(try_shm, "box")},
    {"System V memory of the host", "ENOENT", ANYWHERE(try_shm, "host")},
    {"System V semaphores of the next box", "ENOENT", ANYWHERE(try_sem, "box")},
    {"System V semaphores of the host", "ENOENT", ANYWHERE(try_sem, "host")},
    {"System V messages of the next box", "ENOENT", ANYWHERE(try_msg, "box")},
    {"System V messages of the host", "ENOENT", ANYWHERE(try_msg, "host")},
    {"file in /tmp of the next box", "ENOENT", ANYWHERE(try_file, "box")},
    {"file in /tmp of the host", "ENOENT", ANYWHERE(try_file, "host")},
    {"POSIX shared memory of the next box", "ENOENT",
     ANYWHERE(try_shared_memory, "box")},
    {"POSIX shared memory of the host", "ENOENT",
     ANYWHERE(try_shared_memory, "host")},
    {"any System V object", "none", ANYWHERE(try_all_ipc, NULL)},
    /* EACCES where Landlock has a say in it. */
    {"TCP without an interface", "EACCES or ENETUNREACH",
     ANYWHERE(try_tcp, NULL)},
    {"TCP from a loopback of its own",
     "ECONNREFUSED",
     try_tcp,
     PROBE_CONTROL | PROBE_LOOPBACK,
     NULL,
     {0}},
    {"names of sockets", "none", ANYWHERE(try_net_unix, NULL)},
    {"signal to any number", "ESRCH", ANYWHERE(try_signals, NULL)},
    {"signal to any group", "ESRCH", ANYWHERE(try_groups, NULL)},
    {"kill everybody", "ESRCH", HERE(try_kill_all, NULL)},
    {"pidfd of a number of the host", "ESRCH", ANYWHERE(try_pidfd, NULL)},
    {"/proc of a number of the host", "ENOENT", ANYWHERE(try_proc, NULL)},
    {"affinity of a number of the host", "ESRCH", HERE(try_affinity, NULL)},
    {"priority of a number of the host", "ESRCH", HERE(try_nice, NULL)},
    {"SIGIO to a number of the host", "ESRCH", ANYWHERE(try_own, NULL)},
    {"priority of all of this user", "done", HERE(try_user_nice, NULL)},
    {"I/O priority of all of this user", "done", HERE(try_user_ioprio, NULL)},
};

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "victim") == 0) {
        return be_victim(argv[2], (unsigned)strtoul(argv[3], NULL, 10));
    }
    return probe_main(argc, argv, probes, PROBE_COUNT(probes));
}
