/* SPDX-License-Identifier: MIT */
/* box.c - theory of operation: read this first.
 *
 *   engine            unprivileged, speaks Kafka; knows what a job is
 *     | request + descriptors (SOCK_SEQPACKET)
 *   launcher          root or root of a user namespace; in the template root
 *     | clone3: new user, pid, mount, ipc, uts namespaces; from inside an
 *     | empty network namespace that belongs to the slot
 *   box init (here)   pid 1 inside; builds the box around itself, gives every
 *     | vfork, exec   privilege away, only then reads what the job brought
 *   payload
 *
 * The steps below run in this order, each for the reason given. A step that
 * fails ends the box with a report; there is no weaker box. Nothing here
 * allocates or takes a lock: it runs on a copy of the launcher's memory. */
#include "sys/box.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fd.h"
#include "sys/caps.h"
#include "sys/collect.h"
#include "sys/mounts.h"
#include "sys/ns.h"
#include "sys/proc.h"
#include "sys/reaper.h"
#include "wire/bundle.h"

#define HOST_NAME "box"

struct init {
    const struct box_child *child;
    struct box_report report;
    struct bundle_reader bundle;
    char **argv;
    char **envp;
    const char *cwd;
    int io_fd;       /* /proc/self/io */
    int listener_fd; /* calls that end the job */
    int workspace_fd;
};

static int wait_for_maps(struct init *in)
{
    char go = 0;
    ssize_t n = read(in->child->go_fd, &go, 1);

    if (n == 0) {
        errno = EPIPE; /* the launcher gave up on us */
    }
    return n == 1 ? 0 : -1;
}

static int enter_cgroup(struct init *in)
{
    return cgroup_enter(in->child->cgroups, in->child->cgroup);
}

static int hide_cgroup(struct init *in)
{
    (void)in;
    return unshare(CLONE_NEWCGROUP);
}

static int become_job_user(struct init *in)
{
    (void)in;
    if (setresgid(NS_INNER_ID, NS_INNER_ID, NS_INNER_ID) < 0) {
        return -1;
    }
    return setresuid(NS_INNER_ID, NS_INNER_ID, NS_INNER_ID);
}

static int die_with_launcher(struct init *in)
{
    struct pollfd launcher = {in->child->launcher_pidfd, POLLIN, 0};

    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) {
        return -1;
    }
    if (poll(&launcher, 1, 0) != 0) {
        errno = ESRCH;
        return -1;
    }
    return 0;
}

static void insert_sorted(int *list, size_t count, int fd)
{
    size_t i = count;

    for (; i > 0 && list[i - 1] > fd; i--) {
        list[i] = list[i - 1];
    }
    list[i] = fd;
}

static int close_the_rest(struct init *in)
{
    const struct box_child *c = in->child;
    const int wanted[] = {c->report_fd,    c->bundle_fd,    c->stdio_fds[0],
                          c->stdio_fds[1], c->stdio_fds[2], c->collection_fd};
    int keep[ARRAY_LEN(wanted)] = {0};

    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        insert_sorted(keep, i, wanted[i]);
    }
    fd_close_all_except(0, keep, ARRAY_LEN(keep));
    return 0;
}

static int mount_tree(struct init *in)
{
    const char *step = NULL;
    int status = mounts_apply(in->child->limits, &step);

    if (status < 0) {
        (void)strncpy(in->report.step, step, sizeof(in->report.step) - 1);
    }
    return status;
}

/* The counters of init and all it has reaped, for the report. Only the owner
 * may open the file, and after the id change the owner is root until we are
 * dumpable again; nobody else is in this pid namespace yet. */
static int open_counters(struct init *in)
{
    if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0) {
        return -1;
    }
    in->io_fd = open("/proc/self/io", O_RDONLY | O_CLOEXEC);
    return 0; /* a kernel without I/O accounting has no such file */
}

static int hide_from_payload(struct init *in)
{
    (void)in;
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static int set_name(struct init *in)
{
    (void)in;
    (void)prctl(PR_SET_NAME, "box-init", 0, 0, 0);
    if (setdomainname("", 0) < 0) {
        return -1;
    }
    return sethostname(HOST_NAME, sizeof(HOST_NAME) - 1);
}

static int set_rlimits(struct init *in)
{
    return rlimits_apply(in->child->rlimits);
}

static int restrict_files(struct init *in)
{
    const struct landlock_plan *plan = in->child->landlock;
    const char *step = NULL;

    if (plan->abi == 0) {
        return 0; /* not on this kernel; the result says so */
    }
    if (landlock_apply(plan, &step) < 0) {
        (void)strncpy(in->report.step, step, sizeof(in->report.step) - 1);
        return -1;
    }
    if (!landlock_holds()) {
        errno = EPERM;
        return -1;
    }
    in->report.landlock = plan->abi;
    return 0;
}

static int drop_caps(struct init *in)
{
    (void)in;
    return caps_drop_all();
}

static int filter_calls(struct init *in)
{
    if (seccomp_apply(in->child->seccomp, &in->listener_fd) < 0) {
        return -1;
    }
    in->report.tells_calls = in->listener_fd >= 0;
    return 0;
}

/* What is claimed is asked from the kernel, not remembered. */
static int verify(struct init *in)
{
    struct statvfs root;
    uint32_t found = 0;

    found |= caps_none() ? BOX_VERIFIED_NO_CAPS : 0;
    found |= prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1
                 ? BOX_VERIFIED_NO_NEW_PRIVS
                 : 0;
    found |= prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2 ? BOX_VERIFIED_SECCOMP : 0;
    if (statvfs("/", &root) == 0 && (root.f_flag & ST_RDONLY)) {
        found |= BOX_VERIFIED_ROOT_READ_ONLY;
    }
    found |= getuid() == NS_INNER_ID && geteuid() == NS_INNER_ID
                 ? BOX_VERIFIED_UID
                 : 0;
    in->report.verified = found;
    errno = EPERM;
    return found == BOX_VERIFIED_ALL ? 0 : -1;
}

static const struct {
    const char *name;
    int (*apply)(struct init *in);
} steps[] = {
    /* Without the id map nothing here has an owner. */
    {"id maps", wait_for_maps},
    /* While we are still the launcher's user: a slot's own user may not write
     * there. First, so that all that follows is counted and bounded. */
    {"cgroup", enter_cgroup},
    /* Now our cgroup is the root of what the box can see. */
    {"cgroup namespace", hide_cgroup},
    /* The slot's user outside, the only user inside. Capabilities over the
     * new namespaces stay: there is no user 0 in the map to fix them up for. */
    {"user", become_job_user},
    /* The death signal is forgotten at an id change, so not before. */
    {"launcher is gone", die_with_launcher},
    /* cgroup files, the launcher's sockets: from here only what is ours. */
    {"descriptors", close_the_rest},
    /* Needs CAP_SYS_ADMIN over our own namespaces. */
    {"mounts", mount_tree},
    {"counters", open_counters},
    {"names", set_name},
    /* After the mounts: their set-up is not the job's file size or CPU. */
    {"rlimits", set_rlimits},
    {"dumpable", hide_from_payload},
    /* After the mounts, which have their own rules, and after which nothing
     * can be mounted. While there is the capability: this needs it, too. */
    {"landlock", restrict_files},
    /* The last thing that needed a capability is done. */
    {"capabilities", drop_caps},
    /* Last, because the steps before use what it forbids. */
    {"seccomp", filter_calls},
    {"verification", verify},
};

static void send_report(struct init *in)
{
    (void)!write(in->child->report_fd, &in->report, sizeof(in->report));
}

static NORETURN void finish(struct init *in)
{
    if (in->report.end_us == 0) {
        in->report.end_us = clock_mono_us();
    }
    send_report(in);
    _exit(0);
}

static NORETURN void fail(struct init *in, enum box_phase phase,
                          const char *step)
{
    in->report.sys = errno;
    in->report.phase = phase;
    if (in->report.step[0] == 0) {
        (void)strncpy(in->report.step, step, sizeof(in->report.step) - 1);
    }
    finish(in);
}

static void *map(size_t len, int fd)
{
    int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_PRIVATE;
    int prot = fd < 0 ? PROT_READ | PROT_WRITE : PROT_READ;

    return mmap(NULL, len, prot, flags, fd, 0);
}

static char **next_vector(struct init *in, char **slots, uint32_t count)
{
    union {
        const char *in;
        char *out;
    } unconst; /* execve takes char *const[] and writes nothing */

    for (uint32_t i = 0; i < count; i++) {
        unconst.in = bundle_next_string(&in->bundle);
        if (!unconst.in) {
            errno = EBADMSG;
            fail(in, BOX_PHASE_FILES, "bundle");
        }
        slots[i] = unconst.out;
    }
    slots[count] = NULL;
    return slots + count + 1;
}

static void read_bundle(struct init *in)
{
    struct stat st;
    void *data = MAP_FAILED;

    if (fstat(in->child->bundle_fd, &st) == 0 && st.st_size > 0) {
        data = map((size_t)st.st_size, in->child->bundle_fd);
    }
    if (data == MAP_FAILED ||
        bundle_open(&in->bundle, data, (size_t)st.st_size) < 0) {
        errno = EBADMSG;
        fail(in, BOX_PHASE_FILES, "bundle");
    }
    const struct bundle_head *head = &in->bundle.head;
    char **slots = map((head->argc + head->envc + 2) * sizeof(char *), -1);
    if (slots == MAP_FAILED) {
        fail(in, BOX_PHASE_FILES, "memory for the arguments");
    }
    in->argv = slots;
    in->envp = next_vector(in, slots, head->argc);
    (void)next_vector(in, in->envp, head->envc);
    in->cwd = bundle_next_string(&in->bundle);
    if (!in->cwd) {
        errno = EBADMSG;
        fail(in, BOX_PHASE_FILES, "bundle");
    }
}

/* Makes the directories before the last '/'. Existing ones are fine. */
static int make_parents(int at_fd, const char *path)
{
    char part[BUNDLE_PATH_MAX + 1];

    for (const char *at = strchr(path, '/'); at; at = strchr(at + 1, '/')) {
        size_t len = (size_t)(at - path);

        memcpy(part, path, len);
        part[len] = 0;
        if (mkdirat(at_fd, part, 0755) < 0 && errno != EEXIST) {
            return -1;
        }
    }
    return 0;
}

static int place_file(struct init *in, const struct bundle_file *file)
{
    /* Beneath the workspace, through no link: the tree is ours and empty, but
     * the rule costs nothing. */
    struct open_how how = {
        .flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
        .mode = 0600,
        .resolve =
            RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };

    if (make_parents(in->workspace_fd, file->path) < 0) {
        return -1;
    }
    AUTO_FD int fd = (int)syscall(SYS_openat2, in->workspace_fd, file->path,
                                  &how, sizeof(how));
    if (fd < 0 ||
        fd_write_all(fd, file->content.data, file->content.len, NULL) < 0) {
        return -1;
    }
    return fchmod(fd, file->mode);
}

static void place_files(struct init *in)
{
    struct bundle_file file;

    in->workspace_fd = open("/workspace", O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (uint32_t i = 0; i < in->bundle.head.file_count; i++) {
        if (bundle_next_file(&in->bundle, &file) < 0) {
            errno = EBADMSG;
            fail(in, BOX_PHASE_FILES, "bundle");
        }
        if (place_file(in, &file) < 0) {
            fail(in, BOX_PHASE_FILES, file.path);
        }
    }
}

static pid_t start_payload(struct init *in)
{
    struct proc_exec_failure failure;
    const struct proc_exec what = {
        .argv = in->argv,
        .envp = in->envp,
        .stdio_fds = {in->child->stdio_fds[0], in->child->stdio_fds[1],
                      in->child->stdio_fds[2]},
        .cwd = in->cwd,
        .data_bytes = in->child->data_bytes,
    };
    /* Before, not after: a short program has ended before a busy machine lets
     * us run again. */
    if (reaper_prepare() < 0) {
        fail(in, BOX_PHASE_EXEC, "signals");
    }
    in->report.exec_us = clock_mono_us();
    in->report.phase = BOX_PHASE_RUNNING;
    send_report(in);
    pid_t pid = proc_spawn(&what, &failure);

    if (failure.step) {
        in->report.exec_us = 0;
        errno = failure.sys;
        fail(in, BOX_PHASE_EXEC, failure.step);
    }
    return pid;
}

/* Orphans come to pid 1: all are reaped, one is waited for. */
static void wait_for(struct init *in, pid_t payload)
{
    struct reaper_end end;

    if (reaper_wait(payload, in->listener_fd, &end) < 0) {
        fail(in, BOX_PHASE_EXEC, "wait");
    }
    /* As if the kernel had ended the payload for it, and not we all of them. */
    in->report.wait_status = end.has_call ? SIGSYS : (uint32_t)end.wait_status;
    in->report.has_call = end.has_call;
    in->report.call = end.call;
    in->report.end_us = clock_mono_us();
}

/* Nothing of it may write on while the box is measured and its files are read:
 * when all are killed and reaped, init is alone. */
static void end_the_rest(void)
{
    (void)kill(-1, SIGKILL);
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) {
    }
}

static const struct {
    const char *key;
    size_t offset;
} io_keys[] = {
    {"rchar: ", offsetof(struct box_report, io_read_bytes)},
    {"wchar: ", offsetof(struct box_report, io_write_bytes)},
    {"syscr: ", offsetof(struct box_report, io_read_calls)},
    {"syscw: ", offsetof(struct box_report, io_write_calls)},
};

static void count_io(struct init *in, int sign)
{
    char text[512];
    ssize_t n = pread(in->io_fd, text, sizeof(text) - 1, 0);

    text[n > 0 ? n : 0] = 0;
    for (size_t i = 0; i < ARRAY_LEN(io_keys); i++) {
        char *at = strstr(text, io_keys[i].key);
        uint64_t *field = (void *)((char *)&in->report + io_keys[i].offset);

        if (at) {
            uint64_t now = strtoull(at + strlen(io_keys[i].key), NULL, 10);
            *field = sign < 0 ? now : now - *field;
        }
    }
}

/* The program's time is over, and so no limit of its may end this: whoever
 * keeps them is told first. */
static void collect_files(struct init *in)
{
    int out_fd = in->child->collection_fd;

    if (out_fd < 0 || !collect_is_due(in->workspace_fd, &in->bundle)) {
        return;
    }
    in->report.phase = BOX_PHASE_COLLECT;
    send_report(in);
    collect_run(in->workspace_fd, &in->bundle, out_fd);
}

void box_init(const struct box_child *child)
{
    struct init in = {.child = child, .io_fd = -1, .listener_fd = -1};

    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        if (steps[i].apply(&in) < 0) {
            fail(&in, BOX_PHASE_ISOLATE, steps[i].name);
        }
    }
    read_bundle(&in);
    place_files(&in);
    count_io(&in, -1); /* what placing the files took is not the job's */
    pid_t payload = start_payload(&in);
    wait_for(&in, payload);
    end_the_rest();
    in.report.full = mounts_full(&in.report.used_bytes);
    count_io(&in, 1);
    collect_files(&in);
    in.report.phase = BOX_PHASE_DONE;
    finish(&in);
}
