/* SPDX-License-Identifier: MIT */
/* bench_peer.c - boxes beside other people's sandboxes.
 *
 * Runs in `forkyard bench`, before anything there has threads. Nobody needs
 * them: those that are not installed, or do not run on this host, are named
 * and left out. All kinds take turns of a few hundred milliseconds. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "bin/bench_boxes.h"
#include "bin/bench_child.h"
#include "bin/bench_machine.h"
#include "bin/bench_peers.h"
#include "bin/bench_phases.h"
#include "bin/bench_spawn.h"
#include "bin/bench_stats.h"
#include "run/boxes.h"

#define TURN_MS      300
#define TURN_FACTOR  2 /* turns per --rounds */
#define TURNS_MAX    64
#define SAMPLES_MAX  65536
#define WARM_UP      3
#define LATER_MS     20
#define KINDS_MAX    16
#define UNIFIED      "/sys/fs/cgroup/unified"
#define ORPHANS_MS   2000
#define MS_PER_SLEEP 1

enum { BARE, BOX, PEERS }; /* kinds; the peers follow */

struct kind {
    const struct bench_peer *peer; /* NULL: bare or box */
    char path[256];
    double *us; /* latencies of all turns */
    size_t count;
    double cpu_us[TURNS_MAX];
    size_t turns;
};

struct stage {
    const struct bench_spec *spec;
    struct bench_report *report;
    struct bench_boxes *boxes;
    struct bench_peer_place place;
    struct kind kinds[KINDS_MAX];
    size_t kind_count;
};

/* ---- a run ------------------------------------------------------------- */

/* What a peer left running is reaped here, so that its CPU time is counted for
 * it: bubblewrap ends before what it started does. */
static int reap_orphans(struct err *e)
{
    const struct timespec rest = {0, MS_PER_SLEEP * 1000000L};
    uint64_t end_ms = clock_mono_ms() + ORPHANS_MS;
    pid_t children[2];

    /* One child is the launcher. */
    while (bench_machine_children(getpid(), children, ARRAY_LEN(children)) >
           1) {
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
        if (clock_mono_ms() > end_ms) {
            return err_set(e, ERR_SYSTEM, "a peer left something running");
        }
        (void)nanosleep(&rest, NULL);
    }
    return 0;
}

static int run_one(const struct stage *s, const struct kind *kind,
                   double *out_us, struct err *e)
{
    if (kind->peer) {
        return bench_peers_run(kind->peer, kind->path, &s->place, out_us, e);
    }
    return kind == &s->kinds[BOX]
               ? bench_boxes_run(s->boxes, out_us, e)
               : bench_spawn_once(s->spec->box_program, out_us, e);
}

static int take_turn(const struct stage *s, struct kind *kind, struct err *e)
{
    const struct timespec later = {0, LATER_MS * 1000000L};
    struct bench_machine_reading from;
    struct bench_machine_reading to;
    struct bench_machine_used used;
    size_t runs = 0;

    if (bench_boxes_settle(s->boxes, e) < 0) {
        return -1;
    }
    bench_machine_read(&from);
    uint64_t until_ms = clock_mono_ms() + TURN_MS;
    while (kind->count < SAMPLES_MAX && clock_mono_ms() < until_ms) {
        if (run_one(s, kind, &kind->us[kind->count], e) < 0) {
            return -1;
        }
        kind->count++;
        runs++;
    }
    (void)nanosleep(&later, NULL);
    if (reap_orphans(e) < 0 || bench_boxes_settle(s->boxes, e) < 0) {
        return -1;
    }
    bench_machine_read(&to);
    bench_machine_between(&from, &to, &used);
    if (runs > 0) {
        kind->cpu_us[kind->turns++] = used.own_us / (double)runs;
    }
    return 0;
}

/* ---- who takes part ---------------------------------------------------- */

static struct kind *add_kind(struct stage *s, const struct bench_peer *peer)
{
    struct kind *kind = &s->kinds[s->kind_count++];

    kind->peer = peer;
    kind->us = xcalloc(SAMPLES_MAX, sizeof(*kind->us));
    return kind;
}

static int warm_up(const struct stage *s, const struct kind *kind,
                   struct err *e)
{
    double us = 0;

    for (unsigned i = 0; i < WARM_UP; i++) {
        if (run_one(s, kind, &us, e) < 0) {
            return -1;
        }
    }
    return 0;
}

static void add_peer(struct stage *s, const struct bench_peer *peer)
{
    char path[sizeof(s->kinds[0].path)];
    struct err e = {.msg = ""};

    if (!bench_peers_find(peer, path, sizeof(path))) {
        bench_report_skip(s->report, peer->latency_row, "us",
                          "skipped: not installed");
        return;
    }
    struct kind *kind = add_kind(s, peer);
    memcpy(kind->path, path, sizeof(path));
    if (warm_up(s, kind, &e) < 0) {
        bench_report_skip(s->report, peer->latency_row, "us",
                          "skipped: does not run here: %s", e.msg);
        free(kind->us);
        s->kind_count--;
    }
}

static int choose_kinds(struct stage *s, struct err *e)
{
    if (warm_up(s, add_kind(s, NULL), e) < 0 ||
        warm_up(s, add_kind(s, NULL), e) < 0) {
        return -1;
    }
    for (size_t i = 0; i < bench_peers_count; i++) {
        add_peer(s, &bench_peers[i]);
    }
    return 0;
}

/* ---- the report -------------------------------------------------------- */

struct medians {
    double us;
    double cpu_us;
};

static struct medians medians_of(struct kind *kind)
{
    return (struct medians){
        bench_stats_median(kind->us, kind->count),
        bench_stats_median(kind->cpu_us, kind->turns),
    };
}

static void report_kind(struct stage *s, struct kind *kind, const char *us_row,
                        const char *cpu_row, const char *what,
                        const struct medians *bare)
{
    struct medians m = medians_of(kind);

    bench_report_add(s->report, us_row, m.us, "us", bare->us,
                     "p50 of %zu runs; p99: %.0f; %s", kind->count,
                     bench_stats_percentile(kind->us, kind->count, 0.99), what);
    bench_report_add(s->report, cpu_row, m.cpu_us, "us", bare->cpu_us,
                     "CPU per run: its processes, ours, kernel threads");
}

/* Two orders may differ: some peers wait more than they work. */
static void report_best(struct stage *s, const char *row, bool by_cpu)
{
    struct medians box = medians_of(&s->kinds[BOX]);
    const struct bench_peer *best = NULL;
    double least = 0;

    for (size_t i = PEERS; i < s->kind_count; i++) {
        struct medians m = medians_of(&s->kinds[i]);
        double us = by_cpu ? m.cpu_us : m.us;

        if (!best || us < least) {
            best = s->kinds[i].peer;
            least = us;
        }
    }
    if (best) {
        bench_report_add(s->report, row, by_cpu ? box.cpu_us : box.us, "us",
                         least, "wanted: a ratio below 1; the best is %s",
                         best->program);
    } else {
        bench_report_skip(s->report, row, "us",
                          "skipped: no peer is installed");
    }
}

static int measure(struct stage *s, struct err *e)
{
    size_t turns = s->spec->rounds * TURN_FACTOR;

    if (choose_kinds(s, e) < 0) {
        return -1;
    }
    for (size_t turn = 0; turn < turns && turn < TURNS_MAX; turn++) {
        for (size_t i = 0; i < s->kind_count; i++) {
            if (take_turn(s, &s->kinds[i], e) < 0) {
                return -1;
            }
        }
    }
    struct medians bare = medians_of(&s->kinds[BARE]);
    report_kind(s, &s->kinds[BOX], "peer_forkyard_us", "peer_forkyard_cpu_us",
                "our own box in the same turns, one run after the other",
                &bare);
    for (size_t i = PEERS; i < s->kind_count; i++) {
        const struct bench_peer *peer = s->kinds[i].peer;

        report_kind(s, &s->kinds[i], peer->latency_row, peer->cpu_row,
                    peer->what, &bare);
    }
    report_best(s, "box_over_best_peer", false);
    report_best(s, "box_over_best_peer_cpu", true);
    return 0;
}

/* ---- the phase --------------------------------------------------------- */

/* crun refuses a host with cgroups of both versions; where it does not see the
 * second it runs. Our own view of the mounts for as long as this takes. */
struct view_of_mounts {
    int ns_fd; /* -1: nothing was changed */
    int cwd_fd;
};

static void hide_unified(struct view_of_mounts *old)
{
    old->cwd_fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    old->ns_fd = -1;
    if (access(UNIFIED, F_OK) < 0 || old->cwd_fd < 0) {
        return;
    }
    int fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && unshare(CLONE_NEWNS) < 0) {
        close(fd); /* not root: no runtime will run either */
        return;
    }
    old->ns_fd = fd;
    (void)mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    (void)umount2(UNIFIED, MNT_DETACH);
}

static int show_unified(struct view_of_mounts *old, struct err *e)
{
    int rc = 0;

    if (old->ns_fd >= 0 &&
        (setns(old->ns_fd, CLONE_NEWNS) < 0 || fchdir(old->cwd_fd) < 0)) {
        rc = err_sys(e, "going back to the host's mounts");
    }
    if (old->ns_fd >= 0) {
        close(take_fd(&old->ns_fd));
    }
    if (old->cwd_fd >= 0) {
        close(take_fd(&old->cwd_fd));
    }
    return rc;
}

static int measure_in_place(struct stage *s, struct err *e)
{
    struct view_of_mounts old;
    int rc = bench_peer_place_make(&s->place, s->spec->box_program, e);

    if (rc < 0) {
        return -1;
    }
    hide_unified(&old);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    rc = measure(s, e);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
    if (show_unified(&old, e) < 0) {
        rc = -1;
    }
    bench_peer_place_remove(&s->place);
    return rc;
}

int bench_phases_peers(const struct bench_spec *spec,
                       struct bench_report *report, struct err *e)
{
    AUTO_FREE struct stage *s = xcalloc(1, sizeof(*s));

    s->spec = spec;
    s->report = report;
    if (bench_boxes_open(spec->config, boxes_slots(spec->config),
                         spec->box_program, &s->boxes, e) < 0) {
        return -1;
    }
    int rc = measure_in_place(s, e);
    for (size_t i = 0; i < s->kind_count; i++) {
        free(s->kinds[i].us);
    }
    bench_boxes_close(s->boxes);
    return rc;
}
