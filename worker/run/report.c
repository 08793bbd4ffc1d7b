/* SPDX-License-Identifier: MIT */
/* report.c - see report.h. Runs in the engine. */
#include "run/report.h"

#include <string.h>

#include "base/version.h"
#include "run/collector.h"
#include "sys/seccomp.h"
#include "wire/judge.h"

static void hash_code(struct digest *d, const struct job *job)
{
    if (job->code.data) {
        digest_add(d, job->code.data, job->code.len);
        return;
    }
    for (size_t i = 0; i < job->files_count; i++) {
        digest_add_part(d, job->files[i].path);
        digest_add_part(d, job->files[i].content);
    }
    digest_add_part(d, job->entrypoint);
}

void report_hash(const struct job *job, struct report_hashes *out)
{
    struct digest *code = digest_new();
    struct digest *args = digest_new();

    hash_code(code, job);
    digest_hex(code, out->code);
    for (size_t i = 0; i < job->args_count; i++) {
        digest_add_part(args, job->args[i]);
    }
    digest_add_part(args, job->stdin_);
    digest_hex(args, out->args);
}

void report_refused(struct result *out, const struct job_identity *identity,
                    enum status status, const char *reason)
{
    result_init(out);
    out->job_id = identity->job_id;
    out->tenant_id = identity->tenant_id;
    out->session_id = identity->session_id;
    out->correlation_id = identity->correlation_id;
    out->kind = identity->kind >= 0 ? identity->kind : JOB_KIND_CODE;
    out->state = RESULT_STATE_FINISHED;
    out->status = (int)status;
    out->success = status == STATUS_SUCCESS;
    out->status_reason = view_of(reason);
    if (status != STATUS_SUCCESS) {
        out->error.present = true;
        out->error.type = view_of(status_name(status));
        out->error.message = view_of(reason);
        out->error.phase = status == STATUS_VALIDATION_ERROR
                               ? RESULT_PHASE_VALIDATE
                               : RESULT_PHASE_SETUP;
    }
}

/* Processes that the kernel killed together with their init are reaped without
 * being counted: then the cgroup knows, and rusage does not. */
static void add_cpu(struct result_usage *u, const struct launch_ended *ended)
{
    const struct cgroup_usage *cg = &ended->cgroup;

    u->cpu_user_us = ended->usage.cpu_user_us;
    u->cpu_system_us = ended->usage.cpu_system_us;
    if (!ended->has_report && cg->cpu_us > u->cpu_user_us + u->cpu_system_us &&
        cg->cpu_us >= cg->cpu_system_us) {
        u->cpu_user_us = cg->cpu_us - cg->cpu_system_us;
        u->cpu_system_us = cg->cpu_system_us;
    }
}

void report_usage(const struct launch_ended *ended, struct result_usage *u)
{
    record_init(&result_usage_record, u);
    if (ended->is_refused) {
        return;
    }
    u->present = true;
    u->wall_us = verdict_wall_us(ended);
    add_cpu(u, ended);
    u->memory_peak_bytes = verdict_memory_bytes(ended);
    u->page_faults_major = ended->usage.faults_major;
    u->page_faults_minor = ended->usage.faults_minor;
    u->ctx_switches_voluntary = ended->usage.switches_voluntary;
    u->ctx_switches_forced = ended->usage.switches_forced;
    if (ended->has_report) {
        u->io_read_bytes = ended->report.io_read_bytes;
        u->io_write_bytes = ended->report.io_write_bytes;
        u->io_read_calls = ended->report.io_read_calls;
        u->io_write_calls = ended->report.io_write_calls;
    }
    uint64_t peak = ended->cgroup.processes_peak ? ended->cgroup.processes_peak
                                                 : ended->watched_processes;
    if (peak > 0) {
        u->processes_peak = peak;
    }
}

/* What init asked the kernel about. A box that was killed has no report: if
 * its payload ran at all it ran after the verification, so all holds. */
static void add_isolation(struct result_isolation *iso,
                          const struct launch_ended *ended,
                          const struct plan *plan,
                          const struct report_worker *worker)
{
    uint32_t verified =
        ended->has_report ? ended->report.verified : BOX_VERIFIED_ALL;

    iso->present = true;
    iso->user_ns = iso->pid_ns = iso->mount_ns = iso->net_ns = iso->ipc_ns =
        iso->uts_ns = iso->cgroup_ns = true;
    iso->cgroup = (int)worker->boxes->cgroup_version;
    iso->seccomp = view_of(verified & BOX_VERIFIED_SECCOMP
                               ? seccomp_profile_name(plan->profile)
                               : "none");
    iso->landlock = ended->report.landlock;
    iso->no_new_privs = verified & BOX_VERIFIED_NO_NEW_PRIVS;
    iso->root_read_only = verified & BOX_VERIFIED_ROOT_READ_ONLY;
    iso->uid = worker->boxes->is_root
                   ? worker->boxes->uid_base + (uint64_t)ended->slot
                   : getuid();
    iso->security_level = plan->security_level;
}

static void add_verdict(struct result *out, const struct verdict *v)
{
    out->status = (int)v->status;
    out->success = v->status == STATUS_SUCCESS;
    if (v->reason[0]) {
        out->status_reason = view_of(v->reason);
    }
    if (v->has_exit_code) {
        out->exit_code = v->exit_code;
    }
    if (v->signal_number) {
        out->signal.present = true;
        out->signal.number = (uint64_t)v->signal_number;
        out->signal.name = view_of(verdict_signal_name(v->signal_number));
    }
    if (!v->has_termination) {
        return;
    }
    out->termination.present = true;
    out->termination.by = (int)v->by;
    if (v->call[0]) {
        out->termination.syscall = view_of(v->call);
    }
    if (v->has_limit) {
        out->termination.limit = (int)v->limit;
        out->termination.limit_value = v->limit_value;
        out->termination.measured_value = v->measured_value;
    }
}

/* Monotonic readings of the box to wall clock, through one common moment. */
static uint64_t to_unix_ns(const struct report_run *run, uint64_t mono_us)
{
    return run->now_unix_ns - (run->now_mono_us - mono_us) * 1000u;
}

static void add_timings(struct result_timings *t, const struct report_run *run)
{
    const struct launch_ended *ended = run->end->ended;
    const struct box_report *r = &ended->report;
    uint64_t started = r->exec_us ? r->exec_us : ended->start_us;
    uint64_t finished = r->end_us ? r->end_us : ended->ended_us;

    t->present = true;
    t->created_unix_nano = run->job->created_unix_nano;
    if (ended->is_refused) {
        return;
    }
    t->started_unix_nano = to_unix_ns(run, started);
    t->finished_unix_nano = to_unix_ns(run, finished);
    t->setup_us = started - ended->start_us;
    t->run_us = finished - started;
    t->cleanup_us = ended->ended_us - finished;
    t->cold_start = true; /* no warm interpreters yet */
}

static struct view text_of(struct collector *c)
{
    struct view text = collector_text(c);

    return text.data ? text : (struct view){"", 0};
}

static void add_output(struct result *out, const struct executor_end *end)
{
    out->stdout_ = text_of(end->out);
    out->stderr_ = text_of(end->err);
    out->stdout_bytes_total = end->out->total;
    out->stderr_bytes_total = end->err->total;
    out->stdout_truncated = collector_is_truncated(end->out);
    out->stderr_truncated = collector_is_truncated(end->err);
}

static void add_returns(struct result *out, const struct returns *r)
{
    out->files = r->files;
    out->files_count = r->files_count;
    out->artifacts = r->artifacts;
    out->artifacts_count = r->artifacts_count;
    out->warnings = r->warnings;
    out->warnings_count = r->warnings_count;
}

static enum result_phase phase_of(const struct launch_ended *ended)
{
    return ended->has_report && ended->report.phase == BOX_PHASE_DONE
               ? RESULT_PHASE_COLLECT
               : RESULT_PHASE_SETUP;
}

/* Beside the status, for a program that ran. */
static void add_judgement(struct result *out, const struct report_run *run)
{
    if (!run->job->expected_output.data || run->end->ended->is_refused ||
        run->end->ended->report.exec_us == 0 ||
        run->verdict->status == STATUS_INTERNAL_ERROR) {
        return;
    }
    bool is_right = run->verdict->status == STATUS_SUCCESS &&
                    !out->stdout_truncated &&
                    judge_same(out->stdout_, run->job->expected_output);
    out->verdict =
        is_right ? RESULT_VERDICT_ACCEPTED : RESULT_VERDICT_WRONG_ANSWER;
}

const char *report_judging(const struct job *job,
                           const struct executor_end *end)
{
    return job->expected_output.data && collector_is_truncated(end->out)
               ? "expected_output: standard output is longer than "
                 "limits.stdout_bytes, and what was cut is not accepted"
               : "";
}

static bool is_ours(enum status status)
{
    return status == STATUS_SETUP_ERROR || status == STATUS_FILE_ERROR ||
           status == STATUS_INTERNAL_ERROR;
}

static void add_job(struct result *out, const struct report_run *run)
{
    result_init(out);
    out->job_id = run->job->job_id;
    out->tenant_id = run->job->tenant_id;
    out->session_id = run->job->session_id;
    out->correlation_id = run->job->correlation_id;
    out->labels = run->job->labels;
    out->labels_count = run->job->labels_count;
    out->kind = run->job->kind >= 0 ? run->job->kind : JOB_KIND_CODE;
    out->state = RESULT_STATE_FINISHED;
    out->code_sha256 = view_of(run->hashes->code);
    out->limits = run->plan->limits;
}

static void add_error(struct result *out, const struct verdict *v,
                      enum result_phase phase)
{
    out->error.present = true;
    out->error.type = view_of(status_name(v->status));
    out->error.message = view_of(v->reason);
    out->error.phase = (int)phase;
}

void report_not_compiled(struct result *out, const struct report_run *run,
                         const struct plan *stage,
                         const struct report_worker *worker)
{
    const struct launch_ended *ended = run->end->ended;
    bool is_compilers = run->verdict->status == STATUS_COMPILE_ERROR;

    add_job(out, run);
    add_verdict(out, run->verdict);
    /* Those of the compiler are in compile{}: the program has none. */
    out->exit_code = RECORD_NO_INT;
    out->signal.present = false;
    out->stdout_ = out->stderr_ = view_of("");
    out->stdout_bytes_total = out->stderr_bytes_total = 0;
    out->timings.present = true;
    out->timings.created_unix_nano = run->job->created_unix_nano;
    if (!ended->is_refused) {
        add_isolation(&out->isolation, ended, stage, worker);
    }
    add_error(out, run->verdict,
              is_compilers ? RESULT_PHASE_COMPILE : RESULT_PHASE_SETUP);
}

void report_ran(struct result *out, const struct report_run *run,
                const struct report_worker *worker)
{
    const struct launch_ended *ended = run->end->ended;

    add_job(out, run);
    add_verdict(out, run->verdict);
    add_output(out, run->end);
    add_judgement(out, run);
    add_returns(out, run->returns);
    add_timings(&out->timings, run);
    if (!ended->is_refused) {
        report_usage(ended, &out->usage);
        add_isolation(&out->isolation, ended, run->plan, worker);
    }
    if (is_ours(run->verdict->status)) {
        add_error(out, run->verdict, phase_of(ended));
    }
}

void report_add_origin(struct result *out, const struct report_worker *worker,
                       const struct report_origin *origin)
{
    struct result_timings *t = &out->timings;

    out->attempt = origin->attempt;
    out->worker.present = true;
    out->worker.id = view_of(worker->id);
    out->worker.host = view_of(worker->host);
    out->worker.pid = worker->pid;
    out->worker.version = view_of(FORKYARD_VERSION);
    out->source.present = true;
    out->source.topic = view_of(origin->topic);
    out->source.partition = origin->partition;
    out->source.offset = origin->offset;
    t->present = true;
    t->received_unix_nano = origin->received_ns;
    uint64_t since = t->created_unix_nano;
    if (since == RECORD_NO_UINT && origin->record_unix_ms >= 0) {
        since = (uint64_t)origin->record_unix_ms * 1000000u;
    }
    uint64_t until = t->started_unix_nano != RECORD_NO_UINT
                         ? t->started_unix_nano
                         : origin->received_ns;
    if (since != RECORD_NO_UINT) {
        t->queue_ms = until > since ? (until - since) / 1000000u : 0;
    }
}
