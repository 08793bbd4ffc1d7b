/* SPDX-License-Identifier: MIT */
/* landlock.c - see landlock.h. The plan is made in the launcher, applied in
 * box init. Raw calls and numbers of our own: distributions' headers are older
 * than the kernels they run on. */
#include "sys/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#define CREATE_RULESET_VERSION 1u
#define RULE_PATH_BENEATH      1

/* The kernel's LANDLOCK_ACCESS_FS_... */
enum {
    FS_EXECUTE = 1 << 0,
    FS_WRITE_FILE = 1 << 1,
    FS_READ_FILE = 1 << 2,
    FS_READ_DIR = 1 << 3,
    FS_REMOVE_DIR = 1 << 4,
    FS_REMOVE_FILE = 1 << 5,
    FS_MAKE_CHAR = 1 << 6,
    FS_MAKE_DIR = 1 << 7,
    FS_MAKE_REG = 1 << 8,
    FS_MAKE_SOCK = 1 << 9,
    FS_MAKE_FIFO = 1 << 10,
    FS_MAKE_BLOCK = 1 << 11,
    FS_MAKE_SYM = 1 << 12,
    FS_REFER = 1 << 13,     /* ABI 2: rename and link between directories */
    FS_TRUNCATE = 1 << 14,  /* ABI 3 */
    FS_IOCTL_DEV = 1 << 15, /* ABI 5 */
};

enum { NET_BIND_TCP = 1, NET_CONNECT_TCP = 2 };
enum { SCOPE_ABSTRACT_UNIX_SOCKET = 1, SCOPE_SIGNAL = 2 };
/* LANDLOCK_RESTRICT_SELF_LOG_SAME_EXEC_OFF and ..._SUBDOMAINS_OFF; programs it
 * executes are not logged anyway. A job must not fill the host's audit log. */
enum { RESTRICT_QUIET = 1 << 0 | 1 << 2 };

#define FS_ABI_1 ((FS_MAKE_SYM << 1) - 1)

#define ATTR_BYTES(last)                                                       \
    (offsetof(struct landlock_plan, handled.last) + sizeof(uint64_t) -         \
     offsetof(struct landlock_plan, handled))

/* What each ABI brought; a plan takes all rows up to its own. */
static const struct {
    unsigned abi;
    uint64_t fs;
    uint64_t net; /* when TCP is denied */
    uint64_t scoped;
    uint32_t attr_bytes;
    uint32_t restrict_flags;
} abis[] = {
    {1, FS_ABI_1, 0, 0, ATTR_BYTES(fs), 0},
    {2, FS_REFER, 0, 0, ATTR_BYTES(fs), 0},
    {3, FS_TRUNCATE, 0, 0, ATTR_BYTES(fs), 0},
    {4, 0, NET_BIND_TCP | NET_CONNECT_TCP, 0, ATTR_BYTES(net), 0},
    {5, FS_IOCTL_DEV, 0, 0, ATTR_BYTES(net), 0},
    /* Namespaces hold both already. */
    {6, 0, 0, SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL, ATTR_BYTES(scoped), 0},
    {LANDLOCK_ABI_MAX, 0, 0, 0, ATTR_BYTES(scoped), RESTRICT_QUIET},
};

#define READ (FS_EXECUTE | FS_READ_FILE | FS_READ_DIR)
/* Not devices, of any kind. */
#define OWN                                                                    \
    (READ | FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR |     \
     FS_MAKE_REG | FS_MAKE_SOCK | FS_MAKE_FIFO | FS_MAKE_SYM | FS_REFER |      \
     FS_TRUNCATE)

/* Granted below a path, and by nothing else. The kernel goes from a file
 * upwards through the mounts, and looks past the directory that a mount
 * covers: rules for what a box mounts can only be made in the box. */
static const struct {
    const char *path;
    uint64_t access;
} rules[] = {
    /* The template: what it holds may be read and run. */
    {"/", READ},
    /* null, zero, full, random, urandom. No control calls: terminals, which
     * these are not, is what programs ask about. */
    {"/dev", FS_WRITE_FILE},
    /* oom_score_adj, comm, coredump_filter of itself; modes and owners keep
     * the rest. A shell truncates what it redirects to. */
    {"/proc", FS_WRITE_FILE | FS_TRUNCATE},
    {"/tmp", OWN},
    {"/workspace", OWN},
};

static int create_ruleset(const void *attr, size_t size, uint32_t flags)
{
    return (int)syscall(SYS_landlock_create_ruleset, attr, size, flags);
}

unsigned landlock_abi(void)
{
    int abi = create_ruleset(NULL, 0, CREATE_RULESET_VERSION);

    if (abi < LANDLOCK_ABI_MIN) {
        return 0;
    }
    return abi > LANDLOCK_ABI_MAX ? LANDLOCK_ABI_MAX : (unsigned)abi;
}

void landlock_plan_make(unsigned abi, bool denies_tcp,
                        struct landlock_plan *out)
{
    memset(out, 0, sizeof(*out));
    if (abi < LANDLOCK_ABI_MIN) {
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(abis) && abis[i].abi <= abi; i++) {
        out->abi = abis[i].abi;
        out->handled.fs |= abis[i].fs;
        out->handled.net |= denies_tcp ? abis[i].net : 0;
        out->handled.scoped |= abis[i].scoped;
        out->attr_bytes = abis[i].attr_bytes;
        out->restrict_flags |= abis[i].restrict_flags;
    }
}

static int add_rule(int ruleset_fd, const char *path, uint64_t access)
{
    AUTO_FD int fd = open(path, O_PATH | O_CLOEXEC);
    const struct {
        uint64_t access;
        int32_t parent_fd;
    } __attribute__((packed)) beneath = {access, fd};

    if (fd < 0) {
        return -1;
    }
    return (int)syscall(SYS_landlock_add_rule, ruleset_fd, RULE_PATH_BENEATH,
                        &beneath, 0);
}

int landlock_apply(const struct landlock_plan *plan, const char **out_step)
{
    *out_step = "landlock_create_ruleset";
    AUTO_FD int fd = create_ruleset(&plan->handled, plan->attr_bytes, 0);

    if (fd < 0) {
        return -1;
    }
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        *out_step = rules[i].path;
        if (add_rule(fd, rules[i].path, rules[i].access & plan->handled.fs) <
            0) {
            return -1;
        }
    }
    *out_step = "landlock_restrict_self";
    return (int)syscall(SYS_landlock_restrict_self, fd, plan->restrict_flags);
}

bool landlock_holds(void)
{
    /* A device node where we may make anything else. Without our rules the
     * answer is EPERM, for want of CAP_MKNOD over the host. */
    int rc = mknod("/tmp/device", S_IFCHR | 0600, makedev(1, 3));

    return rc < 0 && errno == EACCES;
}
