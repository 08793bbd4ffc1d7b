/* SPDX-License-Identifier: MIT */
/* seccomp.c - see seccomp.h. Compiled at the worker's boot, applied by box
 * init. libseccomp is asked for call numbers and names only. */
#include "sys/seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/mem.h"
#include "sys/seccomp_bpf.h"
#include "sys/seccomp_learn.h"
#include "sys/seccomp_rules.h"

#if defined(__x86_64__)
#define THIS_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCH AUDIT_ARCH_AARCH64
#else
#define THIS_ARCH 0
#endif

static const char *const names[SECCOMP_PROFILES] = {
    [SECCOMP_PROGRAM] = "program/1",
    [SECCOMP_COMPILER] = "compiler/1",
};

const char *seccomp_profile_name(uint32_t profile)
{
    return profile < SECCOMP_PROFILES ? names[profile] : "none";
}

#define X32_BIT 0x40000000

/* Two answers for one call would leave it to chance which holds. */
static int add(struct seccomp_bpf_spec *spec, const char *name, size_t answer,
               struct err *e)
{
    int number = seccomp_syscall_resolve_name_arch(spec->audit_arch, name);

    if (number < 0) {
        return 0; /* not on this architecture */
    }
    if (number >= SECCOMP_BPF_CALLS) {
        return err_set(e, ERR_BUG, "seccomp: %s has number %d", name, number);
    }
    uint8_t *place = &spec->answers[number];
    if (*place != SECCOMP_BPF_ENOSYS && *place != answer) {
        return err_set(e, ERR_BUG, "seccomp: two rules for %s", name);
    }
    *place = (uint8_t)answer;
    return 0;
}

struct list {
    struct seccomp_bpf_spec spec;
    struct seccomp_row rows[SECCOMP_BPF_ROWS]; /* of this profile */
};

static int add_groups(struct seccomp_bpf_spec *spec,
                      enum seccomp_bpf_answer answer, unsigned profile_bit,
                      const struct seccomp_group *groups, size_t count,
                      struct err *e)
{
    for (size_t i = 0; i < count; i++) {
        if (!(groups[i].profiles & profile_bit)) {
            continue;
        }
        for (const char *const *name = groups[i].names; *name; name++) {
            if (add(spec, *name, answer, e) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

/* A call's answer is its first row; rows of its name follow. */
static int add_rows(struct list *list, unsigned profile_bit, struct err *e)
{
    struct seccomp_bpf_spec *spec = &list->spec;

    for (size_t i = 0; i < seccomp_conditional_count; i++) {
        const struct seccomp_row *row = &seccomp_conditional[i];
        size_t at = spec->row_count;

        if (!(row->profiles & profile_bit)) {
            continue;
        }
        if (at == ARRAY_LEN(list->rows)) {
            return err_set(e, ERR_BUG, "seccomp: more than %zu rows", at);
        }
        list->rows[at] = *row;
        spec->row_count++;
        if (at > 0 && strcmp(row->name, list->rows[at - 1].name) == 0) {
            continue;
        }
        if (add(spec, row->name, SECCOMP_BPF_ROW + at, e) < 0) {
            return -1;
        }
    }
    return 0;
}

static int make_list(uint32_t audit_arch, uint32_t profile, struct list *list,
                     struct err *e)
{
    struct seccomp_bpf_spec *spec = &list->spec;

    if (profile >= SECCOMP_PROFILES) {
        return err_set(e, ERR_BUG, "seccomp: no profile %u", profile);
    }
    if (audit_arch != AUDIT_ARCH_X86_64 && audit_arch != AUDIT_ARCH_AARCH64) {
        return err_set(e, ERR_SYSTEM,
                       "seccomp: call lists are for x86_64 and aarch64 only");
    }
    const unsigned bit = 1u << profile;
    spec->audit_arch = audit_arch;
    spec->has_x32 = audit_arch == AUDIT_ARCH_X86_64;
    spec->rows = list->rows;
    if (add_groups(spec, SECCOMP_BPF_ALLOW, bit, seccomp_allowed,
                   seccomp_allowed_count, e) < 0 ||
        add_groups(spec, SECCOMP_BPF_EPERM, bit, seccomp_forbidden,
                   seccomp_forbidden_count, e) < 0 ||
        add_groups(spec, SECCOMP_BPF_KILL, bit, seccomp_ending,
                   seccomp_ending_count, e) < 0) {
        return -1;
    }
    return add_rows(list, bit, e);
}

int seccomp_compile_for(uint32_t audit_arch, uint32_t profile,
                        struct seccomp_program *out, struct err *e)
{
    AUTO_FREE struct list *list = xcalloc(1, sizeof(*list));

    if (make_list(audit_arch, profile, list, e) < 0) {
        return -1;
    }
    return seccomp_bpf_build(&list->spec, &out->code, &out->count, e);
}

int seccomp_answer(uint32_t profile, int32_t number, enum seccomp_answer *out,
                   struct err *e)
{
    static const enum seccomp_answer answers[] = {
        [SECCOMP_BPF_ENOSYS] = SECCOMP_ANSWER_UNKNOWN,
        [SECCOMP_BPF_ALLOW] = SECCOMP_ANSWER_ALLOWED,
        [SECCOMP_BPF_EPERM] = SECCOMP_ANSWER_FORBIDDEN,
        [SECCOMP_BPF_KILL] = SECCOMP_ANSWER_ENDS,
        [SECCOMP_BPF_ROW] = SECCOMP_ANSWER_ARGUMENTS,
    };
    AUTO_FREE struct list *list = xcalloc(1, sizeof(*list));
    uint8_t answer = SECCOMP_BPF_ENOSYS;

    if (make_list(THIS_ARCH, profile, list, e) < 0) {
        return -1;
    }
    if (number >= 0 && number < SECCOMP_BPF_CALLS) {
        answer = list->spec.answers[number];
    }
    *out = answers[answer < SECCOMP_BPF_ROW ? answer : SECCOMP_BPF_ROW];
    return 0;
}

/* What is not allowed, by what comes of it. */
static void set_answers(const struct seccomp_program *program, uint32_t action,
                        uint32_t to)
{
    for (size_t i = 0; i < program->count; i++) {
        struct sock_filter *at = &program->code[i];

        if (at->code == (BPF_RET | BPF_K) &&
            (at->k & SECCOMP_RET_ACTION_FULL) == action) {
            at->k = to;
        }
    }
}

static int learn_in(struct seccomp_set *set, struct seccomp_seen *seen,
                    struct err *e)
{
    set->seen = seen;
    for (uint32_t i = 0; i < SECCOMP_PROFILES; i++) {
        set_answers(&set->programs[i], SECCOMP_RET_ERRNO,
                    SECCOMP_RET_USER_NOTIF);
    }
    for (int32_t n = 0; n < SECCOMP_BPF_CALLS; n++) {
        enum seccomp_answer answer;

        if (seccomp_answer(SECCOMP_PROGRAM, n, &answer, e) < 0) {
            return -1;
        }
        seen->ends[n] = answer == SECCOMP_ANSWER_ENDS;
    }
    return 0;
}

int seccomp_compile(struct seccomp_seen *seen, struct seccomp_set *out,
                    struct err *e)
{
    memset(out, 0, sizeof(*out));
    for (uint32_t i = 0; i < SECCOMP_PROFILES; i++) {
        if (seccomp_compile_for(THIS_ARCH, i, &out->programs[i], e) < 0) {
            return -1;
        }
        set_answers(&out->programs[i], SECCOMP_RET_KILL_PROCESS,
                    SECCOMP_RET_USER_NOTIF);
    }
    return seen ? learn_in(out, seen, e) : 0;
}

void seccomp_set_done(struct seccomp_set *set)
{
    for (size_t i = 0; i < SECCOMP_PROFILES; i++) {
        seccomp_done(&set->programs[i]);
    }
}

void seccomp_done(struct seccomp_program *program)
{
    free(program->code);
    program->code = NULL;
    program->count = 0;
}

static int load(const struct seccomp_program *program, unsigned flags)
{
    struct sock_fprog prog = {(unsigned short)program->count, program->code};

    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
}

int seccomp_apply(const struct seccomp_program *program, int *out_listener_fd)
{
    *out_listener_fd = -1;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        return -1;
    }
    int fd = load(program, SECCOMP_FILTER_FLAG_NEW_LISTENER);
    if (fd >= 0) {
        *out_listener_fd = fd;
        return 0;
    }
    if (errno != EBUSY) {
        return -1;
    }
    set_answers(program, SECCOMP_RET_USER_NOTIF, SECCOMP_RET_KILL_PROCESS);
    return load(program, 0);
}

/* The architectures a program can make calls of on ours. */
static const struct {
    uint32_t audit_arch;
    const char *prefix;
} archs[] = {
    {THIS_ARCH, ""},
    {AUDIT_ARCH_I386, "i386:"},
    {AUDIT_ARCH_ARM, "arm:"},
};

bool seccomp_call_is_foreign(uint32_t arch, int32_t number)
{
    return arch != THIS_ARCH ||
           (arch == AUDIT_ARCH_X86_64 && number >= 0 && (number & X32_BIT));
}

void seccomp_call_name(const struct seccomp_call *call, char *dst,
                       size_t dst_size)
{
    uint32_t arch = call->arch;
    const char *prefix = "other:";

    for (size_t i = 0; i < ARRAY_LEN(archs); i++) {
        prefix = archs[i].audit_arch == arch ? archs[i].prefix : prefix;
    }
    /* To libseccomp x32 is an architecture, to the kernel a bit. */
    if (arch == AUDIT_ARCH_X86_64 && (call->number & X32_BIT)) {
        arch = SCMP_ARCH_X32;
        prefix = "x32:";
    }
    char *name = seccomp_syscall_resolve_num_arch(arch, call->number);
    if (name) {
        (void)snprintf(dst, dst_size, "%s%s", prefix, name);
    } else {
        (void)snprintf(dst, dst_size, "%s%d", prefix, call->number & ~X32_BIT);
    }
    free(name);
}

void seccomp_number_name(int32_t number, char *dst, size_t dst_size)
{
    const struct seccomp_call call = {THIS_ARCH, number};

    seccomp_call_name(&call, dst, dst_size);
}
