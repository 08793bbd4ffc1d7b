/* SPDX-License-Identifier: MIT */
/* escape_files.c - the file tree: what can be written, what is not there,
 * where a link, a mode bit or an ioctl could lead. */
#include "probe.h"

#include <dirent.h>
#include <linux/fs.h>
#include <linux/random.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

static void append(char *list, size_t size, const char *word)
{
    size_t len = strlen(list);

    (void)snprintf(list + len, size - len, "%s%s", len ? " " : "", word);
}

/* --- the mounts ------------------------------------------------------------
 */

static const char *read_mounts(void)
{
    static char text[65536];
    int fd = open("/proc/self/mountinfo", O_RDONLY);
    size_t len = 0;
    ssize_t n = 0;

    while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0) {
        len += (size_t)n;
    }
    text[len] = 0;
    return text;
}

/* Those whose options lack a word; below /usr is what the host has. */
static const char *try_mounts_without(const struct probe *p)
{
    char found[2000] = "";
    char point[512];
    char options[512];
    char with_comma[516];
    char wanted[32];

    (void)snprintf(wanted, sizeof(wanted), "%s,", p->arg);
    for (const char *line = read_mounts(); line && *line;
         line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        if (sscanf(line, "%*s %*s %*s %*s %511s %511s", point, options) != 2) {
            return say("odd: %s", line);
        }
        (void)snprintf(with_comma, sizeof(with_comma), "%s,", options);
        if (!strstr(with_comma, wanted)) {
            append(found, sizeof(found), point);
        }
    }
    return say("%s", found);
}

static const char *try_remount(const struct probe *p)
{
    return answer(mount(NULL, p->arg, NULL, MS_REMOUNT | MS_BIND, NULL));
}

static const char *try_tmpfs(const struct probe *p)
{
    return answer(mount("probe", p->arg, "tmpfs", 0, NULL));
}

static const char *try_bind(const struct probe *p)
{
    return answer(mount("/tmp", p->arg, NULL, MS_BIND, NULL));
}

static const char *try_filesystem(const struct probe *p)
{
    return answer(mount("probe", "/tmp", p->arg, 0, NULL));
}

static const char *try_umount(const struct probe *p)
{
    return answer(umount2(p->arg, MNT_DETACH));
}

static const char *try_share(const struct probe *p)
{
    return answer(mount(NULL, p->arg, NULL, MS_REC | MS_SHARED, NULL));
}

static const char *try_own_root(const struct probe *p)
{
    (void)p;
    if (mkdir("/tmp/new", 0755) < 0 || mkdir("/tmp/new/old", 0755) < 0) {
        return answer(-1);
    }
    return answer(syscall(SYS_pivot_root, "/tmp/new", "/tmp/new/old"));
}

/* --- climbing --------------------------------------------------------------
 */

static const char *same_as_root(const struct stat *st)
{
    struct stat root;

    if (stat("/", &root) < 0) {
        return answer(-1);
    }
    return st->st_dev == root.st_dev && st->st_ino == root.st_ino ? "the root"
                                                                  : "elsewhere";
}

static const char *try_climb(const struct probe *p)
{
    struct stat st;

    return stat(p->arg, &st) < 0 ? answer(-1) : same_as_root(&st);
}

/* The classic: keep a directory, go into a smaller root, and up from there. */
static const char *try_chroot_climb(const struct probe *p)
{
    (void)p;
    int fd = open("/", O_RDONLY | O_DIRECTORY);

    if (fd < 0 || mkdir("/tmp/hole", 0755) < 0) {
        return answer(-1);
    }
    if (chroot("/tmp/hole") < 0) {
        return answer(-1);
    }
    return answer(fchdir(fd));
}

/* --- what can be written ---------------------------------------------------
 */

static const char *try_chmod(const struct probe *p)
{
    return answer(chmod(p->arg, 0777));
}

static const char *try_chown(const struct probe *p)
{
    return answer(chown(p->arg, getuid(), getgid()));
}

static const char *try_unlink(const struct probe *p)
{
    return answer(unlink(p->arg));
}

static const char *try_rename(const struct probe *p)
{
    return answer(rename(p->arg, "/workspace/moved"));
}

static const char *try_rename_over(const struct probe *p)
{
    int fd = open("/workspace/new", O_WRONLY | O_CREAT, 0644);

    return fd < 0 ? answer(fd) : answer(rename("/workspace/new", p->arg));
}

static const char *try_utimes(const struct probe *p)
{
    return answer(utimensat(AT_FDCWD, p->arg, NULL, 0));
}

static const char *try_truncate(const struct probe *p)
{
    return answer(truncate(p->arg, 0));
}

static const char *try_unnamed(const struct probe *p)
{
    return answer(open(p->arg, O_TMPFILE | O_RDWR, 0600));
}

static const char *try_open_write(const struct probe *p)
{
    return answer(open(p->arg, O_RDWR));
}

/* Opened to read, then once more to write, by its descriptor. */
static const char *try_reopen(const struct probe *p)
{
    char path[64];
    int fd = open(p->arg, O_RDONLY);

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return fd < 0 ? answer(fd) : answer(open(path, O_RDWR));
}

static const char *try_setxattr(const struct probe *p)
{
    return answer(setxattr(p->arg, "user.probe", "x", 1, 0));
}

/* --- links -----------------------------------------------------------------
 */

static const char *try_hard_link(const struct probe *p)
{
    return answer(link(p->arg, "/workspace/linked"));
}

static const char *try_link_by_fd(const struct probe *p)
{
    char path[64];
    int fd = open(p->arg, O_PATH);

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return answer(linkat(AT_FDCWD, path, AT_FDCWD, "/workspace/linked",
                         AT_SYMLINK_FOLLOW));
}

static const char *try_link_between(const struct probe *p)
{
    int fd = open("/workspace/own", O_WRONLY | O_CREAT, 0644);

    (void)p;
    return fd < 0 ? answer(fd) : answer(link("/workspace/own", "/tmp/linked"));
}

static const char *try_symlink(const struct probe *p)
{
    if (symlink(p->arg, "/workspace/away") < 0) {
        return answer(-1);
    }
    return answer(open("/workspace/away", O_RDONLY));
}

/* One thread turns a name from a directory into a link and back; the other
 * opens a file below it, to find one that neither leads to. */
static atomic_int is_over;

static void *swap_names(void *arg)
{
    (void)arg;
    while (!is_over) {
        (void)renameat2(AT_FDCWD, "/workspace/d", AT_FDCWD, "/workspace/l",
                        RENAME_EXCHANGE);
    }
    return NULL;
}

static const char *try_race(const struct probe *p)
{
    pthread_t thread;
    const char *first = "ENOENT or EACCES";

    if (mkdir("/workspace/d", 0755) < 0 ||
        symlink(p->arg, "/workspace/l") < 0 ||
        pthread_create(&thread, NULL, swap_names, NULL) != 0) {
        return answer(-1);
    }
    for (int i = 0; i < 20000; i++) {
        int fd = open("/workspace/d/etc/shadow", O_RDONLY);

        if (fd >= 0 || (errno != ENOENT && errno != EACCES)) {
            first = say("%d: %s", i, answer(fd));
            break;
        }
    }
    is_over = 1;
    (void)pthread_join(thread, NULL);
    return strcmp(first, "ENOENT or EACCES") == 0 ? "nothing" : first;
}

/* --- devices ---------------------------------------------------------------
 */

static const char *try_node(const struct probe *p)
{
    return answer(mknod("/workspace/node", (mode_t)p->call[0],
                        makedev((unsigned)p->call[1], (unsigned)p->call[2])));
}

static const char *try_device(const struct probe *p)
{
    return answer(open(p->arg, O_RDONLY | O_NONBLOCK | O_NOCTTY));
}

/* Of the nodes that are there: kind, number and mode, when they are as on any
 * Linux. */
static const char *try_nodes(const struct probe *p)
{
    static const struct {
        const char *name;
        unsigned minor;
    } nodes[] = {{"/dev/null", 3},
                 {"/dev/zero", 5},
                 {"/dev/full", 7},
                 {"/dev/random", 8},
                 {"/dev/urandom", 9}};

    (void)p;
    for (size_t i = 0; i < PROBE_COUNT(nodes); i++) {
        struct stat st;

        if (stat(nodes[i].name, &st) < 0 || !S_ISCHR(st.st_mode) ||
            st.st_rdev != makedev(1, nodes[i].minor) ||
            (st.st_mode & 07777) != 0666) {
            return say("%s: %o %lx", nodes[i].name, st.st_mode,
                       (unsigned long)st.st_rdev);
        }
    }
    return "as everywhere";
}

static const char *try_listing(const struct probe *p)
{
    struct dirent **entries = NULL;
    char found[2000] = "";
    int count = scandir(p->arg, &entries, NULL, alphasort);

    if (count < 0) {
        return answer(-1);
    }
    for (int i = 0; i < count; i++) {
        if (strcmp(entries[i]->d_name, ".") != 0 &&
            strcmp(entries[i]->d_name, "..") != 0) {
            append(found, sizeof(found), entries[i]->d_name);
        }
    }
    return say("%s", found);
}

/* --- ioctl -----------------------------------------------------------------
 */

static const char *try_root(const struct probe *p)
{
    static char kept[2000];
    char all[2000];
    char *rest = NULL;

    (void)snprintf(all, sizeof(all), "%s", try_listing(p));
    char *word = strtok_r(all, " ", &rest);
    for (; word; word = strtok_r(NULL, " ", &rest)) {
        if (strncmp(word, "lib", 3) != 0) { /* which ones, differs */
            append(kept, sizeof(kept), word);
        }
    }
    return kept;
}

static const char *try_ioctl(const struct probe *p)
{
    long zeros[64] = {0};
    int fd = open(p->arg, O_RDONLY);

    return fd < 0 ? answer(fd)
                  : answer(ioctl(fd, (unsigned long)p->call[0], zeros));
}

/* Some file systems (overlay) have no such call at all. */
static const char *try_trim(const struct probe *p)
{
    uint64_t all[3] = {0, UINT64_MAX, 0};
    int fd = open("/usr", O_RDONLY);

    (void)p;
    if (fd >= 0 && ioctl(fd, FITRIM, all) < 0 &&
        (errno == EPERM || errno == ENOTTY || errno == EOPNOTSUPP)) {
        return "refused";
    }
    return answer(fd < 0 ? fd : 0);
}

/* A file that is its own, made unchangeable. */
static const char *try_immutable(const struct probe *p)
{
    long flags = FS_IMMUTABLE_FL;
    int fd = open("/workspace/fixed", O_RDWR | O_CREAT, 0644);

    (void)p;
    return fd < 0 ? answer(fd) : answer(ioctl(fd, FS_IOC_SETFLAGS, &flags));
}

static const char *try_tiocsti(const struct probe *p)
{
    char c = 'x';

    return answer(ioctl((int)p->call[0], TIOCSTI, &c));
}

/* --- listening to others ---------------------------------------------------
 */

static const char *try_inotify(const struct probe *p)
{
    (void)p;
    int fd = inotify_init1(0);

    return fd < 0 ? answer(fd)
                  : answer(inotify_add_watch(fd, "/usr/bin", IN_OPEN));
}

static const char *try_dnotify(const struct probe *p)
{
    int fd = open(p->arg, O_RDONLY | O_DIRECTORY);

    return fd < 0 ? answer(fd) : answer(fcntl(fd, F_NOTIFY, DN_ACCESS));
}

static const char *try_lease(const struct probe *p)
{
    int fd = open(p->arg, O_RDONLY);

    return fd < 0 ? answer(fd) : answer(fcntl(fd, F_SETLEASE, F_RDLCK));
}

/* The worker made the pipe and pays for it. */
static const char *try_pipe_size(const struct probe *p)
{
    return answer(fcntl((int)p->call[0], F_SETPIPE_SZ, 1 << 20));
}

static const char *try_pipe_sizes(const struct probe *p)
{
    int fds[2];

    (void)p;
    return pipe(fds) < 0 ? answer(-1) : say("%d", fcntl(fds[0], F_GETPIPE_SZ));
}

/* Of the host's file system below /usr: all its dirty pages, at the price of
 * all who write to it. */
static const char *try_syncfs(const struct probe *p)
{
    int fd = open(p->arg, O_RDONLY);

    return fd < 0 ? answer(fd) : answer(syncfs(fd));
}

/* --- its own ---------------------------------------------------------------
 */

/* Made, and found again beside the program. */
static const char *try_odd_name(const struct probe *p)
{
    const struct probe here = {.arg = "/workspace"};
    char path[300];

    (void)snprintf(path, sizeof(path), "/workspace/%s", p->arg);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (fd < 0 || write(fd, "x", 1) != 1) {
        return answer(-1);
    }
    return strstr(try_listing(&here), p->arg) ? "there" : "not there";
}

static const struct probe probes[] = {
    /* Mounts as they are. */
    {"mounts without nosuid", "", ANYWHERE(try_mounts_without, "nosuid")},
    {"mounts without nodev",
     "/dev or /dev /dev/null /dev/zero /dev/full /dev/random /dev/urandom",
     ANYWHERE(try_mounts_without, "nodev")},
    {"mounts not read-only", "/proc /proc /tmp /workspace",
     ANYWHERE(try_mounts_without, "ro")},

    /* And as one would have them. */
    {"/ writable again", "EPERM", ANYWHERE(try_remount, "/")},
    {"/usr writable again", "EPERM", HERE(try_remount, "/usr")},
    {"/dev writable again", "EPERM", HERE(try_remount, "/dev")},
    {"a tmpfs over /etc", "EPERM", ANYWHERE(try_tmpfs, "/etc")},
    {"a bind over /usr", "EPERM", ANYWHERE(try_bind, "/usr")},
    {"a bind over /proc", "EPERM", ANYWHERE(try_bind, "/proc")},
    {"a whole /proc", "EPERM", ANYWHERE(try_filesystem, "proc")},
    {"a /sys", "EPERM", ANYWHERE(try_filesystem, "sysfs")},
    {"a cgroup tree", "EPERM", ANYWHERE(try_filesystem, "cgroup2")},
    {"a device tree", "EPERM", ANYWHERE(try_filesystem, "devtmpfs")},
    {"terminals", "EPERM", ANYWHERE(try_filesystem, "devpts")},
    {"message queues as files", "EPERM", ANYWHERE(try_filesystem, "mqueue")},
    {"an overlay", "EPERM", ANYWHERE(try_filesystem, "overlay")},
    {"fuse", "EPERM", ANYWHERE(try_filesystem, "fuse")},
    {"umount of /proc", "EPERM", ANYWHERE(try_umount, "/proc")},
    {"umount of /tmp", "EPERM", HERE(try_umount, "/tmp")},
    {"umount of /", "EPERM", HERE(try_umount, "/")},
    {"mounts shared with others", "EPERM", ANYWHERE(try_share, "/")},
    {"a root of its own", "EPERM", HERE(try_own_root, NULL)},

    /* Climbing. */
    {"up from /", "the root", HERE(try_climb, "/../../..")},
    {"up from its root", "the root", HERE(try_climb, "/proc/self/root/..")},
    {"up from its directory", "the root",
     HERE(try_climb, "/proc/self/cwd/../..")},
    {"out of a chroot", "EPERM", HERE(try_chroot_climb, NULL)},

    /* Writing. */
    {"new file in /", "EROFS", HERE(try_create, "/probe")},
    {"new file in /usr", "EROFS", HERE(try_create, "/usr/probe")},
    {"new file in /usr/local/bin", "EROFS",
     HERE(try_create, "/usr/local/bin/probe")},
    {"new file in /bin", "EROFS", HERE(try_create, "/bin/probe")},
    {"new file in /lib", "EROFS", HERE(try_create, "/lib/probe")},
    {"new file in /etc", "EROFS", HERE(try_create, "/etc/probe")},
    {"new file in /dev", "EROFS", HERE(try_create, "/dev/probe")},
    {"new file in /var", "EROFS", HERE(try_create, "/var/probe")},
    {"new file in /run", "EROFS", HERE(try_create, "/run/probe")},
    {"new file in /home", "EROFS", HERE(try_create, "/home/probe")},
    {"new file in /opt", "EROFS", HERE(try_create, "/opt/probe")},
    {"new file in /proc", "ENOENT", HERE(try_create, "/proc/probe")},
    {"new file in /proc/self", "ENOENT", HERE(try_create, "/proc/self/probe")},
    {"/etc/passwd, to write", "EROFS or EACCES",
     HERE(try_open_write, "/etc/passwd")},
    {"/etc/passwd, opened again", "EROFS or EACCES",
     HERE(try_reopen, "/etc/passwd")},
    {"/etc/passwd, cut", "EROFS or EACCES", HERE(try_truncate, "/etc/passwd")},
    {"/etc/passwd, away", "EROFS", HERE(try_unlink, "/etc/passwd")},
    {"/etc/passwd, moved", "EXDEV", HERE(try_rename, "/etc/passwd")},
    {"/etc/passwd, replaced", "EXDEV", HERE(try_rename_over, "/etc/passwd")},
    {"ld.so.cache, to write", "EROFS or EACCES",
     HERE(try_open_write, "/etc/ld.so.cache")},
    {"mode of /usr/bin/env", "EROFS", HERE(try_chmod, "/usr/bin/env")},
    {"owner of /usr/bin/env", "EROFS", HERE(try_chown, "/usr/bin/env")},
    {"times of /usr/bin/env", "EROFS", HERE(try_utimes, "/usr/bin/env")},
    {"/usr/bin/env, to write", "EROFS or EACCES",
     HERE(try_open_write, "/usr/bin/env")},
    {"unnamed file in /usr", "EROFS", HERE(try_unnamed, "/usr")},
    {"unnamed file in /", "EROFS", HERE(try_unnamed, "/")},
    {"mode of /dev/null", "EROFS", HERE(try_chmod, "/dev/null")},
    {"/dev/null, away", "EROFS", HERE(try_unlink, "/dev/null")},
    {"mode of the root", "EROFS", HERE(try_chmod, "/")},
    {"attribute of its own file", "ENOSYS", ANYWHERE(try_setxattr, "/tmp")},
    {"own file to root", "EINVAL",
     CALL_INSIDE(SYS_fchownat, AT_FDCWD, (long)"/workspace", 0, 0, 0)},

    /* Links. */
    {"hard link to /etc/passwd", "EXDEV", HERE(try_hard_link, "/etc/passwd")},
    {"hard link to /usr/bin/su", "EXDEV", HERE(try_hard_link, "/usr/bin/su")},
    {"hard link by descriptor", "EXDEV", HERE(try_link_by_fd, "/usr/bin/env")},
    {"hard link between its own", "EXDEV", HERE(try_link_between, NULL)},
    {"link to init's root", "EACCES",
     HERE(try_symlink, "/proc/1/root/etc/passwd")},
    {"link out of /workspace", "ENOENT",
     HERE(try_symlink, "../../../etc/shadow")},
    {"link and directory in turns", "nothing", HERE(try_race, "/proc/1/root")},

    /* What the host has and a box has not. */
    {"/etc/shadow", "ENOENT", HERE(try_read, "/etc/shadow")},
    {"/etc/machine-id", "ENOENT", HERE(try_read, "/etc/machine-id")},
    {"/etc/ssl/private", "ENOENT", HERE(try_read, "/etc/ssl/private")},
    {"/etc/ssh", "ENOENT", HERE(try_read, "/etc/ssh/sshd_config")},
    {"/etc/forkyard", "ENOENT", HERE(try_read, "/etc/forkyard/forkyard.yaml")},
    {"/root", "ENOENT", HERE(try_read, "/root")},
    {"/boot", "ENOENT", HERE(try_read, "/boot")},
    {"/sys", "ENOENT", HERE(try_read, "/sys")},
    {"cgroup tree", "ENOENT", HERE(try_read, "/sys/fs/cgroup")},
    {"/mnt", "ENOENT", HERE(try_read, "/mnt")},
    {"docker's socket", "ENOENT", HERE(try_read, "/run/docker.sock")},
    {"the bus's socket", "ENOENT",
     HERE(try_read, "/run/dbus/system_bus_socket")},
    {"/var/log", "ENOENT", HERE(try_read, "/var/log")},
    {"all of /", "bin dev etc home opt proc run sbin tmp usr var workspace",
     ANYWHERE(try_root, "/")},
    {"all of /home", "", HERE(try_listing, "/home")},
    {"all of /run", "", HERE(try_listing, "/run")},
    {"all of /var", "", HERE(try_listing, "/var")},
    {"all of /tmp", "", HERE(try_listing, "/tmp")},

    /* Devices. */
    {"all of /dev", "fd full null random shm stderr stdin stdout urandom zero",
     ANYWHERE(try_listing, "/dev")},
    {"numbers in /dev", "as everywhere", HERE(try_nodes, NULL)},
    {"/dev/mem", "ENOENT", HERE(try_device, "/dev/mem")},
    {"/dev/kmsg", "ENOENT", HERE(try_device, "/dev/kmsg")},
    {"/dev/tty", "ENOENT", ANYWHERE(try_device, "/dev/tty")},
    {"/dev/ptmx", "ENOENT", ANYWHERE(try_device, "/dev/ptmx")},
    {"/dev/console", "ENOENT", HERE(try_device, "/dev/console")},
    {"/dev/kvm", "ENOENT", HERE(try_device, "/dev/kvm")},
    {"/dev/fuse", "ENOENT", HERE(try_device, "/dev/fuse")},
    {"/dev/net/tun", "ENOENT", HERE(try_device, "/dev/net/tun")},
    {"/dev/loop-control", "ENOENT", HERE(try_device, "/dev/loop-control")},
    {"/dev/userfaultfd", "ENOENT", HERE(try_device, "/dev/userfaultfd")},
    {"/dev/port", "ENOENT", HERE(try_device, "/dev/port")},
    {"node of the null device", "EPERM",
     HERE_WITH(try_node, NULL, S_IFCHR | 0666, 1, 3)},
    {"node of the memory", "EPERM",
     HERE_WITH(try_node, NULL, S_IFCHR | 0666, 1, 1)},
    {"node of a disk", "EPERM",
     HERE_WITH(try_node, NULL, S_IFBLK | 0666, 8, 0)},
    {"node of an overlay's whiteout", "EPERM",
     HERE_WITH(try_node, NULL, S_IFCHR | 0666, 0, 0)},

    /* ioctl. */
    {"freeze /usr", "EPERM", HERE_WITH(try_ioctl, "/usr", FIFREEZE)},
    {"freeze /workspace", "EPERM",
     HERE_WITH(try_ioctl, "/workspace", FIFREEZE)},
    {"trim /usr", "refused", HERE(try_trim, NULL)},
    {"blocks of a file", "EPERM", HERE_WITH(try_ioctl, "/usr/bin/env", FIBMAP)},
    {"flags of a file of the host", "EROFS",
     HERE_WITH(try_ioctl, "/usr/bin/env", FS_IOC_SETFLAGS)},
    {"its own file, unchangeable", "EPERM", HERE(try_immutable, NULL)},
    /* EACCES where Landlock has a say in it. */
    {"entropy from it", "EACCES or EPERM",
     HERE_WITH(try_ioctl, "/dev/random", RNDADDENTROPY)},
    {"entropy forgotten", "EACCES or EPERM",
     HERE_WITH(try_ioctl, "/dev/random", RNDZAPENTCNT)},
    {"entropy seeded", "EACCES or EPERM",
     HERE_WITH(try_ioctl, "/dev/random", RNDRESEEDCRNG)},
    {"TIOCSTI on stdin", "ENOTTY", HERE(try_tiocsti, NULL)},
    {"TIOCSTI on stdout", "ENOTTY", HERE_WITH(try_tiocsti, NULL, 1)},

    /* Listening, and disturbing, through what is shared. */
    {"inotify on /usr", "ENOSYS", ANYWHERE(try_inotify, NULL)},
    {"dnotify on /usr", "EPERM", ANYWHERE(try_dnotify, "/usr/bin")},
    {"lease of a file of the host", "EPERM",
     ANYWHERE(try_lease, "/usr/bin/env")},
    {"size of its output", "EPERM", HERE_WITH(try_pipe_size, NULL, 1)},
    {"size of a pipe of its own", "65536", HERE(try_pipe_sizes, NULL)},
    {"sync of /usr", "ENOSYS", ANYWHERE(try_syncfs, "/usr")},

    /* Its own may be called anything. */
    {"name with a newline", "there", HERE(try_odd_name, "a\nb")},
    {"name that is no UTF-8", "there", HERE(try_odd_name, "\xff\xfe\x80")},
};

int main(int argc, char **argv)
{
    return probe_main(argc, argv, probes, PROBE_COUNT(probes));
}
