/* SPDX-License-Identifier: MIT */
/* seccomp.c - see seccomp.h. Compiled at the worker's boot, applied by box
 * init. */
#include "sys/seccomp.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/fd.h"
#include "base/mem.h"
#include "sys/seccomp_rules.h"

static int add(scmp_filter_ctx ctx, uint32_t action, const char *name,
               unsigned count, const struct scmp_arg_cmp *args, struct err *e)
{
    int number = seccomp_syscall_resolve_name(name);

    if (number == __NR_SCMP_ERROR || number < 0) {
        return 0; /* not on this architecture */
    }
    int rc = seccomp_rule_add_array(ctx, action, number, count, args);
    if (rc < 0) {
        return err_set(e, ERR_SYSTEM, "seccomp: rule for %s: %s", name,
                       strerror(-rc));
    }
    return 0;
}

static int add_groups(scmp_filter_ctx ctx, uint32_t action,
                      const struct seccomp_group *groups, size_t count,
                      struct err *e)
{
    for (size_t i = 0; i < count; i++) {
        for (const char *const *name = groups[i].names; *name; name++) {
            if (add(ctx, action, *name, 0, NULL, e) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

static int add_conditional(scmp_filter_ctx ctx, struct err *e)
{
    for (size_t i = 0; i < seccomp_conditional_count; i++) {
        const struct seccomp_row *row = &seccomp_conditional[i];
        struct scmp_arg_cmp cmp = {row->arg, SCMP_CMP_MASKED_EQ, row->mask,
                                   row->value};

        if (add(ctx, SCMP_ACT_ALLOW, row->name, 1, &cmp, e) < 0) {
            return -1;
        }
    }
    return 0;
}

/* What the single-argument rows cannot say. */
static int add_special(scmp_filter_ctx ctx, struct err *e)
{
    /* NETLINK_ROUTE of AF_NETLINK. */
    const struct scmp_arg_cmp route[] = {
        {0, SCMP_CMP_MASKED_EQ, 0xffffffff, 16 /* AF_NETLINK */},
        {2, SCMP_CMP_MASKED_EQ, 0xffffffff, 0 /* NETLINK_ROUTE */},
    };

    return add(ctx, SCMP_ACT_ALLOW, "socket", 2, route, e);
}

static int export_code(scmp_filter_ctx ctx, struct seccomp_program *out,
                       struct err *e)
{
    struct stat st;
    AUTO_FD int fd = memfd_create("seccomp", MFD_CLOEXEC);

    if (fd < 0) {
        return err_sys(e, "seccomp: memfd");
    }
    int rc = seccomp_export_bpf(ctx, fd);
    if (rc < 0) {
        return err_set(e, ERR_SYSTEM, "seccomp: export: %s", strerror(-rc));
    }
    if (fstat(fd, &st) < 0 || lseek(fd, 0, SEEK_SET) < 0) {
        return err_sys(e, "seccomp: export");
    }
    size_t count = (size_t)st.st_size / sizeof(struct sock_filter);
    struct sock_filter *code = xcalloc(count, sizeof(*code));
    if (fd_read_exact(fd, code, count * sizeof(*code), e) < 0) {
        free(code);
        return -1;
    }
    out->code = code;
    out->count = count;
    return 0;
}

int seccomp_compile(struct seccomp_program *out, struct err *e)
{
    int status = -1;
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));

    if (!ctx) {
        return err_set(e, ERR_SYSTEM, "seccomp: libseccomp has no memory");
    }
    (void)seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    (void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (add_groups(ctx, SCMP_ACT_ALLOW, seccomp_allowed, seccomp_allowed_count,
                   e) == 0 &&
        add_groups(ctx, SCMP_ACT_ERRNO(EPERM), seccomp_forbidden,
                   seccomp_forbidden_count, e) == 0 &&
        add_conditional(ctx, e) == 0 && add_special(ctx, e) == 0) {
        status = export_code(ctx, out, e);
    }
    seccomp_release(ctx);
    return status;
}

void seccomp_done(struct seccomp_program *program)
{
    free(program->code);
    program->code = NULL;
    program->count = 0;
}

int seccomp_apply(const struct seccomp_program *program)
{
    struct sock_fprog prog = {(unsigned short)program->count, program->code};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        return -1;
    }
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog);
}
