/* SPDX-License-Identifier: MIT */
/* slot_process.c - see slot_process.h. Runs in the launcher. */
#include "run/slot_process.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/str.h"
#include "run/launcher_inside.h"
#include "sys/ipc.h"
#include "sys/ns.h"
#include "sys/proc.h"

void slot_process_drop_fd(struct slot *slot, int *fd)
{
    if (*fd >= 0) {
        /* By name: a process just cloned holds copies until it has closed
         * them, so that closing ours alone would leave it in epoll. */
        launcher_unwatch(slot->launcher, *fd);
        close(take_fd(fd));
    }
}

/* A box it has made lives on, and goes on reporting. */
void slot_process_end(struct slot *slot)
{
    if (slot->process > 0) {
        (void)proc_kill(slot->process_pidfd, SIGKILL);
        while (waitpid(slot->process, NULL, __WALL) < 0 && errno == EINTR) {
        }
        slot->process = 0;
    }
    slot_process_drop_fd(slot, &slot->process_pidfd);
    slot_process_drop_fd(slot, &slot->control_fd);
    if (slot->box == 0) {
        slot_process_drop_fd(slot, &slot->job_fd);
    }
}

static int enter_net(int net_fd, struct err *e)
{
    if (setns(net_fd, CLONE_NEWNET) < 0) {
        return err_sys(e, "entering a network namespace");
    }
    return 0;
}

static int v2_cgroup_fd(const struct slot *slot)
{
    return slot->launcher->cgroups.version == CGROUP_V2 ? slot->cgroup.dir_fd
                                                        : -1;
}

static int clone_process(struct slot *slot, int control_fd, int job_fd,
                         struct err *e)
{
    struct launcher *l = slot->launcher;
    const struct box_slot inside = {
        .cgroups = &l->cgroups,
        .cgroup = &slot->cgroup,
        .landlock = &l->landlock[slot->network],
        .seccomp = &l->spec->seccomp,
        .launcher_pidfd = l->self_pidfd,
        .control_fd = control_fd,
        .job_fd = job_fd,
        .image_fd = l->image_fd,
        .image_data_fd = l->image_data_fds[slot->network],
    };

    slot->process =
        proc_clone(ns_slot_flags(), v2_cgroup_fd(slot), &slot->process_pidfd);
    if (slot->process == 0) {
        close(slot->control_fd); /* or it would never see our end go */
        box_slot_main(&inside);
    }
    if (slot->process < 0) {
        slot->process = 0;
        return err_sys(e, "clone3 of a slot process");
    }
    return 0;
}

static int watch_process(struct slot *slot, struct err *e)
{
    const struct {
        int fd;
        enum slot_event event;
    } rows[] = {
        {slot->process_pidfd, SLOT_PROCESS_DEAD},
        {slot->control_fd, SLOT_CONTROL},
        {slot->job_fd, SLOT_REPORT},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (launcher_watch(slot->launcher, rows[i].fd,
                           launcher_key(slot, rows[i].event), e) < 0) {
            return -1;
        }
    }
    return 0;
}

static uid_t slot_uid(const struct slot *slot)
{
    const struct launcher *l = slot->launcher;

    return l->is_root ? (uid_t)(l->spec->uid_base + slot->index) : 0;
}

/* When the host runs out of memory its kernel looks for whom to end: boxes
 * before anything else of the same size. All of the slot's inherit it. */
#define OOM_SCORE "500"

static int prefer_for_oom(const struct slot *slot, struct err *e)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "%d/oom_score_adj", (int)slot->process);
    if (fd_write_small(slot->launcher->proc_fd, path, OOM_SCORE) < 0) {
        return err_sys(e, "writing oom_score_adj");
    }
    return 0;
}

/* Waits for it: a few hundred microseconds, once per slot. */
static int let_process_settle(struct slot *slot, struct err *e)
{
    struct box_made made;
    uid_t uid = slot_uid(slot);

    if (prefer_for_oom(slot, e) < 0 ||
        ns_write_maps(slot->launcher->proc_fd, slot->process, uid, uid, e) <
            0 ||
        fd_write_all(slot->control_fd, "", 1, e) < 0) {
        return -1;
    }
    ssize_t n = ipc_recv(slot->control_fd, &made, sizeof(made), NULL, 0, e);
    if (n != sizeof(made)) {
        return n < 0 ? -1 : err_set(e, ERR_SYSTEM, "the slot process ended");
    }
    if (made.sys) {
        errno = made.sys;
        return err_sys(e, "slot process: %.*s", (int)sizeof(made.step),
                       made.step);
    }
    return 0;
}

/* A process is born in the network namespace its parent is in. */
static int clone_in_net(struct slot *slot, int control_fd, int job_fd,
                        struct err *e)
{
    struct err back;

    if (enter_net(slot->net_fds[slot->network], e) < 0) {
        return -1;
    }
    int status = clone_process(slot, control_fd, job_fd, e);
    if (enter_net(slot->launcher->own_net, &back) < 0) {
        *e = back;
        return -1;
    }
    return status;
}

static int start_process(struct slot *slot, uint32_t network, struct err *e)
{
    AUTO_FD int control_fd = -1;
    AUTO_FD int job_fd = -1;
    int pair[2];

    if (fd_socketpair_seqpacket(pair, e) < 0) {
        return -1;
    }
    slot->control_fd = pair[0];
    control_fd = pair[1];
    if (fd_socketpair_seqpacket(pair, e) < 0) {
        return -1;
    }
    slot->job_fd = pair[0];
    job_fd = pair[1];
    slot->network = network;
    if (fd_set_nonblock(slot->job_fd, true, e) < 0) {
        return -1;
    }
    return clone_in_net(slot, control_fd, job_fd, e);
}

int slot_process_ensure(struct slot *slot, uint32_t network, struct err *e)
{
    if (slot->process && slot->network == network) {
        return 0;
    }
    slot_process_end(slot);
    /* Its ends of the sockets are closed here by now: its death is seen. */
    if (start_process(slot, network, e) < 0 ||
        let_process_settle(slot, e) < 0 || watch_process(slot, e) < 0) {
        slot_process_end(slot);
        return err_wrap(e, "slot %u", slot->index);
    }
    return 0;
}

/* A slot process that dies between the clone and its answer leaves a box whose
 * pid we were never told. It ends by itself, because nobody holds the other
 * end of its socket; here it is reaped. Rare enough to ask /proc. Not while a
 * slot waits for such an answer: its box is a stranger as well. */
void slot_process_reap_strangers(struct launcher *l)
{
    char path[64];
    char list[4096];
    char *rest = list;

    for (unsigned i = 0; i < l->spec->slots; i++) {
        if (l->slots[i].state == SLOT_ASKED) {
            return;
        }
    }
    l->has_strangers = false;
    (void)snprintf(path, sizeof(path), "self/task/%d/children", (int)getpid());
    if (fd_read_small(l->proc_fd, path, list, sizeof(list)) <= 0) {
        return;
    }
    for (char *word; (word = strsep(&rest, " ")) != NULL;) {
        uint64_t pid = 0;
        bool is_known = str_parse_u64(word, &pid, NULL) < 0;

        for (unsigned i = 0; !is_known && i < l->spec->slots; i++) {
            is_known = l->slots[i].process == (pid_t)pid ||
                       l->slots[i].box == (pid_t)pid;
        }
        if (!is_known) {
            (void)kill((pid_t)pid, SIGKILL);
            (void)waitpid((pid_t)pid, NULL, __WALL);
        }
    }
}
