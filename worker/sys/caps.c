/* SPDX-License-Identifier: MIT */
/* caps.c - see caps.h. Child side of every box, and the engine's own drop. */
#include "sys/caps.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel answers EINVAL past the last capability it knows. */
#define CAPS_END 64

static int set_all(uint64_t mask)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct sets[2] = {
        {(uint32_t)mask, (uint32_t)mask, 0},
        {(uint32_t)(mask >> 32), (uint32_t)(mask >> 32), 0},
    };

    return (int)syscall(SYS_capset, &head, sets);
}

static int bounding_keep(uint64_t mask)
{
    for (int cap = 0; cap < CAPS_END; cap++) {
        if (mask & (UINT64_C(1) << cap)) {
            continue;
        }
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0) {
            continue;
        }
        if (errno == EINVAL) {
            return 0;
        }
        /* Without CAP_SETPCAP it stays; no_new_privs makes it inert. The
         * caller that needs it empty asks caps_none(). */
        return -1;
    }
    return 0;
}

int caps_keep(uint64_t mask)
{
    if (bounding_keep(mask) < 0) {
        return -1;
    }
    return set_all(mask);
}

int caps_keep_for_setuid(void)
{
    if (bounding_keep(0) < 0) {
        return -1;
    }
    return set_all(UINT64_C(1) << CAP_SETUID | UINT64_C(1) << CAP_SETGID);
}

int caps_bound_none(void)
{
    return bounding_keep(0);
}

static int make_inheritable(uint64_t mask)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct sets[2] = {{0, 0, 0}, {0, 0, 0}};

    if (syscall(SYS_capget, &head, sets) < 0) {
        return -1;
    }
    sets[0].inheritable = (uint32_t)mask;
    sets[1].inheritable = (uint32_t)(mask >> 32);
    return (int)syscall(SYS_capset, &head, sets);
}

int caps_pass_on(uint64_t mask)
{
    if (make_inheritable(mask) < 0) {
        return -1;
    }
    for (int cap = 0; cap < CAPS_END; cap++) {
        if ((mask & (UINT64_C(1) << cap)) &&
            prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0) {
            return -1;
        }
    }
    return 0;
}

int caps_lock(void)
{
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 &&
        errno != EINVAL) {
        return -1;
    }
    return prctl(PR_SET_SECUREBITS,
                 SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                     SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                     SECBIT_NO_CAP_AMBIENT_RAISE |
                     SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED,
                 0, 0, 0);
}

int caps_drop_sets(void)
{
    return set_all(0);
}

bool caps_bound_is_empty(void)
{
    for (int cap = 0; cap < CAPS_END; cap++) {
        int is_set = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

        if (is_set < 0) {
            break;
        }
        if (is_set > 0) {
            return false;
        }
    }
    return true;
}

bool caps_sets_are_empty(void)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct sets[2] = {{0, 0, 0}, {0, 0, 0}};

    if (syscall(SYS_capget, &head, sets) < 0) {
        return false;
    }
    for (int i = 0; i < 2; i++) {
        if (sets[i].effective | sets[i].permitted | sets[i].inheritable) {
            return false;
        }
    }
    return true;
}
