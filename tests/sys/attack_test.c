/* SPDX-License-Identifier: MIT */
/* attack_test.c - Does every attack of attacks.h end as it must, leaving
 * nothing, and what does a box beside it notice? Each runs in one slot, again
 * and again for a moment, while small jobs follow each other in the other one:
 * all of them must come to their answer, at a rate that is compared with that
 * of the quiet moments in between. Once with cgroups, once as an ordinary user
 * without.
 *
 * timeout: 300
 * ATTACK=PATTERN picks some; V=1 prints the figures; worker/doc/neighbours.md
 * holds those of one run. */
#include "lib/unit.h"

#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "lib/boxpair.h"
#include "lib/neighbour.h"
#include "lib/world.h"
#include "sys/attacks.h"
#include "sys/proc.h"

#define ROWS         ARRAY_LEN(attack_rows)
#define PLAIN_USER   12345
#define PATIENCE_MS  20000
#define CALM_LOOKS   20
#define OUTPUT_BYTES 65536u
/* So long an attack goes on that could go on for ever, and so long it is
 * repeated when it ends sooner. */
#define ATTACK_MS "100"
#define AGAIN_US  100000u
#define AGAIN_MAX 20u
/* Quiet before each, and how many such times are taken together. */
#define QUIET_MS    30u
#define QUIET_TIMES 6u
/* From the moment of the end to when all of the box is gone. */
#define LATE_MAX_US (ENDED_LATE_MS * 1000u)
/* With a cpu cgroup; on a machine with other things to do. */
#define SLOWDOWN_MAX 8.0

struct span {
    uint64_t from_us;
    uint64_t to_us;
};

struct trial {
    struct boxpair_job job;
    char token[64];
    bool has_ns;
    ino_t pid_ns;
    int pid_ns_fd; /* so that the number is not used again */
    struct span spans[AGAIN_MAX];
    unsigned times;
    uint64_t late_us;
    double slowdown;
    struct neighbour_figures beside;
    char refused[40];
};

struct holdings {
    unsigned children;
    unsigned open_files;
    unsigned cgroup_tasks;
};

static struct trial trials[ROWS];
static struct span quiet[QUIET_TIMES];
static unsigned quiet_count;
static struct holdings usual;
static char usual_refused[40]; /* what no box gets on this host */
static char cgroup_parent[48];
static const char *cgroup_setting;
static bool has_cgroups;

/* ---- how it ended
 * -------------------------------------------------------------- */

static uint64_t plan_value(const struct plan *plan, size_t offset)
{
    uint64_t value;

    memcpy(&value, (const char *)plan + offset, sizeof(value));
    return value;
}

static const struct expected *expected(const struct attack_row *row)
{
    return has_cgroups ? &row->with : &row->without;
}

static void fail_with(const struct trial *t, const char *what)
{
    const struct verdict *v = &t->job.verdict;

    fail_msg("%s; it ended %s by %s limit %s value %" PRIu64
             " measured %" PRIu64 " exit %d signal %d (%s), output: %s",
             what, status_name(v->status),
             v->has_termination ? status_by_enum.names[v->by] : "-",
             v->has_limit ? status_limit_enum.names[v->limit] : "-",
             v->limit_value, v->measured_value,
             v->has_exit_code ? v->exit_code : -1, v->signal_number, v->reason,
             t->job.out);
}

static void expect_limit(const struct trial *t, enum ending ending)
{
    const struct verdict *v = &t->job.verdict;
    uint64_t value = plan_value(&t->job.plan, endings[ending].value);

    if (endings[ending].is_flood) {
        value = plan_flood_bytes(value);
    }
    if (!v->has_limit || v->by != endings[ending].by ||
        v->limit != endings[ending].limit || v->limit_value != value) {
        fail_with(t, "another limit");
    }
    if (v->measured_value < value * endings[ending].low / 1000 ||
        v->measured_value >
            value * endings[ending].high / 1000 + endings[ending].more) {
        fail_with(t, "the measured value is not what it can be");
    }
}

static void expect_ending(const struct trial *t, const struct expected *want)
{
    const struct verdict *v = &t->job.verdict;
    enum status status = endings[want->ending].status;

    if (want->ending == EXITS && want->code != 0) {
        status = STATUS_NONZERO_EXIT;
    }
    if (v->status != status) {
        fail_with(t, "another ending");
    }
    if (want->ending == EXITS &&
        (!v->has_exit_code || v->exit_code != want->code)) {
        fail_with(t, "another exit code");
    }
    if (want->ending == SIGNALLED && v->signal_number != want->code) {
        fail_with(t, "another signal");
    }
    if (endings[want->ending].has_limit) {
        expect_limit(t, want->ending);
    } else if (v->has_limit) {
        fail_with(t, "a limit, where none was reached");
    }
}

/* What it got, as it says itself. Who was killed had no time to. */
static void expect_told(const struct trial *t, const struct attack_row *row)
{
    const char *at = strstr(t->job.out, "told ");

    if (row->told_max == 0 || !t->job.verdict.has_exit_code) {
        return;
    }
    if (!at) {
        /* It was told so by the kernel, in another of its processes. */
        if (expected(row)->ending == OOM) {
            return;
        }
        fail_with(t, "it does not tell what it got");
    }
    uint64_t told = strtoull(at + strlen("told "), NULL, 10);
    if (told < row->told_min || told > row->told_max) {
        fail_with(t, "it got more or less than it may");
    }
}

/* ---- nothing is left
 * ------------------------------------------------------------- */

/* Processes with this word in their command line; the first, too. */
static unsigned find_by_token(const char *token, pid_t *out_first)
{
    unsigned count = 0;
    glob_t found;

    if (glob("/proc/[0-9]*/cmdline", GLOB_NOSORT, NULL, &found) != 0) {
        return 0;
    }
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char text[512];
        ssize_t n =
            fd_read_small(AT_FDCWD, found.gl_pathv[i], text, sizeof(text));

        if (n > 0 && memmem(text, (size_t)n, token, strlen(token))) {
            *out_first =
                (pid_t)strtol(found.gl_pathv[i] + strlen("/proc/"), NULL, 10);
            count++;
        }
    }
    globfree(&found);
    return count;
}

static unsigned count_in_ns(ino_t pid_ns)
{
    unsigned count = 0;
    glob_t found;

    if (glob("/proc/[0-9]*/ns/pid", GLOB_NOSORT, NULL, &found) != 0) {
        return 0;
    }
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct stat st;

        count += stat(found.gl_pathv[i], &st) == 0 && st.st_ino == pid_ns;
    }
    globfree(&found);
    return count;
}

/* While it lives. It may have ended by now, which is no mistake. */
static void remember_ns(struct trial *t)
{
    char path[64];
    struct stat st;
    pid_t pid = 0;

    if (t->has_ns || find_by_token(t->token, &pid) == 0) {
        return;
    }
    (void)snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)pid);
    t->pid_ns_fd = open(path, O_RDONLY | O_CLOEXEC);
    if (t->pid_ns_fd >= 0 && fstat(t->pid_ns_fd, &st) == 0) {
        t->pid_ns = st.st_ino;
        t->has_ns = true;
    }
}

static void expect_gone(struct trial *t)
{
    pid_t first = 0;
    unsigned left = find_by_token(t->token, &first);

    if (left > 0) {
        fail_msg("%u processes live on, one is %d", left, (int)first);
    }
    if (!t->has_ns) {
        return;
    }
    /* Its init is the last to go, and needs not to be waited for. */
    uint64_t until_ms = clock_mono_ms() + PATIENCE_MS;
    while ((left = count_in_ns(t->pid_ns)) > 0) {
        if (clock_mono_ms() > until_ms) {
            fail_msg("%u processes in its pid namespace live on", left);
        }
        boxpair_pass(1);
    }
    close(take_fd(&t->pid_ns_fd));
    t->has_ns = false;
}

static void hold(struct holdings *out)
{
    pid_t found[64];
    pid_t launcher = boxpair_launcher();

    *out = (struct holdings){
        .children = world_children(launcher, found, ARRAY_LEN(found)),
        .open_files = world_open_files(launcher),
        .cgroup_tasks = world_cgroup_tasks(cgroup_parent),
    };
}

/* ---- one attack
 * -------------------------------------------------------------------- */

static void prepare(struct trial *t, const struct attack_row *row)
{
    static unsigned number;

    (void)snprintf(t->token, sizeof(t->token), "token-%d-%u-of-%s",
                   (int)getpid(), number++, row->name);
    t->job = (struct boxpair_job){
        .program = row->program,
        .args = {row->name, ATTACK_MS, t->token},
        .limits = usual_limits,
        .wall_ms = row->wall_ms ? row->wall_ms : PLENTY_MS,
        .output_bytes = OUTPUT_BYTES,
    };
    if (row->cpu_time_ms) {
        t->job.limits.cpu_time_ms = row->cpu_time_ms;
    }
    if (row->max_inodes) {
        t->job.limits.max_inodes = row->max_inodes;
    }
}

/* From when it should have ended to when nothing of it was left. 0 where that
 * is not known: somebody else had to see that it is time. */
static uint64_t late_us(const struct boxpair_job *job)
{
    const struct launch_ended *e = &job->ended;
    uint64_t due_us = e->has_report ? e->report.end_us : e->ended_us;

    if (job->verdict.has_limit &&
        job->verdict.limit == STATUS_LIMIT_WALL_TIME) {
        due_us = e->report.exec_us + job->wall_ms * 1000;
    }
    return e->ended_us > due_us ? e->ended_us - due_us : 0;
}

static void attack_once(struct trial *t, const struct attack_row *row)
{
    prepare(t, row);
    boxpair_start(&t->job);
    while (t->job.is_running && t->job.out_total == 0) {
        boxpair_pass(1);
    }
    remember_ns(t);
    boxpair_wait(&t->job);
    t->spans[t->times++] = (struct span){t->job.started_us, t->job.ended_us};
    expect_gone(t);
    expect_ending(t, expected(row));
    expect_told(t, row);
    uint64_t late = late_us(&t->job);
    if (late > LATE_MAX_US) {
        fail_with(t, "it ended late");
    }
    t->late_us = late > t->late_us ? late : t->late_us;
}

static void be_quiet(void)
{
    uint64_t from_us = clock_mono_us();

    boxpair_pass(QUIET_MS);
    quiet[quiet_count++ % QUIET_TIMES] =
        (struct span){from_us, clock_mono_us()};
}

static double rate(const struct neighbour_figures *f)
{
    return f->seconds > 0 ? f->jobs / f->seconds : 0;
}

static void compare(struct trial *t)
{
    struct neighbour_figures before = {0};

    memset(&t->beside, 0, sizeof(t->beside));
    neighbour_wait_past(clock_mono_us());
    for (unsigned i = 0; i < quiet_count && i < QUIET_TIMES; i++) {
        neighbour_add(quiet[i].from_us, quiet[i].to_us, &before);
    }
    for (unsigned i = 0; i < t->times; i++) {
        neighbour_add(t->spans[i].from_us, t->spans[i].to_us, &t->beside);
        neighbour_refused(t->spans[i].from_us, t->spans[i].to_us, t->refused,
                          sizeof(t->refused));
    }
    t->slowdown = rate(&before) / rate(&t->beside);
}

static void attack_for_a_while(struct trial *t, const struct attack_row *row)
{
    uint64_t until_us = 0;

    be_quiet();
    t->times = 0;
    until_us = clock_mono_us() + AGAIN_US;
    do {
        attack_once(t, row);
    } while (t->times < AGAIN_MAX && clock_mono_us() < until_us);
    compare(t);
}

static void attack(void **state)
{
    const struct attack_row *row = *state;
    struct trial *t = &trials[row - attack_rows];

    attack_for_a_while(t, row);
    if (has_cgroups && !(t->slowdown < SLOWDOWN_MAX)) {
        attack_for_a_while(t, row); /* it may have been somebody else */
        if (!(t->slowdown < SLOWDOWN_MAX)) {
            fail_msg("the box beside is %.1f times slower", t->slowdown);
        }
    }
    if (neighbour_wrong() > 0) {
        fail_msg("the box beside: %s", neighbour_complaint());
    }
    if (geteuid() == 0 && strlen(t->refused) > strlen(usual_refused)) {
        fail_msg("the box beside gets%s", t->refused);
    }
}

/* ---- all of them
 * --------------------------------------------------------------------- */

/* Both slots are used; what the launcher holds then, it holds for ever. */
static void learn(void)
{
    neighbour_begin();
    boxpair_pass(QUIET_MS);
    neighbour_stop();
    for (unsigned calm = 0; calm < CALM_LOOKS;) {
        struct holdings before = usual;

        boxpair_pass(2);
        hold(&usual);
        calm = memcmp(&before, &usual, sizeof(usual)) == 0 ? calm + 1 : 0;
    }
}

static int open_all(void **state)
{
    (void)state;
    (void)snprintf(cgroup_parent, sizeof(cgroup_parent), "forkyard-attack-%d",
                   (int)getpid());
    boxpair_open(cgroup_setting, cgroup_parent);
    has_cgroups = boxpair_ready()->controllers ==
                  (CGROUP_MEMORY | CGROUP_PIDS | CGROUP_CPU | CGROUP_CPUACCT);
    memset(trials, 0, sizeof(trials));
    quiet_count = 0;
    learn();
    neighbour_begin();
    for (unsigned i = 0; i < QUIET_TIMES; i++) {
        be_quiet();
    }
    neighbour_refused(0, UINT64_MAX, usual_refused, sizeof(usual_refused));
    return 0;
}

static void print_figures(void)
{
    print_message("# %-22s %-18s %8s  %s\n", "attack", "ends by", "late ms",
                  "beside: slower, CPU share, longest ms");
    for (size_t i = 0; i < ROWS; i++) {
        const struct trial *t = &trials[i];

        if (t->times > 0) {
            print_message(
                "# %-22s %-18s %8.1f  %6.2f %5.2f %7.1f%s\n",
                attack_rows[i].name,
                endings[expected(&attack_rows[i])->ending].name,
                (double)t->late_us / 1000, t->slowdown,
                t->beside.cpu_seconds / t->beside.seconds,
                (double)t->beside.longest_us / 1000,
                strlen(t->refused) > strlen(usual_refused) ? t->refused : "");
        }
    }
}

static void launcher_holds_what_it_held(void **state)
{
    uint64_t until_ms = clock_mono_ms() + PATIENCE_MS;
    struct holdings now;

    (void)state;
    neighbour_stop();
    assert_int_equal(neighbour_wrong(), 0);
    for (hold(&now);
         now.children > usual.children || now.open_files > usual.open_files ||
         now.cgroup_tasks > usual.cgroup_tasks;
         hold(&now)) {
        if (clock_mono_ms() > until_ms) {
            fail_msg("children %u/%u files %u/%u tasks %u/%u", now.children,
                     usual.children, now.open_files, usual.open_files,
                     now.cgroup_tasks, usual.cgroup_tasks);
        }
        boxpair_pass(5);
    }
}

static int close_all(void **state)
{
    (void)state;
    neighbour_stop();
    boxpair_close();
    print_figures();
    world_remove_cgroups(cgroup_parent);
    return 0;
}

static int run_all(const char *name, const char *cgroup)
{
    static struct CMUnitTest tests[ROWS + 1];
    size_t count = 0;

    cgroup_setting = cgroup;
    cmocka_set_test_filter(getenv("ATTACK"));
    for (size_t i = 0; i < ROWS; i++) {
        union {
            const void *in;
            void *out;
        } unconst = {&attack_rows[i]};

        if (!attack_rows[i].needs_cpu_quota || strcmp(cgroup, "none") != 0) {
            tests[count++] = (struct CMUnitTest){attack_rows[i].name, attack,
                                                 NULL, NULL, unconst.out};
        }
    }
    tests[count++] =
        (struct CMUnitTest)cmocka_unit_test(launcher_holds_what_it_held);
    return _cmocka_run_group_tests(name, tests, count, open_all, close_all);
}

/* In a process of its own. */
UNUSED static int run_all_as_ordinary_user(void)
{
    int status = 0;

    (void)fflush(stdout);
    pid_t pid = proc_clone(0, -1, NULL);
    if (pid == 0) {
        if (setgroups(0, NULL) < 0 ||
            setresgid(PLAIN_USER, PLAIN_USER, PLAIN_USER) < 0 ||
            setresuid(PLAIN_USER, PLAIN_USER, PLAIN_USER) < 0) {
            _exit(100);
        }
        status = run_all("attacks without cgroups", "none");
        (void)fflush(stdout);
        _exit(status);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status)) {
        return 1;
    }
    return WEXITSTATUS(status);
}

int main(void)
{
    int failed = geteuid() == 0 ? run_all("attacks", "auto") : 0;

#ifdef FORKYARD_SANITIZED
    /* Without a cgroup the memory of box init counts as well, and a sanitized
     * one has more than any job here may have. */
    return failed;
#else
    return failed + (geteuid() == 0
                         ? run_all_as_ordinary_user()
                         : run_all("attacks without cgroups", "none"));
#endif
}
