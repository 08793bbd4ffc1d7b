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
/* One whose files are wanted, by a reader that takes its time. */
#define LIFE_MAX_FILES_US 200000u

/* More than a pipe holds, so that init has to wait for its reader. */
#define LEAVE "mkdir artifacts; cp blob artifacts/blob; "

/* A compiler's box is of another shape, and all of its folder comes back. */
static const struct {
    const char *script;
    const char *wanted; /* folder, or NULL */
    bool is_compiler;
} jobs[] = {
    {"true", NULL, false},
    {FILL, NULL, false},
    {FILL "sleep 100", NULL, false},
    {FILL "(setsid sleep 100 &); setsid sleep 100 & exec sleep 100", NULL,
     false},
    {FILL "trap '' TERM INT HUP; while :; do :; done", NULL, false},
    {FILL "sleep 100 & kill -STOP $!; kill -STOP $$", NULL, false},
    {FILL "while :; do (sleep 0.01 &); done 2>/dev/null", NULL, false},
    {FILL "exec >&- 2>&- <&-; sleep 100", NULL, false},
    {FILL LEAVE, "artifacts", false},
    {LEAVE "(trap '' TERM; setsid sleep 100 &)", "artifacts", false},
    {"mkdir artifacts; cd artifacts; for i in 1 2 3 4 5 6 7 8 9; do "
     "mkdir $i; cd $i; echo $i >f; ln -s / l; mkfifo p; done",
     "artifacts", false},
    {FILL "cp blob a.out", ".", true},
    {FILL "sleep 100", ".", true},
    {FILL "while :; do :; done", ".", true},
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
    bool is_compiler;
    bool is_coming; /* some of its files are here, others not */
    bool is_hasty;  /* they are read as fast as they come */
    int collection_fd;
};

static const struct place free_place = {.collection_fd = -1};

struct engine {
    const struct churn_spec *spec;
    uint64_t seed;
    int sock;
    pid_t launcher;
    uint64_t seq;
    int bundles[ARRAY_LEN(jobs)];
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

static void want(const struct engine *en, struct buf *b, const char *folder)
{
    const struct bundle_wanted wanted = {
        .room_bytes = 4 * MIB,
        .found_bytes = 4 * MIB,
        .max_found = 100,
        .folder = folder,
    };
    struct err e = {.msg = ""};

    must(en, bundle_wanted(b, &wanted, &e), &e);
}

static int make_bundle(const struct engine *en, size_t job)
{
    const char *const argv[] = {"/bin/sh", "-c", jobs[job].script};
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
    if (jobs[job].wanted) {
        want(en, &b, jobs[job].wanted);
    }
    must(en, fd_memfd_sealed("churn", b.data, b.len, &fd, &e), &e);
    return fd;
}

static void open_streams(struct engine *en)
{
    struct err e = {.msg = ""};

    for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
        en->bundles[i] = make_bundle(en, i);
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

/* The box's end of a pipe for its files; ours is the place's. */
static int open_collection(const struct engine *en, struct place *place)
{
    struct err e = {.msg = ""};
    int fds[2];

    must(en, fd_pipe(fds, &e), &e);
    must(en, fd_set_nonblock(fds[0], true, &e), &e);
    place->collection_fd = fds[0];
    return fds[1];
}

static void start_box(struct engine *en, uint32_t slot)
{
    const size_t job = churn_random(&en->seed) % ARRAY_LEN(jobs);
    struct launch_request request = {
        .type = LAUNCH_START, .slot = slot, .seq = ++en->seq, .limits = limits};
    const unsigned life_max_us =
        jobs[job].wanted ? LIFE_MAX_FILES_US : LIFE_MAX_US;
    struct place *place = &en->places[slot];
    int fds[LAUNCH_FD_MAX];

    *place = (struct place){
        .seq = en->seq,
        .end_us = clock_mono_us() + churn_random(&en->seed) % life_max_us,
        .is_compiler = jobs[job].is_compiler,
        .is_hasty = churn_random(&en->seed) % 2,
        .collection_fd = -1,
    };
    if (jobs[job].is_compiler) {
        request.profile = SECCOMP_COMPILER;
        request.limits.workspace_bytes *= 2;
    }
    fds[LAUNCH_FD_BUNDLE] = en->bundles[job];
    fds[LAUNCH_FD_STDIN] = en->null_fd;
    fds[LAUNCH_FD_STDOUT] = fds[LAUNCH_FD_STDERR] = en->output[1];
    AUTO_FD int collection_fd =
        jobs[job].wanted ? open_collection(en, place) : -1;
    fds[LAUNCH_FD_COLLECTION] = collection_fd;
    send_packet(en, &request, fds,
                collection_fd < 0 ? LAUNCH_FD_COUNT : LAUNCH_FD_MAX);
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

/* A box of which nobody here wanted the end. */
static void note_cut(struct churn_tally *tally, const struct place *place,
                     const struct launch_ended *ended)
{
    if (place->is_killed || !WIFSIGNALED((int)ended->init_status)) {
        return;
    }
    tally->cut_compilers += place->is_compiler;
    tally->cut_collections += ended->has_report; /* its program had ended */
}

static void close_place(struct place *place)
{
    if (place->collection_fd >= 0) {
        close(place->collection_fd);
    }
    *place = free_place;
}

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
    note_cut(en->spec->tally, &en->places[ended.slot], &ended);
    close_place(&en->places[ended.slot]);
    en->spec->tally->answered++;
    en->spec->tally->run += ended.has_report;
}

/* Slowly, a page for each turn of the loop, or all that is there. */
static void read_files(struct churn_tally *tally, struct place *place)
{
    char page[4096];
    ssize_t n = 0;

    while ((n = read(place->collection_fd, page, sizeof(page))) > 0) {
        place->is_coming = true;
        if (!place->is_hasty) {
            break;
        }
    }
    if (n == 0) {
        tally->brought += place->is_coming;
        place->is_coming = false;
        close(take_fd(&place->collection_fd));
    }
}

static void read_collections(struct engine *en)
{
    unsigned collecting = 0;

    for (uint32_t i = 0; i < CHURN_SLOTS; i++) {
        if (en->places[i].collection_fd >= 0) {
            read_files(en->spec->tally, &en->places[i]);
        }
        collecting += en->places[i].is_coming;
    }
    en->spec->tally->collecting = collecting;
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
        read_collections(en);
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

    for (uint32_t i = 0; i < CHURN_SLOTS; i++) {
        en.places[i] = free_place;
    }
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
