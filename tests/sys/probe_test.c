/* SPDX-License-Identifier: MIT */
/* probe_test.c - Does each program of tests/probe/escape_*.c get the answer a
 * box must give? Every probe in a box of its own, beside a box that must not
 * notice; in three kinds of boxes. And some outside of any box, where they
 * must get another answer: a probe that cannot fail shows nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/fd.h"
#include "lib/boxrun.h"
#include "sys/proc.h"

/* As in tests/probe/probe.h. */
#define PROBE_CONTROL      1u
#define PROBE_CONTROL_USER 2u
#define PROBE_LOOPBACK     4u

#define PROGRAMS_MAX    16
#define PROBES_MAX      600
#define PROGRAM_BYTES   (4u << 20)
#define LIST_BYTES      (1u << 20)
#define OUTSIDE_LIMIT_S 110
#define PORT_BYTES      16
/* So that probes that get lost are missed. */
#define FEWEST_PROBES  450
#define FEWEST_OUTSIDE 200

struct program {
    const char *name;
    struct buf image;
    struct buf list; /* what the probes below point into */
};

struct probe {
    struct program *program;
    const char *name;
    const char *want;
    unsigned flags;
    char title[128];
};

/* Another process with a program, on the host; stdout and stderr in one. */
struct outside {
    pid_t pid;
    int out_fd;
};

static struct program programs[PROGRAMS_MAX];
static size_t program_count;
static struct probe probes[PROBES_MAX];
static size_t probe_count;
static struct program *neighbour; /* the one that can be a victim, too */

static struct boxrun run;
static struct boxrun_box victim_box;
static struct outside host_victim;
static struct outside second_victim; /* only where there are no boxes */
static char tag[32];
static char port[PORT_BYTES];
static char pid_text[16];
static const char *way_name = "";
static const char *cgroup_setting = "auto";

static NORETURN void give_up(const char *what, const char *name)
{
    (void)fprintf(stderr, "%s %s: %s\n", what, name, strerror(errno));
    exit(1);
}

/* --- programs outside of boxes ---------------------------------------------
 */

/* From memory: the user we became may not look into this tree. In a session
 * and with mounts of its own, as far as they are ours to have. */
static NORETURN void run_program(int image_fd, int out_fd, char *const *argv)
{
    char *const env[] = {NULL};

    if (dup2(out_fd, 1) < 0 || dup2(out_fd, 2) < 0 || setsid() < 0) {
        _exit(100);
    }
    /* Some would mount, and must not do so where others see it. */
    if (unshare(CLONE_NEWNS) < 0
            ? geteuid() == 0
            : mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        _exit(102);
    }
    (void)alarm(OUTSIDE_LIMIT_S); /* goes on behind exec */
    (void)syscall(SYS_execveat, image_fd, "", argv, env, AT_EMPTY_PATH);
    _exit(101);
}

static void start_outside(const struct program *program,
                          const char *const *arguments, struct outside *out)
{
    AUTO_FD int image_fd = -1;
    struct err e = {.msg = ""};
    char *argv[8];
    int pipe_fds[2];
    size_t argc = 0;
    union {
        const char *in;
        char *out;
    } unconst; /* execve takes char *const[] and writes nothing */

    for (; arguments[argc]; argc++) {
        unconst.in = arguments[argc];
        argv[argc] = unconst.out;
    }
    argv[argc] = NULL;
    if (fd_memfd_sealed(program->name, program->image.data, program->image.len,
                        &image_fd, &e) < 0 ||
        fd_pipe(pipe_fds, &e) < 0) {
        give_up(e.msg, program->name);
    }
    (void)fflush(stdout);
    out->pid = proc_clone(0, -1, NULL);
    if (out->pid == 0) {
        run_program(image_fd, pipe_fds[1], argv);
    }
    close(pipe_fds[1]);
    out->out_fd = pipe_fds[0];
}

/* Its wait status; what it wrote, as a string. */
static int end_outside(struct outside *o, struct buf *out)
{
    struct err e = {.msg = ""};
    int status = -1;
    char part[4096];
    ssize_t n = 0;

    while ((n = read(o->out_fd, part, sizeof(part))) > 0) {
        if (buf_append(out, part, (size_t)n, &e) < 0) {
            give_up("output", e.msg);
        }
    }
    close(o->out_fd);
    if (buf_append(out, "", 1, &e) < 0 || waitpid(o->pid, &status, 0) < 0) {
        give_up("a program", e.msg);
    }
    return status;
}

/* --- what there is to ask --------------------------------------------------
 */

static void add_probe(struct program *program, char *line)
{
    struct probe *probe = &probes[probe_count++];
    char *flags = strchr(line, '\t');
    char *want = flags ? strchr(flags + 1, '\t') : NULL;

    if (!want || probe_count > PROBES_MAX) {
        give_up("too many probes, or what is", line);
    }
    *flags = *want = 0;
    probe->program = program;
    probe->name = line;
    probe->want = want + 1;
    probe->flags = (unsigned)strtoul(flags + 1, NULL, 10);
    (void)snprintf(probe->title, sizeof(probe->title), "%s: %s", program->name,
                   probe->name);
}

static void add_program(const char *path)
{
    struct program *program = &programs[program_count++];
    const char *argv[] = {"list", "list", NULL};
    struct outside outside;
    struct err e = {.msg = ""};
    char *rest = NULL;

    buf_init(&program->image, PROGRAM_BYTES);
    buf_init(&program->list, LIST_BYTES);
    program->name = strrchr(path, '/') + 1;
    if (fd_read_file(path, &program->image, &e) < 0) {
        give_up("reading", e.msg);
    }
    start_outside(program, argv, &outside);
    if (end_outside(&outside, &program->list) != 0) {
        give_up("no list from", path);
    }
    char *line = strtok_r((char *)program->list.data, "\n", &rest);
    for (; line; line = strtok_r(NULL, "\n", &rest)) {
        add_probe(program, line);
    }
    if (strcmp(program->name, "escape_neighbour") == 0) {
        neighbour = program;
    }
}

static void find_programs(void)
{
    const char *folder = getenv("TEST_PROBES");
    static glob_t found; /* its paths are kept */
    char pattern[4096];

    (void)snprintf(pattern, sizeof(pattern), "%s/escape_*",
                   folder ? folder : "build/probe");
    if (glob(pattern, 0, NULL, &found) != 0 || found.gl_pathc > PROGRAMS_MAX) {
        give_up("no programs, or too many:", pattern);
    }
    for (size_t i = 0; i < found.gl_pathc; i++) {
        add_program(found.gl_pathv[i]);
    }
    if (!neighbour) {
        give_up("no victim in", pattern);
    }
}

/* --- the others, who must not notice ---------------------------------------
 */

/* Waits for its line "ready PORT". */
static void wait_until_ready(int out_fd, char out_port[PORT_BYTES])
{
    char line[PORT_BYTES + 64];
    size_t len = 0;

    while (len < sizeof(line) - 1 && read(out_fd, line + len, 1) == 1 &&
           line[len] != '\n') {
        len++;
    }
    line[len] = 0;
    if (strncmp(line, "ready ", strlen("ready ")) != 0) {
        fail_msg("a victim says '%s'", line);
    }
    memcpy(out_port, line + strlen("ready "), PORT_BYTES - 1);
    out_port[PORT_BYTES - 1] = 0;
}

static void start_victim_outside(const char *who, const char *at_port,
                                 struct outside *out, char *out_port)
{
    char name[64];
    const char *argv[] = {"victim", "victim", name, at_port, NULL};

    (void)snprintf(name, sizeof(name), "%s-%s", who, tag);
    start_outside(neighbour, argv, out);
    wait_until_ready(out->out_fd, out_port);
}

static void start_victim_in_box(void)
{
    char name[64];
    char its_port[PORT_BYTES];
    const char *argv[] = {"/workspace/victim", "victim", name, port, NULL};
    const struct boxrun_job job = {
        .argv = argv,
        .file_path = "victim",
        .file_text = (const char *)neighbour->image.data,
        .file_len = neighbour->image.len,
        .limits = boxrun_limits,
        .network = LAUNCH_NET_LOOPBACK,
        .slot = 1,
    };

    (void)snprintf(name, sizeof(name), "box-%s", tag);
    boxrun_start(&run, &job, &victim_box);
    wait_until_ready(victim_box.out_fd, its_port);
}

static void end_victim_outside(struct outside *victim)
{
    struct buf out;

    buf_init(&out, LIST_BYTES);
    assert_return_code(kill(victim->pid, SIGTERM), errno);
    assert_int_equal(end_outside(victim, &out), 0);
    assert_string_equal((char *)out.data, "nice +0, ioprio +0\n");
    buf_done(&out);
}

static void start_host_victim(void)
{
    (void)snprintf(tag, sizeof(tag), "%d", (int)getpid());
    start_victim_outside("host", "0", &host_victim, port);
    (void)snprintf(pid_text, sizeof(pid_text), "%d", (int)host_victim.pid);
}

/* --- in boxes --------------------------------------------------------------
 */

static int open_boxes(void **state)
{
    (void)state;
    boxrun_open(&run, cgroup_setting);
    start_host_victim();
    start_victim_in_box();
    return 0;
}

static int close_boxes(void **state)
{
    (void)state;
    boxrun_close(&run);
    return 0;
}

#define ENDS_THE_JOB "ends the job: "

static void expect_violation(const struct probe *probe,
                             const struct box_report *report, const char *out)
{
    char call[64] = "nothing";

    if (report->has_call) {
        seccomp_call_name(&report->call, call, sizeof(call));
    }
    if (strcmp(call, probe->want + strlen(ENDS_THE_JOB)) != 0) {
        fail_msg("%s, %s: want '%s', got '%s', ended by %s (status %x)",
                 probe->title, way_name, probe->want, out, call,
                 report->wait_status);
    }
}

static void in_a_box(void **state)
{
    static struct boxrun_result r;
    const struct probe *probe = *state;
    const char *argv[] = {"/workspace/probe", "run", probe->name, tag, port,
                          pid_text,           NULL};
    const struct boxrun_job job = {
        .argv = argv,
        .file_path = "probe",
        .file_text = (const char *)probe->program->image.data,
        .file_len = probe->program->image.len,
        .limits = boxrun_limits,
        .network = probe->flags & PROBE_LOOPBACK ? LAUNCH_NET_LOOPBACK
                                                 : LAUNCH_NET_NONE,
        .kill_after_ms = OUTSIDE_LIMIT_S * 1000,
    };

    boxrun_run(&run, &job, &r);
    if (strncmp(probe->want, ENDS_THE_JOB, strlen(ENDS_THE_JOB)) == 0) {
        expect_violation(probe, &r.ended.report, r.out);
        return;
    }
    if (!r.ended.has_report || r.ended.report.phase != BOX_PHASE_DONE ||
        r.ended.report.wait_status != 0) {
        fail_msg("%s, %s: want '%s', got '%s' (phase %u step '%s' errno %d "
                 "status %x init %x %s)",
                 probe->title, way_name, probe->want, r.out,
                 r.ended.report.phase, r.ended.report.step, r.ended.report.sys,
                 r.ended.report.wait_status, r.ended.init_status,
                 r.ended.error);
    }
}

/* After all probes: the box was neither ended nor signalled by anybody. */
static void next_box_noticed_nothing(void **state)
{
    static struct boxrun_result r;

    (void)state;
    boxrun_kill(&run, &victim_box);
    boxrun_end(&run, &victim_box, &r);
    assert_string_equal(r.out, "");
    assert_int_equal(r.ended.stop, LAUNCH_STOP_ENGINE);
}

static void host_noticed_nothing(void **state)
{
    (void)state;
    end_victim_outside(&host_victim);
}

/* --- outside ---------------------------------------------------------------
 */

static int open_outside(void **state)
{
    char its_port[PORT_BYTES];

    (void)state;
    start_host_victim();
    start_victim_outside("box", "0", &second_victim, its_port);
    return 0;
}

static int close_outside(void **state)
{
    (void)state;
    end_victim_outside(&host_victim);
    end_victim_outside(&second_victim);
    return 0;
}

static void fails_outside(void **state)
{
    const struct probe *probe = *state;
    const char *argv[] = {"probe", "run",    probe->name, tag,
                          port,    pid_text, NULL};
    struct outside outside;
    struct buf out;

    buf_init(&out, LIST_BYTES);
    start_outside(probe->program, argv, &outside);
    int status = end_outside(&outside, &out);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 1) {
        fail_msg("%s, %s: not what a box answers ('%s') wanted, got '%s', "
                 "status %x",
                 probe->title, way_name, probe->want, (char *)out.data,
                 (unsigned)status);
    }
    buf_done(&out);
}

/* --- which, and as whom ----------------------------------------------------
 */

static int stay(void)
{
    return 0;
}

static int become_ordinary(void)
{
    return setgroups(0, NULL) < 0 || setresgid(12345, 12345, 12345) < 0 ||
           setresuid(12345, 12345, 12345) < 0;
}

/* The boxes of an ordinary user come from a user namespace of its launcher's
 * own. */
static const struct way {
    const char *name;
    int (*prepare)(void);
    const char *cgroup;
    unsigned flags; /* of the probes outside; 0: all, in boxes */
    bool needs_root;
} ways[] = {
    {"in a box", stay, "auto", 0, false},
    {"in a box without cgroups", stay, "none", 0, false},
    {"in a box without root", become_ordinary, "auto", 0, true},
    {"outside, as root", stay, NULL, PROBE_CONTROL, true},
    {"outside, as an ordinary user", become_ordinary, NULL, PROBE_CONTROL_USER,
     true},
};

static size_t choose(const struct way *way, struct CMUnitTest *out)
{
    size_t count = 0;

    for (size_t i = 0; i < probe_count; i++) {
        if (way->flags == 0 || (probes[i].flags & way->flags)) {
            out[count++] = (struct CMUnitTest){
                probes[i].title, way->flags ? fails_outside : in_a_box, NULL,
                NULL, &probes[i]};
        }
    }
    return count;
}

static int run_way(const struct way *way)
{
    static const struct CMUnitTest last[] = {
        cmocka_unit_test(next_box_noticed_nothing),
        cmocka_unit_test(host_noticed_nothing)};
    static struct CMUnitTest tests[PROBES_MAX + ARRAY_LEN(last)];
    size_t count = choose(way, tests);

    way_name = way->name;
    cgroup_setting = way->cgroup;
    if (way->flags) {
        return _cmocka_run_group_tests(way->name, tests, count, open_outside,
                                       close_outside);
    }
    memcpy(tests + count, last, sizeof(last));
    return _cmocka_run_group_tests(way->name, tests, count + ARRAY_LEN(last),
                                   open_boxes, close_boxes);
}

static int run_in_child(const struct way *way)
{
    int status = 0;

    (void)fflush(NULL);
    pid_t pid = proc_clone(0, -1, NULL);
    if (pid == 0) {
        if (way->prepare() != 0) {
            _exit(100);
        }
        int failed = run_way(way);

        (void)fflush(NULL);
        _exit(failed != 0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status)) {
        return 1;
    }
    return WEXITSTATUS(status);
}

static void there_are_enough(void **state)
{
    size_t outside = 0;

    (void)state;
    for (size_t i = 0; i < probe_count; i++) {
        outside += (probes[i].flags & PROBE_CONTROL) != 0;
    }
    print_message("# %zu probes, %zu of them outside too\n", probe_count,
                  outside);
    assert_in_range(probe_count, FEWEST_PROBES, PROBES_MAX);
    assert_in_range(outside, FEWEST_OUTSIDE, PROBES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(there_are_enough)};
    int failed = 0;

    find_programs();
    failed += cmocka_run_group_tests_name("probes", tests, NULL, NULL);
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        if (!ways[i].needs_root || geteuid() == 0) {
            failed += run_in_child(&ways[i]);
        }
    }
    return failed;
}
