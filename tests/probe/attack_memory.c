/* SPDX-License-Identifier: MIT */
/* attack_memory.c - memory in every form that a program can get it, the
 * kernel's own for it among them. */
#include "attack.h"

#include <mqueue.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>

#define CHUNK_BYTES (4 * ATTACK_MIB)

/* ---- of the program
 * ----------------------------------------------------------- */

/* Not memset, which may be left out where nobody reads. */
static void touch(volatile char *memory, uint64_t size)
{
    for (uint64_t at = 0; at < size; at += 4096) {
        memory[at] = 1;
    }
}

static int heap(void)
{
    for (uint64_t bytes = 0;; bytes += CHUNK_BYTES) {
        char *more = malloc(CHUNK_BYTES);

        if (!more) {
            tell(bytes);
            return 1;
        }
        touch(more, CHUNK_BYTES);
    }
}

static volatile bool is_deep_enough; /* never */

static __attribute__((noinline)) int deeper(volatile char *above)
{
    volatile char here[4096];

    if (is_deep_enough) {
        return 0;
    }
    here[0] = above[0];
    return deeper(here) + here[0];
}

static int stack(void)
{
    volatile char first = 1;

    return deeper(&first);
}

/* No heap: counted by no rlimit. */
static int shared_map(void)
{
    char *memory = mmap(NULL, ATTACK_MAX_BYTES, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        return 1;
    }
    touch(memory, ATTACK_MAX_BYTES);
    sleep_for_ever();
}

/* No process has much, all of them do. */
static int shared_out(void)
{
    int status = 0;

    for (int i = 0; i < 40; i++) {
        if (fork() == 0) {
            char *memory = malloc(2 * CHUNK_BYTES);

            if (memory) {
                touch(memory, 2 * CHUNK_BYTES);
            }
            sleep_for_ever();
        }
    }
    (void)wait(&status); /* only the kernel ends one */
    return WIFSIGNALED(status) ? 9 : ATTACK_BROKEN;
}

/* Read pages are the one zero page, but the tables that say so are real. */
static int page_tables(void)
{
    const uint64_t table_bytes = 4096;
    const uint64_t per_table = 2 * ATTACK_MIB;
    const uint64_t size = ATTACK_MAX_BYTES / table_bytes * per_table;
    volatile char *memory =
        mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
             -1, 0);

    if (memory == MAP_FAILED) {
        return 1;
    }
    (void)madvise((void *)(uintptr_t)memory, size, MADV_NOHUGEPAGE);
    for (uint64_t at = 0; at < size; at += per_table) {
        (void)memory[at];
    }
    tell(ATTACK_MAX_BYTES);
    return 0;
}

static int many_maps(void)
{
    uint64_t count = 0;

    /* neighbours differ, or the kernel would make one of two */
    while (mmap(NULL, 4096, count % 2 ? PROT_READ : PROT_NONE,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED) {
        count++;
    }
    tell(count);
    hold();
    return 0;
}

/* Locked pages cannot be taken back. */
static int locked(void)
{
    char *memory = mmap(NULL, ATTACK_MIB, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t bytes = 0;

    while (bytes < ATTACK_MIB && mlock(memory + bytes, 4096) == 0) {
        bytes += 4096;
    }
    if (mlockall(MCL_CURRENT | MCL_FUTURE) == 0) {
        return ATTACK_BROKEN;
    }
    tell(bytes);
    hold();
    return 0;
}

/* ---- in files without a name
 * ---------------------------------------------------- */

static int memfds(void)
{
    static char chunk[CHUNK_BYTES];
    uint64_t bytes = 0;

    memset(chunk, 1, sizeof(chunk));
    while (bytes < ATTACK_MAX_BYTES) {
        int fd = memfd_create("attack", 0);

        if (fd < 0 || write(fd, chunk, sizeof(chunk)) != sizeof(chunk)) {
            break;
        }
        bytes += sizeof(chunk);
    }
    tell(bytes);
    return bytes < ATTACK_MAX_BYTES;
}

static int posix_shm(void)
{
    static char chunk[CHUNK_BYTES];
    uint64_t bytes = 0;

    memset(chunk, 1, sizeof(chunk));
    for (int i = 0; bytes < ATTACK_MAX_BYTES; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "/attack%d", i);
        int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
        if (fd < 0 || write(fd, chunk, sizeof(chunk)) != sizeof(chunk)) {
            break;
        }
        bytes += sizeof(chunk);
    }
    tell(bytes);
    return bytes < ATTACK_MAX_BYTES;
}

/* Detached, it belongs to no process. */
static int sysv_shm(void)
{
    uint64_t bytes = 0;

    while (bytes < ATTACK_MAX_BYTES) {
        int id = shmget(IPC_PRIVATE, CHUNK_BYTES, 0600);
        char *memory = id < 0 ? (char *)-1 : shmat(id, NULL, 0);

        if (memory == (char *)-1) {
            break;
        }
        touch(memory, CHUNK_BYTES);
        (void)shmdt(memory);
        bytes += CHUNK_BYTES;
    }
    tell(bytes);
    return bytes < ATTACK_MAX_BYTES;
}

/* ---- in the kernel
 * ---------------------------------------------------------------- */

static int sysv_messages(void)
{
    static struct {
        long type;
        char text[8192];
    } message = {.type = 1};
    uint64_t bytes = 0;

    while (bytes < ATTACK_MAX_BYTES) {
        int id = msgget(IPC_PRIVATE, 0600);

        if (id < 0) {
            break;
        }
        while (msgsnd(id, &message, sizeof(message.text), IPC_NOWAIT) == 0) {
            bytes += sizeof(message.text);
        }
    }
    tell(bytes);
    return bytes < ATTACK_MAX_BYTES;
}

static int sysv_semaphores(void)
{
    const int per_set = 30000;
    uint64_t bytes = 0;

    while (bytes < ATTACK_MAX_BYTES &&
           semget(IPC_PRIVATE, per_set, 0600) >= 0) {
        bytes += (uint64_t)per_set * 64; /* struct sem fills a cache line */
    }
    tell(bytes);
    return bytes < ATTACK_MAX_BYTES;
}

/* Counted against root of the host, too. */
static int posix_messages(void)
{
    struct mq_attr attr = {.mq_maxmsg = 4, .mq_msgsize = 2048};

    return mq_open("/attack", O_RDWR | O_CREAT, 0600, &attr) < 0 &&
                   errno == ENOSYS
               ? 1
               : ATTACK_BROKEN;
}

static uint64_t fill(int fd)
{
    static char chunk[65536];
    uint64_t bytes = 0;
    ssize_t n;

    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    while ((n = write(fd, chunk, sizeof(chunk))) > 0) {
        bytes += (uint64_t)n;
    }
    return bytes;
}

static int pipes(void)
{
    uint64_t bytes = 0;
    int pair[2];

    while (bytes < ATTACK_MAX_BYTES && pipe(pair) == 0) {
        (void)fcntl(pair[1], F_SETPIPE_SZ, ATTACK_MIB);
        bytes += fill(pair[1]);
    }
    tell(bytes);
    hold();
    return 0;
}

static uint64_t fill_sockets(void)
{
    uint64_t bytes = 0;
    int pair[2];

    while (bytes < ATTACK_MAX_BYTES / 8 &&
           socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0) {
        bytes += fill(pair[0]);
        bytes += fill(pair[1]);
    }
    return bytes;
}

/* By several: one may not open so many. The kernel may end some of them. */
static int sockets(void)
{
    enum { CHILDREN = 8 };
    uint64_t total = 0;
    int told[2];

    if (pipe(told) < 0) {
        return ATTACK_BROKEN;
    }
    for (int i = 0; i < CHILDREN; i++) {
        if (fork() == 0) {
            uint64_t bytes = fill_sockets();

            (void)!write(told[1], &bytes, sizeof(bytes));
            sleep_for_ever();
        }
    }
    for (int i = 0; i < CHILDREN;) {
        struct pollfd p = {told[0], POLLIN, 0};
        uint64_t bytes = 0;

        if (waitpid(-1, NULL, WNOHANG) > 0) {
            return 9;
        }
        if (poll(&p, 1, 10) == 1 &&
            read(told[0], &bytes, sizeof(bytes)) == sizeof(bytes)) {
            total += bytes;
            i++;
        }
    }
    tell(total);
    return 0;
}

/* ---- what others have, too
 * -------------------------------------------------------- */

/* The pages of programs and libraries that all boxes share. */
static int evict_cache(void)
{
    static const char *const files[] = {
        "/proc/self/exe", "/bin/sh",          "/usr/bin/env",
        "/usr/bin/awk",   "/usr/bin/python3", "/lib64/ld-linux-x86-64.so.2"};

    while (goes_on()) {
        for (size_t i = 0; i < ATTACK_COUNT(files); i++) {
            int fd = open(files[i], O_RDONLY);

            if (fd >= 0) {
                (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
                (void)readahead(fd, 0, ATTACK_MIB);
                (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
                close(fd);
            }
        }
    }
    return 0;
}

static const struct attack attacks[] = {
    {"heap", heap},
    {"stack", stack},
    {"shared_map", shared_map},
    {"shared_out", shared_out},
    {"page_tables", page_tables},
    {"many_maps", many_maps},
    {"locked", locked},
    {"memfds", memfds},
    {"posix_shm", posix_shm},
    {"sysv_shm", sysv_shm},
    {"sysv_messages", sysv_messages},
    {"sysv_semaphores", sysv_semaphores},
    {"posix_messages", posix_messages},
    {"pipes", pipes},
    {"sockets", sockets},
    {"evict_cache", evict_cache},
};

int main(int argc, char **argv)
{
    return attack_main(argc, argv, attacks, ATTACK_COUNT(attacks));
}
