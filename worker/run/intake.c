/* SPDX-License-Identifier: MIT */
/* intake.c - see intake.h.
 *
 * Happy path: open -> the loop reads as it comes -> drain -> done.
 *
 * Failures: a box that sends more than it may, or whose pipe cannot be read,
 * is not listened to any more; its init sees the pipe closed.
 *
 * On close: the poll handle is closed; the loop frees it. */
#include "run/intake.h"

#include <errno.h>

#include "base/fd.h"
#include "base/mem.h"

#define READ_BYTES 65536 /* what a pipe holds */
/* One box may keep the loop for this many reads before others get a turn. */
#define READS_PER_TURN 8

void intake_init(struct intake *in)
{
    in->poll = NULL;
    in->fd = -1;
    in->is_over = false;
    buf_init(&in->got, 0);
}

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle);
}

static void end(struct intake *in)
{
    if (in->poll) {
        uv_close((uv_handle_t *)in->poll, on_poll_closed);
        in->poll = NULL;
    }
    if (in->fd >= 0) {
        close(take_fd(&in->fd));
    }
}

/* False at the end of it. */
static bool read_some(struct intake *in, unsigned reads)
{
    uint8_t chunk[READ_BYTES];

    for (unsigned i = 0; i < reads; i++) {
        ssize_t n = read(in->fd, chunk, sizeof(chunk));

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EAGAIN) {
            return true;
        }
        if (n <= 0) {
            return false;
        }
        if (buf_append(&in->got, chunk, (size_t)n, NULL) < 0) {
            in->is_over = true;
            return false;
        }
    }
    return true;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct intake *in = poll->data;

    (void)events;
    if (status < 0 || !read_some(in, READS_PER_TURN)) {
        end(in);
    }
}

static int start_poll(struct intake *in, uv_loop_t *loop, struct err *e)
{
    in->poll = xcalloc(1, sizeof(*in->poll));
    in->poll->data = in;
    if (uv_poll_init(loop, in->poll, in->fd) != 0) {
        free(in->poll); /* not a handle yet */
        in->poll = NULL;
        return err_set(e, ERR_SYSTEM, "polling a box's files");
    }
    if (uv_poll_start(in->poll, UV_READABLE, on_readable) != 0) {
        return err_set(e, ERR_SYSTEM, "polling a box's files");
    }
    return 0;
}

int intake_open(struct intake *in, uv_loop_t *loop, uint64_t max_bytes,
                int *out_write_fd, struct err *e)
{
    int fds[2];

    if (fd_pipe(fds, e) < 0) {
        return -1;
    }
    in->fd = fds[0];
    buf_init(&in->got, max_bytes);
    if (fd_set_nonblock(in->fd, true, e) < 0 || start_poll(in, loop, e) < 0) {
        close(fds[1]);
        end(in);
        return -1;
    }
    *out_write_fd = fds[1];
    return 0;
}

void intake_drain(struct intake *in)
{
    if (in->fd >= 0) {
        (void)read_some(in, UINT32_MAX);
    }
    end(in);
}

void intake_done(struct intake *in)
{
    end(in);
    buf_done(&in->got);
}
