/* SPDX-License-Identifier: MIT */
/* seccomp_learn.c - see seccomp_learn.h. Opened by `forkyard run --learn`,
 * written to by box init. */
#include "sys/seccomp_learn.h"

#include <errno.h>
#include <sys/mman.h>

int seccomp_learn_open(struct seccomp_seen **out, struct err *e)
{
    void *memory = mmap(NULL, sizeof(**out), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        return err_sys(e, "memory to learn in");
    }
    *out = memory;
    return 0;
}

void seccomp_learn_close(struct seccomp_seen *seen)
{
    if (seen) {
        (void)munmap(seen, sizeof(*seen));
    }
}

bool seccomp_learn_take(struct seccomp_seen *seen, int listener_fd,
                        const struct seccomp_notice *notice)
{
    int32_t number = notice->call.number;

    if (notice->is_foreign) {
        return false;
    }
    /* No kernel has these yet. */
    if (number < 0 || number >= SECCOMP_BPF_CALLS) {
        (void)seccomp_listen_refuse(listener_fd, notice, ENOSYS);
        return true;
    }
    if (seen->ends[number]) {
        return false;
    }
    for (size_t i = 0; seen->counts[number] == 0 && i < SECCOMP_LEARN_ARGS;
         i++) {
        seen->args[number][i] = notice->args[i];
    }
    seen->counts[number]++;
    (void)seccomp_listen_allow(listener_fd, notice);
    return true;
}
