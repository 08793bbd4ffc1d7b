/* SPDX-License-Identifier: MIT */
/* launcher.c - makes boxes, watches their CPU time, reaps them, tells the
 * engine. A process of its own, forked before the engine has threads;
 * single-threaded; the only one that keeps privilege: what clone, setns, id
 * maps and kill need. It has no network (an empty network namespace), sees
 * nothing of the host's files (the template is its root), and parses nothing
 * that a job brought: bundles go through it as descriptors.
 *
 * Happy path: START -> clone3 -> id maps -> go byte -> ... -> pidfd readable
 * -> report read, init reaped, counters read -> ENDED.
 *
 * Failures: a request that does not fit its slot is answered with ENDED,
 * is_refused. The engine's death is end of file on the socket: all boxes are
 * killed and the cgroups removed. Our own death kills every box through
 * PR_SET_PDEATHSIG; what stays of cgroups is swept by the next worker.
 *
 * On close: nothing of a box is left; exit 0. */
#include "run/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "run/launch_check.h"
#include "run/launch_proto.h"
#include "sys/caps.h"
#include "sys/cgroup.h"
#include "sys/forkmap.h"
#include "sys/ipc.h"
#include "sys/mounts.h"
#include "sys/ns.h"
#include "sys/proc.h"
#include "sys/proctree.h"
#include "sys/rlimits.h"

/* How often CPU time is compared with its limit. RLIMIT_CPU is the backstop
 * of one process; this is the sum. */
#define WATCH_MS 50
/* Reading all of /proc is dearer. */
#define WATCH_NO_CGROUP_MS 200

struct slot {
    unsigned index;
    uint64_t seq;
    pid_t pid; /* 0: idle */
    int pidfd;
    int report_fd;
    uint64_t clone_us;
    enum launch_stop stop;
    uint64_t wall_us; /* the engine wants it ended after so long; 0: no */
    struct box_report report; /* the last that init sent */
    bool has_report;          /* and it is of the end */
    uint64_t collect_us;      /* since when files come back; 0: they do not */
    struct box_limits limits;
    uint32_t network;
    uint32_t profile;
    struct cgroup_slot cgroup;
    int net_fds[2];                /* by enum launch_network */
    struct proctree_usage watched; /* peaks, where no cgroup is */
};

struct launcher {
    const struct launcher_spec *spec;
    int is_root;
    int proc_fd; /* the host's /proc */
    int self_pidfd;
    int epoll_fd;
    int current_net; /* the slot's net fd we are in, -1 at first */
    struct cgroups cgroups;
    struct landlock_plan landlock[LAUNCH_NET_LOOPBACK + 1]; /* by network */
    struct slot *slots;
    unsigned running;
    bool has_walls; /* some slot may wait for its wall_us */
};

#define EPOLL_ENGINE UINT32_MAX

static int watch_fd(struct launcher *l, int fd, uint32_t key, struct err *e)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = key};

    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        return err_sys(e, "epoll");
    }
    return 0;
}

/* ---- boot ------------------------------------------------------------- */

static int open_slots(struct launcher *l, struct err *e)
{
    l->slots = xcalloc(l->spec->slots, sizeof(*l->slots));
    for (unsigned i = 0; i < l->spec->slots; i++) {
        struct slot *slot = &l->slots[i];

        slot->index = i;
        slot->pidfd = slot->report_fd = -1;
        if (cgroup_slot_open(&l->cgroups, i, &slot->cgroup, e) < 0 ||
            ns_make_net(0, &slot->net_fds[LAUNCH_NET_NONE], e) < 0 ||
            ns_make_net(1, &slot->net_fds[LAUNCH_NET_LOOPBACK], e) < 0) {
            return err_wrap(e, "slot %u", i);
        }
    }
    return 0;
}

/* What is left for the launcher's life: new namespaces and setns, id maps of
 * other users, signals to them, and emptying its own bounding set. */
#define KEPT_CAPS                                                              \
    (UINT64_C(1) << CAP_SYS_ADMIN | UINT64_C(1) << CAP_SETUID |                \
     UINT64_C(1) << CAP_SETGID | UINT64_C(1) << CAP_KILL)

static int give_up_privilege(struct launcher *l, struct err *e)
{
    /* Without root the box's user is our user 0, and to map that one the
     * kernel asks for this too (5.12: user namespaces and file capabilities).
     */
    uint64_t kept = KEPT_CAPS | (l->is_root ? 0 : UINT64_C(1) << CAP_SETFCAP);

    if (l->is_root && setgroups(0, NULL) < 0) {
        return err_sys(e, "dropping groups");
    }
    if (caps_keep(kept) < 0) {
        return err_sys(e, "dropping capabilities");
    }
    /* Without root we must stay dumpable: /proc/PID/uid_map of a child belongs
     * to whom its memory was made by, and else that is the host's root. */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_DUMPABLE, l->is_root ? 0 : 1, 0, 0, 0) < 0) {
        return err_sys(e, "no_new_privs");
    }
    return 0;
}

static void plan_landlock(struct launcher *l)
{
    unsigned abi = landlock_abi();

    for (uint32_t i = 0; i < ARRAY_LEN(l->landlock); i++) {
        landlock_plan_make(abi, i == LAUNCH_NET_NONE, &l->landlock[i]);
    }
}

static int boot(struct launcher *l, struct err *e)
{
    l->is_root = geteuid() == 0;
    rlimits_raise();
    if (!l->is_root && ns_become_root(e) < 0) {
        return -1;
    }
    l->proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    l->self_pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (l->proc_fd < 0 || l->self_pidfd < 0 || l->epoll_fd < 0) {
        return err_sys(e, "opening /proc, a pidfd or epoll");
    }
    /* All that needs the host's tree, then leave it. */
    if (cgroup_open(&l->cgroups, "/sys/fs/cgroup", l->spec->cgroup,
                    l->spec->cgroup_parent, e) < 0) {
        return -1;
    }
    plan_landlock(l);
    l->cgroups.is_keeping = l->spec->slots <= CGROUP_KEEP_SLOTS;
    if (open_slots(l, e) < 0 ||
        mounts_enter_template(!l->is_root, l->is_root, e) < 0 ||
        forkmap_drop_libraries(l->proc_fd, e) < 0 ||
        give_up_privilege(l, e) < 0) {
        return -1;
    }
    return watch_fd(l, l->spec->engine_sock, EPOLL_ENGINE, e);
}

static void say_ready(struct launcher *l, int status, const struct err *e)
{
    struct launch_ready ready = {
        .type = LAUNCH_READY,
        .is_failed = status < 0,
        .is_root = (uint32_t)l->is_root,
        .cgroup_version = l->cgroups.version,
        .controllers = l->cgroups.controllers,
        .uid_base = (uint32_t)l->spec->uid_base,
        .landlock = l->landlock[LAUNCH_NET_NONE].abi,
    };

    if (status < 0) {
        (void)str_copy(ready.error, sizeof(ready.error), e->msg);
    }
    (void)!ipc_send(l->spec->engine_sock, &ready, sizeof(ready), NULL, 0, NULL);
}

/* ---- ending a box ------------------------------------------------------ */

static void send_ended(struct launcher *l, struct launch_ended *ended)
{
    struct err e;

    ended->type = LAUNCH_ENDED;
    if (ipc_send(l->spec->engine_sock, ended, sizeof(*ended), NULL, 0, &e) <
        0) {
        /* end of file on the socket follows and ends us in order */
        log_warn("engine does not hear", "error=%s", e.msg);
    }
}

static void refuse(struct launcher *l, const struct launch_request *request,
                   const struct err *e)
{
    struct launch_ended ended = {.slot = request->slot,
                                 .seq = request->seq,
                                 .is_refused = 1,
                                 .sys = e->sys};

    (void)str_copy(ended.error, sizeof(ended.error), e->msg);
    send_ended(l, &ended);
}

static uint64_t timeval_us(struct timeval t)
{
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_usec;
}

static void fill_usage(const struct rusage *ru, struct launch_ended *out)
{
    out->cpu_user_us = timeval_us(ru->ru_utime);
    out->cpu_system_us = timeval_us(ru->ru_stime);
    out->max_rss_bytes = (uint64_t)ru->ru_maxrss * 1024;
    out->faults_major = (uint64_t)ru->ru_majflt;
    out->faults_minor = (uint64_t)ru->ru_minflt;
    out->switches_voluntary = (uint64_t)ru->ru_nvcsw;
    out->switches_forced = (uint64_t)ru->ru_nivcsw;
}

static void read_report(struct slot *slot)
{
    struct box_report report;

    while (read(slot->report_fd, &report, sizeof(report)) == sizeof(report)) {
        slot->report = report;
        slot->has_report = report.phase != BOX_PHASE_RUNNING;
        slot->collect_us =
            report.phase == BOX_PHASE_COLLECT ? clock_mono_us() : 0;
    }
}

/* Init is a zombie, or about to be: its processes are gone before it is. */
static void reap(struct launcher *l, struct slot *slot)
{
    struct launch_ended ended = {
        .slot = slot->index, .seq = slot->seq, .clone_us = slot->clone_us};
    struct rusage ru;
    int status = 0;

    memset(&ru, 0, sizeof(ru));
    while (wait4(slot->pid, &status, __WALL, &ru) < 0 && errno == EINTR) {
    }
    ended.reaped_us = clock_mono_us();
    ended.init_status = (uint32_t)status;
    ended.stop = slot->stop;
    read_report(slot);
    ended.report = slot->report;
    if (ended.report.phase == BOX_PHASE_COLLECT) { /* it did not get through */
        ended.report.phase = BOX_PHASE_DONE;
    }
    ended.has_report = slot->has_report;
    fill_usage(&ru, &ended);
    cgroup_slot_end(&l->cgroups, &slot->cgroup, &ended.cgroup);
    ended.watched_processes = slot->watched.processes;
    if (slot->watched.rss_bytes > ended.max_rss_bytes) {
        ended.max_rss_bytes = slot->watched.rss_bytes;
    }
    /* By name: a box just cloned holds copies of our descriptors until it has
     * closed them, so that closing ours alone leaves it in epoll. The slot's
     * next box would be taken for ended, and we would wait for it. */
    (void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, slot->pidfd, NULL);
    close(take_fd(&slot->pidfd));
    close(take_fd(&slot->report_fd));
    slot->pid = 0;
    l->running--;
    send_ended(l, &ended);
}

static void stop_box(struct slot *slot, enum launch_stop why)
{
    if (slot->pid > 0 && slot->stop == LAUNCH_STOP_NONE) {
        slot->stop = why;
        (void)proc_kill(slot->pidfd, SIGKILL);
    }
}

/* A box that does not get as far as its program in this time never will. */
#define SETUP_MAX_US 2000000u

/* Bringing files back takes no more than this, unless nobody reads them. */
#define COLLECT_MAX_US 5000000u

static uint64_t wall_end_us(struct slot *slot)
{
    read_report(slot);
    if (slot->collect_us) {
        return slot->collect_us + COLLECT_MAX_US;
    }
    return slot->wall_us + (slot->report.exec_us
                                ? slot->report.exec_us
                                : slot->clone_us + SETUP_MAX_US);
}

/* Ends what has had its time; how long until the next, at most max_ms. */
static int look_at_walls(struct launcher *l, int max_ms)
{
    uint64_t now_us = clock_mono_us();
    uint64_t left_us = (uint64_t)max_ms * 1000;

    for (unsigned i = 0; i < l->spec->slots; i++) {
        struct slot *slot = &l->slots[i];

        if (slot->pid == 0 || slot->wall_us == 0 ||
            slot->stop != LAUNCH_STOP_NONE) {
            continue;
        }
        uint64_t end_us = wall_end_us(slot);
        if (slot->has_report && !slot->collect_us) {
            continue; /* it has ended, and is about to be reaped */
        }
        if (end_us <= now_us && slot->collect_us) {
            (void)proc_kill(slot->pidfd, SIGKILL); /* of init: no stop */
        } else if (end_us <= now_us) {
            stop_box(slot, LAUNCH_STOP_ENGINE);
        } else if (end_us - now_us < left_us) {
            left_us = end_us - now_us;
        }
    }
    return (int)((left_us + 999) / 1000);
}

/* ---- starting a box ---------------------------------------------------- */

static int check_request(const struct launcher *l,
                         const struct launch_request *request, const int *fds,
                         struct err *e)
{
    if (request->slot >= l->spec->slots || l->slots[request->slot].pid != 0 ||
        request->network > LAUNCH_NET_LOOPBACK ||
        request->profile >= SECCOMP_PROFILES) {
        return err_set(e, ERR_BUG,
                       "slot %u is not free, or network %u or profile %u is "
                       "not known",
                       request->slot, request->network, request->profile);
    }
    if (launch_check_fds(fds, e) < 0) {
        return -1;
    }
    return launch_check_limits(&request->limits, &l->spec->maxima, e);
}

/* A box is born in the network namespace its parent is in. */
static int enter_net(struct launcher *l, int net_fd, struct err *e)
{
    if (l->current_net == net_fd) {
        return 0;
    }
    if (setns(net_fd, CLONE_NEWNET) < 0) {
        return err_sys(e, "entering the slot's network namespace");
    }
    l->current_net = net_fd;
    return 0;
}

static uid_t slot_uid(const struct launcher *l, const struct slot *slot)
{
    return l->is_root ? (uid_t)(l->spec->uid_base + slot->index) : 0;
}

static int v2_cgroup_fd(const struct launcher *l, const struct slot *slot)
{
    return l->cgroups.version == CGROUP_V2 ? slot->cgroup.dir_fd : -1;
}

/* The clone and its two pipes. In the child: box_init, no return. */
static int clone_box(struct launcher *l, struct slot *slot, const int *fds,
                     int *out_go_fd, struct err *e)
{
    struct rlimits_plan rlimits;
    AUTO_FD int go_read = -1;
    AUTO_FD int go_write = -1;
    AUTO_FD int report_read = -1;
    AUTO_FD int report_write = -1;
    int go[2];
    int report[2];

    if (fd_pipe(go, e) < 0) {
        return -1;
    }
    go_read = go[0];
    go_write = go[1];
    if (fd_pipe(report, e) < 0) {
        return -1;
    }
    report_read = report[0];
    report_write = report[1];
    if (fd_set_nonblock(report_read, true, e) < 0) {
        return -1;
    }
    rlimits_make(&slot->limits, l->cgroups.controllers & CGROUP_PIDS, &rlimits);
    const struct box_child child = {
        .limits = &slot->limits,
        .rlimits = &rlimits,
        .cgroups = &l->cgroups,
        .cgroup = &slot->cgroup,
        .landlock = &l->landlock[slot->network],
        .seccomp = &l->spec->seccomp.programs[slot->profile],
        .data_bytes = l->cgroups.controllers & CGROUP_MEMORY
                          ? 0
                          : slot->limits.memory_bytes,
        .go_fd = go_read,
        .launcher_pidfd = l->self_pidfd,
        .report_fd = report_write,
        .bundle_fd = fds[LAUNCH_FD_BUNDLE],
        .stdio_fds = {fds[LAUNCH_FD_STDIN], fds[LAUNCH_FD_STDOUT],
                      fds[LAUNCH_FD_STDERR]},
        .collection_fd = fds[LAUNCH_FD_COLLECTION],
    };
    slot->clone_us = clock_mono_us();
    slot->pid =
        proc_clone(ns_clone_flags(), v2_cgroup_fd(l, slot), &slot->pidfd);
    if (slot->pid == 0) {
        close(go_write); /* or we would never see the launcher's end go */
        box_init(&child);
    }
    if (slot->pid < 0) {
        slot->pid = 0;
        return err_sys(e, "clone3 of a box");
    }
    slot->report_fd = take_fd(&report_read);
    *out_go_fd = take_fd(&go_write);
    return 0;
}

static int start(struct launcher *l, const struct launch_request *request,
                 const int *fds, struct err *e)
{
    if (check_request(l, request, fds, e) < 0) {
        return -1;
    }
    struct slot *slot = &l->slots[request->slot];
    AUTO_FD int go_fd = -1;

    slot->seq = request->seq;
    slot->limits = request->limits;
    slot->network = request->network;
    slot->profile = request->profile;
    slot->stop = LAUNCH_STOP_NONE;
    slot->wall_us = 0;
    slot->has_report = false;
    slot->collect_us = 0;
    memset(&slot->report, 0, sizeof(slot->report));
    memset(&slot->watched, 0, sizeof(slot->watched));
    if (enter_net(l, slot->net_fds[request->network], e) < 0 ||
        cgroup_slot_begin(&l->cgroups, &slot->cgroup, &slot->limits, e) < 0 ||
        clone_box(l, slot, fds, &go_fd, e) < 0) {
        return -1;
    }
    /* From here the box exists: what fails ends it, and reap() reports. */
    l->running++;
    if (watch_fd(l, slot->pidfd, slot->index, e) < 0) {
        (void)proc_kill(slot->pidfd, SIGKILL);
        reap(l, slot);
        return 0;
    }
    uid_t uid = slot_uid(l, slot);
    if (ns_write_maps(l->proc_fd, slot->pid, uid, uid, e) < 0) {
        log_error("no id map", "slot=%u error=%s", slot->index, e->msg);
        return 0; /* the closed pipe tells init */
    }
    (void)!write(go_fd, "", 1);
    return 0;
}

/* ---- requests ---------------------------------------------------------- */

static void on_start(struct launcher *l, const struct launch_request *request,
                     const int *fds)
{
    struct err e;

    if (start(l, request, fds, &e) < 0) {
        refuse(l, request, &e);
    }
}

static void on_kill(struct launcher *l, const struct launch_request *request,
                    const int *fds)
{
    (void)fds;
    if (request->slot >= l->spec->slots ||
        l->slots[request->slot].seq != request->seq) {
        return;
    }
    if (request->after_us == 0) {
        stop_box(&l->slots[request->slot], LAUNCH_STOP_ENGINE);
    } else {
        l->slots[request->slot].wall_us = request->after_us;
        l->has_walls = true;
    }
}

static const struct {
    enum launch_type type;
    void (*handle)(struct launcher *l, const struct launch_request *request,
                   const int *fds);
} requests[] = {
    {LAUNCH_START, on_start},
    {LAUNCH_KILL, on_kill},
};

/* False when the engine is gone. */
static bool serve_engine(struct launcher *l)
{
    struct launch_request request;
    int fds[LAUNCH_FD_MAX];
    struct err e;
    ssize_t n = ipc_recv(l->spec->engine_sock, &request, sizeof(request), fds,
                         LAUNCH_FD_MAX, &e);

    if (n == 0) {
        return false;
    }
    if (n < 0) {
        return e.kind == ERR_RETRY;
    }
    for (size_t i = 0; n == sizeof(request) && i < ARRAY_LEN(requests); i++) {
        if (requests[i].type == request.type) {
            requests[i].handle(l, &request, fds);
        }
    }
    for (int i = 0; i < LAUNCH_FD_MAX; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    return true;
}

/* ---- the watch --------------------------------------------------------- */

static void look_without_cgroup(struct launcher *l, struct slot *slot)
{
    struct proctree_usage now;

    if (proctree_sum(l->proc_fd, slot->pid, &now) < 0) {
        return;
    }
    if (now.cpu_us > slot->watched.cpu_us) {
        slot->watched.cpu_us = now.cpu_us;
    }
    if (now.rss_bytes > slot->watched.rss_bytes) {
        slot->watched.rss_bytes = now.rss_bytes;
    }
    if (now.processes > slot->watched.processes) {
        slot->watched.processes = now.processes;
    }
    if (now.rss_bytes > slot->limits.memory_bytes) {
        stop_box(slot, LAUNCH_STOP_MEMORY);
    }
}

static void look(struct launcher *l, struct slot *slot)
{
    uint64_t cpu_us = 0;

    if (l->cgroups.controllers & CGROUP_CPUACCT) {
        cpu_us = cgroup_slot_cpu_us(&l->cgroups, &slot->cgroup);
    }
    if (!(l->cgroups.controllers & CGROUP_MEMORY) ||
        !(l->cgroups.controllers & CGROUP_CPUACCT)) {
        look_without_cgroup(l, slot);
        cpu_us = cpu_us ? cpu_us : slot->watched.cpu_us;
    }
    if (cpu_us > slot->limits.cpu_time_ms * 1000) {
        read_report(slot);
        if (!slot->has_report) { /* else it is not the job's time any more */
            stop_box(slot, LAUNCH_STOP_CPU);
        }
    }
}

static void look_at_all(struct launcher *l)
{
    for (unsigned i = 0; i < l->spec->slots; i++) {
        if (l->slots[i].pid > 0) {
            look(l, &l->slots[i]);
        }
    }
}

/* ---- life -------------------------------------------------------------- */

static void close_all(struct launcher *l)
{
    for (unsigned i = 0; i < l->spec->slots; i++) {
        stop_box(&l->slots[i], LAUNCH_STOP_ENGINE);
    }
    for (unsigned i = 0; i < l->spec->slots; i++) {
        if (l->slots[i].pid > 0) {
            reap(l, &l->slots[i]);
        }
        cgroup_slot_close(&l->cgroups, &l->slots[i].cgroup);
    }
    cgroup_close(&l->cgroups);
}

static void serve(struct launcher *l)
{
    const int every_ms =
        l->cgroups.controllers & CGROUP_CPUACCT ? WATCH_MS : WATCH_NO_CGROUP_MS;
    uint64_t next_look_ms = 0;

    for (;;) {
        struct epoll_event events[64];
        int wait_ms = l->running ? every_ms : -1;

        l->has_walls = l->has_walls && l->running;
        if (l->has_walls) {
            wait_ms = look_at_walls(l, wait_ms);
        }
        int n = epoll_wait(l->epoll_fd, events, ARRAY_LEN(events), wait_ms);

        for (int i = 0; i < n; i++) {
            uint32_t key = events[i].data.u32;
            if (key == EPOLL_ENGINE) {
                if (!serve_engine(l)) {
                    return;
                }
            } else if (l->slots[key].pid > 0) {
                reap(l, &l->slots[key]);
            }
        }
        uint64_t now_ms = clock_mono_ms();
        if (l->running && now_ms >= next_look_ms) {
            look_at_all(l);
            next_look_ms = now_ms + (uint64_t)every_ms;
        }
    }
}

/* SIGINT reaches the whole foreground group, SIGTERM perhaps: the engine
 * decides when it is over and closes the socket. */
static void block_signals(void)
{
    sigset_t all;

    sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
}

void launcher_main(const struct launcher_spec *spec)
{
    struct launcher l = {.spec = spec, .current_net = -1};
    struct err e;

    block_signals();
    proc_reset_signals();
    (void)prctl(PR_SET_NAME, "fy-launcher", 0, 0, 0);
    int status = boot(&l, &e);
    say_ready(&l, status, &e);
    if (status == 0) {
        serve(&l);
        close_all(&l);
    } else {
        cgroup_close(&l.cgroups);
    }
    _exit(status == 0 ? 0 : 1);
}
