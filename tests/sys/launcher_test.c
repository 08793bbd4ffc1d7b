/* SPDX-License-Identifier: MIT */
/* launcher_test.c - the launcher against an engine that lies: limits, slots,
 * descriptors and packets that no honest one sends. Each request gets one
 * answer, nothing stays open, and the next honest job runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/base.h"
#include "base/fd.h"
#include "lib/boxrun.h"
#include "sys/ipc.h"
#include "wire/bundle.h"

#define FUZZ_ROUNDS 2000

static struct boxrun run;
static int good_fds[LAUNCH_FD_COUNT];
static int output_fd; /* read end of both outputs */

/* ---- set-up ------------------------------------------------------------- */

static int make_bundle(const char *program)
{
    struct buf b;
    struct err e = {.msg = ""};
    int fd = -1;

    buf_init(&b, 4096);
    assert_int_equal(bundle_begin(&b, 1, 0, 0, &e), 0);
    assert_int_equal(bundle_string(&b, view_of(program), &e), 0);
    assert_int_equal(bundle_string(&b, view_of("/"), &e), 0);
    assert_int_equal(fd_memfd_sealed("bundle", b.data, b.len, &fd, &e), 0);
    buf_done(&b);
    return fd;
}

static int open_run(void **state)
{
    struct err e = {.msg = ""};
    int pair[2];

    (void)state;
    boxrun_open(&run, "auto");
    boxrun_settle(&run);
    assert_int_equal(fd_pipe(pair, &e), 0);
    assert_int_equal(fd_set_nonblock(pair[0], true, &e), 0);
    output_fd = pair[0];
    good_fds[LAUNCH_FD_BUNDLE] = make_bundle("/usr/bin/true");
    good_fds[LAUNCH_FD_STDIN] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    good_fds[LAUNCH_FD_STDOUT] = pair[1];
    good_fds[LAUNCH_FD_STDERR] = fcntl(pair[1], F_DUPFD_CLOEXEC, 3);
    return 0;
}

static int close_run(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good_fds); i++) {
        close(good_fds[i]);
    }
    close(output_fd);
    boxrun_close(&run);
    return 0;
}

static struct launch_request honest(void)
{
    return (struct launch_request){
        .type = LAUNCH_START, .seq = ++run.seq, .limits = boxrun_limits};
}

static void send_fds(const struct launch_request *request, const int *fds,
                     size_t count)
{
    struct err e = {.msg = ""};

    if (ipc_send(run.sock, request, sizeof(*request), fds, count, &e) < 0) {
        fail_msg("send: %s", e.msg);
    }
}

static void answer(const struct launch_request *request,
                   struct launch_ended *out)
{
    struct err e = {.msg = ""};

    if (ipc_recv(run.sock, out, sizeof(*out), NULL, 0, &e) != sizeof(*out)) {
        fail_msg("no answer to %u/%u: %s", request->type, request->slot, e.msg);
    }
    assert_int_equal(out->type, LAUNCH_ENDED);
    assert_int_equal(out->seq, request->seq);
}

static void ask(const struct launch_request *request, const int *fds,
                struct launch_ended *out)
{
    send_fds(request, fds, LAUNCH_FD_COUNT);
    answer(request, out);
}

static void expect_well(void)
{
    struct launch_request request = honest();
    struct launch_ended ended;

    ask(&request, good_fds, &ended);
    if (ended.is_refused || ended.report.phase != BOX_PHASE_DONE ||
        ended.report.wait_status != 0) {
        fail_msg("an honest job: %s step %s", ended.error, ended.report.step);
    }
}

static unsigned open_files(pid_t pid)
{
    char path[64];
    unsigned count = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    while (readdir(dir)) {
        count++;
    }
    closedir(dir);
    return count;
}

/* The same as before, once its boxes ahead are made again. */
static void expect_open_files(unsigned want)
{
    boxrun_settle(&run);
    assert_int_equal(open_files(run.launcher), want);
}

static void expect_refused(const struct launch_request *request, const int *fds,
                           const char *what)
{
    struct launch_ended ended;

    ask(request, fds, &ended);
    if (!ended.is_refused || !strstr(ended.error, what)) {
        fail_msg("%s: refused %u '%s' phase %u", what, ended.is_refused,
                 ended.error, ended.report.phase);
    }
}

/* ---- numbers ------------------------------------------------------------ */

static const struct {
    const char *name;
    size_t offset;
    uint64_t value;
} bad_limits[] = {
#define BAD(field, value)                                                      \
    {                                                                          \
#field, offsetof(struct box_limits, field), value                      \
    }
    BAD(memory_bytes, 0),
    BAD(memory_bytes, UINT64_MAX),
    BAD(stack_bytes, UINT64_MAX),
    BAD(file_size_bytes, UINT64_MAX),
    BAD(workspace_bytes, 0),
    BAD(workspace_bytes, UINT64_MAX),
    BAD(tmp_bytes, UINT64_MAX),
    BAD(max_inodes, 0),
    BAD(max_inodes, UINT64_MAX),
    BAD(cpu_time_ms, 0),
    BAD(cpu_time_ms, UINT64_MAX),
    BAD(max_processes, UINT64_MAX),
    BAD(max_open_files, UINT64_MAX),
    BAD(cpu_quota_millicores, 0),
    BAD(cpu_quota_millicores, UINT64_MAX / 100),
};

static void refuses_limits_beyond_the_settings(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_limits); i++) {
        struct launch_request request = honest();

        memcpy((char *)&request.limits + bad_limits[i].offset,
               &bad_limits[i].value, sizeof(uint64_t));
        expect_refused(&request, good_fds, bad_limits[i].name);
    }
    expect_well();
}

static void refuses_slots_networks_profiles_it_does_not_have(void **state)
{
    struct launch_request request = honest();

    (void)state;
    request.slot = 2;
    expect_refused(&request, good_fds, "slot 2");
    request.slot = UINT32_MAX;
    expect_refused(&request, good_fds, "slot");
    request.slot = 0;
    request.network = LAUNCH_NET_LOOPBACK + 1;
    expect_refused(&request, good_fds, "network");
    request.network = UINT32_MAX;
    expect_refused(&request, good_fds, "network");
    request.network = LAUNCH_NET_NONE;
    request.profile = SECCOMP_PROFILES;
    expect_refused(&request, good_fds, "profile");
    request.profile = UINT32_MAX;
    expect_refused(&request, good_fds, "profile");
    expect_well();
}

static void refuses_a_busy_slot(void **state)
{
    struct err e = {.msg = ""};
    int stdin_pipe[2];
    int fds[LAUNCH_FD_COUNT];
    struct launch_request first = honest();
    struct launch_request second = honest();
    struct launch_ended ended;

    (void)state;
    assert_int_equal(fd_pipe(stdin_pipe, &e), 0);
    memcpy(fds, good_fds, sizeof(fds));
    fds[LAUNCH_FD_BUNDLE] = make_bundle("/usr/bin/cat");
    fds[LAUNCH_FD_STDIN] = stdin_pipe[0];
    send_fds(&first, fds, LAUNCH_FD_COUNT);
    expect_refused(&second, fds, "not free");
    close(stdin_pipe[0]);
    close(stdin_pipe[1]);
    answer(&first, &ended);
    assert_int_equal(ended.report.wait_status, 0);
    close(fds[LAUNCH_FD_BUNDLE]);
}

/* ---- descriptors --------------------------------------------------------- */

static int directory(void)
{
    return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int path_only(void)
{
    return open("/", O_PATH | O_CLOEXEC);
}

static int host_file(void)
{
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static int unix_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int launcher_socket(void)
{
    return fcntl(run.sock, F_DUPFD_CLOEXEC, 3);
}

static int epoll(void)
{
    return epoll_create1(EPOLL_CLOEXEC);
}

static int unsealed_memory(void)
{
    return memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

static int memory_device(void)
{
    return open("/dev/zero", O_RDWR | O_CLOEXEC);
}

static int reading_end(void)
{
    return fcntl(output_fd, F_DUPFD_CLOEXEC, 3);
}

static const struct {
    const char *name;
    int (*open)(void);
    bool is_stdin; /* fits there */
} odd[] = {
    {"directory", directory, false},
    {"path", path_only, false},
    {"file", host_file, false},
    {"socket", unix_socket, false},
    {"launcher's socket", launcher_socket, false},
    {"epoll", epoll, false},
    {"unsealed", unsealed_memory, false},
    {"device", memory_device, false},
    {"reading end", reading_end, true},
};

static void refuses_odd_descriptors(void **state)
{
    unsigned before = open_files(run.launcher);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        int fd = odd[i].open();

        assert_true(fd >= 0);
        for (int place = 0; place < LAUNCH_FD_COUNT; place++) {
            struct launch_request request = honest();
            int fds[LAUNCH_FD_COUNT];

            memcpy(fds, good_fds, sizeof(fds));
            fds[place] = fd;
            if (place != LAUNCH_FD_STDIN || !odd[i].is_stdin) {
                expect_refused(&request, fds, "wrong kind");
            }
        }
        close(fd);
    }
    expect_well();
    expect_open_files(before);
}

static void refuses_missing_descriptors(void **state)
{
    unsigned before = open_files(run.launcher);

    (void)state;
    for (size_t count = 0; count < LAUNCH_FD_COUNT; count++) {
        struct launch_request request = honest();
        struct launch_ended ended;

        send_fds(&request, good_fds, count);
        answer(&request, &ended);
        assert_int_equal(ended.is_refused, 1);
    }
    expect_well();
    expect_open_files(before);
}

/* The one that may be left out. */
static void refuses_an_odd_collection(void **state)
{
    unsigned before = open_files(run.launcher);
    int fds[LAUNCH_FD_MAX];

    (void)state;
    memcpy(fds, good_fds, sizeof(good_fds));
    for (size_t i = 0; i <= ARRAY_LEN(odd); i++) {
        bool is_good = i == ARRAY_LEN(odd);
        int fd = is_good ? fcntl(good_fds[LAUNCH_FD_STDOUT], F_DUPFD_CLOEXEC, 3)
                         : odd[i].open();
        struct launch_request request = honest();
        struct launch_ended ended;

        fds[LAUNCH_FD_COLLECTION] = fd;
        send_fds(&request, fds, LAUNCH_FD_MAX);
        answer(&request, &ended);
        assert_int_equal(ended.is_refused, !is_good);
        if (!is_good) {
            assert_non_null(strstr(ended.error, "collection"));
        }
        close(fd);
    }
    expect_well();
    expect_open_files(before);
}

/* Sealed bytes that are no bundle: the box ends, with a report. */
static void survives_bundles_that_are_none(void **state)
{
    static const char *const texts[] = {"", "x", "no bundle at all, but long"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct launch_request request = honest();
        struct launch_ended ended;
        struct err e = {.msg = ""};
        int fds[LAUNCH_FD_COUNT];

        memcpy(fds, good_fds, sizeof(fds));
        assert_int_equal(fd_memfd_sealed("none", texts[i], strlen(texts[i]),
                                         &fds[LAUNCH_FD_BUNDLE], &e),
                         0);
        ask(&request, fds, &ended);
        assert_int_equal(ended.is_refused, 0);
        assert_int_equal(ended.report.phase, BOX_PHASE_FILES);
        close(fds[LAUNCH_FD_BUNDLE]);
    }
    expect_well();
}

/* ---- packets ------------------------------------------------------------- */

static void send_raw(const void *data, size_t len, size_t fd_count)
{
    struct err e = {.msg = ""};

    assert_int_equal(ipc_send(run.sock, data, len, good_fds, fd_count, &e), 0);
}

static void ignores_what_is_no_request(void **state)
{
    unsigned before = open_files(run.launcher);
    struct launch_request request = honest();
    char part[8] = {LAUNCH_START};

    (void)state;
    send_raw(part, sizeof(part), LAUNCH_FD_COUNT);
    send_raw(&request, sizeof(request) - 1, LAUNCH_FD_COUNT);
    for (uint32_t type = 0; type < 40; type++) {
        request.type = type < 20 ? type : UINT32_MAX - type;
        if (request.type != LAUNCH_START) {
            request.slot = type;
            send_raw(&request, sizeof(request), type % (LAUNCH_FD_COUNT + 1));
        }
    }
    expect_well();
    expect_open_files(before);
}

static pid_t child_named(const char *name, pid_t of)
{
    char path[64];
    char list[512];
    char *rest = list;

    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)of,
                   (int)of);
    assert_true(fd_read_small(AT_FDCWD, path, list, sizeof(list)) > 0);
    for (char *word; (word = strsep(&rest, " ")) != NULL;) {
        char comm[32] = "";

        (void)snprintf(path, sizeof(path), "/proc/%s/comm", word);
        (void)fd_read_small(AT_FDCWD, path, comm, sizeof(comm));
        if (strncmp(comm, name, strlen(name)) == 0) {
            return (pid_t)strtol(word, NULL, 10);
        }
    }
    return 0;
}

/* A box that is killed with its job unread must not leave it to the next. */
static void leaves_no_job_to_the_next_box(void **state)
{
    struct launch_request first = honest();
    struct launch_request second = honest();
    struct launch_ended ended;
    int fds[LAUNCH_FD_COUNT];
    pid_t init = 0;
    unsigned killed = 0;

    (void)state;
    /* From here on both slots have boxes of the shape that is asked for. */
    for (uint32_t slot = 0; slot < 2; slot++) {
        first.slot = slot;
        first.seq = ++run.seq;
        ask(&first, good_fds, &ended);
    }
    boxrun_settle(&run);
    /* Of one of the two slots: which one shows when it does not answer. */
    init = child_named("box-init", run.launcher);
    assert_int_equal(kill(init, SIGSTOP), 0);
    for (uint32_t slot = 0; slot < 2; slot++) {
        memcpy(fds, good_fds, sizeof(fds));
        fds[LAUNCH_FD_BUNDLE] = make_bundle("/usr/bin/false");
        first.slot = slot;
        first.seq = ++run.seq;
        send_fds(&first, fds, LAUNCH_FD_COUNT);
        close(fds[LAUNCH_FD_BUNDLE]);
        struct pollfd p = {run.sock, POLLIN, 0};

        if (poll(&p, 1, 1000) == 1) {
            answer(&first, &ended); /* that of the other slot has run */
            assert_int_equal(ended.report.wait_status, 1 << 8);
            continue;
        }
        assert_int_equal(kill(init, SIGKILL), 0);
        answer(&first, &ended);
        assert_int_equal(ended.has_report, 0);
        killed++;
        second.slot = slot;
        second.seq = ++run.seq;
        ask(&second, good_fds, &ended);
        assert_int_equal(ended.has_report, 1);
        assert_int_equal(ended.report.wait_status, 0);
    }
    assert_int_equal(killed, 1);
    expect_well();
}

/* Any number in any place. A request that happens to be honest runs. */
static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void mutate(struct launch_request *request, uint64_t *seed)
{
    static const uint64_t odd_values[] = {
        0, 1, 255, UINT16_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX, 1u << 20};
    uint64_t *words = (void *)&request->limits;
    size_t count = sizeof(request->limits) / sizeof(*words);

    for (uint64_t n = next_random(seed) % 3 + 1; n > 0; n--) {
        uint64_t value = next_random(seed) & 1
                             ? odd_values[next_random(seed) % 8]
                             : next_random(seed) >> next_random(seed) % 64;
        uint64_t place = next_random(seed) % (count + 3);

        if (place < count) {
            words[place] = value;
        } else if (place == count) {
            request->slot = (uint32_t)value;
        } else if (place == count + 1) {
            request->network = (uint32_t)value;
        } else {
            request->profile = (uint32_t)value;
        }
    }
}

static void answers_anything(void **state)
{
    uint64_t seed = 0x5eed;
    unsigned before = open_files(run.launcher);

    (void)state;
    for (int i = 0; i < FUZZ_ROUNDS; i++) {
        struct launch_request request = honest();
        struct launch_ended ended;

        mutate(&request, &seed);
        ask(&request, good_fds, &ended);
    }
    expect_well();
    expect_open_files(before);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, open_run, close_run)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(refuses_limits_beyond_the_settings),
        CASE(refuses_slots_networks_profiles_it_does_not_have),
        CASE(refuses_a_busy_slot),
        CASE(refuses_odd_descriptors),
        CASE(refuses_missing_descriptors),
        CASE(refuses_an_odd_collection),
        CASE(survives_bundles_that_are_none),
        CASE(ignores_what_is_no_request),
        CASE(leaves_no_job_to_the_next_box),
        CASE(answers_anything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
