/* SPDX-License-Identifier: MIT */
/* verdict.c - see verdict.h. Runs in the engine.
 *
 * Several endings may hold at once: a job killed by the kernel for memory was
 * also signalled. Each test below says whether its ending holds; status_pick()
 * chooses; the test that gave the chosen one fills in who and which limit. */
#include "run/verdict.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "sys/mounts.h"

uint64_t verdict_cpu_us(const struct launch_ended *ended)
{
    uint64_t by_processes =
        ended->usage.cpu_user_us + ended->usage.cpu_system_us;

    return ended->cgroup.cpu_us > by_processes ? ended->cgroup.cpu_us
                                               : by_processes;
}

uint64_t verdict_memory_bytes(const struct launch_ended *ended)
{
    return ended->cgroup.memory_peak_bytes ? ended->cgroup.memory_peak_bytes
                                           : ended->usage.max_rss_bytes;
}

uint64_t verdict_wall_us(const struct launch_ended *ended)
{
    uint64_t from =
        ended->report.exec_us ? ended->report.exec_us : ended->start_us;
    uint64_t to = ended->report.end_us ? ended->report.end_us : ended->ended_us;

    return to > from ? to - from : 0;
}

const char *verdict_signal_name(int number)
{
    static char text[32]; /* engine: one thread */
    const char *abbreviation = sigabbrev_np(number);

    if (!abbreviation) {
        return NULL;
    }
    (void)snprintf(text, sizeof(text), "SIG%s", abbreviation);
    return text;
}

static bool has_run(const struct verdict_facts *f)
{
    return f->ended->has_report && f->ended->report.phase == BOX_PHASE_DONE;
}

static int own_signal(const struct verdict_facts *f)
{
    int status = (int)f->ended->report.wait_status;

    return has_run(f) && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static int own_exit(const struct verdict_facts *f)
{
    int status = (int)f->ended->report.wait_status;

    return has_run(f) && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool has_failed(const struct verdict_facts *f)
{
    return own_exit(f) != 0;
}

static bool set_limit(struct verdict *v, enum status_by by,
                      enum status_limit limit, uint64_t value,
                      uint64_t measured)
{
    v->has_termination = v->has_limit = true;
    v->by = by;
    v->limit = limit;
    v->limit_value = value;
    v->measured_value = measured;
    return true;
}

/* ---- one test per ending ----------------------------------------------- */

static bool is_wall(const struct verdict_facts *f, struct verdict *v)
{
    return f->stop == VERDICT_STOP_WALL &&
           set_limit(v, STATUS_BY_WORKER_TIMER, STATUS_LIMIT_WALL_TIME,
                     f->plan->wall_time_ms, verdict_wall_us(f->ended) / 1000);
}

static bool is_cpu(const struct verdict_facts *f, struct verdict *v)
{
    uint64_t limit_ms = f->plan->box.cpu_time_ms;
    uint64_t used_ms = verdict_cpu_us(f->ended) / 1000;
    int number = own_signal(f);
    bool by_rlimit =
        number == SIGXCPU || (number == SIGKILL && used_ms >= limit_ms);

    if (f->ended->stop != LAUNCH_STOP_CPU && !by_rlimit) {
        return false;
    }
    return set_limit(v, by_rlimit ? STATUS_BY_RLIMIT : STATUS_BY_WORKER_TIMER,
                     STATUS_LIMIT_CPU_TIME, limit_ms, used_ms);
}

static bool is_idle(const struct verdict_facts *f, struct verdict *v)
{
    return f->ended->stop == LAUNCH_STOP_IDLE &&
           set_limit(v, STATUS_BY_WORKER_TIMER, STATUS_LIMIT_IDLE_TIME,
                     f->plan->idle_time_ms, f->ended->idle_us / 1000);
}

static bool is_memory(const struct verdict_facts *f, struct verdict *v)
{
    bool by_watch = f->ended->stop == LAUNCH_STOP_MEMORY;

    if (!by_watch && f->ended->cgroup.oom_kills == 0) {
        return false;
    }
    return set_limit(v,
                     by_watch ? STATUS_BY_WORKER_GUARD : STATUS_BY_KERNEL_OOM,
                     STATUS_LIMIT_MEMORY, f->plan->box.memory_bytes,
                     verdict_memory_bytes(f->ended));
}

static bool is_output(const struct verdict_facts *f, struct verdict *v)
{
    if (f->stop == VERDICT_STOP_STDOUT) {
        return set_limit(v, STATUS_BY_WORKER_GUARD, STATUS_LIMIT_STDOUT,
                         plan_flood_bytes(f->plan->stdout_bytes),
                         f->stdout_total);
    }
    return f->stop == VERDICT_STOP_STDERR &&
           set_limit(v, STATUS_BY_WORKER_GUARD, STATUS_LIMIT_STDERR,
                     plan_flood_bytes(f->plan->stderr_bytes), f->stderr_total);
}

/* A program that was refused a process and still ended well got what it
 * wanted. */
static bool is_processes(const struct verdict_facts *f, struct verdict *v)
{
    if (f->ended->cgroup.forks_refused == 0 || !has_failed(f)) {
        return false;
    }
    return set_limit(v, STATUS_BY_CGROUP, STATUS_LIMIT_PROCESSES,
                     f->plan->box.max_processes,
                     f->ended->cgroup.processes_peak);
}

static bool is_disk(const struct verdict_facts *f, struct verdict *v)
{
    const struct box_report *r = &f->ended->report;
    bool no_room_for_files =
        f->ended->has_report && r->phase == BOX_PHASE_FILES && r->sys == ENOSPC;

    if (own_signal(f) == SIGXFSZ) {
        return set_limit(v, STATUS_BY_RLIMIT, STATUS_LIMIT_FILE_SIZE,
                         f->plan->box.file_size_bytes,
                         f->plan->box.file_size_bytes);
    }
    if (has_run(f) && has_failed(f) && (r->full & MOUNTS_FULL_INODES)) {
        return set_limit(v, STATUS_BY_SELF, STATUS_LIMIT_INODES,
                         f->plan->box.max_inodes, f->plan->box.max_inodes);
    }
    if (!no_room_for_files &&
        !(has_run(f) && has_failed(f) &&
          (r->full & (MOUNTS_FULL_WORKSPACE | MOUNTS_FULL_TMP)))) {
        return false;
    }
    uint64_t limit = (r->full & MOUNTS_FULL_TMP) ? f->plan->box.tmp_bytes
                                                 : f->plan->box.workspace_bytes;
    return set_limit(v, STATUS_BY_SELF, STATUS_LIMIT_DISK, limit,
                     no_room_for_files ? limit : r->used_bytes);
}

static bool is_security(const struct verdict_facts *f, struct verdict *v)
{
    const struct box_report *r = &f->ended->report;

    if (r->has_call) {
        seccomp_call_name(&r->call, v->call, sizeof(v->call));
    } else if (r->tells_calls || own_signal(f) != SIGSYS) {
        return false; /* a SIGSYS that is not the filter's is the job's own */
    }
    v->has_termination = true;
    v->by = STATUS_BY_SECCOMP;
    return true;
}

static bool is_signalled(const struct verdict_facts *f, struct verdict *v)
{
    v->has_termination = true;
    v->by = STATUS_BY_SELF;
    return own_signal(f) != 0;
}

static bool is_nonzero(const struct verdict_facts *f, struct verdict *v)
{
    (void)v;
    return own_exit(f) > 0;
}

static bool is_setup(const struct verdict_facts *f, struct verdict *v)
{
    const struct box_report *r = &f->ended->report;

    (void)v;
    if (f->ended->is_refused) {
        return true;
    }
    return f->ended->has_report &&
           (r->phase == BOX_PHASE_ISOLATE ||
            (r->phase == BOX_PHASE_EXEC && strcmp(r->step, "vfork") == 0));
}

/* The job's own files, directory or program. */
static bool is_file(const struct verdict_facts *f, struct verdict *v)
{
    const struct box_report *r = &f->ended->report;

    return f->ended->has_report && !is_setup(f, v) &&
           (r->phase == BOX_PHASE_FILES || r->phase == BOX_PHASE_EXEC);
}

/* Its own files, after the run. */
static bool is_missing(const struct verdict_facts *f, struct verdict *v)
{
    (void)v;
    return has_run(f) && f->missing;
}

/* Init ended without a word and nobody here ended it. */
static bool is_internal(const struct verdict_facts *f, struct verdict *v)
{
    (void)v;
    return !f->ended->has_report && !f->ended->is_refused &&
           f->stop == VERDICT_STOP_NONE && f->ended->stop == LAUNCH_STOP_NONE &&
           f->ended->cgroup.oom_kills == 0;
}

static const struct {
    enum status status;
    bool (*holds)(const struct verdict_facts *f, struct verdict *v);
} tests[] = {
    {STATUS_INTERNAL_ERROR, is_internal},
    {STATUS_SETUP_ERROR, is_setup},
    {STATUS_TIME_LIMIT_EXCEEDED, is_wall},
    {STATUS_TIME_LIMIT_EXCEEDED, is_cpu},
    {STATUS_TIME_LIMIT_EXCEEDED, is_idle},
    {STATUS_MEMORY_LIMIT_EXCEEDED, is_memory},
    {STATUS_OUTPUT_LIMIT_EXCEEDED, is_output},
    {STATUS_PROCESS_LIMIT_EXCEEDED, is_processes},
    {STATUS_DISK_LIMIT_EXCEEDED, is_disk},
    {STATUS_SECURITY_VIOLATION, is_security},
    {STATUS_SIGNALLED, is_signalled},
    {STATUS_NONZERO_EXIT, is_nonzero},
    {STATUS_FILE_ERROR, is_file},
    {STATUS_FILE_ERROR, is_missing},
};

/* ---- the words --------------------------------------------------------- */

static void say_limit(struct verdict *v)
{
    static const struct {
        const char *name;
        const char *unit;
    } words[STATUS_LIMIT_COUNT] = {
        [STATUS_LIMIT_WALL_TIME] = {"wall time limit", " ms"},
        [STATUS_LIMIT_CPU_TIME] = {"CPU time limit", " ms"},
        [STATUS_LIMIT_IDLE_TIME] = {"idle time limit", " ms"},
        [STATUS_LIMIT_MEMORY] = {"memory limit", " bytes"},
        [STATUS_LIMIT_STDOUT] = {"stdout flood limit", " bytes"},
        [STATUS_LIMIT_STDERR] = {"stderr flood limit", " bytes"},
        [STATUS_LIMIT_PROCESSES] = {"process limit", ""},
        [STATUS_LIMIT_FILE_SIZE] = {"file size limit", " bytes"},
        [STATUS_LIMIT_DISK] = {"disk limit", " bytes"},
        [STATUS_LIMIT_INODES] = {"file count limit", ""},
    };

    (void)snprintf(v->reason, sizeof(v->reason),
                   "%s of %" PRIu64 "%s reached: measured %" PRIu64 "%s",
                   words[v->limit].name, v->limit_value, words[v->limit].unit,
                   v->measured_value, words[v->limit].unit);
}

static void say(const struct verdict_facts *f, struct verdict *v)
{
    const struct box_report *r = &f->ended->report;

    if (v->has_limit) {
        say_limit(v);
    } else if (f->ended->is_refused) {
        (void)snprintf(v->reason, sizeof(v->reason), "%s", f->ended->error);
    } else if (v->status == STATUS_FILE_ERROR && has_run(f)) {
        (void)snprintf(v->reason, sizeof(v->reason), "%s", f->missing);
    } else if (v->status == STATUS_SETUP_ERROR ||
               v->status == STATUS_FILE_ERROR) {
        (void)snprintf(v->reason, sizeof(v->reason), "%s: %s", r->step,
                       strerror(r->sys));
    } else if (v->status == STATUS_INTERNAL_ERROR) {
        (void)snprintf(v->reason, sizeof(v->reason),
                       "the box ended without a report (status 0x%x)",
                       f->ended->init_status);
    } else if (v->call[0]) {
        (void)snprintf(v->reason, sizeof(v->reason),
                       "system call %s: no job may make it", v->call);
    } else if (v->signal_number) {
        const char *name = verdict_signal_name(v->signal_number);
        (void)snprintf(v->reason, sizeof(v->reason), "signal %d (%s)",
                       v->signal_number, name ? name : "no name");
    } else if (v->exit_code > 0) {
        (void)snprintf(v->reason, sizeof(v->reason), "exit code %d",
                       v->exit_code);
    }
}

void verdict_make(const struct verdict_facts *facts, struct verdict *out)
{
    uint32_t holding = 0;
    struct verdict found[ARRAY_LEN(tests)];

    memset(found, 0, sizeof(found));
    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < ARRAY_LEN(tests); i++) {
        if (tests[i].holds(facts, &found[i])) {
            found[i].status = tests[i].status;
            holding |= STATUS_BIT(tests[i].status);
        }
    }
    enum status picked = status_pick(holding);
    for (size_t i = 0; i < ARRAY_LEN(tests); i++) {
        if (holding && found[i].status == picked && tests[i].status == picked) {
            *out = found[i];
            break;
        }
    }
    out->status = picked;
    out->signal_number = own_signal(facts);
    out->has_exit_code = own_exit(facts) >= 0;
    out->exit_code = out->has_exit_code ? own_exit(facts) : 0;
    say(facts, out);
}
