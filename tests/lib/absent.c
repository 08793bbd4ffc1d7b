/* SPDX-License-Identifier: MIT */
/* absent.c - see absent.h. */
#include "lib/absent.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/base.h"

static int load(struct sock_filter *code, size_t count, unsigned flags)
{
    const struct sock_fprog program = {(unsigned short)count, code};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        return -1;
    }
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

int absent_calls(unsigned first, unsigned last)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, first, 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, last, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };

    return load(code, ARRAY_LEN(code), 0);
}

int absent_listener(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };

    /* The descriptor stays open: a listener that is gone is none. */
    return load(code, ARRAY_LEN(code), SECCOMP_FILTER_FLAG_NEW_LISTENER) < 0
               ? -1
               : 0;
}
