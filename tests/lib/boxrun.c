/* SPDX-License-Identifier: MIT */
/* boxrun.c - see boxrun.h. */
#include "lib/boxrun.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "run/boxes.h"
#include "sys/ipc.h"
#include "wire/bundle.h"
#include "wire/config.h"

#define MIB   (UINT64_C(1) << 20)
#define SLOTS 2 /* of the launcher */

const struct box_limits boxrun_limits = {
    .memory_bytes = 256 * MIB,
    .stack_bytes = 8 * MIB,
    .file_size_bytes = 10 * MIB,
    .workspace_bytes = 16 * MIB,
    .tmp_bytes = 16 * MIB,
    .max_inodes = 1000,
    .cpu_time_ms = 5000,
    .max_processes = 32,
    .max_open_files = 64,
    .cpu_quota_millicores = 1000,
};

const char *boxrun_prepared = "64";

void boxrun_open(struct boxrun *b, const char *cgroup)
{
    struct config config;
    struct err e = {.msg = ""};

    config_init(&config);
    assert_return_code(config_set(&config, "box.cgroup", cgroup, &e), 0);
    assert_return_code(config_set(&config, "worker.slots", "2", &e), 0);
    assert_return_code(config_set(&config, "box.prepared", boxrun_prepared, &e),
                       0);
    assert_return_code(
        config_set(&config, "box.cgroup_parent", "forkyard-test", &e), 0);
    if (boxes_fork_launcher(&config, &b->sock, &b->launcher, &e) < 0 ||
        boxes_wait_ready(b->sock, &b->ready, &e) < 0) {
        fail_msg("launcher: %s", e.msg);
    }
    b->seq = 0;
    b->has_early = false;
    config_done(&config);
}

void boxrun_close(struct boxrun *b)
{
    int status = 0;

    close(b->sock);
    assert_int_equal(waitpid(b->launcher, &status, 0), b->launcher);
    assert_int_equal(status, 0);
}

#define SETTLE_MS 10000

/* Sleeping processes of this name among the launcher's children, or the
 * launcher itself for pid. */
static bool is_asleep(pid_t pid, const char *name)
{
    char path[64];
    char stat[512];
    char want[64];

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    (void)snprintf(want, sizeof(want), "(%s) S", name);
    return fd_read_small(AT_FDCWD, path, stat, sizeof(stat)) > 0 &&
           strstr(stat, want);
}

static unsigned count_asleep(const struct boxrun *b, const char *name)
{
    char path[64];
    char list[512];
    char *rest = list;
    unsigned count = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children",
                   (int)b->launcher, (int)b->launcher);
    if (fd_read_small(AT_FDCWD, path, list, sizeof(list)) <= 0) {
        return 0;
    }
    for (char *word; (word = strsep(&rest, " ")) != NULL;) {
        count += *word && is_asleep((pid_t)strtol(word, NULL, 10), name);
    }
    return count;
}

void boxrun_settle(const struct boxrun *b)
{
    uint64_t until_ms = clock_mono_ms() + SETTLE_MS;

    while (count_asleep(b, "box-init") < SLOTS ||
           count_asleep(b, "fy-slot") < SLOTS ||
           !is_asleep(b->launcher, "fy-launcher")) {
        if (clock_mono_ms() > until_ms) {
            fail_msg("no boxes ahead after %u ms", SETTLE_MS);
        }
        (void)poll(NULL, 0, 1);
    }
}

static int make_bundle(const struct boxrun_job *job)
{
    static const char *const env[] = {"PATH=/usr/local/bin:/usr/bin:/bin",
                                      "LANG=C.UTF-8"};
    struct buf b;
    struct err e = {.msg = ""};
    uint32_t argc = 0;
    int fd = -1;

    while (job->argv[argc]) {
        argc++;
    }
    buf_init(&b, 64 * MIB);
    int status =
        bundle_begin(&b, argc, ARRAY_LEN(env), job->file_path ? 1 : 0, &e);
    for (uint32_t i = 0; status == 0 && i < argc; i++) {
        status = bundle_string(&b, view_of(job->argv[i]), &e);
    }
    for (size_t i = 0; status == 0 && i < ARRAY_LEN(env); i++) {
        status = bundle_string(&b, view_of(env[i]), &e);
    }
    status = status || bundle_string(&b, view_of("/workspace"), &e);
    if (status == 0 && job->file_path) {
        struct bundle_file file = {job->file_path, 0755,
                                   view_of(job->file_text)};
        if (job->file_len > 0) {
            file.content.len = job->file_len;
        }
        status = bundle_file(&b, &file, &e);
    }
    if (status != 0 || fd_memfd_sealed("b", b.data, b.len, &fd, &e) < 0) {
        fail_msg("bundle: %s", e.msg);
    }
    buf_done(&b);
    return fd;
}

void boxrun_start(struct boxrun *b, const struct boxrun_job *job,
                  struct boxrun_box *out)
{
    struct launch_request request = {.type = LAUNCH_START,
                                     .slot = job->slot,
                                     .seq = ++b->seq,
                                     .network = job->network,
                                     .profile = job->profile,
                                     .limits = job->limits};
    const char *input = job->input ? job->input : "";
    struct err e = {.msg = ""};
    int fds[LAUNCH_FD_COUNT];
    int pipe_fds[2];

    fds[LAUNCH_FD_BUNDLE] = make_bundle(job);
    assert_return_code(fd_pipe(pipe_fds, &e), 0);
    assert_return_code(
        fd_memfd_sealed("in", input, strlen(input), &fds[LAUNCH_FD_STDIN], &e),
        0);
    fds[LAUNCH_FD_STDOUT] = fds[LAUNCH_FD_STDERR] = pipe_fds[1];
    if (ipc_send(b->sock, &request, sizeof(request), fds, LAUNCH_FD_COUNT, &e) <
        0) {
        fail_msg("start: %s", e.msg);
    }
    close(fds[LAUNCH_FD_BUNDLE]);
    close(fds[LAUNCH_FD_STDIN]);
    close(pipe_fds[1]);
    *out = (struct boxrun_box){b->seq, job->slot, pipe_fds[0]};
}

void boxrun_kill(struct boxrun *b, const struct boxrun_box *box)
{
    const struct launch_request kill_it = {
        .type = LAUNCH_KILL, .slot = box->slot, .seq = box->seq};
    struct err e = {.msg = ""};

    assert_return_code(
        ipc_send(b->sock, &kill_it, sizeof(kill_it), NULL, 0, &e), 0);
}

/* Up to the end of file, when every writer is gone. */
static void collect(struct boxrun *b, const struct boxrun_box *box,
                    unsigned kill_after_ms, struct boxrun_result *out)
{
    uint64_t kill_at = clock_mono_ms() + kill_after_ms;
    bool is_killed = kill_after_ms == 0;
    char spill[4096];

    for (;;) {
        struct pollfd p = {box->out_fd, POLLIN, 0};
        int left = is_killed ? -1 : (int)(kill_at - clock_mono_ms());

        if (poll(&p, 1, left < 0 && !is_killed ? 0 : left) == 0) {
            boxrun_kill(b, box);
            is_killed = true;
            continue;
        }
        size_t room = sizeof(out->out) - 1 - out->out_len;
        ssize_t n = read(box->out_fd, room ? out->out + out->out_len : spill,
                         room ? room : sizeof(spill));
        if (n <= 0) {
            break;
        }
        out->out_len += room ? (size_t)n : 0;
    }
    out->out[out->out_len] = 0;
}

static void wait_for_end(struct boxrun *b, const struct boxrun_box *box,
                         struct launch_ended *out)
{
    struct err e = {.msg = ""};

    if (b->has_early && b->early.seq == box->seq) {
        *out = b->early;
        b->has_early = false;
        return;
    }
    for (;;) {
        if (ipc_recv(b->sock, out, sizeof(*out), NULL, 0, &e) != sizeof(*out)) {
            fail_msg("end: %s", e.msg);
        }
        if (out->seq == box->seq) {
            return;
        }
        assert_false(b->has_early);
        b->early = *out;
        b->has_early = true;
    }
}

static void end(struct boxrun *b, struct boxrun_box *box,
                unsigned kill_after_ms, struct boxrun_result *out)
{
    out->out_len = 0;
    collect(b, box, kill_after_ms, out);
    close(box->out_fd);
    wait_for_end(b, box, &out->ended);
}

void boxrun_end(struct boxrun *b, struct boxrun_box *box,
                struct boxrun_result *out)
{
    end(b, box, 0, out);
}

void boxrun_run(struct boxrun *b, const struct boxrun_job *job,
                struct boxrun_result *out)
{
    struct boxrun_box box;

    boxrun_start(b, job, &box);
    end(b, &box, job->kill_after_ms, out);
}

void boxrun_sh(struct boxrun *b, const char *script, struct boxrun_result *out)
{
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    const struct boxrun_job job = {.argv = argv, .limits = boxrun_limits};

    boxrun_run(b, &job, out);
}
