/* SPDX-License-Identifier: MIT */
/* mounts.c - see mounts.h. The template part runs once in the launcher at
 * boot; mounts_apply runs in every box's init. */
#include "sys/mounts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "sys/ns.h"
#include "sys/proc.h"

/* The template is built here: a directory every Linux has, covered by our
 * tmpfs in our own mount namespace only. */
#define BASE "/tmp"

/* Directories of the template's root, in order. */
static const struct {
    const char *path;
    mode_t mode;
} template_dirs[] = {
    {BASE "/usr", 0755},  {BASE "/etc", 0755},  {BASE "/dev", 0755},
    {BASE "/proc", 0555}, {BASE "/tmp", 01777}, {BASE "/workspace", 0755},
    {BASE "/var", 0755},  {BASE "/run", 0755},  {BASE "/home", 0755},
    {BASE "/opt", 0755},
};

/* With a merged /usr these are links and are made again as links; otherwise
 * directories, bound read-only like /usr. */
static const char *const usr_links[] = {"bin",   "sbin",  "lib",
                                        "lib32", "lib64", "libx32"};

/* What programs under /usr need of /etc: copied, not bound, so that a box
 * never sees the rest and each costs no mount. Patterns match names in /etc;
 * links and small regular files are taken, directories one level deep. */
static const char *const etc_names[] = {
    "alternatives", /* awk, cc, java, ... are links through here */
    "ld.so.cache",  /* without it every exec searches directories */
    "ld.so.conf",   "ld.so.conf.d", "python3*", /* sitecustomize of Debian's
                                                   python */
    "java-*", /* JAVA_HOME/conf of Debian's OpenJDK is a link here */
    "localtime",    "mime.types",   "protocols", "services",
};
#define ETC_FILE_MAX_BYTES (1u << 20)

/* /etc files that are ours: the box has one user and no network names. */
static const struct {
    const char *path;
    const char *text;
} etc_texts[] = {
    {BASE "/etc/passwd", "job:x:1000:1000:job:/workspace:/bin/sh\n"
                         "nobody:x:65534:65534:nobody:/:/bin/false\n"},
    {BASE "/etc/group", "job:x:1000:\nnogroup:x:65534:\n"},
    {BASE "/etc/hosts", "127.0.0.1 localhost box\n::1 localhost\n"},
    {BASE "/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"},
    {BASE "/etc/hostname", "box\n"},
};

/* /dev: the harmless character devices, and where POSIX shared memory and
 * /dev/fd are expected. No tty, no pty: a box has no terminal. */
static const struct {
    const char *name;
    unsigned minor; /* of major 1, memory devices */
} dev_nodes[] = {
    {"null", 3}, {"zero", 5}, {"full", 7}, {"random", 8}, {"urandom", 9},
};
static const struct {
    const char *path;
    const char *target;
} dev_links[] = {
    {BASE "/dev/fd", "/proc/self/fd"},
    {BASE "/dev/stdin", "/proc/self/fd/0"},
    {BASE "/dev/stdout", "/proc/self/fd/1"},
    {BASE "/dev/stderr", "/proc/self/fd/2"},
    {BASE "/dev/shm", "/tmp"}, /* one tmpfs less per job */
};

static int set_read_only(const char *path, uint64_t extra, unsigned flags,
                         struct err *e)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY |
                                          MOUNT_ATTR_NOSUID | extra};

    if (mount_setattr(AT_FDCWD, path, flags, &attr, sizeof(attr)) < 0) {
        return err_sys(e, "making %s read-only", path);
    }
    return 0;
}

static int bind_read_only(const char *source, const char *target, struct err *e)
{
    if (mount(source, target, NULL, MS_BIND | MS_REC, NULL) < 0) {
        return err_sys(e, "binding %s", source);
    }
    return set_read_only(target, MOUNT_ATTR_NODEV, AT_RECURSIVE, e);
}

static int write_text(const char *path, const char *text, size_t len,
                      mode_t mode, struct err *e)
{
    AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

    if (fd < 0) {
        return err_sys(e, "making %s", path);
    }
    return fd_write_all(fd, text, len, e);
}

static int make_dirs(struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(template_dirs); i++) {
        if (mkdir(template_dirs[i].path, template_dirs[i].mode) < 0 ||
            chmod(template_dirs[i].path, template_dirs[i].mode) < 0) {
            return err_sys(e, "making %s", template_dirs[i].path);
        }
    }
    return 0;
}

static int copy_link(const char *source, const char *target, struct err *e)
{
    char where[4096];
    ssize_t n = readlink(source, where, sizeof(where) - 1);

    if (n < 0) {
        return err_sys(e, "reading the link %s", source);
    }
    where[n] = 0;
    if (symlink(where, target) < 0) {
        return err_sys(e, "making the link %s", target);
    }
    return 0;
}

static int add_usr(struct err *e)
{
    char source[64];
    char target[64];
    struct stat st;

    if (bind_read_only("/usr", BASE "/usr", e) < 0) {
        return -1;
    }
    for (size_t i = 0; i < ARRAY_LEN(usr_links); i++) {
        (void)snprintf(source, sizeof(source), "/%s", usr_links[i]);
        (void)snprintf(target, sizeof(target), BASE "/%s", usr_links[i]);
        if (lstat(source, &st) < 0) {
            continue; /* not every host has them all */
        }
        if (S_ISLNK(st.st_mode)) {
            if (copy_link(source, target, e) < 0) {
                return -1;
            }
            continue;
        }
        if (mkdir(target, 0755) < 0) {
            return err_sys(e, "making %s", target);
        }
        if (bind_read_only(source, target, e) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Unreadable or odd entries are left out: a box lacks them, no more. */
static int copy_entry(const char *source, const char *target, int depth,
                      struct err *e);

static int copy_dir(const char *source, const char *target, int depth,
                    struct err *e)
{
    int status = 0;
    struct dirent *entry;
    DIR *dir = opendir(source);

    if (!dir) {
        return 0;
    }
    if (mkdir(target, 0755) < 0) {
        status = err_sys(e, "making %s", target);
    }
    while (status == 0 && (entry = readdir(dir))) {
        char from[1024];
        char to[1024];

        if (entry->d_name[0] == '.') {
            continue;
        }
        (void)snprintf(from, sizeof(from), "%s/%s", source, entry->d_name);
        (void)snprintf(to, sizeof(to), "%s/%s", target, entry->d_name);
        status = copy_entry(from, to, depth + 1, e);
    }
    closedir(dir);
    return status;
}

static int copy_entry(const char *source, const char *target, int depth,
                      struct err *e)
{
    struct stat st;

    if (lstat(source, &st) < 0) {
        return 0;
    }
    if (S_ISLNK(st.st_mode)) {
        return copy_link(source, target, e);
    }
    if (S_ISDIR(st.st_mode) && depth < 4) {
        return copy_dir(source, target, depth, e);
    }
    if (!S_ISREG(st.st_mode) || st.st_size > ETC_FILE_MAX_BYTES ||
        !(st.st_mode & S_IROTH)) {
        return 0;
    }
    AUTO_BUF struct buf text;
    buf_init(&text, ETC_FILE_MAX_BYTES);
    if (fd_read_file(source, &text, e) < 0) {
        return -1;
    }
    return write_text(target, (const char *)text.data, text.len, 0644, e);
}

static int is_wanted_etc(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(etc_names); i++) {
        if (fnmatch(etc_names[i], name, 0) == 0) {
            return 1;
        }
    }
    return 0;
}

static int add_etc(struct err *e)
{
    int status = 0;
    struct dirent *entry;
    DIR *dir = opendir("/etc");

    while (dir && status == 0 && (entry = readdir(dir))) {
        char from[512];
        char to[512];

        if (!is_wanted_etc(entry->d_name)) {
            continue;
        }
        (void)snprintf(from, sizeof(from), "/etc/%s", entry->d_name);
        (void)snprintf(to, sizeof(to), BASE "/etc/%s", entry->d_name);
        status = copy_entry(from, to, 0, e);
    }
    if (dir) {
        closedir(dir);
    }
    for (size_t i = 0; status == 0 && i < ARRAY_LEN(etc_texts); i++) {
        status = write_text(etc_texts[i].path, etc_texts[i].text,
                            strlen(etc_texts[i].text), 0644, e);
    }
    return status;
}

static int add_node(size_t i, int is_root, struct err *e)
{
    char path[64];
    char host[64];

    (void)snprintf(path, sizeof(path), BASE "/dev/%s", dev_nodes[i].name);
    (void)snprintf(host, sizeof(host), "/dev/%s", dev_nodes[i].name);
    if (is_root) {
        if (mknod(path, S_IFCHR | 0666, makedev(1, dev_nodes[i].minor)) < 0 ||
            chmod(path, 0666) < 0) {
            return err_sys(e, "making %s", path);
        }
        return 0;
    }
    if (write_text(path, "", 0, 0666, e) < 0) {
        return -1;
    }
    if (mount(host, path, NULL, MS_BIND, NULL) < 0) {
        return err_sys(e, "binding %s", host);
    }
    return 0;
}

static int add_dev(int is_root, struct err *e)
{
    if (mount("dev", BASE "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC,
              "size=64k,mode=0755") < 0) {
        return err_sys(e, "mounting /dev");
    }
    for (size_t i = 0; i < ARRAY_LEN(dev_nodes); i++) {
        if (add_node(i, is_root, e) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(dev_links); i++) {
        if (symlink(dev_links[i].target, dev_links[i].path) < 0) {
            return err_sys(e, "making %s", dev_links[i].path);
        }
    }
    return set_read_only(BASE "/dev", MOUNT_ATTR_NOEXEC, AT_RECURSIVE, e);
}

#define PROC_FLAGS (MS_NOSUID | MS_NODEV | MS_NOEXEC)

/* The kernel lets a user namespace mount a new /proc only where an old one is
 * in sight. So the template has one: of a pid namespace whose only process
 * has ended. It shows nothing, and every box covers it with its own. */
static int add_empty_proc(struct err *e)
{
    int status = 0;
    pid_t pid = proc_clone(CLONE_NEWPID, -1, NULL);

    if (pid == 0) {
        _exit(mount("proc", BASE "/proc", "proc", PROC_FLAGS, NULL) < 0 ? errno
                                                                        : 0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0) {
        return err_sys(e, "making the process that mounts /proc");
    }
    if (status != 0) {
        errno = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
        return err_sys(e, "mounting /proc (a container that masks /proc "
                          "does not allow it)");
    }
    return 0;
}

static int pivot(struct err *e)
{
    /* This mount alone: /dev below it must keep its devices, and /proc must
     * stay writable for the kernel to let a box mount its own. */
    if (set_read_only(BASE, MOUNT_ATTR_NODEV, 0, e) < 0) {
        return -1;
    }
    /* The old root lands on top of the new one at the same place, and goes. */
    if (chdir(BASE) < 0 || syscall(SYS_pivot_root, ".", ".") < 0) {
        return err_sys(e, "pivot_root");
    }
    if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0) {
        return err_sys(e, "leaving the old root");
    }
    return 0;
}

int mounts_enter_template(int already_unshared, int is_root, struct err *e)
{
    if (!already_unshared && unshare(CLONE_NEWNS) < 0) {
        return err_sys(e, "making a mount namespace");
    }
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        return err_sys(e, "making mounts private");
    }
    mode_t mask = umask(0);
    int status = 0;
    if (mount("box", BASE, "tmpfs", MS_NOSUID, "size=16m,mode=0755") < 0) {
        status = err_sys(e, "mounting the template");
    }
    if (status < 0 || make_dirs(e) < 0 || add_usr(e) < 0 || add_etc(e) < 0 ||
        add_dev(is_root, e) < 0 || add_empty_proc(e) < 0 || pivot(e) < 0) {
        status = -1;
    }
    umask(mask);
    return status;
}

static void write_options(char *dst, size_t size, const char *mode,
                          uint64_t bytes, uint64_t inodes)
{
    (void)snprintf(dst, size,
                   "mode=%s,uid=%d,gid=%d,size=%" PRIu64 ",nr_inodes=%" PRIu64,
                   mode, NS_INNER_ID, NS_INNER_ID, bytes, inodes);
}

void mounts_options_make(const struct box_shape *shape,
                         struct mounts_options *out)
{
    write_options(out->tmp, sizeof(out->tmp), "1777", shape->tmp_bytes,
                  shape->max_inodes);
    write_options(out->workspace, sizeof(out->workspace), "0755",
                  shape->workspace_bytes, shape->max_inodes);
}

int mounts_apply(const struct mounts_options *options, const char **out_step)
{
    *out_step = "mount /proc";
    /* subset=pid: no /proc/sys, kcore, kallsyms, ... to mask one by one. */
    if (mount("proc", "/proc", "proc", PROC_FLAGS, "subset=pid") < 0) {
        return -1;
    }
    *out_step = "mount /tmp";
    if (mount("tmp", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, options->tmp) < 0) {
        return -1;
    }
    *out_step = "mount /workspace";
    return mount("workspace", "/workspace", "tmpfs", MS_NOSUID | MS_NODEV,
                 options->workspace);
}

static unsigned look(const char *path, unsigned flag, uint64_t *used)
{
    struct statvfs st;
    unsigned flags = 0;

    if (statvfs(path, &st) < 0) {
        return 0;
    }
    *used += (uint64_t)(st.f_blocks - st.f_bfree) * st.f_frsize;
    if (st.f_blocks > 0 && st.f_bavail == 0) {
        flags |= flag;
    }
    if (st.f_files > 0 && st.f_ffree == 0) {
        flags |= flag | MOUNTS_FULL_INODES;
    }
    return flags;
}

unsigned mounts_full(uint64_t *out_used)
{
    *out_used = 0;
    return look("/workspace", MOUNTS_FULL_WORKSPACE, out_used) |
           look("/tmp", MOUNTS_FULL_TMP, out_used);
}
