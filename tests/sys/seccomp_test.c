/* SPDX-License-Identifier: MIT */
/* seccomp_test.c - Does our program say what the rules say? libseccomp, given
 * the same rules, is asked for every call number; so are a plain model, with
 * rules made up at random, and the kernel. */
#include "lib/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/shm.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/base.h"
#include "base/fd.h"
#include "base/mem.h"
#include "lib/bpf.h"
#include "sys/proc.h"
#include "sys/seccomp.h"
#include "sys/seccomp_bpf.h"
#include "sys/seccomp_rules.h"

#define CALLS_MAX       600
#define X32_FIRST       0x40000000
#define INSTRUCTION_MAX 170

static const uint32_t our_archs[] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64};
static const uint32_t archs[] = {
    AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64, AUDIT_ARCH_I386, AUDIT_ARCH_ARM, 0,
    UINT32_MAX};

/* Around each value a row compares with, with noise above and below. */
static const uint64_t edges[] = {
    0,
    1,
    2,
    3,
    10,
    16,
    17,
    38,
    1024,
    1026,
    1027,
    1028,
    1033,
    1040,
    40,
    S_IFIFO,
    S_IFIFO | 0666,
    S_IFREG | 0644,
    S_IFCHR | 0666,
    S_IFBLK,
    SIGCHLD,
    CLONE_VM | CLONE_THREAD | SIGCHLD,
    CLONE_NEWUSER,
    CLONE_NEWNS | SIGCHLD,
    CLONE_NEWCGROUP,
    CLONE_NEWTIME,
    MFD_HUGETLB,
    SHM_HUGETLB,
    MAP_HUGETLB,
    MAP_PRIVATE | MAP_ANONYMOUS,
    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB,
    UINT64_C(1) << 32 | MAP_HUGETLB,
    UINT32_MAX - 1,
    UINT32_MAX,
    UINT64_C(1) << 32,
    UINT64_C(1) << 32 | 1,
    UINT64_C(1) << 32 | 16,
    UINT64_C(1) << 32 | CLONE_NEWNET,
    UINT64_C(1) << 63,
    UINT64_MAX - UINT32_MAX,
    UINT64_MAX,
};

static uint64_t random_state = 88172645463325252u;

static uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* --- the same rules by libseccomp ------------------------------------------
 */

static void oracle_add(scmp_filter_ctx ctx, uint32_t arch, uint32_t action,
                       const char *name, const struct seccomp_row *row)
{
    struct scmp_arg_cmp cmp[2];
    unsigned count = 0;

    if (seccomp_syscall_resolve_name_arch(arch, name) < 0) {
        return;
    }
    for (size_t i = 0; row && i < ARRAY_LEN(row->tests); i++) {
        const struct seccomp_test *test = &row->tests[i];

        if (test->mask != 0) {
            cmp[count++] = (struct scmp_arg_cmp){test->arg, SCMP_CMP_MASKED_EQ,
                                                 test->mask, test->value};
        }
    }
    int rc = seccomp_rule_add_array(
        ctx, action, seccomp_syscall_resolve_name(name), count, cmp);
    if (rc < 0) {
        fail_msg("libseccomp: %s: %s", name, strerror(-rc));
    }
}

static unsigned profile_bit; /* of the profile that is looked at */

static void oracle_groups(scmp_filter_ctx ctx, uint32_t arch, uint32_t action,
                          const struct seccomp_group *groups, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!(groups[i].profiles & profile_bit)) {
            continue;
        }
        for (const char *const *name = groups[i].names; *name; name++) {
            oracle_add(ctx, arch, action, *name, NULL);
        }
    }
}

static struct seccomp_program oracle_export(scmp_filter_ctx ctx)
{
    struct seccomp_program program = {NULL, 0};
    struct stat st;
    struct err e;
    AUTO_FD int fd = memfd_create("oracle", MFD_CLOEXEC);

    assert_int_equal(seccomp_export_bpf(ctx, fd), 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    program.count = (size_t)st.st_size / sizeof(*program.code);
    program.code = xcalloc(program.count, sizeof(*program.code));
    assert_int_equal(fd_read_exact(fd, program.code, (size_t)st.st_size, &e),
                     0);
    return program;
}

static struct seccomp_program oracle(uint32_t arch)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));

    assert_non_null(ctx);
    if (arch != seccomp_arch_native()) {
        assert_int_equal(seccomp_arch_add(ctx, arch), 0);
        assert_int_equal(seccomp_arch_remove(ctx, SCMP_ARCH_NATIVE), 0);
    }
    (void)seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    (void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    oracle_groups(ctx, arch, SCMP_ACT_ALLOW, seccomp_allowed,
                  seccomp_allowed_count);
    oracle_groups(ctx, arch, SCMP_ACT_ERRNO(EPERM), seccomp_forbidden,
                  seccomp_forbidden_count);
    oracle_groups(ctx, arch, SCMP_ACT_KILL_PROCESS, seccomp_ending,
                  seccomp_ending_count);
    for (size_t i = 0; i < seccomp_conditional_count; i++) {
        if (seccomp_conditional[i].profiles & profile_bit) {
            oracle_add(ctx, arch, SCMP_ACT_ALLOW, seccomp_conditional[i].name,
                       &seccomp_conditional[i]);
        }
    }
    struct seccomp_program program = oracle_export(ctx);
    seccomp_release(ctx);
    return program;
}

/* libseccomp has one answer for all that no rule allows; for a call with rows
 * ours is another. */
static bool has_rows(uint32_t arch, int number)
{
    for (size_t i = 0; number >= 0 && i < seccomp_conditional_count; i++) {
        if ((seccomp_conditional[i].profiles & profile_bit) &&
            seccomp_syscall_resolve_name_arch(
                arch, seccomp_conditional[i].name) == number) {
            return true;
        }
    }
    return false;
}

/* --- libseccomp and ours say the same --------------------------------------
 */

struct pair {
    struct seccomp_program ours;
    struct seccomp_program theirs;
};

static void compare(const struct pair *p, const struct seccomp_data *data)
{
    uint32_t ours = bpf_run(p->ours.code, p->ours.count, data, NULL);
    uint32_t theirs = bpf_run(p->theirs.code, p->theirs.count, data, NULL);

    if (theirs == (SECCOMP_RET_ERRNO | ENOSYS) &&
        has_rows(data->arch, data->nr)) {
        theirs = SECCOMP_RET_ERRNO | EPERM;
    }
    if (ours != theirs) {
        fail_msg("arch %x call %d args %llx %llx %llx: ours %x, theirs %x",
                 data->arch, data->nr, data->args[0], data->args[1],
                 data->args[2], ours, theirs);
    }
}

static void compare_edges(const struct pair *p, struct seccomp_data *data)
{
    for (size_t i = 0; i < ARRAY_LEN(edges) * ARRAY_LEN(edges); i++) {
        data->args[0] = edges[i % ARRAY_LEN(edges)];
        data->args[2] = edges[i / ARRAY_LEN(edges)];
        data->args[1] = edges[random_next() % ARRAY_LEN(edges)];
        data->args[3] = edges[random_next() % ARRAY_LEN(edges)];
        compare(p, data);
    }
}

static void compare_number(const struct pair *p, int number)
{
    struct seccomp_data data = {.nr = number};

    for (size_t i = 0; i < ARRAY_LEN(archs); i++) {
        data.arch = archs[i];
        compare_edges(p, &data);
        for (size_t j = 0; j < 50; j++) {
            for (size_t k = 0; k < ARRAY_LEN(data.args); k++) {
                data.args[k] = random_next();
            }
            data.instruction_pointer = random_next();
            compare(p, &data);
        }
    }
}

static void compare_any(const struct pair *p, uint32_t arch)
{
    struct seccomp_data data = {.arch = arch};

    for (size_t i = 0; i < 200000; i++) {
        data.nr = (int)(uint32_t)(random_next() >> random_next() % 33);
        data.args[0] = random_next() & edges[random_next() % ARRAY_LEN(edges)];
        data.args[2] = random_next() & edges[random_next() % ARRAY_LEN(edges)];
        compare(p, &data);
    }
}

static void compare_profile(uint32_t arch, uint32_t profile)
{
    static const uint32_t bases[] = {0, X32_FIRST, 0x80000000, 65536};
    struct pair p;
    struct err e;

    profile_bit = 1u << profile;
    p.theirs = oracle(arch);
    assert_int_equal(seccomp_compile_for(arch, profile, &p.ours, &e), 0);
    print_message("# %s, arch %x: %zu instructions, libseccomp %zu\n",
                  seccomp_profile_name(profile), arch, p.ours.count,
                  p.theirs.count);
    assert_in_range(p.ours.count, 10, INSTRUCTION_MAX);
    for (int n = -1; n <= CALLS_MAX; n++) {
        compare_number(&p, n);
    }
    for (size_t j = 0; j < ARRAY_LEN(bases); j++) {
        for (int n = j == 0 ? CALLS_MAX : -1; n <= 1100; n++) {
            struct seccomp_data data = {.arch = arch,
                                        .nr = (int)(bases[j] + (uint32_t)n)};
            compare(&p, &data);
        }
    }
    compare_number(&p, X32_FIRST - 1);
    compare_number(&p, X32_FIRST);
    compare_number(&p, X32_FIRST + __NR_getpid);
    compare_number(&p, INT32_MAX);
    compare_number(&p, INT32_MIN);
    compare_number(&p, -2);
    compare_any(&p, arch);
    seccomp_done(&p.ours);
    seccomp_done(&p.theirs);
}

static void test_same_as_libseccomp(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(our_archs); i++) {
        for (uint32_t profile = 0; profile < SECCOMP_PROFILES; profile++) {
            compare_profile(our_archs[i], profile);
        }
    }
}

static bool is_answer(uint32_t profile, const char *name,
                      enum seccomp_answer want)
{
    enum seccomp_answer got;
    struct err e;

    assert_int_equal(
        seccomp_answer(profile, seccomp_syscall_resolve_name(name), &got, &e),
        0);
    return got == want;
}

/* Each profile allows something, and a compiler less than a program. */
static void test_profiles_differ(void **state)
{
    static const char *const programs_only[] = {
        "shmat", "bind", "splice", "sched_setscheduler", "pkey_alloc"};
    enum seccomp_answer program;
    enum seccomp_answer compiler;
    struct err e;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(programs_only); i++) {
        assert_true(is_answer(SECCOMP_PROGRAM, programs_only[i],
                              SECCOMP_ANSWER_ALLOWED));
        assert_true(is_answer(SECCOMP_COMPILER, programs_only[i],
                              SECCOMP_ANSWER_UNKNOWN));
    }
    for (int n = 0; n < SECCOMP_BPF_CALLS; n++) {
        assert_int_equal(seccomp_answer(SECCOMP_PROGRAM, n, &program, &e), 0);
        assert_int_equal(seccomp_answer(SECCOMP_COMPILER, n, &compiler, &e), 0);
        assert_true(compiler == program || compiler == SECCOMP_ANSWER_UNKNOWN);
    }
    assert_true(is_answer(SECCOMP_COMPILER, "execve", SECCOMP_ANSWER_ALLOWED));
    assert_true(is_answer(SECCOMP_COMPILER, "bpf", SECCOMP_ANSWER_ENDS));
    assert_true(is_answer(SECCOMP_COMPILER, "mount", SECCOMP_ANSWER_FORBIDDEN));
    assert_true(
        is_answer(SECCOMP_COMPILER, "socket", SECCOMP_ANSWER_ARGUMENTS));
    assert_true(is_answer(SECCOMP_COMPILER, "mmap", SECCOMP_ANSWER_ARGUMENTS));
    assert_true(
        is_answer(SECCOMP_COMPILER, "memfd_create", SECCOMP_ANSWER_ARGUMENTS));
    assert_int_equal(seccomp_answer(SECCOMP_PROFILES, 0, &program, &e), -1);
    assert_string_equal(seccomp_profile_name(SECCOMP_PROGRAM), "program/1");
    assert_string_equal(seccomp_profile_name(SECCOMP_COMPILER), "compiler/1");
    assert_string_equal(seccomp_profile_name(SECCOMP_PROFILES), "none");
}

static void test_other_machines_are_refused(void **state)
{
    struct seccomp_program program = {NULL, 0};
    struct err e;

    (void)state;
    assert_int_equal(
        seccomp_compile_for(AUDIT_ARCH_I386, SECCOMP_PROGRAM, &program, &e),
        -1);
    assert_int_equal(e.kind, ERR_SYSTEM);
    assert_non_null(strstr(e.msg, "x86_64 and aarch64 only"));
    assert_null(program.code);
    assert_int_equal(
        seccomp_compile_for(AUDIT_ARCH_X86_64, SECCOMP_PROFILES, &program, &e),
        -1);
    assert_int_equal(e.kind, ERR_BUG);
    assert_null(program.code);
}

/* --- made-up rules ---------------------------------------------------------
 */

/* Neighbours that begin with the same argument, and may or may not share its
 * load. */
static const struct seccomp_row made_up[] = {
    {"a", SECCOMP_FOR_ALL, {{0, UINT64_C(0xf0000000f), UINT64_C(0x300000005)}}},
    {"b", SECCOMP_FOR_ALL, {{5, UINT64_MAX, 7}, {1, UINT64_C(0xff) << 40, 0}}},
    {"b", SECCOMP_FOR_ALL, {{5, UINT32_MAX, 2}}},
    {"b", SECCOMP_FOR_ALL, {{5, UINT32_MAX, 9}, {0, UINT32_MAX, 1}}},
    {"b", SECCOMP_FOR_ALL, {{5, UINT32_MAX, 10}}},
    {"b", SECCOMP_FOR_ALL, {{4, UINT32_MAX, 10}}},
    {"c", SECCOMP_FOR_ALL, {{2, UINT64_MAX, 1}}},
    {"c", SECCOMP_FOR_ALL, {{2, UINT32_MAX, 2}}},
    {"d", SECCOMP_FOR_ALL, {{2, 0xff, 5}}},
    {"d", SECCOMP_FOR_ALL, {{2, UINT32_MAX, 10}}},
    {"d", SECCOMP_FOR_ALL, {{2, 0xff, 7}}},
};
static const uint8_t first_rows[] = {0, 1, 6, 8};

static bool is_row_met(const struct seccomp_row *row,
                       const struct seccomp_data *data)
{
    for (size_t i = 0; i < ARRAY_LEN(row->tests); i++) {
        const struct seccomp_test *test = &row->tests[i];

        if ((data->args[test->arg] & test->mask) != test->value) {
            return false;
        }
    }
    return true;
}

static uint32_t model(const struct seccomp_bpf_spec *spec,
                      const struct seccomp_data *data)
{
    uint32_t number = (uint32_t)data->nr;

    if (data->arch != spec->audit_arch ||
        (spec->has_x32 && number >= X32_FIRST && number != UINT32_MAX)) {
        return SECCOMP_RET_KILL_PROCESS;
    }
    size_t answer = number < SECCOMP_BPF_CALLS ? spec->answers[number] : 0;
    if (answer < SECCOMP_BPF_ROW) {
        return answer == SECCOMP_BPF_ALLOW   ? SECCOMP_RET_ALLOW
               : answer == SECCOMP_BPF_EPERM ? SECCOMP_RET_ERRNO | EPERM
               : answer == SECCOMP_BPF_KILL  ? SECCOMP_RET_KILL_PROCESS
                                             : SECCOMP_RET_ERRNO | ENOSYS;
    }
    size_t first = answer - SECCOMP_BPF_ROW;
    for (size_t i = first; i < spec->row_count; i++) {
        if (strcmp(spec->rows[i].name, spec->rows[first].name) == 0 &&
            is_row_met(&spec->rows[i], data)) {
            return SECCOMP_RET_ALLOW;
        }
    }
    return SECCOMP_RET_ERRNO | EPERM;
}

/* From "all the same" to "no two neighbours alike", which takes jumps that do
 * not reach. */
static void make_up(struct seccomp_bpf_spec *spec, unsigned round)
{
    uint8_t answer = SECCOMP_BPF_ENOSYS;

    memset(spec, 0, sizeof(*spec));
    spec->audit_arch = (uint32_t)random_next();
    spec->has_x32 = round % 2;
    spec->rows = made_up;
    spec->row_count = ARRAY_LEN(made_up);
    for (size_t i = 0; i < SECCOMP_BPF_CALLS; i++) {
        if (random_next() % 64 < round) {
            answer = (uint8_t)(random_next() % 8);
            if (answer >= SECCOMP_BPF_ROW) {
                answer = SECCOMP_BPF_ROW + first_rows[answer % 4];
            }
        }
        spec->answers[i] = answer;
    }
}

static void check_made_up(const struct seccomp_bpf_spec *spec,
                          const struct seccomp_program *program)
{
    static const uint64_t parts[] = {0,
                                     1,
                                     2,
                                     5,
                                     7,
                                     9,
                                     10,
                                     0x10a,
                                     0x107,
                                     UINT64_C(0x200000001),
                                     UINT64_C(0x300000005)};
    struct seccomp_data data = {.arch = spec->audit_arch};

    for (int i = -3; i < 8 * SECCOMP_BPF_CALLS; i++) {
        data.nr = i % 8 == 7 ? (int)random_next() : i / 8 - (i < 0);
        for (size_t j = 0; j < ARRAY_LEN(data.args); j++) {
            data.args[j] = parts[random_next() % ARRAY_LEN(parts)] |
                           (random_next() % 4 == 0 ? random_next() << 32 : 0);
        }
        uint32_t ours = bpf_run(program->code, program->count, &data, NULL);
        if (ours != model(spec, &data)) {
            fail_msg("call %d: %x, not %x", data.nr, ours, model(spec, &data));
        }
    }
    data.arch++;
    assert_int_equal(bpf_run(program->code, program->count, &data, NULL),
                     SECCOMP_RET_KILL_PROCESS);
}

static void test_any_rules(void **state)
{
    struct seccomp_bpf_spec spec;
    struct seccomp_program program;
    size_t longest = 0;
    struct err e;

    (void)state;
    for (unsigned round = 0; round <= 64; round++) {
        make_up(&spec, round);
        if (seccomp_bpf_build(&spec, &program.code, &program.count, &e) < 0) {
            fail_msg("round %u: %s", round, e.msg);
        }
        longest = program.count > longest ? program.count : longest;
        check_made_up(&spec, &program);
        seccomp_done(&program);
    }
    assert_true(longest > 512); /* long jumps were among them */
}

static void test_wrong_rules_are_refused(void **state)
{
    static const struct seccomp_row empty = {"a", SECCOMP_FOR_ALL, {{0, 0, 0}}};
    static const struct seccomp_row never = {"a", SECCOMP_FOR_ALL, {{0, 1, 2}}};
    static const struct seccomp_row beyond = {
        "a", SECCOMP_FOR_ALL, {{6, 1, 1}}};
    const struct seccomp_row *const rows[] = {&empty, &never, &beyond};
    struct seccomp_bpf_spec spec = {.row_count = 1};
    struct sock_filter *code = NULL;
    size_t count = 0;
    struct err e;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        spec.rows = rows[i];
        assert_int_equal(seccomp_bpf_build(&spec, &code, &count, &e), -1);
        assert_int_equal(e.kind, ERR_BUG);
    }
    spec.row_count = 0;
    spec.answers[5] = SECCOMP_BPF_ROW;
    assert_int_equal(seccomp_bpf_build(&spec, &code, &count, &e), -1);
    assert_string_equal(e.msg, "seccomp: call 5 has no answer");
    assert_null(code);
}

/* --- the kernel ------------------------------------------------------------
 */

/* Runs in a child, with the filter on, and tells with what it ends. */
static int in_child(int (*body)(const struct seccomp_program *))
{
    struct seccomp_program program;
    struct err e;
    int status = -1;

    assert_int_equal(seccomp_compile_for(seccomp_arch_native(), SECCOMP_PROGRAM,
                                         &program, &e),
                     0);
    pid_t pid = proc_clone(0, -1, NULL);
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
        int listener_fd = -1;

        if (seccomp_apply(&program, &listener_fd) < 0) {
            _exit(99);
        }
        _exit(body(&program));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    seccomp_done(&program);
    return status;
}

/* uretprobe and uprobe, Linux 6.14 and later: returns from a traced function
 * pass every filter, and any other caller gets SIGILL. */
static bool is_never_filtered(int number)
{
    return seccomp_arch_native() == AUDIT_ARCH_X86_64 &&
           (number == 335 || number == 336);
}

/* Every call that our program does not allow: what is allowed would be done. */
static int refused_calls(const struct seccomp_program *program)
{
    struct seccomp_data data = {.arch = seccomp_arch_native()};
    int wrong = 0;

    for (size_t i = 0; i < ARRAY_LEN(data.args); i++) {
        data.args[i] = UINT64_MAX - 1; /* no pointer, no descriptor */
    }
    for (data.nr = -1; data.nr <= CALLS_MAX; data.nr++) {
        uint32_t want = bpf_run(program->code, program->count, &data, NULL);

        if (want == SECCOMP_RET_ALLOW || want == SECCOMP_RET_KILL_PROCESS ||
            is_never_filtered(data.nr)) {
            continue;
        }
        errno = 0;
        long rc = syscall(data.nr, data.args[0], data.args[1], data.args[2],
                          data.args[3], data.args[4], data.args[5]);
        if (rc != -1 || ((uint32_t)errno | SECCOMP_RET_ERRNO) != want) {
            print_error("call %d: %ld errno %d, not %x\n", data.nr, rc, errno,
                        want);
            wrong++;
        }
    }
    return wrong > 0;
}

static int allowed_calls(const struct seccomp_program *program)
{
    (void)program;
    return syscall(SYS_getpid) <= 0 || syscall(SYS_close, -1) != -1 ||
           errno != EBADF || syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0) < 0 ||
           syscall(SYS_socket, 16, SOCK_RAW, 0) < 0 ||
           syscall(SYS_personality, 0xffffffff) < 0 ||
           syscall(SYS_mknodat, -1, "x", S_IFIFO | 0600, 0) != -1 ||
           errno != EBADF || syscall(SYS_socket, AF_INET, -1, 0) != -1 ||
           errno != EINVAL || syscall(SYS_mmap, 0, 4096, 1, 0x22, -1, 0) < 0 ||
           syscall(SYS_memfd_create, 1, 0) != -1 || errno != EFAULT ||
           syscall(SYS_shmget, 0, 0, 0600) != -1 || errno != EINVAL;
}

static int half_allowed_calls(const struct seccomp_program *program)
{
    (void)program;
    return syscall(SYS_socket, AF_VSOCK, SOCK_STREAM, 0) != -1 ||
           errno != EPERM || syscall(SYS_socket, 16, SOCK_RAW, 15) != -1 ||
           errno != EPERM ||
           syscall(SYS_socket, AF_INET, SOCK_STREAM, 132) != -1 ||
           errno != EPERM || syscall(SYS_fcntl, 0, F_NOTIFY, 0) != -1 ||
           errno != EPERM || syscall(SYS_clone, CLONE_NEWUSER, 0) != -1 ||
           errno != EPERM || syscall(SYS_personality, 8) != -1 ||
           errno != EPERM ||
           syscall(SYS_mknodat, -1, "x", S_IFCHR | 0600, 0x103) != -1 ||
           errno != EPERM || syscall(SYS_mknodat, -1, "x", 0600, 0) != -1 ||
           errno != EPERM ||
           syscall(SYS_prlimit64, getppid(), 0, NULL, NULL) != -1 ||
           errno != EPERM || syscall(SYS_memfd_create, 1, 4) != -1 ||
           errno != EPERM || syscall(SYS_shmget, 0, 0, 04000) != -1 ||
           errno != EPERM ||
           syscall(SYS_mmap, 0, 1 << 21, 1, 0x40022, -1, 0) != -1 ||
           errno != EPERM;
}

static void test_kernel_agrees(void **state)
{
    (void)state;
    assert_int_equal(in_child(refused_calls), 0);
    assert_int_equal(in_child(allowed_calls), 0);
    assert_int_equal(in_child(half_allowed_calls), 0);
}

/* The one that `number` of the list is. */
static int ending_call(size_t number)
{
    for (size_t i = 0; i < seccomp_ending_count; i++) {
        for (const char *const *n = seccomp_ending[i].names; *n; n++) {
            if (number-- == 0) {
                return seccomp_syscall_resolve_name(*n);
            }
        }
    }
    return 0;
}

static size_t ending_number;

static int make_ending_call(const struct seccomp_program *program)
{
    (void)program;
    (void)syscall(ending_call(ending_number), -1, -1, -1, -1);
    return 0;
}

static void test_ending_calls_kill(void **state)
{
    (void)state;
    for (ending_number = 0; ending_call(ending_number); ending_number++) {
        if (ending_call(ending_number) > 0) {
            assert_int_equal(in_child(make_ending_call) & 0x7f, SIGSYS);
        }
    }
    assert_in_range(ending_number, 8, 20);
}

/* Boxes have the same program, and a listener. */
static void test_boxes_listen(void **state)
{
    struct seccomp_program plain;
    struct seccomp_set set;
    struct err e;

    (void)state;
    assert_int_equal(seccomp_compile(NULL, &set, &e), 0);
    for (uint32_t i = 0; i < SECCOMP_PROFILES; i++) {
        assert_int_equal(
            seccomp_compile_for(seccomp_arch_native(), i, &plain, &e), 0);
        assert_int_equal(set.programs[i].count, plain.count);
        for (size_t k = 0; k < plain.count; k++) {
            struct sock_filter *at = &plain.code[k];

            if (at->code == BPF_RET && at->k == SECCOMP_RET_KILL_PROCESS) {
                at->k = SECCOMP_RET_USER_NOTIF;
            }
        }
        assert_memory_equal(set.programs[i].code, plain.code,
                            plain.count * sizeof(*plain.code));
        seccomp_done(&plain);
    }
    seccomp_set_done(&set);
}

static void test_calls_have_names(void **state)
{
    static const struct {
        struct seccomp_call call;
        const char *want;
    } rows[] = {
        {{AUDIT_ARCH_X86_64, 321}, "bpf"},
        {{AUDIT_ARCH_X86_64, 999}, "999"},
        {{AUDIT_ARCH_X86_64, 0x40000000 + 39}, "x32:getpid"},
        {{AUDIT_ARCH_X86_64, 0x40000000 + 999}, "x32:999"},
        {{AUDIT_ARCH_I386, 20}, "i386:getpid"},
        {{AUDIT_ARCH_I386, 9999}, "i386:9999"},
        {{1, 20}, "other:20"},
    };
    char name[64];

    (void)state;
    if (seccomp_arch_native() != AUDIT_ARCH_X86_64) {
        skip();
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        seccomp_call_name(&rows[i].call, name, sizeof(name));
        assert_string_equal(name, rows[i].want);
    }
}

#ifdef __x86_64__
static int x32_call(const struct seccomp_program *program)
{
    (void)program;
    return (int)syscall(X32_FIRST + SYS_getpid);
}

static int i386_call(const struct seccomp_program *program)
{
    long rc = 20; /* getpid */

    (void)program;
    __asm__ volatile("int $0x80" : "+a"(rc) : : "memory");
    return rc > 0;
}

static void test_foreign_calls_kill(void **state)
{
    (void)state;
    assert_int_equal(in_child(x32_call) & 0x7f, SIGSYS);
    int status = in_child(i386_call) & 0x7f;
    if (status == SIGSEGV) {
        skip(); /* a kernel without i386 */
    }
    assert_int_equal(status, SIGSYS);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_libseccomp),
        cmocka_unit_test(test_profiles_differ),
        cmocka_unit_test(test_other_machines_are_refused),
        cmocka_unit_test(test_any_rules),
        cmocka_unit_test(test_wrong_rules_are_refused),
        cmocka_unit_test(test_kernel_agrees),
        cmocka_unit_test(test_ending_calls_kill),
        cmocka_unit_test(test_boxes_listen),
        cmocka_unit_test(test_calls_have_names),
#ifdef __x86_64__
        cmocka_unit_test(test_foreign_calls_kill),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
