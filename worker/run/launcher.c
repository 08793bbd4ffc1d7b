/* SPDX-License-Identifier: MIT */
/* launcher.c - makes boxes, watches their CPU time, reaps them, tells the
 * engine. A process of its own, forked before the engine has threads;
 * single-threaded; the only one that keeps privilege: what clone, setns, id
 * maps and kill need. It has no network (an empty network namespace), sees
 * nothing of the host's files (the template is its root), and parses nothing
 * that a job brought: bundles go through it as descriptors.
 *
 * Happy path: every slot has a process and a box ahead (slot.c); START gives
 * that box its job; its last report, or its end, becomes ENDED.
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
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "run/box_data.h"
#include "run/launch_check.h"
#include "run/launcher_inside.h"
#include "run/slot_process.h"
#include "sys/box_image.h"
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

uint64_t launcher_key(const struct slot *slot, enum slot_event event)
{
    return (uint64_t)slot->index * SLOT_EVENTS + event;
}

int launcher_watch(struct launcher *l, int fd, uint64_t key, struct err *e)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = key};

    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        return err_sys(e, "epoll");
    }
    return 0;
}

void launcher_unwatch(struct launcher *l, int fd)
{
    (void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

/* ---- boot ------------------------------------------------------------- */

static int open_slots(struct launcher *l, struct err *e)
{
    l->slots = xcalloc(l->spec->slots, sizeof(*l->slots));
    for (unsigned i = 0; i < l->spec->slots; i++) {
        if (slot_open(l, &l->slots[i], i, e) < 0) {
            return -1;
        }
    }
    /* Ours, and where we end up: sockets of ours are seen by no box. */
    return ns_make_net(0, &l->own_net, e);
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

static int prepare_image(struct launcher *l, struct err *e)
{
    /* A learner shares memory with its boxes, and an exec would end that. */
    uint64_t size = l->spec->seccomp.seen ? 0 : box_data_size;

    if (box_image_open(box_data, size, &l->image_fd, e) < 0) {
        return -1;
    }
    for (uint32_t i = 0; i < ARRAY_LEN(l->image_data_fds); i++) {
        if (box_image_data(&l->landlock[i], &l->spec->seccomp,
                           &l->image_data_fds[i], e) < 0) {
            return -1;
        }
    }
    return 0;
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
    if (prepare_image(l, e) < 0 || open_slots(l, e) < 0 ||
        mounts_enter_template(!l->is_root, l->is_root, e) < 0 ||
        forkmap_drop_libraries(l->proc_fd, e) < 0 ||
        give_up_privilege(l, e) < 0) {
        return -1;
    }
    return launcher_watch(l, l->spec->engine_sock, LAUNCHER_KEY_ENGINE, e);
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

void launcher_send_ended(struct launcher *l, struct launch_ended *ended)
{
    struct err e;

    ended->type = LAUNCH_ENDED;
    if (ipc_send(l->spec->engine_sock, ended, sizeof(*ended), NULL, 0, &e) <
        0) {
        /* end of file on the socket follows and ends us in order */
        log_warn("engine does not hear", "error=%s", e.msg);
    }
}

/* ---- wall clocks ------------------------------------------------------- */

/* A job whose program has not started in this time never will. */
#define SETUP_MAX_US 2000000u

/* Bringing files back takes no more than this, unless nobody reads them. */
#define COLLECT_MAX_US 5000000u

static uint64_t wall_end_us(const struct slot *slot)
{
    if (slot->collect_us) {
        return slot->collect_us + COLLECT_MAX_US;
    }
    if (slot->kill_at_us) {
        return slot->kill_at_us;
    }
    if (slot->wall_us == 0) {
        return UINT64_MAX;
    }
    return slot->wall_us + (slot->report.exec_us
                                ? slot->report.exec_us
                                : slot->start_us + SETUP_MAX_US);
}

/* Ends what has had its time; how long until the next, at most max_ms. */
static int look_at_walls(struct launcher *l, int max_ms)
{
    uint64_t now_us = clock_mono_us();
    uint64_t left_us = (uint64_t)max_ms * 1000;

    for (unsigned i = 0; i < l->spec->slots; i++) {
        struct slot *slot = &l->slots[i];

        if (!slot->has_job || wall_end_us(slot) == UINT64_MAX) {
            continue;
        }
        /* It may have ended in time, and told so. */
        slot_on_event(slot, SLOT_REPORT);
        if (!slot->has_job) {
            continue;
        }
        uint64_t end_us = wall_end_us(slot);
        if (end_us <= now_us) {
            bool was_asked = slot->kill_at_us || slot->collect_us;

            slot_stop(slot, LAUNCH_STOP_ENGINE, was_asked ? 0 : slot->grace_us);
        } else if (end_us - now_us < left_us) {
            left_us = end_us - now_us;
        }
    }
    return (int)((left_us + 999) / 1000);
}

/* ---- requests ---------------------------------------------------------- */

static int check_request(const struct launcher *l,
                         const struct launch_request *request, const int *fds,
                         struct err *e)
{
    if (request->slot >= l->spec->slots || l->slots[request->slot].has_job ||
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

static void on_start(struct launcher *l, const struct launch_request *request,
                     int *fds)
{
    struct err e;

    if (check_request(l, request, fds, &e) < 0) {
        struct launch_ended ended = {.slot = request->slot,
                                     .seq = request->seq,
                                     .is_refused = 1,
                                     .sys = e.sys};

        (void)str_copy(ended.error, sizeof(ended.error), e.msg);
        launcher_send_ended(l, &ended);
        return;
    }
    slot_start(&l->slots[request->slot], request, fds);
}

static void kill_idle(struct slot *slot, const struct launch_request *request)
{
    uint64_t idle_us = clock_mono_us() - slot->busy_us;

    if (slot_is_running(slot) && idle_us >= request->idle_us) {
        slot->idle_us = idle_us;
        slot_stop(slot, LAUNCH_STOP_IDLE, request->grace_us);
    }
}

static void on_kill(struct launcher *l, const struct launch_request *request,
                    int *fds)
{
    (void)fds;
    if (request->slot >= l->spec->slots ||
        l->slots[request->slot].job.seq != request->seq) {
        return;
    }
    struct slot *slot = &l->slots[request->slot];
    if (request->idle_us > 0) {
        kill_idle(slot, request);
    } else if (request->after_us == 0) {
        slot_stop(slot, LAUNCH_STOP_ENGINE, request->grace_us);
    } else {
        slot->wall_us = request->after_us;
        slot->grace_us = request->grace_us;
        l->has_walls = true;
    }
}

static const struct {
    enum launch_type type;
    void (*handle)(struct launcher *l, const struct launch_request *request,
                   int *fds);
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

    if (proctree_sum(l->proc_fd, slot->box, &now) < 0) {
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
    if (now.rss_bytes > slot->job.limits.memory_bytes) {
        slot_stop(slot, LAUNCH_STOP_MEMORY, 0);
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
    slot_saw_cpu(slot, cpu_us, clock_mono_us());
    /* v2 ends the whole box; v1 one process, and the rest would go on. */
    if (cgroup_slot_is_out_of_memory(&l->cgroups, &slot->cgroup)) {
        slot_stop(slot, LAUNCH_STOP_OOM, 0);
    }
    if (cpu_us > slot->job.limits.cpu_time_ms * 1000) {
        slot_on_event(slot, SLOT_REPORT);
    }
    /* While files come back it is not the job's time any more. */
    if (slot_is_running(slot) && cpu_us > slot->job.limits.cpu_time_ms * 1000) {
        slot_stop(slot, LAUNCH_STOP_CPU, l->spec->grace_us);
    }
}

static void look_at_all(struct launcher *l)
{
    l->has_endings = false;
    for (unsigned i = 0; i < l->spec->slots; i++) {
        slot_hurry(&l->slots[i], clock_mono_us());
        l->has_endings |= l->slots[i].state == SLOT_ENDING;
        if (slot_is_running(&l->slots[i])) {
            look(l, &l->slots[i]);
        }
    }
}

/* ---- life -------------------------------------------------------------- */

static void close_all(struct launcher *l)
{
    for (unsigned i = 0; i < l->spec->slots; i++) {
        slot_close(&l->slots[i]);
    }
    cgroup_close(&l->cgroups);
}

/* One box ahead per call, so that a request never waits behind many. False
 * when nothing is left to prepare. */
static bool prepare_one(struct launcher *l)
{
    for (unsigned i = 0; i < l->spec->prepared; i++) {
        if (slot_prepare(&l->slots[i])) {
            return true;
        }
    }
    return false;
}

/* False when the engine is gone. */
static bool serve_event(struct launcher *l, uint64_t key)
{
    if (key == LAUNCHER_KEY_ENGINE) {
        return serve_engine(l);
    }
    slot_on_event(&l->slots[key / SLOT_EVENTS],
                  (enum slot_event)(key % SLOT_EVENTS));
    return true;
}

static int wait_ms(struct launcher *l, bool is_preparing, int every_ms)
{
    if (is_preparing) {
        return 0;
    }
    l->has_walls = l->has_walls && l->running;
    if (l->has_walls) {
        return look_at_walls(l, every_ms);
    }
    return l->running || l->has_endings ? every_ms : -1;
}

static void serve(struct launcher *l)
{
    const int every_ms =
        l->cgroups.controllers & CGROUP_CPUACCT ? WATCH_MS : WATCH_NO_CGROUP_MS;
    uint64_t next_look_ms = 0;
    bool is_preparing = true;

    for (;;) {
        struct epoll_event events[64];
        int n = epoll_wait(l->epoll_fd, events, ARRAY_LEN(events),
                           wait_ms(l, is_preparing, every_ms));

        for (int i = 0; i < n; i++) {
            if (!serve_event(l, events[i].data.u64)) {
                return;
            }
        }
        if (l->has_strangers) {
            slot_process_reap_strangers(l);
        }
        is_preparing = prepare_one(l);
        uint64_t now_ms = clock_mono_ms();
        if ((l->running || l->has_endings) && now_ms >= next_look_ms) {
            look_at_all(l);
            next_look_ms = now_ms + (uint64_t)every_ms;
        }
    }
}

static void block_signals(void)
{
    sigset_t all;

    sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
}

void launcher_main(const struct launcher_spec *spec)
{
    struct launcher l = {.spec = spec};
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
