/* SPDX-License-Identifier: MIT */
/* boxes.c - see boxes.h. Runs in the engine. */
#include "run/boxes.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "run/launch_check.h"
#include "run/launcher.h"
#include "sys/ipc.h"
#include "sys/proc.h"
#include "sys/proctitle.h"

#define SLOTS_PER_CORE 4

/* A packet the socket had no room for. The kernel bounds the packets that wait
 * in a socket by net.unix.max_dgram_qlen, ten by default: a burst of starts
 * comes here, and no kill may be lost. */
struct packet {
    struct launch_request request;
    int fds[LAUNCH_FD_MAX]; /* ours; -1 when the request has none */
    size_t fd_count;
    struct packet *next;
    struct packet *prev;
};

struct boxes {
    uv_poll_t poll;
    int sock;
    bool is_lost;
    struct packet *waiting; /* in order */
    struct boxes_callbacks callbacks;
};

unsigned boxes_slots(const struct config *config)
{
    if (config->worker_slots > 0) {
        return (unsigned)config->worker_slots;
    }
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    return SLOTS_PER_CORE * (cores > 0 ? (unsigned)cores : 1);
}

/* 0, 1 and 2 stay: the launcher logs to the same stderr. */
static NORETURN void run_launcher(const struct config *config, int sock,
                                  const struct seccomp_set *seccomp)
{
    struct launcher_spec spec = {
        .engine_sock = sock,
        .slots = boxes_slots(config),
        .uid_base = config->box_uid_base,
        .cgroup = config->box_cgroup,
        .cgroup_parent = config->box_cgroup_parent,
        .grace_us = config->box_grace_ms * 1000,
        .seccomp = *seccomp,
    };
    struct err e;

    spec.prepared = config->box_prepared < spec.slots
                        ? (unsigned)config->box_prepared
                        : spec.slots;
    spec.shape = (struct box_shape){
        .workspace_bytes = config->default_disk_bytes,
        .tmp_bytes = config->default_tmp_bytes,
        .max_inodes = config->default_max_inodes,
    };
    launch_check_maxima(config, &spec.maxima);
    fd_close_all_except(3, &sock, 1);
    /* Settings may be secrets, and every box begins as a copy of us. Ending
     * here is seen by boxes_wait_ready(). */
    if (proctitle_replace("forkyard: boxes", &e) < 0) {
        log_error("cannot hide the command line", "error=%s", e.msg);
        _exit(1);
    }
    launcher_main(&spec);
}

int boxes_fork_learner(const struct config *config, struct seccomp_seen *seen,
                       int *out_sock, pid_t *out_pid, struct err *e)
{
    struct seccomp_set seccomp;
    int pair[2];

    if (seccomp_compile(seen, &seccomp, e) < 0 ||
        fd_socketpair_seqpacket(pair, e) < 0) {
        seccomp_set_done(&seccomp);
        return -1;
    }
    pid_t pid = proc_clone(0, -1, NULL);
    if (pid == 0) {
        run_launcher(config, pair[1], &seccomp);
    }
    seccomp_set_done(&seccomp);
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return err_sys(e, "forking the launcher");
    }
    *out_sock = pair[0];
    *out_pid = pid;
    return 0;
}

int boxes_fork_launcher(const struct config *config, int *out_sock,
                        pid_t *out_pid, struct err *e)
{
    return boxes_fork_learner(config, NULL, out_sock, out_pid, e);
}

int boxes_wait_ready(int sock, struct launch_ready *out, struct err *e)
{
    ssize_t n = ipc_recv(sock, out, sizeof(*out), NULL, 0, e);

    if (n < 0) {
        return -1;
    }
    if (n != sizeof(*out) || out->type != LAUNCH_READY) {
        return err_set(e, ERR_SYSTEM, "the launcher ended at its start");
    }
    if (out->is_failed) {
        out->error[sizeof(out->error) - 1] = 0;
        return err_set(e, ERR_SYSTEM, "no boxes on this host: %s", out->error);
    }
    return 0;
}

static void lose(struct boxes *boxes)
{
    if (!boxes->is_lost) {
        boxes->is_lost = true;
        (void)uv_poll_stop(&boxes->poll);
        boxes->callbacks.on_lost(boxes->callbacks.arg);
    }
}

static void packet_free(struct packet *packet)
{
    for (size_t i = 0; i < packet->fd_count; i++) {
        if (packet->fds[i] >= 0) {
            close(packet->fds[i]);
        }
    }
    free(packet);
}

static void on_event(uv_poll_t *poll, int status, int events);

static void poll_for(struct boxes *boxes, int events)
{
    (void)uv_poll_start(&boxes->poll, events, on_event);
}

static int keep(struct boxes *boxes, const struct launch_request *request,
                const int *fds, size_t fd_count, struct err *e)
{
    struct packet *packet = xcalloc(1, sizeof(*packet));

    packet->request = *request;
    packet->fd_count = fd_count;
    for (size_t i = 0; i < fd_count; i++) {
        packet->fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
        if (packet->fds[i] < 0) {
            packet_free(packet);
            return err_sys(e, "keeping a descriptor for the launcher");
        }
    }
    DL_APPEND(boxes->waiting, packet);
    poll_for(boxes, UV_READABLE | UV_WRITABLE);
    return 0;
}

/* The launcher's end shows in a send first or in a read; both tell. */
static int send_packet(struct boxes *boxes,
                       const struct launch_request *request, const int *fds,
                       size_t fd_count, struct err *e)
{
    if (!boxes->waiting) {
        int status =
            ipc_send(boxes->sock, request, sizeof(*request), fds, fd_count, e);

        if (status == 0) {
            return 0;
        }
        if (e->kind != ERR_RETRY) {
            lose(boxes);
            return -1;
        }
    }
    return keep(boxes, request, fds, fd_count, e);
}

static void send_waiting(struct boxes *boxes)
{
    struct err e;

    while (boxes->waiting) {
        struct packet *packet = boxes->waiting;

        if (ipc_send(boxes->sock, &packet->request, sizeof(packet->request),
                     packet->fds, packet->fd_count, &e) < 0) {
            if (e.kind != ERR_RETRY) {
                lose(boxes);
            }
            return;
        }
        DL_DELETE(boxes->waiting, packet);
        packet_free(packet);
    }
    poll_for(boxes, UV_READABLE);
}

static void receive(struct boxes *boxes)
{
    struct launch_ended ended;
    struct err e;

    while (!boxes->is_lost) {
        ssize_t n = ipc_recv(boxes->sock, &ended, sizeof(ended), NULL, 0, &e);

        if (n < 0 && e.kind == ERR_RETRY) {
            return;
        }
        if (n != sizeof(ended) || ended.type != LAUNCH_ENDED) {
            lose(boxes);
            return;
        }
        boxes->callbacks.on_ended(&ended, boxes->callbacks.arg);
    }
}

static void on_event(uv_poll_t *poll, int status, int events)
{
    struct boxes *boxes = poll->data;

    (void)status;
    if (events & UV_WRITABLE) {
        send_waiting(boxes);
    }
    receive(boxes); /* on an error too: it finds out which */
}

int boxes_open(uv_loop_t *loop, int sock,
               const struct boxes_callbacks *callbacks, struct boxes **out,
               struct err *e)
{
    struct boxes *boxes = xcalloc(1, sizeof(*boxes));

    boxes->sock = sock;
    boxes->callbacks = *callbacks;
    if (fd_set_nonblock(sock, true, e) < 0) {
        free(boxes);
        return -1;
    }
    if (uv_poll_init(loop, &boxes->poll, sock) != 0 ||
        uv_poll_start(&boxes->poll, UV_READABLE, on_event) != 0) {
        free(boxes);
        return err_set(e, ERR_SYSTEM, "polling the launcher's socket");
    }
    boxes->poll.data = boxes;
    *out = boxes;
    return 0;
}

int boxes_start(struct boxes *boxes, const struct launch_request *request,
                const int fds[LAUNCH_FD_MAX], struct err *e)
{
    if (boxes->is_lost) {
        return err_set(e, ERR_SYSTEM, "the launcher is gone");
    }
    size_t count =
        fds[LAUNCH_FD_COLLECTION] < 0 ? LAUNCH_FD_COLLECTION : LAUNCH_FD_MAX;
    return send_packet(boxes, request, fds, count, e);
}

bool boxes_are_lost(const struct boxes *boxes)
{
    return boxes->is_lost;
}

void boxes_stop(struct boxes *boxes, uint32_t slot, uint64_t seq,
                const struct boxes_stop *how)
{
    const struct launch_request request = {.type = LAUNCH_KILL,
                                           .slot = slot,
                                           .seq = seq,
                                           .after_us = how->after_us,
                                           .idle_us = how->idle_us,
                                           .grace_us = how->grace_us};
    struct err e;

    if (!boxes->is_lost && send_packet(boxes, &request, NULL, 0, &e) < 0) {
        lose(boxes);
    }
}

void boxes_kill(struct boxes *boxes, uint32_t slot, uint64_t seq,
                uint64_t after_us)
{
    const struct boxes_stop how = {.after_us = after_us};

    boxes_stop(boxes, slot, seq, &how);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void boxes_close(struct boxes *boxes)
{
    if (!boxes) {
        return;
    }
    boxes->is_lost = true;
    (void)uv_poll_stop(&boxes->poll);
    while (boxes->waiting) {
        struct packet *packet = boxes->waiting;

        DL_DELETE(boxes->waiting, packet);
        packet_free(packet);
    }
    close(take_fd(&boxes->sock));
    uv_close((uv_handle_t *)&boxes->poll, on_closed);
}
