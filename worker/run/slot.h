/* SPDX-License-Identifier: MIT */
/* slot.h - one slot of the launcher: its process, its box, its job.
 *
 * A slot holds at most one box. Between jobs that box is made ahead, so that
 * what a job waits for is one packet and the start of its program. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/base.h"
#include "base/err.h"
#include "run/launch_proto.h"
#include "sys/box.h"
#include "sys/cgroup.h"
#include "sys/proctree.h"

struct launcher;

enum slot_state {
    SLOT_EMPTY,   /* no box */
    SLOT_ASKED,   /* the slot process was told to make one */
    SLOT_MAKING,  /* it has, and init puts its layers up */
    SLOT_READY,   /* init waits for a job */
    SLOT_RUNNING, /* it has got one */
    SLOT_ENDING,  /* init is dying: by itself, or killed */
    SLOT_STATES,
};

struct slot {
    struct launcher *launcher;
    unsigned index;
    enum slot_state state;
    /* The slot process. */
    pid_t process; /* 0: none */
    int process_pidfd;
    int control_fd;
    int job_fd;
    uint32_t network; /* enum launch_network it is in */
    int net_fds[2];   /* by enum launch_network */
    struct cgroup_slot cgroup;
    /* The box. */
    pid_t box;      /* 0: none, or not known yet */
    pid_t last_box; /* the same, kept when it is dead */
    int box_pidfd;
    struct box_shape shape;
    struct box_report report;      /* the last that init sent */
    struct proctree_usage watched; /* peaks, where no cgroup is */
    uint64_t ending_us;            /* since when it is SLOT_ENDING */
    unsigned failures;             /* boxes in a row that were no use */
    /* The job. */
    bool has_job; /* a START that no ENDED has answered */
    struct launch_request job;
    int job_fds[LAUNCH_FD_MAX]; /* until init has them, else -1 */
    uint64_t start_us;
    uint64_t collect_us; /* since when files come back; 0: they do not */
    uint64_t wall_us;    /* the engine wants it ended after so long; 0: no */
    uint64_t grace_us;   /* and then gives it so long */
    uint64_t kill_at_us; /* it has had SIGTERM; 0: not */
    uint64_t cpu_us;     /* what the watch has seen, */
    uint64_t busy_us;    /* and when that last grew */
    uint64_t idle_us;    /* when it was stopped for that */
    enum launch_stop stop;
};

int slot_open(struct launcher *l, struct slot *slot, unsigned index,
              struct err *e) MUST_USE;
/* Kills and reaps all of it; a job gets its answer. */
void slot_close(struct slot *slot);

/* Takes the descriptors. The answer comes as ENDED, also of a failure. */
void slot_start(struct slot *slot, const struct launch_request *request,
                int *fds);
/* Ends the box of the running job, or the job that waits for one. grace_us: by
 * SIGTERM, and by SIGKILL only so much later. */
void slot_stop(struct slot *slot, enum launch_stop why, uint64_t grace_us);
/* What the watch has seen of the job's CPU time. */
void slot_saw_cpu(struct slot *slot, uint64_t cpu_us, uint64_t now_us);
/* A box ahead of any job; false when none was asked for. */
bool slot_prepare(struct slot *slot);
/* Now and then: kills a box that should have ended. */
void slot_hurry(struct slot *slot, uint64_t now_us);
/* The program of the slot's job runs, or is about to. */
bool slot_is_running(const struct slot *slot);

/* What the launcher's epoll says about a slot's descriptors. */
enum slot_event {
    SLOT_PROCESS_DEAD,
    SLOT_CONTROL, /* box_made */
    SLOT_BOX_DEAD,
    SLOT_REPORT, /* box_report */
    SLOT_EVENTS,
};
void slot_on_event(struct slot *slot, enum slot_event event);
