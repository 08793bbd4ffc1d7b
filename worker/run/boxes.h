/* SPDX-License-Identifier: MIT */
/* boxes.h - the engine's end of the launcher: start a box, kill it, hear how
 * it ended. Client side of launch_proto.h. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/base.h"
#include "base/err.h"
#include "run/launch_proto.h"
#include "wire/config.h"

/* Four boxes per core unless worker.slots says otherwise. */
unsigned boxes_slots(const struct config *config);

/* Compiles the seccomp lists and forks the launcher. Before any thread, any
 * Kafka handle, and before the engine drops root. *out_sock is the engine's
 * end, CLOEXEC. */
int boxes_fork_launcher(const struct config *config, int *out_sock,
                        pid_t *out_pid, struct err *e) MUST_USE;
/* The same, and its boxes refuse no call but note it: not for workers. Borrows
 * seen for as long as the launcher lives. */
int boxes_fork_learner(const struct config *config, struct seccomp_seen *seen,
                       int *out_sock, pid_t *out_pid, struct err *e) MUST_USE;
/* Blocks for the launcher's first packet: what this host gave us. */
int boxes_wait_ready(int sock, struct launch_ready *out,
                     struct err *e) MUST_USE;

struct boxes;

struct boxes_callbacks {
    void (*on_ended)(const struct launch_ended *ended, void *arg);
    /* The launcher is gone; no box of it lives. Called once. */
    void (*on_lost)(void *arg);
    void *arg;
};

/* Takes the socket. */
int boxes_open(uv_loop_t *loop, int sock,
               const struct boxes_callbacks *callbacks, struct boxes **out,
               struct err *e) MUST_USE;
/* Borrows the descriptors (LAUNCH_FD_..., that of the collection may be -1).
 * The answer comes as on_ended with the same seq. */
int boxes_start(struct boxes *boxes, const struct launch_request *request,
                const int fds[LAUNCH_FD_MAX], struct err *e) MUST_USE;
/* After on_lost: what could not be started is not to blame for it. */
bool boxes_are_lost(const struct boxes *boxes);
/* As in struct launch_request; all 0: kills at once. */
struct boxes_stop {
    uint64_t after_us;
    uint64_t idle_us;
    uint64_t grace_us;
};
void boxes_stop(struct boxes *boxes, uint32_t slot, uint64_t seq,
                const struct boxes_stop *how);
/* after_us: not before the program has run so long. */
void boxes_kill(struct boxes *boxes, uint32_t slot, uint64_t seq,
                uint64_t after_us);
/* Closes the socket: the launcher kills what runs and ends. The memory goes
 * when the loop has closed the handle. */
void boxes_close(struct boxes *boxes);
