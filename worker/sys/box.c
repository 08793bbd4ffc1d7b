/* SPDX-License-Identifier: MIT */
/* box.c - theory of operation: read this first.
 *
 *   engine            unprivileged, speaks Kafka; knows what a job is
 *     | request + descriptors (SOCK_SEQPACKET)
 *   launcher          root or root of a user namespace; in the template root
 *     | clone3: new user and uts namespaces; from inside an empty network
 *     | namespace that belongs to the slot
 *   slot process      once per slot: what is the same for all its boxes
 *     | clone3: new pid, mount, ipc, uts namespaces; child of the launcher
 *   box init          pid 1 inside; builds the box around itself, gives every
 *     | vfork, exec   privilege away, waits; only then reads what a job brought
 *   payload
 *
 * Three lists of steps, each in this order for the reason given. A step that
 * fails ends the process with a report; there is no weaker box. Nothing here
 * allocates or takes a lock: it runs on a copy of the launcher's memory.
 *
 *   slot_steps   below, once: who its boxes are and what bounds them
 *   box_steps    below, per box, before its job is known
 *   the job      box_job.c
 *
 * Why the slot process may be shared by jobs that must not meet: it runs none
 * of them. It reads one fixed-size packet per box from the launcher, opens no
 * file, and no process of a box can name it: it is in another pid namespace,
 * and not dumpable. What its boxes have from it is the user namespace (one
 * user, no capability in it that a box could still have), the network
 * namespace (empty), the cgroup (its counters are noted between two jobs) and
 * the cgroup namespace: nothing that a job can write to and the next can read.
 */
#include "sys/box.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#include "base/fd.h"
#include "sys/box_image.h"
#include "sys/box_inside.h"
#include "sys/caps.h"
#include "sys/ipc.h"
#include "sys/mounts.h"
#include "sys/ns.h"
#include "sys/proc.h"

#define HOST_NAME "box"

/* ---- the slot process --------------------------------------------------- */

static int wait_for_maps(const struct box_slot *slot)
{
    char go = 0;
    ssize_t n = read(slot->control_fd, &go, 1);

    if (n == 0) {
        errno = EPIPE; /* the launcher gave up on us */
    }
    return n == 1 ? 0 : -1;
}

static int enter_cgroup(const struct box_slot *slot)
{
    return cgroup_enter(slot->cgroups, slot->cgroup);
}

static int hide_cgroup(const struct box_slot *slot)
{
    (void)slot;
    return unshare(CLONE_NEWCGROUP);
}

static int become_job_user(const struct box_slot *slot)
{
    (void)slot;
    if (setresgid(NS_INNER_ID, NS_INNER_ID, NS_INNER_ID) < 0) {
        return -1;
    }
    return setresuid(NS_INNER_ID, NS_INNER_ID, NS_INNER_ID);
}

static int die_with_launcher(const struct box_slot *slot)
{
    struct pollfd launcher = {slot->launcher_pidfd, POLLIN, 0};

    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) {
        return -1;
    }
    if (poll(&launcher, 1, 0) != 0) {
        errno = ESRCH;
        return -1;
    }
    return 0;
}

static int close_the_rest(const struct box_slot *slot)
{
    int keep[] = {slot->launcher_pidfd, slot->control_fd, slot->job_fd,
                  slot->image_fd, slot->image_data_fd};

    for (size_t i = 1; i < ARRAY_LEN(keep); i++) {
        for (size_t k = i; k > 0 && keep[k - 1] > keep[k]; k--) {
            int higher = keep[k - 1];

            keep[k - 1] = keep[k];
            keep[k] = higher;
        }
    }
    fd_close_all_except(0, keep, ARRAY_LEN(keep));
    return 0;
}

static int set_names(const struct box_slot *slot)
{
    (void)slot;
    if (setdomainname("", 0) < 0) {
        return -1;
    }
    return sethostname(HOST_NAME, sizeof(HOST_NAME) - 1);
}

/* A scheduling group of its own goes with it (autogroup), which costs 10 us and
 * more to make and end: all boxes of a slot have this one. */
static int leave_session(const struct box_slot *slot)
{
    (void)slot;
    return setsid() < 0 ? -1 : 0;
}

/* No kernel has KEYCTL_JOIN_SESSION_KEYRING as anything but 1. */
static int leave_keyring(const struct box_slot *slot)
{
    (void)slot;
    if (syscall(SYS_keyctl, 1, NULL, 0, 0, 0) < 0 && errno != ENOSYS) {
        return -1;
    }
    return 0;
}

/* What the steps of slot and box still need: namespaces and mounts; locks. */
#define CAPS_FOR_STEPS                                                         \
    (UINT64_C(1) << CAP_SYS_ADMIN | UINT64_C(1) << CAP_SETPCAP)

static int keep_caps(const struct box_slot *slot)
{
    (void)slot;
    return caps_pass_on(CAPS_FOR_STEPS);
}

static int bound_caps(const struct box_slot *slot)
{
    (void)slot;
    return caps_bound_none();
}

struct step {
    const char *name;
    int (*apply)(const struct box_slot *slot);
};

static const struct step slot_steps[] = {
    /* Without the id map nothing here has an owner. */
    {"id maps", wait_for_maps},
    /* While we are still the launcher's user: a slot's own user may not write
     * there. Before anything grows, so that all that follows is counted. */
    {"cgroup", enter_cgroup},
    /* Now our cgroup is the root of what boxes can see. */
    {"cgroup namespace", hide_cgroup},
    /* No terminal, and no signal to a group reaches the worker. A payload gets
     * a process group of its own, so that none reaches us. */
    {"session", leave_session},
    /* The launcher's session keyring may be that of root's login. */
    {"keyring", leave_keyring},
    /* The slot's user outside, the only user inside. Capabilities over the
     * new namespaces stay: there is no user 0 in the map to fix them up for. */
    {"user", become_job_user},
    /* The death signal is forgotten at an id change, so not before. */
    {"launcher is gone", die_with_launcher},
    /* cgroup files, the launcher's sockets: from here only what is ours. */
    {"descriptors", close_the_rest},
    /* Needs CAP_SYS_ADMIN over our uts namespace; boxes get copies of it. */
    {"names", set_names},
    /* Over the exec below. Only what is in the bounding set can be kept so. */
    {"kept capabilities", keep_caps},
    /* A bounding set only shrinks, and boxes inherit it: forty calls that no
     * box has to make. What the steps of a box need is in the other sets. */
    {"bounding set", bound_caps},
    /* Does not come back where there is such an image. */
    {"own image", box_image_exec},
};

static int take_name(const struct box_slot *slot)
{
    (void)slot;
    return prctl(PR_SET_NAME, "fy-slot", 0, 0, 0);
}

static int lock_caps(const struct box_slot *slot)
{
    (void)slot;
    if (caps_lock() < 0) {
        return -1;
    }
    errno = EPERM;
    return caps_bound_is_empty() ? 0 : -1;
}

static int hide_slot(const struct box_slot *slot)
{
    (void)slot;
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* In the image that boxes are copies of. */
static const struct step serve_steps[] = {
    {"name", take_name},
    /* Once more: an exec may forget the death signal. */
    {"launcher is gone", die_with_launcher},
    /* What the exec needed of them is done. */
    {"capabilities", lock_caps},
    /* An exec makes dumpable, and this process has capabilities. */
    {"dumpable", hide_slot},
};

static void answer(const struct box_slot *slot, pid_t pid, int sys,
                   const char *step)
{
    struct box_made made = {.pid = pid, .sys = sys};
    struct err e;

    (void)strncpy(made.step, step, sizeof(made.step) - 1);
    /* Unheard: the launcher is gone, and that ends us. */
    (void)!ipc_send(slot->control_fd, &made, sizeof(made), NULL, 0, &e);
}

static NORETURN void box_main(const struct box_slot *slot,
                              const struct box_make *make);

static void make_box(const struct box_slot *slot, const struct box_make *make)
{
    /* The launcher's child, not ours: it reaps, and its end is the box's. */
    pid_t pid = proc_clone_sibling(ns_box_flags());

    if (pid == 0) {
        box_main(slot, make);
    }
    answer(slot, pid < 0 ? 0 : pid, pid < 0 ? errno : 0, "clone3 of a box");
}

static void take_steps(const struct box_slot *slot, const struct step *steps,
                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (steps[i].apply(slot) < 0) {
            answer(slot, 0, errno, steps[i].name);
            _exit(1);
        }
    }
}

void box_slot_main(const struct box_slot *slot)
{
    take_steps(slot, slot_steps, ARRAY_LEN(slot_steps));
    box_slot_serve(slot);
}

void box_slot_serve(const struct box_slot *slot)
{
    struct box_make make;
    struct err e;

    take_steps(slot, serve_steps, ARRAY_LEN(serve_steps));
    answer(slot, 0, 0, "");
    for (;;) {
        ssize_t n =
            ipc_recv(slot->control_fd, &make, sizeof(make), NULL, 0, &e);

        if (n != sizeof(make)) {
            _exit(n == 0 ? 0 : 1);
        }
        make_box(slot, &make);
    }
}

/* ---- a box, before its job ---------------------------------------------- */

static int die_with_parent(struct box_init *in)
{
    return die_with_launcher(in->slot);
}

static int close_control(struct box_init *in)
{
    return close(in->slot->control_fd) | close(in->slot->launcher_pidfd);
}

static int mount_tree(struct box_init *in)
{
    const char *step = NULL;
    int status = mounts_apply(&in->make->options, &step);

    if (status < 0) {
        (void)strncpy(in->report.step, step, sizeof(in->report.step) - 1);
    }
    return status;
}

/* The counters of init and all it has reaped, for the report. Only the owner
 * may open the file, and after the id change the owner is root until we are
 * dumpable again; nobody else is in this pid namespace yet. */
static int open_counters(struct box_init *in)
{
    if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0) {
        return -1;
    }
    in->io_fd = open("/proc/self/io", O_RDONLY | O_CLOEXEC);
    return 0; /* a kernel without I/O accounting has no such file */
}

static int hide_from_payload(struct box_init *in)
{
    (void)in;
    (void)prctl(PR_SET_NAME, "box-init", 0, 0, 0);
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static int restrict_files(struct box_init *in)
{
    const struct landlock_plan *plan = in->slot->landlock;
    const char *step = NULL;

    if (plan->abi == 0) {
        return 0; /* not on this kernel; the result says so */
    }
    if (landlock_apply(plan, &step) < 0) {
        (void)strncpy(in->report.step, step, sizeof(in->report.step) - 1);
        return -1;
    }
    if (!landlock_holds()) {
        errno = EPERM;
        return -1;
    }
    in->report.landlock = plan->abi;
    return 0;
}

static int drop_caps(struct box_init *in)
{
    (void)in;
    return caps_drop_sets();
}

static int filter_calls(struct box_init *in)
{
    const struct seccomp_program *program =
        &in->slot->seccomp->programs[in->make->profile];

    if (seccomp_apply(program, &in->listener_fd) < 0) {
        return -1;
    }
    if (in->slot->seccomp->seen && in->listener_fd < 0) {
        errno = EBUSY; /* nobody would be told anything */
        return -1;
    }
    in->report.tells_calls = in->listener_fd >= 0;
    return 0;
}

/* What is claimed is asked from the kernel, not remembered. The bounding set
 * was asked by the slot process: it cannot have grown. */
static int verify(struct box_init *in)
{
    struct statvfs root;
    uint32_t found = 0;

    found |= caps_sets_are_empty() ? BOX_VERIFIED_NO_CAPS : 0;
    found |= prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1
                 ? BOX_VERIFIED_NO_NEW_PRIVS
                 : 0;
    found |= prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2 ? BOX_VERIFIED_SECCOMP : 0;
    if (statvfs("/", &root) == 0 && (root.f_flag & ST_RDONLY)) {
        found |= BOX_VERIFIED_ROOT_READ_ONLY;
    }
    found |= getuid() == NS_INNER_ID && geteuid() == NS_INNER_ID
                 ? BOX_VERIFIED_UID
                 : 0;
    in->report.verified = found;
    errno = EPERM;
    return found == BOX_VERIFIED_ALL ? 0 : -1;
}

static const struct {
    const char *name;
    int (*apply)(struct box_init *in);
} box_steps[] = {
    /* A clone begins without the death signal of its parent. */
    {"launcher is gone", die_with_parent},
    /* A box must not ask for boxes, nor reach the launcher's process. */
    {"descriptors", close_control},
    /* Needs CAP_SYS_ADMIN over our own namespaces. */
    {"mounts", mount_tree},
    {"counters", open_counters},
    {"dumpable", hide_from_payload},
    /* After the mounts, which have their own rules, and after which nothing
     * can be mounted. While there is the capability: this needs it, too. */
    {"landlock", restrict_files},
    /* The last thing that needed a capability is done. */
    {"capabilities", drop_caps},
    /* Last, because the steps before use what it forbids. */
    {"seccomp", filter_calls},
    {"verification", verify},
};

void box_tell(struct box_init *in)
{
    struct err e;

    (void)!ipc_send(in->slot->job_fd, &in->report, sizeof(in->report), NULL, 0,
                    &e);
}

void box_fail(struct box_init *in, enum box_phase phase, const char *step)
{
    in->report.sys = errno;
    in->report.phase = phase;
    if (in->report.step[0] == 0) {
        (void)strncpy(in->report.step, step, sizeof(in->report.step) - 1);
    }
    box_tell(in);
    _exit(0);
}

static NORETURN void box_main(const struct box_slot *slot,
                              const struct box_make *make)
{
    struct box_init in = {
        .slot = slot, .make = make, .io_fd = -1, .listener_fd = -1};

    for (size_t i = 0; i < ARRAY_LEN(box_steps); i++) {
        if (box_steps[i].apply(&in) < 0) {
            box_fail(&in, BOX_PHASE_ISOLATE, box_steps[i].name);
        }
    }
    in.report.phase = BOX_PHASE_READY;
    box_tell(&in);
    box_job_run(&in);
}
