/* SPDX-License-Identifier: MIT */
/* box_image.c - see box_image.h. Runs in the launcher, in slot processes before
 * their exec, and after it. */
#include "sys/box_image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/buf.h"
#include "base/fd.h"

/* Where the program finds its descriptors. */
enum { CONTROL_FD = 3, JOB_FD, LAUNCHER_PIDFD, DATA_FD, PLACES_END };

/* Behind it the instructions of all programs. */
struct data {
    struct landlock_plan landlock;
    uint64_t counts[SECCOMP_PROFILES];
};

#define DATA_MAX_BYTES (1u << 20)

int box_image_open(const void *bytes, size_t size, int *out_fd, struct err *e)
{
    *out_fd = -1;
    if (size == 0 ||
        fd_memfd_program("forkyard-box", bytes, size, out_fd, e) == 0) {
        return 0;
    }
    /* vm.memfd_noexec = 2, or a security module */
    return e->sys == EACCES || e->sys == EPERM ? 0 : -1;
}

int box_image_data(const struct landlock_plan *landlock,
                   const struct seccomp_set *seccomp, int *out_fd,
                   struct err *e)
{
    AUTO_BUF struct buf b;
    struct data data = {.landlock = *landlock};

    buf_init(&b, DATA_MAX_BYTES);
    for (size_t i = 0; i < SECCOMP_PROFILES; i++) {
        data.counts[i] = seccomp->programs[i].count;
    }
    if (buf_append(&b, &data, sizeof(data), e) < 0) {
        return -1;
    }
    for (size_t i = 0; i < SECCOMP_PROFILES; i++) {
        const struct seccomp_program *p = &seccomp->programs[i];

        if (buf_append(&b, p->code, p->count * sizeof(*p->code), e) < 0) {
            return -1;
        }
    }
    return fd_memfd_sealed("box", b.data, b.len, out_fd, e);
}

/* All out of the way first, so that none is overwritten before it is moved. */
static int place(const int *from, size_t count)
{
    int high[PLACES_END];

    for (size_t i = 0; i < count; i++) {
        high[i] = fcntl(from[i], F_DUPFD_CLOEXEC, PLACES_END);
        if (high[i] < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (dup2(high[i], CONTROL_FD + (int)i) < 0) {
            return -1;
        }
    }
    return 0;
}

int box_image_exec(const struct box_slot *slot)
{
    static char name[] = "fy-slot";
    char *const argv[] = {name, NULL};
    char *const envp[] = {NULL};
    const int fds[] = {slot->control_fd, slot->job_fd, slot->launcher_pidfd,
                       slot->image_data_fd};

    if (slot->image_fd < 0) {
        return 0;
    }
    int image_fd = fcntl(slot->image_fd, F_DUPFD_CLOEXEC, PLACES_END);
    if (image_fd < 0 || place(fds, ARRAY_LEN(fds)) < 0) {
        return -1;
    }
    return (int)syscall(SYS_execveat, image_fd, "", argv, envp, AT_EMPTY_PATH);
}

static int close_on_exec(void)
{
    for (int fd = CONTROL_FD; fd < DATA_FD; fd++) {
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
            return -1;
        }
    }
    return close(DATA_FD);
}

int box_image_enter(struct box_slot *out)
{
    static struct landlock_plan landlock;
    static struct seccomp_set seccomp;
    struct stat st;

    if (fstat(DATA_FD, &st) < 0) {
        return -1;
    }
    /* Written to when a listener cannot be had: see seccomp_apply(). */
    struct data *data = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE, DATA_FD, 0);
    if (data == MAP_FAILED) {
        return -1;
    }
    struct sock_filter *code = (void *)(data + 1);
    for (size_t i = 0; i < SECCOMP_PROFILES; i++) {
        seccomp.programs[i] =
            (struct seccomp_program){code, (size_t)data->counts[i]};
        code += data->counts[i];
    }
    landlock = data->landlock;
    *out = (struct box_slot){.landlock = &landlock,
                             .seccomp = &seccomp,
                             .launcher_pidfd = LAUNCHER_PIDFD,
                             .control_fd = CONTROL_FD,
                             .job_fd = JOB_FD,
                             .image_fd = -1,
                             .image_data_fd = -1};
    return close_on_exec();
}
