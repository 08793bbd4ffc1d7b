/* SPDX-License-Identifier: MIT */
/* box_job.c - what box init does from the moment its job comes: the second
 * half of box.c. Runs as pid 1 of the box, with nothing left to lose: no
 * capability, the filter on, the job's own user id.
 *
 * Happy path: the packet with limits and descriptors -> limits -> bundle read,
 * files placed -> payload started -> reaped with all that came of it ->
 * everything else killed and reaped -> report -> end.
 *
 * Failures: a bundle or a file that does not fit ends in a report with the
 * step; a launcher that is gone ends us with no report at all.
 *
 * Nothing here allocates from the heap or takes a lock. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fd.h"
#include "sys/box_inside.h"
#include "sys/collect.h"
#include "sys/ipc.h"
#include "sys/mounts.h"
#include "sys/proc.h"
#include "sys/reaper.h"
#include "wire/bundle.h"

struct work {
    struct box_init *in;
    struct box_job job;
    int fds[BOX_FD_MAX];
    struct bundle_reader bundle;
    char **argv;
    char **envp;
    const char *cwd;
    int workspace_fd;
    /* A small bundle, and the arguments of most: on our stack they cost no
     * mapping to make and to end. */
    uint8_t small[4096];
    char *few[128];
};

static NORETURN void fail(struct work *w, enum box_phase phase,
                          const char *step)
{
    box_fail(w->in, phase, step);
}

static void receive(struct work *w)
{
    struct err e;
    ssize_t n = ipc_recv(w->in->slot->job_fd, &w->job, sizeof(w->job), w->fds,
                         BOX_FD_MAX, &e);

    if (n != sizeof(w->job)) {
        _exit(1); /* nobody is left to tell */
    }
}

/* NULL on failure. */
static const void *open_bundle(struct work *w, size_t len)
{
    int fd = w->fds[BOX_FD_BUNDLE];

    if (len <= sizeof(w->small)) {
        return pread(fd, w->small, len, 0) == (ssize_t)len ? w->small : NULL;
    }
    void *data = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
    return data == MAP_FAILED ? NULL : data;
}

static char **make_vectors(struct work *w, size_t count)
{
    if (count <= ARRAY_LEN(w->few)) {
        return w->few;
    }
    void *data = mmap(NULL, count * sizeof(char *), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return data == MAP_FAILED ? NULL : data;
}

static char **next_vector(struct work *w, char **slots, uint32_t count)
{
    union {
        const char *in;
        char *out;
    } unconst; /* execve takes char *const[] and writes nothing */

    for (uint32_t i = 0; i < count; i++) {
        unconst.in = bundle_next_string(&w->bundle);
        if (!unconst.in) {
            errno = EBADMSG;
            fail(w, BOX_PHASE_FILES, "bundle");
        }
        slots[i] = unconst.out;
    }
    slots[count] = NULL;
    return slots + count + 1;
}

static void read_bundle(struct work *w)
{
    struct stat st;
    const void *data = NULL;

    if (fstat(w->fds[BOX_FD_BUNDLE], &st) == 0 && st.st_size > 0) {
        data = open_bundle(w, (size_t)st.st_size);
    }
    if (!data || bundle_open(&w->bundle, data, (size_t)st.st_size) < 0) {
        errno = EBADMSG;
        fail(w, BOX_PHASE_FILES, "bundle");
    }
    const struct bundle_head *head = &w->bundle.head;
    char **slots = make_vectors(w, (size_t)head->argc + head->envc + 2);
    if (!slots) {
        fail(w, BOX_PHASE_FILES, "memory for the arguments");
    }
    w->argv = slots;
    w->envp = next_vector(w, slots, head->argc);
    (void)next_vector(w, w->envp, head->envc);
    w->cwd = bundle_next_string(&w->bundle);
    if (!w->cwd) {
        errno = EBADMSG;
        fail(w, BOX_PHASE_FILES, "bundle");
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

static int place_file(struct work *w, const struct bundle_file *file)
{
    /* Beneath the workspace, through no link: the tree is ours and empty, but
     * the rule costs nothing. */
    struct open_how how = {
        .flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
        .mode = 0600,
        .resolve =
            RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };

    if (make_parents(w->workspace_fd, file->path) < 0) {
        return -1;
    }
    AUTO_FD int fd = (int)syscall(SYS_openat2, w->workspace_fd, file->path,
                                  &how, sizeof(how));
    if (fd < 0 ||
        fd_write_all(fd, file->content.data, file->content.len, NULL) < 0) {
        return -1;
    }
    return fchmod(fd, file->mode);
}

static void place_files(struct work *w)
{
    struct bundle_file file;

    w->workspace_fd = open("/workspace", O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (uint32_t i = 0; i < w->bundle.head.file_count; i++) {
        if (bundle_next_file(&w->bundle, &file) < 0) {
            errno = EBADMSG;
            fail(w, BOX_PHASE_FILES, "bundle");
        }
        if (place_file(w, &file) < 0) {
            fail(w, BOX_PHASE_FILES, file.path);
        }
    }
}

static pid_t start_payload(struct work *w)
{
    struct proc_exec_failure failure;
    const struct proc_exec what = {
        .argv = w->argv,
        .envp = w->envp,
        .stdio_fds = {w->fds[BOX_FD_STDIN], w->fds[BOX_FD_STDOUT],
                      w->fds[BOX_FD_STDERR]},
        .cwd = w->cwd,
        .data_bytes = w->job.data_bytes,
    };
    if (reaper_prepare() < 0) {
        fail(w, BOX_PHASE_EXEC, "signals");
    }
    /* Before, not after: a short program has ended before a busy machine lets
     * us run again. */
    w->in->report.exec_us = clock_mono_us();
    w->in->report.phase = BOX_PHASE_RUNNING;
    if (w->in->report.exec_us - w->job.given_us > BOX_LATE_US) {
        box_tell(w->in);
    }
    pid_t pid = proc_spawn(&what, &failure);

    if (failure.step) {
        w->in->report.exec_us = 0;
        errno = failure.sys;
        fail(w, BOX_PHASE_EXEC, failure.step);
    }
    return pid;
}

/* Orphans come to pid 1: all are reaped, one is waited for. */
static void wait_for(struct work *w, pid_t payload)
{
    struct box_report *report = &w->in->report;
    struct reaper_end end;

    if (reaper_wait(payload, w->in->listener_fd, w->in->slot->seccomp->seen,
                    &end) < 0) {
        fail(w, BOX_PHASE_EXEC, "wait");
    }
    /* As if the kernel had ended the payload for it, and not we all of them. */
    report->wait_status = end.has_call ? SIGSYS : (uint32_t)end.wait_status;
    report->has_call = end.has_call;
    report->call = end.call;
    report->end_us = clock_mono_us();
}

/* No child left means no process left: whoever lives below a child of ours
 * comes to us when that child is gone. A fork that races with the signal does
 * not happen, because who forks has the signal too. */
static void end_all(void)
{
    if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD) {
        return; /* the common case: the kernel need not look at every process
                 * of the host for the signal */
    }
    (void)kill(-1, SIGKILL);
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) {
    }
}

static uint64_t timeval_us(const struct timeval *t)
{
    return (uint64_t)t->tv_sec * 1000000u + (uint64_t)t->tv_usec;
}

static void count_usage(struct box_usage *out)
{
    struct rusage ru;

    (void)getrusage(RUSAGE_CHILDREN, &ru);
    *out = (struct box_usage){
        .cpu_user_us = timeval_us(&ru.ru_utime),
        .cpu_system_us = timeval_us(&ru.ru_stime),
        .max_rss_bytes = (uint64_t)ru.ru_maxrss * 1024,
        .faults_major = (uint64_t)ru.ru_majflt,
        .faults_minor = (uint64_t)ru.ru_minflt,
        .switches_voluntary = (uint64_t)ru.ru_nvcsw,
        .switches_forced = (uint64_t)ru.ru_nivcsw,
    };
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

static void count_io(struct work *w, int sign)
{
    char text[512];
    ssize_t n = pread(w->in->io_fd, text, sizeof(text) - 1, 0);

    text[n > 0 ? n : 0] = 0;
    for (size_t i = 0; i < ARRAY_LEN(io_keys); i++) {
        char *at = strstr(text, io_keys[i].key);
        uint64_t *field = (void *)((char *)&w->in->report + io_keys[i].offset);

        if (at) {
            uint64_t now = strtoull(at + strlen(io_keys[i].key), NULL, 10);
            *field = sign < 0 ? now : now - *field;
        }
    }
}

static void limit(struct work *w)
{
    if (rlimits_apply(&w->job.rlimits) < 0) {
        fail(w, BOX_PHASE_ISOLATE, "rlimits");
    }
}

/* Whoever keeps the job's limits is told first: they are not for this. */
static void collect_files(struct work *w)
{
    int out_fd = w->fds[BOX_FD_COLLECTION];

    if (out_fd < 0 || !collect_is_due(w->workspace_fd, &w->bundle)) {
        return;
    }
    w->in->report.phase = BOX_PHASE_COLLECT;
    box_tell(w->in);
    collect_run(w->workspace_fd, &w->bundle, out_fd);
}

void box_job_run(struct box_init *in)
{
    struct work w;
    struct box_report *report = &in->report;

    memset(&w, 0, offsetof(struct work, small));
    w.in = in;
    receive(&w);
    read_bundle(&w);
    place_files(&w);
    /* Only now: neither the set-up nor what the job brought is its file size or
     * CPU. */
    limit(&w);
    if (w.bundle.head.file_count > 0) {
        count_io(&w, -1); /* what placing the files took is not the job's */
    }
    pid_t payload = start_payload(&w);
    wait_for(&w, payload);
    /* Nothing of it may write on while the box is measured. */
    end_all();
    report->dead_us = clock_mono_us();
    report->full = mounts_full(&report->used_bytes);
    count_usage(&report->usage);
    count_io(&w, 1);
    collect_files(&w);
    report->phase = BOX_PHASE_DONE;
    box_tell(in);
    _exit(0);
}
