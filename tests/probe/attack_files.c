/* SPDX-License-Identifier: MIT */
/* attack_files.c - too many files, too large, too deep, oddly named, locked,
 * synchronised; and descriptors. */
#include "attack.h"

#include <dirent.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

/* ---- size -------------------------------------------------------------------
 */

static int fill_directory(const char *directory)
{
    static char chunk[65536];
    uint64_t bytes = 0;

    if (chdir(directory) < 0) {
        return ATTACK_BROKEN;
    }
    for (int i = 0; bytes < ATTACK_MAX_BYTES; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "f%d", i);
        int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
        for (int k = 0; k < 16; k++) {
            ssize_t n = fd < 0 ? -1 : write(fd, chunk, sizeof(chunk));

            if (n < 0) {
                tell(bytes);
                return 1;
            }
            bytes += (uint64_t)n;
        }
        close(fd);
    }
    return 0;
}

static int fill_tmp(void)
{
    return fill_directory("/tmp");
}

static int fill_workspace(void)
{
    return fill_directory("/workspace");
}

/* One file, larger than a file may be. */
static int huge_file(void)
{
    static char chunk[65536];
    int fd = open("/tmp/huge", O_WRONLY | O_CREAT, 0600);

    while (write(fd, chunk, sizeof(chunk)) > 0) {
    }
    return ATTACK_BROKEN; /* a signal comes first */
}

/* A hole costs nothing, yet it is size. */
static int huge_hole(void)
{
    int fd = open("/tmp/hole", O_WRONLY | O_CREAT, 0600);

    (void)ftruncate(fd, INT64_C(1) << 40);
    return ATTACK_BROKEN; /* a signal comes first */
}

/* As large as a file may be, and nothing in them. */
static int many_holes(void)
{
    uint64_t bytes = 0;

    for (int i = 0; i < 200; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "/tmp/hole%d", i);
        int fd = open(name, O_RDWR | O_CREAT, 0600);
        if (fd < 0 || ftruncate(fd, 8 * (off_t)ATTACK_MIB) < 0 ||
            pwrite(fd, "x", 1, 8 * (off_t)ATTACK_MIB - 1) != 1) {
            return 1;
        }
        bytes += 8 * ATTACK_MIB;
        close(fd);
    }
    tell(bytes);
    return 0;
}

/* ---- number
 * -------------------------------------------------------------------- */

static int files_until_refused(void)
{
    for (uint64_t count = 0;; count++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "/tmp/f%llu",
                       (unsigned long long)count);
        int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
        if (fd < 0) {
            tell(count);
            return 1;
        }
        close(fd);
    }
}

/* The same inode by many names. */
static int links_until_refused(void)
{
    int fd = open("/tmp/f", O_WRONLY | O_CREAT, 0600);

    close(fd);
    for (uint64_t count = 0;; count++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "/tmp/l%llu",
                       (unsigned long long)count);
        if (link("/tmp/f", name) < 0) {
            tell(count);
            return 1;
        }
    }
}

static int descriptors(void)
{
    uint64_t count = 0;

    while (open("/dev/null", O_RDONLY) >= 0) {
        count++;
    }
    tell(count);
    hold();
    return errno == EMFILE ? 0 : ATTACK_BROKEN;
}

static bool send_fd(int sock, int fd)
{
    char space[CMSG_SPACE(sizeof(int))] = {0};
    char byte = 'x';
    struct iovec iov = {&byte, 1};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = space,
                         .msg_controllen = sizeof(space)};
    struct cmsghdr *head = CMSG_FIRSTHDR(&msg);

    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(head), &fd, sizeof(fd));
    return sendmsg(sock, &msg, MSG_DONTWAIT) == 1;
}

/* Sockets that hold each other and themselves: closed, only the kernel's
 * collector can find them. */
static int descriptors_in_flight(void)
{
    uint64_t count = 0;
    int pair[2];

    while (count < 100000) {
        uint64_t before = count;

        if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) < 0) {
            break;
        }
        while (count < 100000 && send_fd(pair[0], pair[1])) {
            count++;
        }
        (void)send_fd(pair[1], pair[0]);
        close(pair[0]);
        close(pair[1]);
        if (count == before) {
            break;
        }
    }
    tell(count);
    hold();
    return 0;
}

/* ---- shape
 * ----------------------------------------------------------------------- */

/* Built from below: what is there moves into a new one. Then down to the
 * bottom, from where the way up is long for whoever has to look at it. */
static int deep_directory(void)
{
    uint64_t depth = 0;

    if (chdir("/tmp") < 0 || mkdir("d", 0700) < 0) {
        return ATTACK_BROKEN;
    }
    for (depth = 1; depth < 10000; depth++) {
        if (mkdir("n", 0700) < 0 || rename("d", "n/d") < 0 ||
            rename("n", "d") < 0) {
            return 1;
        }
    }
    for (uint64_t i = 0; i < depth; i++) {
        if (chdir("d") < 0) {
            return ATTACK_BROKEN;
        }
    }
    while (goes_on()) {
        (void)close(open("file", O_WRONLY | O_CREAT, 0600));
        (void)unlink("file");
    }
    tell(depth);
    return 0;
}

/* Long names, listed and renamed again and again. */
static int huge_directory(void)
{
    char name[2][256];
    unsigned count = 0;

    memset(name, 'n', sizeof(name));
    name[0][255] = name[1][255] = 0;
    if (chdir("/workspace") < 0) {
        return ATTACK_BROKEN;
    }
    for (; count < 3000; count++) {
        (void)snprintf(name[0], 20, "%08u", count);
        name[0][8] = 'n';
        if (mknod(name[0], S_IFREG | 0600, 0) < 0 && creat(name[0], 0600) < 0) {
            break;
        }
        (void)close(3);
    }
    while (goes_on()) {
        struct dirent *entry;
        DIR *dir = opendir(".");

        while (dir && (entry = readdir(dir)) && goes_on()) {
            (void)rename(entry->d_name, "moved");
            (void)rename("moved", entry->d_name);
        }
        (void)closedir(dir);
    }
    tell(count);
    return 0;
}

static int odd_names(void)
{
    static const char *const names[] = {
        "new\nline",
        "car\rriage",
        "tab\t",
        "\x1b[2J\x1b[31m",
        "\xff\xfe",
        "\xc0\xaf",
        "\xed\xa0\x80",
        "\xf0\x9f\x92",
        " ",
        "-rf",
        "a\\b",
        "\"quoted'",
        "$(reboot)",
        "`id`",
        "%s%n%n",
        "..\xe2\x80\xae",
        "... ",
        "~",
        "*",
        "\x01",
        "con\xcc\x81",
        "\x7f",
        "CON",
        "#",
    };
    uint64_t count = 0;

    if (chdir("/workspace") < 0) {
        return ATTACK_BROKEN;
    }
    for (size_t i = 0; i < ATTACK_COUNT(names); i++) {
        int fd = open(names[i], O_WRONLY | O_CREAT | O_EXCL, 0600);

        count += fd >= 0 && write(fd, names[i], 1) == 1;
        close(fd);
    }
    tell(count);
    return count == ATTACK_COUNT(names) ? 0 : ATTACK_BROKEN;
}

static int link_loops(void)
{
    if (chdir("/workspace") < 0 || symlink("b", "a") < 0 ||
        symlink("a", "b") < 0 || symlink("self/self/self", "self") < 0) {
        return ATTACK_BROKEN;
    }
    while (goes_on()) {
        if (open("a", O_RDONLY) >= 0 || errno != ELOOP ||
            open("self", O_RDONLY) >= 0 || errno != ELOOP) {
            return ATTACK_BROKEN;
        }
    }
    return 0;
}

/* ---- storms
 * ------------------------------------------------------------------------ */

/* What is asked for and is not there is remembered, too. */
static int absent_names(void)
{
    while (goes_on()) {
        static unsigned count;
        char name[64];

        (void)snprintf(name, sizeof(name), "/usr/lib/not-there-%u", count++);
        if (access(name, F_OK) == 0) {
            return ATTACK_BROKEN;
        }
    }
    return 0;
}

/* The file system below /usr is the host's. */
static int sync_storm(void)
{
    int usr = open("/usr", O_RDONLY);
    int file = open("/usr/bin/env", O_RDONLY);
    int own = open("/tmp/own", O_RDWR | O_CREAT, 0600);

    while (goes_on()) {
        (void)!write(own, "x", 1);
        (void)fsync(own);
        (void)fsync(file);
        (void)fdatasync(file);
        (void)syncfs(usr);
        (void)syncfs(own);
    }
    return 0;
}

static void read_all(const char *path)
{
    static char text[65536];
    int fd = open(path, O_RDONLY);

    while (fd >= 0 && read(fd, text, sizeof(text)) > 0) {
    }
    if (fd >= 0) {
        close(fd);
    }
}

static int proc_scans(void)
{
    static const char *const files[] = {"stat", "status", "maps",  "smaps",
                                        "io",   "sched",  "limits"};

    while (goes_on()) {
        struct dirent *entry;
        DIR *dir = opendir("/proc");

        while (dir && (entry = readdir(dir))) {
            for (size_t i = 0; i < ATTACK_COUNT(files); i++) {
                char path[300];

                (void)snprintf(path, sizeof(path), "/proc/%s/%s", entry->d_name,
                               files[i]);
                read_all(path);
            }
        }
        (void)closedir(dir);
    }
    return 0;
}

/* Many locks on one file, and one that all of them want. */
static int locks(void)
{
    int fd = open("/tmp/locked", O_RDWR | O_CREAT, 0600);

    for (int child = 0; child < 8; child++) {
        if (fork() == 0) {
            int own = open("/tmp/locked", O_RDWR);

            for (off_t at = child;; at = (at + 16) % 65536) {
                struct flock lock = {.l_type = F_WRLCK,
                                     .l_whence = SEEK_SET,
                                     .l_start = at,
                                     .l_len = 1};

                (void)fcntl(own, F_SETLK, &lock);
                (void)flock(own, LOCK_EX | LOCK_NB);
                (void)flock(own, LOCK_UN);
            }
        }
    }
    hold();
    close(fd);
    return 0;
}

static const struct attack attacks[] = {
    {"fill_tmp", fill_tmp},
    {"fill_workspace", fill_workspace},
    {"huge_file", huge_file},
    {"huge_hole", huge_hole},
    {"many_holes", many_holes},
    {"files_until_refused", files_until_refused},
    {"links_until_refused", links_until_refused},
    {"descriptors", descriptors},
    {"descriptors_in_flight", descriptors_in_flight},
    {"deep_directory", deep_directory},
    {"huge_directory", huge_directory},
    {"odd_names", odd_names},
    {"link_loops", link_loops},
    {"absent_names", absent_names},
    {"sync_storm", sync_storm},
    {"proc_scans", proc_scans},
    {"locks", locks},
};

int main(int argc, char **argv)
{
    return attack_main(argc, argv, attacks, ATTACK_COUNT(attacks));
}
