/* SPDX-License-Identifier: MIT */
/* slot.c - see slot.h. Runs in the launcher.
 *
 * Happy path: EMPTY -> ASKED -> MAKING -> READY, ahead of any job. START:
 * limits into the cgroup, the job to init -> RUNNING. Init's last report, when
 * every other process of the box is dead: ENDED to the engine -> ENDING; init
 * ends -> EMPTY, and the next box is made.
 *
 * Failures: a START of another shape or network ends the prepared box and has
 * one made. A box that dies before its job came is made again, a few times. A
 * box that dies without a last report is answered with what the cgroup and
 * wait4 know. A slot process that dies is replaced when a box is needed.
 *
 * On close: everything of the slot is killed and reaped. */
#include "run/slot.h"

#include <errno.h>
#include <linux/sockios.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "run/launcher_inside.h"
#include "run/slot_process.h"
#include "sys/ipc.h"
#include "sys/ns.h"
#include "sys/proc.h"
#include "sys/rlimits.h"

/* Boxes in a row that end before they are of use: then the job is told, and
 * none is made ahead until one was of use again. */
#define FAILURES_MAX 10

static void advance(struct slot *slot);
static void reap_box(struct slot *slot, int flags);

/* ---- the table ----------------------------------------------------------- */

enum step { ASK, MADE, LAYERED, GIVE, LET_GO, GONE, STEPS };

static const struct {
    bool is_allowed;
    enum slot_state next;
} moves[SLOT_STATES][STEPS] = {
    [SLOT_EMPTY] = {[ASK] = {true, SLOT_ASKED}},
    [SLOT_ASKED] = {[MADE] = {true, SLOT_MAKING}, [GONE] = {true, SLOT_EMPTY}},
    [SLOT_MAKING] = {[LAYERED] = {true, SLOT_READY},
                     [LET_GO] = {true, SLOT_ENDING},
                     [GONE] = {true, SLOT_EMPTY}},
    [SLOT_READY] = {[GIVE] = {true, SLOT_RUNNING},
                    [LET_GO] = {true, SLOT_ENDING},
                    [GONE] = {true, SLOT_EMPTY}},
    [SLOT_RUNNING] =
        {[LET_GO] = {true, SLOT_ENDING}, [GONE] = {true, SLOT_EMPTY}},
    [SLOT_ENDING] =
        {[LET_GO] = {true, SLOT_ENDING}, [GONE] = {true, SLOT_EMPTY}},
};

static bool move(struct slot *slot, enum step step)
{
    if (!moves[slot->state][step].is_allowed) {
        return false;
    }
    slot->state = moves[slot->state][step].next;
    return true;
}

/* ---- the answer ---------------------------------------------------------- */

static void close_job_fds(struct slot *slot)
{
    for (int i = 0; i < LAUNCH_FD_MAX; i++) {
        if (slot->job_fds[i] >= 0) {
            close(take_fd(&slot->job_fds[i]));
        }
    }
}

static void answer(struct slot *slot, struct launch_ended *ended)
{
    ended->slot = slot->index;
    ended->seq = slot->job.seq;
    ended->start_us = slot->start_us;
    ended->stop = slot->stop;
    close_job_fds(slot);
    slot->has_job = false;
    slot->launcher->running--;
    launcher_send_ended(slot->launcher, ended);
}

static void refuse(struct slot *slot, const struct err *e)
{
    struct launch_ended ended = {.is_refused = 1, .sys = e->sys};

    (void)str_copy(ended.error, sizeof(ended.error), e->msg);
    answer(slot, &ended);
}

static uint64_t timeval_us(struct timeval t)
{
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_usec;
}

static void fill_usage(const struct rusage *ru, struct box_usage *out)
{
    *out = (struct box_usage){
        .cpu_user_us = timeval_us(ru->ru_utime),
        .cpu_system_us = timeval_us(ru->ru_stime),
        .max_rss_bytes = (uint64_t)ru->ru_maxrss * 1024,
        .faults_major = (uint64_t)ru->ru_majflt,
        .faults_minor = (uint64_t)ru->ru_minflt,
        .switches_voluntary = (uint64_t)ru->ru_nvcsw,
        .switches_forced = (uint64_t)ru->ru_nivcsw,
    };
}

/* The job ran, or its box failed on it. ru, status: of a dead init, else NULL
 * and 0: it has told us itself that all others are dead. */
static void tell_end(struct slot *slot, const struct rusage *ru, int status)
{
    bool is_cut_short = slot->report.phase == BOX_PHASE_COLLECT;
    struct launch_ended ended = {
        .has_report = ru == NULL || is_cut_short,
        .init_status = (uint32_t)status,
        .init_pid = slot->last_box,
        .report = slot->report,
        .usage = slot->report.usage,
        .watched_processes = slot->watched.processes,
        .ended_us = clock_mono_us(),
        .idle_us = slot->idle_us,
    };

    if (is_cut_short) { /* its files; it had ended before */
        ended.report.phase = BOX_PHASE_DONE;
    } else if (ru) {
        fill_usage(ru, &ended.usage);
    }
    cgroup_slot_end(&slot->launcher->cgroups, &slot->cgroup, &ended.cgroup);
    proctree_raise(&slot->watched, &ended.usage);
    answer(slot, &ended);
}

/* ---- the box ------------------------------------------------------------- */

static void let_go(struct slot *slot)
{
    slot->ending_us = clock_mono_us();
    slot->launcher->has_endings = true;
    (void)move(slot, LET_GO);
}

/* Who has used up its share of the processors would wait for the next one, up
 * to half a second, before it can die. Without a job none has. */
static void kill_box(struct slot *slot)
{
    if (slot->box <= 0) {
        return;
    }
    if (slot->state == SLOT_RUNNING || slot->state == SLOT_ENDING) {
        cgroup_slot_unthrottle(&slot->launcher->cgroups, &slot->cgroup);
    }
    (void)proc_kill(slot->box_pidfd, SIGKILL);
}

static int try_ask(struct slot *slot, struct err *e)
{
    struct box_make make = {.profile = slot->shape.profile};

    mounts_options_make(&slot->shape, &make.options);
    if (cgroup_slot_is_worn(&slot->cgroup)) {
        slot_process_end(slot);
        cgroup_slot_renew(&slot->launcher->cgroups, &slot->cgroup);
    }
    if (cgroup_slot_widen(&slot->launcher->cgroups, &slot->cgroup, e) < 0 ||
        slot_process_ensure(slot, slot->job.network, e) < 0 ||
        ipc_send(slot->control_fd, &make, sizeof(make), NULL, 0, e) < 0) {
        slot_process_end(slot);
        return -1;
    }
    return 0;
}

/* A slot process may have been killed by anybody: a new one is tried. */
static void ask(struct slot *slot)
{
    struct err e = {.msg = ""};

    memset(&slot->report, 0, sizeof(slot->report));
    memset(&slot->watched, 0, sizeof(slot->watched));
    do {
        if (try_ask(slot, &e) == 0) {
            (void)move(slot, ASK);
            return;
        }
    } while (++slot->failures < FAILURES_MAX);
    if (slot->has_job) {
        refuse(slot, &e);
    } else {
        log_warn("no box ahead", "slot=%u error=%s", slot->index, e.msg);
    }
}

static bool is_fit(const struct slot *slot)
{
    const struct box_limits *l = &slot->job.limits;

    return slot->network == slot->job.network &&
           slot->shape.workspace_bytes == l->workspace_bytes &&
           slot->shape.tmp_bytes == l->tmp_bytes &&
           slot->shape.max_inodes == l->max_inodes &&
           slot->shape.profile == slot->job.profile;
}

static void take_shape(struct slot *slot)
{
    const struct box_limits *l = &slot->job.limits;

    slot->shape = (struct box_shape){
        .workspace_bytes = l->workspace_bytes,
        .tmp_bytes = l->tmp_bytes,
        .max_inodes = l->max_inodes,
        .profile = slot->job.profile,
    };
}

static int hand_over(struct slot *slot, struct err *e)
{
    const struct launcher *l = slot->launcher;
    size_t fds = slot->job_fds[LAUNCH_FD_COLLECTION] < 0 ? LAUNCH_FD_COUNT
                                                         : LAUNCH_FD_MAX;
    struct box_job job = {
        .data_bytes = l->cgroups.controllers & CGROUP_MEMORY
                          ? 0
                          : slot->job.limits.memory_bytes,
        .given_us = clock_mono_us(),
    };

    slot->report.exec_us = slot->busy_us = job.given_us;

    rlimits_make(&slot->job.limits, l->cgroups.controllers & CGROUP_PIDS,
                 &job.rlimits);
    return ipc_send(slot->job_fd, &job, sizeof(job), slot->job_fds, fds, e);
}

/* What the last job left is still charged here: the next box is born
 * elsewhere. */
static bool replace_worn(struct slot *slot)
{
    if (!cgroup_slot_is_worn(&slot->cgroup) ||
        ++slot->failures >= FAILURES_MAX) {
        return false;
    }
    kill_box(slot);
    let_go(slot);
    return true;
}

/* Limits first: init starts the program as soon as it has read the packet. */
static void give_job(struct slot *slot)
{
    struct err e;

    if (cgroup_slot_begin(&slot->launcher->cgroups, &slot->cgroup,
                          &slot->job.limits, &e) < 0) {
        if (!replace_worn(slot)) {
            refuse(slot, &e);
        }
        return;
    }
    if (hand_over(slot, &e) < 0) {
        /* Killed while it waited: its end is about to be heard, and then the
         * job gets another box. */
        kill_box(slot);
        return;
    }
    close_job_fds(slot);
    slot->failures = 0;
    (void)move(slot, GIVE);
}

/* What can be done now for the job that waits, if one does. */
static void advance(struct slot *slot)
{
    if (!slot->has_job) {
        return;
    }
    if (slot->state == SLOT_READY && is_fit(slot)) {
        give_job(slot);
    } else if (slot->state == SLOT_READY) {
        kill_box(slot);
        let_go(slot);
    } else if (slot->state == SLOT_EMPTY) {
        take_shape(slot);
        ask(slot);
    }
}

bool slot_prepare(struct slot *slot)
{
    if (slot->state != SLOT_EMPTY || slot->has_job ||
        slot->failures >= FAILURES_MAX) {
        return false;
    }
    ask(slot);
    return true;
}

/* ---- what is heard ------------------------------------------------------- */

/* No box came of it. */
static void miss(struct slot *slot, const struct err *e)
{
    slot->failures++;
    (void)move(slot, GONE);
    slot_process_end(slot);
    slot->launcher->has_strangers = true;
    if (slot->has_job && slot->failures >= FAILURES_MAX) {
        refuse(slot, e);
    }
    advance(slot);
}

static void on_control(struct slot *slot)
{
    struct box_made made;
    struct err e = {.msg = ""};

    if (slot->state != SLOT_ASKED) {
        return; /* its end, which is heard as such */
    }
    ssize_t n = ipc_recv(slot->control_fd, &made, sizeof(made), NULL, 0, &e);
    if (n != sizeof(made)) {
        (void)err_set(&e, ERR_SYSTEM, "the slot process ended");
        miss(slot, &e);
        return;
    }
    errno = made.sys;
    if (made.pid > 0) {
        slot->box_pidfd = (int)syscall(SYS_pidfd_open, made.pid, 0);
    }
    if (slot->box_pidfd < 0) {
        (void)err_sys(&e, "%.*s", (int)sizeof(made.step), made.step);
        miss(slot, &e);
        return;
    }
    slot->box = slot->last_box = made.pid;
    (void)move(slot, MADE);
    if (launcher_watch(slot->launcher, slot->box_pidfd,
                       launcher_key(slot, SLOT_BOX_DEAD), &e) < 0) {
        log_error("a box cannot be watched", "error=%s", e.msg);
        kill_box(slot);
        reap_box(slot, 0);
    }
}

/* A slot is whole or empty: the next box brings a process as well. */
static void renew_orphan(struct slot *slot)
{
    if (slot->state == SLOT_READY && slot->process == 0) {
        kill_box(slot);
    }
}

static void on_ready(struct slot *slot)
{
    (void)move(slot, LAYERED);
    cgroup_slot_note(&slot->launcher->cgroups, &slot->cgroup);
    if (replace_worn(slot)) {
        return;
    }
    advance(slot);
    renew_orphan(slot);
}

/* Init's last words: it ends by itself. */
static void on_end(struct slot *slot)
{
    bool is_early = slot->state == SLOT_MAKING;

    if (is_early && !slot->has_job) {
        log_warn("no box ahead", "slot=%u step=%s error=%s", slot->index,
                 slot->report.step, strerror(slot->report.sys));
    }
    slot->failures += is_early;
    if (slot->has_job) {
        tell_end(slot, NULL, 0);
    }
    let_go(slot);
}

/* One process brings files back: more than a processor it cannot use. */
#define COLLECT_MILLICORES 1000

/* The program's time is over, and no limit of its may end this. */
static void on_collect(struct slot *slot)
{
    if (slot->job.limits.cpu_quota_millicores < COLLECT_MILLICORES) {
        cgroup_slot_unthrottle(&slot->launcher->cgroups, &slot->cgroup);
    }
    slot->collect_us = slot->collect_us ? slot->collect_us : clock_mono_us();
    slot->launcher->has_walls = true;
    slot->wall_us = slot->wall_us ? slot->wall_us : 1;
}

/* Init reads what a job brought, so it may have been taken over: what it says
 * counts only where it makes sense. */
static const struct {
    uint32_t from; /* bits of states in which it may come */
    void (*handle)(struct slot *slot);
} reports[] = {
    [BOX_PHASE_ISOLATE] = {1u << SLOT_MAKING | 1u << SLOT_RUNNING, on_end},
    [BOX_PHASE_FILES] = {1u << SLOT_RUNNING, on_end},
    [BOX_PHASE_EXEC] = {1u << SLOT_RUNNING, on_end},
    [BOX_PHASE_DONE] = {1u << SLOT_RUNNING, on_end},
    [BOX_PHASE_READY] = {1u << SLOT_MAKING, on_ready},
    [BOX_PHASE_RUNNING] = {1u << SLOT_RUNNING, NULL},
    [BOX_PHASE_COLLECT] = {1u << SLOT_RUNNING, on_collect},
};

static bool hear(struct slot *slot, const struct box_report *report)
{
    if (slot->state == SLOT_ASKED) {
        on_control(slot); /* who made it tells us at the same time */
    }
    if (report->phase >= ARRAY_LEN(reports) ||
        !(reports[report->phase].from & (1u << slot->state))) {
        return false;
    }
    slot->report = *report;
    slot->report.step[sizeof(slot->report.step) - 1] = 0;
    if (reports[report->phase].handle) {
        reports[report->phase].handle(slot);
    }
    return true;
}

#define REPORTS_PER_TURN 4

static void on_report(struct slot *slot)
{
    struct box_report report;
    struct err e;

    for (int i = 0; slot->job_fd >= 0 && i < REPORTS_PER_TURN; i++) {
        ssize_t n =
            ipc_recv(slot->job_fd, &report, sizeof(report), NULL, 0, &e);

        if (n < 0 && e.kind == ERR_RETRY) {
            return;
        }
        if (n == 0 && slot->box == 0) {
            /* Nobody is left at the other end. With a box there is somebody,
             * who has sent an empty packet. */
            if (slot->state == SLOT_ASKED) {
                on_control(slot); /* it may have made one before it died */
            } else {
                slot_process_end(slot);
            }
            return;
        }
        if (n != sizeof(report) || !hear(slot, &report)) {
            kill_box(slot); /* a late word of an old box harms nobody else */
        }
    }
}

/* A box that is dead says no more, but what it said may still be queued: not
 * to be taken for the words of the next one. What does not come to an end is
 * ended with the socket. */
#define QUEUED_MAX 1000

static void forget_reports(struct slot *slot)
{
    struct box_report report;
    struct err e;

    for (int i = 0; slot->job_fd >= 0 && i < QUEUED_MAX; i++) {
        ssize_t n =
            ipc_recv(slot->job_fd, &report, sizeof(report), NULL, 0, &e);

        if (n < 0 && e.kind == ERR_RETRY) {
            return;
        }
    }
    slot_process_end(slot);
}

/* The job's socket is handed down from box to box. One that was taken over may
 * have left its job in there, whatever it said, and the next box would run that
 * one; or have shut the socket, or changed how it waits, and then the next one
 * dies too soon. Other sockets, then, and so another slot process. */
static bool has_unread_job(const struct slot *slot)
{
    int bytes = 0;

    return slot->job_fd >= 0 &&
           (ioctl(slot->job_fd, SIOCOUTQ, &bytes) < 0 || bytes > 0);
}

static void reap_box(struct slot *slot, int flags)
{
    struct rusage ru;
    struct err e;
    int status = 0;
    pid_t pid = 0;

    memset(&ru, 0, sizeof(ru));
    if (slot->box == 0) {
        return;
    }
    while ((pid = wait4(slot->box, &status, __WALL | flags, &ru)) < 0 &&
           errno == EINTR) {
    }
    if (pid == 0) {
        return; /* the event was of an earlier box */
    }
    on_report(slot); /* what it said before it died */
    slot->box = 0;
    forget_reports(slot);
    slot_process_drop_fd(slot, &slot->box_pidfd);
    if (slot->state != SLOT_ENDING || has_unread_job(slot)) {
        slot_process_end(slot);
    }
    if (slot->state == SLOT_RUNNING) {
        tell_end(slot, &ru, status);
    } else if (slot->state != SLOT_ENDING && ++slot->failures >= FAILURES_MAX &&
               slot->has_job) {
        (void)err_set(&e, ERR_SYSTEM, "the box ended before it was ready");
        refuse(slot, &e);
    }
    (void)move(slot, GONE);
    advance(slot);
}

static void on_box_dead(struct slot *slot)
{
    reap_box(slot, WNOHANG);
}

static void on_process_dead(struct slot *slot)
{
    if (slot->state == SLOT_ASKED) {
        on_control(slot); /* it may have made one before */
    }
    slot_process_end(slot);
    renew_orphan(slot);
}

void slot_on_event(struct slot *slot, enum slot_event event)
{
    static void (*const handlers[SLOT_EVENTS])(struct slot * slot) = {
        [SLOT_PROCESS_DEAD] = on_process_dead,
        [SLOT_CONTROL] = on_control,
        [SLOT_BOX_DEAD] = on_box_dead,
        [SLOT_REPORT] = on_report,
    };

    handlers[event](slot);
}

/* ---- what the engine wants ----------------------------------------------- */

void slot_start(struct slot *slot, const struct launch_request *request,
                int *fds)
{
    slot->has_job = true;
    slot->job = *request;
    slot->start_us = clock_mono_us();
    slot->wall_us = slot->grace_us = slot->kill_at_us = 0;
    slot->collect_us = slot->cpu_us = 0;
    slot->stop = LAUNCH_STOP_NONE;
    slot->launcher->running++;
    for (int i = 0; i < LAUNCH_FD_MAX; i++) {
        slot->job_fds[i] = take_fd(&fds[i]);
    }
    slot->failures = 0; /* what failed ahead of it is tried again for it */
    advance(slot);
}

/* Who is asked and does not end is killed by look_at_walls(). */
static void end_running(struct slot *slot, uint64_t grace_us)
{
    if (grace_us == 0) {
        kill_box(slot);
        return;
    }
    (void)proc_kill(slot->box_pidfd, SIGTERM);
    slot->kill_at_us = clock_mono_us() + grace_us;
    slot->launcher->has_walls = true;
}

void slot_stop(struct slot *slot, enum launch_stop why, uint64_t grace_us)
{
    if (slot->has_job && (slot->collect_us || slot->kill_at_us)) {
        /* The job is over, or was asked to be: no second reason. */
        if (grace_us == 0) {
            kill_box(slot);
        }
        return;
    }
    if (!slot->has_job || slot->stop != LAUNCH_STOP_NONE) {
        return;
    }
    slot->stop = why;
    if (slot->state == SLOT_RUNNING) {
        end_running(slot, grace_us); /* its end is the answer */
        return;
    }
    struct launch_ended ended = {.ended_us = clock_mono_us()};
    answer(slot, &ended);
}

/* A program that only waits for time to pass is woken now and then. */
#define IDLE_SHARE 100

void slot_saw_cpu(struct slot *slot, uint64_t cpu_us, uint64_t now_us)
{
    if (cpu_us > slot->cpu_us &&
        cpu_us - slot->cpu_us >= (now_us - slot->busy_us) / IDLE_SHARE) {
        slot->busy_us = now_us;
        slot->cpu_us = cpu_us;
    }
}

/* An init that has said its last word takes some hundred microseconds. */
#define ENDING_MAX_US 2000000u

void slot_hurry(struct slot *slot, uint64_t now_us)
{
    if (slot->state == SLOT_ENDING &&
        now_us - slot->ending_us > ENDING_MAX_US) {
        kill_box(slot);
    }
}

bool slot_is_running(const struct slot *slot)
{
    return slot->state == SLOT_RUNNING && slot->has_job && !slot->collect_us;
}

/* ---- life ---------------------------------------------------------------- */

int slot_open(struct launcher *l, struct slot *slot, unsigned index,
              struct err *e)
{
    slot->launcher = l;
    slot->index = index;
    slot->process_pidfd = slot->control_fd = slot->job_fd = slot->box_pidfd =
        -1;
    for (int i = 0; i < LAUNCH_FD_MAX; i++) {
        slot->job_fds[i] = -1;
    }
    slot->shape = l->spec->shape;
    slot->job.network = LAUNCH_NET_NONE;
    if (cgroup_slot_open(&l->cgroups, index, &slot->cgroup, e) < 0 ||
        ns_make_net(0, &slot->net_fds[LAUNCH_NET_NONE], e) < 0 ||
        ns_make_net(1, &slot->net_fds[LAUNCH_NET_LOOPBACK], e) < 0) {
        return err_wrap(e, "slot %u", index);
    }
    return 0;
}

void slot_close(struct slot *slot)
{
    slot_stop(slot, LAUNCH_STOP_ENGINE, 0);
    if (slot->state == SLOT_ASKED) {
        on_control(slot);
    }
    kill_box(slot);
    reap_box(slot, 0);
    slot_process_end(slot);
    cgroup_slot_close(&slot->launcher->cgroups, &slot->cgroup);
}
