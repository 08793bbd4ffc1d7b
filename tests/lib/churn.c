/* SPDX-License-Identifier: MIT */
/* churn.c - see churn.h. */
#include "lib/churn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "run/boxes.h"
#include "sys/ipc.h"
#include "sys/proc.h"
#include "wire/bundle.h"
#include "wire/config.h"

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)

/* Half of CHURN_BYTES_PER_BOX comes as a file, half is written. */
#define BLOB_BYTES (CHURN_BYTES_PER_BOX / 2)
#define FILL       "head -c 512k /dev/zero >/tmp/fill; "
/* A box is ended after at most so long, unless it ends itself. */
#define LIFE_MAX_US 25000u

static const char *const scripts[] = {
    "true",
    FILL,
    FILL "sleep 100",
    FILL "(setsid sleep 100 &); setsid sleep 100 & exec sleep 100",
    FILL "trap '' TERM INT HUP; while :; do :; done",
    FILL "sleep 100 & kill -STOP $!; kill -STOP $$",
    FILL "while :; do (sleep 0.01 &); done 2>/dev/null",
    FILL "exec >&- 2>&- <&-; sleep 100",
};

static const struct box_limits limits = {
    .memory_bytes = 64 * MIB,
    .stack_bytes = MIB,
    .file_size_bytes = 2 * MIB,
    .workspace_bytes = 4 * MIB,
    .tmp_bytes = 4 * MIB,
    .max_inodes = 100,
    .cpu_time_ms = 5000,
    .max_processes = 8,
    .max_open_files = 32,
    .cpu_quota_millicores = 1000,
};

struct place {
    uint64_t seq; /* 0: free */
    uint64_t end_us;
    bool is_killed;
};

struct engine {
    const struct churn_spec *spec;
    uint64_t seed;
    int sock;
    pid_t launcher;
    uint64_t seq;
    int bundles[ARRAY_LEN(scripts)];
    int output[2];
    int null_fd;
    struct place places[CHURN_SLOTS];
};

static _Atomic int got_term;

static void on_term(int number)
{
    (void)number;
    got_term = 1;
}

uint64_t churn_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Only what nobody caused by a kill comes here. */
static NORETURN void fail(const struct engine *en, const char *what)
{
    (void)snprintf(en->spec->tally->error, sizeof(en->spec->tally->error), "%s",
                   what);
    _exit(2);
}

static void must(const struct engine *en, int status, const struct err *e)
{
    if (status < 0) {
        fail(en, e->msg);
    }
}

static NORETURN void lost(void)
{
    _exit(1);
}

/* ---- what it runs ----------------------------------------------------------
 */

static int make_bundle(const struct engine *en, const char *script)
{
    const char *const argv[] = {"/bin/sh", "-c", script};
    AUTO_FREE char *blob = xcalloc(1, BLOB_BYTES);
    const struct bundle_file file = {"blob", 0600, {blob, BLOB_BYTES}};
    AUTO_BUF struct buf b;
    struct err e = {.msg = ""};
    int fd = -1;

    buf_init(&b, 2 * MIB);
    must(en, bundle_begin(&b, ARRAY_LEN(argv), 1, 1, &e), &e);
    for (size_t i = 0; i < ARRAY_LEN(argv); i++) {
        must(en, bundle_string(&b, view_of(argv[i]), &e), &e);
    }
    must(en, bundle_string(&b, view_of("PATH=/usr/bin:/bin"), &e), &e);
    must(en, bundle_string(&b, view_of("/workspace"), &e), &e);
    must(en, bundle_file(&b, &file, &e), &e);
    must(en, fd_memfd_sealed("churn", b.data, b.len, &fd, &e), &e);
    return fd;
}

static void open_streams(struct engine *en)
{
    struct err e = {.msg = ""};

    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        en->bundles[i] = make_bundle(en, scripts[i]);
    }
    must(en, fd_pipe(en->output, &e), &e);
    must(en, fd_set_nonblock(en->output[0], true, &e), &e);
    en->null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void send_packet(struct engine *en, const struct launch_request *request,
                        const int *fds, size_t count)
{
    struct err e = {.msg = ""};

    if (ipc_send(en->sock, request, sizeof(*request), fds, count, &e) < 0) {
        lost();
    }
}

static void start_box(struct engine *en, uint32_t slot)
{
    const struct launch_request request = {
        .type = LAUNCH_START, .slot = slot, .seq = ++en->seq, .limits = limits};
    int fds[LAUNCH_FD_COUNT];

    fds[LAUNCH_FD_BUNDLE] =
        en->bundles[churn_random(&en->seed) % ARRAY_LEN(scripts)];
    fds[LAUNCH_FD_STDIN] = en->null_fd;
    fds[LAUNCH_FD_STDOUT] = fds[LAUNCH_FD_STDERR] = en->output[1];
    en->places[slot] = (struct place){
        .seq = en->seq,
        .end_us = clock_mono_us() + churn_random(&en->seed) % LIFE_MAX_US};
    send_packet(en, &request, fds, LAUNCH_FD_COUNT);
    en->spec->tally->started++;
}

static void end_box(struct engine *en, uint32_t slot)
{
    const struct launch_request request = {
        .type = LAUNCH_KILL, .slot = slot, .seq = en->places[slot].seq};

    en->places[slot].is_killed = true;
    send_packet(en, &request, NULL, 0);
}

/* ---- the loop --------------------------------------------------------------
 */

static void hear(struct engine *en)
{
    struct launch_ended ended;
    struct err e = {.msg = ""};

    if (ipc_recv(en->sock, &ended, sizeof(ended), NULL, 0, &e) !=
        sizeof(ended)) {
        lost();
    }
    if (ended.type != LAUNCH_ENDED || ended.slot >= CHURN_SLOTS ||
        en->places[ended.slot].seq != ended.seq) {
        fail(en, "an end that belongs to no box");
    }
    if (ended.is_refused) {
        fail(en, ended.error);
    }
    en->places[ended.slot].seq = 0;
    en->spec->tally->answered++;
    en->spec->tally->run += ended.has_report;
}

/* Ends what is due, fills what is free; how many boxes there are. */
static unsigned look_at_slots(struct engine *en)
{
    const bool is_paused = en->spec->tally->should_pause;
    unsigned running = 0;

    for (uint32_t i = 0; i < CHURN_SLOTS; i++) {
        struct place *place = &en->places[i];

        if (place->seq == 0 && !is_paused) {
            start_box(en, i);
        } else if (place->seq != 0 && !place->is_killed &&
                   (is_paused || clock_mono_us() >= place->end_us)) {
            end_box(en, i);
        }
        running += place->seq != 0;
    }
    return running;
}

static void leave(struct engine *en)
{
    int status = 0;

    close(en->sock);
    while (waitpid(en->launcher, &status, 0) < 0 && errno == EINTR) {
    }
    if (status != 0) {
        fail(en, "the launcher ended badly");
    }
    _exit(0);
}

static NORETURN void serve(struct engine *en)
{
    char spill[4096];

    for (;;) {
        struct pollfd p[] = {{en->sock, POLLIN, 0}, {en->output[0], POLLIN, 0}};

        if (got_term) {
            leave(en);
        }
        en->spec->tally->is_idle = look_at_slots(en) == 0;
        (void)poll(p, ARRAY_LEN(p), 1);
        if (p[0].revents) {
            hear(en);
        }
        while (read(en->output[0], spill, sizeof(spill)) > 0) {
        }
    }
}

static void become(uid_t uid)
{
    if (uid != 0 && (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 ||
                     setresuid(uid, uid, uid) < 0)) {
        _exit(3);
    }
}

static NORETURN void engine_main(const struct churn_spec *spec)
{
    struct engine en = {.spec = spec, .seed = spec->seed};
    const struct sigaction term = {.sa_handler = on_term};
    struct launch_ready ready = {.type = 0};
    struct config config;
    struct err e = {.msg = ""};

    become(spec->uid);
    (void)sigaction(SIGTERM, &term, NULL);
    config_init(&config);
    must(&en, config_set(&config, "worker.slots", "3", &e), &e);
    must(&en, config_set(&config, "box.cgroup_parent", spec->cgroup_parent, &e),
         &e);
    must(&en, boxes_fork_launcher(&config, &en.sock, &en.launcher, &e), &e);
    spec->tally->launcher = en.launcher;
    config_done(&config);
    open_streams(&en);
    if (boxes_wait_ready(en.sock, &ready, &e) < 0) {
        if (ready.type == LAUNCH_READY) {
            fail(&en, e.msg);
        }
        lost();
    }
    spec->tally->is_ready = 1;
    serve(&en);
}

pid_t churn_start(const struct churn_spec *spec)
{
    pid_t pid = proc_clone(0, -1, NULL);

    if (pid == 0) {
        engine_main(spec);
    }
    return pid;
}
