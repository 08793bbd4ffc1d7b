/* SPDX-License-Identifier: MIT */
/* executor.c - see executor.h.
 *
 * Happy path: FREE -> start -> RUNNING -> the launcher says ENDED -> the last
 * of the output is read -> on_end -> FREE. When the launcher has reaped a
 * box's init every process of the box is gone, so both pipes are at their end:
 * they are drained at once, and no state waits for them.
 *
 * Failures: a wall clock or an output flood asks the launcher to kill the box
 * (STOPPING); ENDED follows as always. A box that cannot be started is ENDED
 * with is_refused.
 *
 * On close: nothing runs; handles are closed. */
#include "run/executor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "run/intake.h"

/* The wall clock is the program's, from exec; the timer starts before the box
 * is set up, which takes this long at most unless the host is overloaded. */
#define SETUP_ALLOWANCE_MS 3
#define READ_BYTES         65536
/* A stream may keep the loop for this many reads before others get a turn. */
#define READS_PER_TURN 8

enum state { FREE, RUNNING, STOPPING, STATE_COUNT };
enum event { EVENT_START, EVENT_STOP, EVENT_ENDED, EVENT_COUNT };

struct tap {
    uv_poll_t *poll; /* one per descriptor: freed when the loop lets it go */
    int fd;          /* -1: at its end, or closed */
    struct collector kept;
    uint64_t flood_bytes;
    enum verdict_stop flood; /* what to stop with */
    unsigned which;          /* 0 stdout, 1 stderr */
    struct slot *slot;
};

struct slot {
    enum state state;
    unsigned index;
    uint64_t seq;
    uint64_t free_seq; /* counts up whenever one is let go */
    uint64_t freed_ms; /* of the loop */
    struct executor *ex;
    struct tap streams[2];
    struct intake intake;
    uv_timer_t timer;
    uv_timer_t idle_timer; /* runs for jobs with that limit */
    enum verdict_stop stop;
    uint64_t wall_us;
    uint64_t grace_us;
    uint64_t idle_ms;
    uint64_t output_ms; /* of the loop: when it last wrote something */
    void *job;
};

struct executor {
    uv_loop_t *loop;
    struct boxes *boxes;
    struct slot *slots;
    unsigned count;
    unsigned prepared; /* of the slots, those whose box is made ahead */
    unsigned running;
    unsigned open_timers; /* while it is closed */
    uint64_t next_seq;
    uint64_t next_free;
    struct executor_callbacks callbacks;
    uint8_t scratch[READ_BYTES];
};

/* ---- the table --------------------------------------------------------- */

static const struct {
    bool is_allowed;
    enum state next;
} moves[STATE_COUNT][EVENT_COUNT] = {
    [FREE] = {[EVENT_START] = {true, RUNNING}},
    [RUNNING] = {[EVENT_STOP] = {true, STOPPING}, [EVENT_ENDED] = {true, FREE}},
    [STOPPING] = {[EVENT_ENDED] = {true, FREE}},
};

static bool move(struct slot *slot, enum event event)
{
    if (!moves[slot->state][event].is_allowed) {
        return false;
    }
    slot->state = moves[slot->state][event].next;
    return true;
}

/* ---- output ------------------------------------------------------------ */

static void stop(struct slot *slot, enum verdict_stop why)
{
    if (move(slot, EVENT_STOP)) {
        slot->stop = why;
        const struct boxes_stop at_wall = {.after_us = slot->wall_us,
                                           .grace_us = slot->grace_us};
        const struct boxes_stop at_once = {0};

        boxes_stop(slot->ex->boxes, slot->index, slot->seq,
                   why == VERDICT_STOP_WALL ? &at_wall : &at_once);
    }
}

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle);
}

static void end_stream(struct tap *stream)
{
    if (stream->poll) {
        uv_close((uv_handle_t *)stream->poll, on_poll_closed);
        stream->poll = NULL;
    }
    if (stream->fd >= 0) {
        close(take_fd(&stream->fd));
    }
}

/* False at the end of the stream. */
static bool read_some(struct tap *stream, unsigned reads)
{
    struct executor *ex = stream->slot->ex;

    for (unsigned i = 0; stream->fd >= 0 && i < reads; i++) {
        ssize_t n = read(stream->fd, ex->scratch, sizeof(ex->scratch));

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EAGAIN) {
            return true;
        }
        if (n <= 0) {
            return false;
        }
        stream->slot->output_ms = uv_now(ex->loop);
        collector_add(&stream->kept, ex->scratch, (size_t)n);
        ex->callbacks.on_output(stream->which, ex->scratch, (size_t)n,
                                stream->slot->job);
    }
    return stream->fd >= 0;
}

static void on_output(uv_poll_t *poll, int status, int events)
{
    struct tap *stream = poll->data;

    (void)events;
    if (status < 0 || !read_some(stream, READS_PER_TURN)) {
        end_stream(stream);
    } else if (stream->kept.total > stream->flood_bytes) {
        stop(stream->slot, stream->flood);
        /* No more of it until the box is dead: only what is in the pipe. */
        (void)uv_poll_stop(poll);
    }
}

static void on_wall_time(uv_timer_t *timer)
{
    stop(timer->data, VERDICT_STOP_WALL);
}

/* We know of its output and the launcher of its CPU time: it ends what has used
 * none, when we have seen none. It looks every 50 ms, and we not more often. */
#define IDLE_LOOKS   8
#define IDLE_LOOK_MS 50

static void on_idle_look(uv_timer_t *timer)
{
    struct slot *slot = timer->data;
    const struct boxes_stop how = {.idle_us = slot->idle_ms * 1000,
                                   .grace_us = slot->grace_us};

    if (slot->state == RUNNING &&
        uv_now(slot->ex->loop) - slot->output_ms >= slot->idle_ms) {
        boxes_stop(slot->ex->boxes, slot->index, slot->seq, &how);
    }
}

static void watch_idleness(struct slot *slot)
{
    uint64_t every_ms = slot->idle_ms / IDLE_LOOKS;

    slot->output_ms = uv_now(slot->ex->loop);
    if (slot->idle_ms > 0) {
        every_ms = every_ms > IDLE_LOOK_MS ? every_ms : IDLE_LOOK_MS;
        (void)uv_timer_start(&slot->idle_timer, on_idle_look, every_ms,
                             every_ms);
    }
}

/* ---- start ------------------------------------------------------------- */

/* The pipe's read end stays here; *out_write_fd is for the box. */
static int open_stream(struct tap *stream, uint64_t limit_bytes,
                       int *out_write_fd, struct err *e)
{
    int fds[2];

    if (fd_pipe(fds, e) < 0) {
        return -1;
    }
    /* Not ours alone: a program in the box, another user, writes to
     * /dev/stdout by opening the pipe anew. */
    if (fd_set_nonblock(fds[0], true, e) < 0 || fchmod(fds[1], 0222) < 0) {
        close(fds[0]);
        close(fds[1]);
        return err_wrap(e, "a pipe for output");
    }
    stream->fd = fds[0];
    stream->flood_bytes = plan_flood_bytes(limit_bytes);
    collector_init(&stream->kept, limit_bytes);
    *out_write_fd = fds[1];
    return 0;
}

static int poll_stream(struct tap *stream, struct err *e)
{
    stream->poll = xcalloc(1, sizeof(*stream->poll));
    stream->poll->data = stream;
    if (uv_poll_init(stream->slot->ex->loop, stream->poll, stream->fd) != 0) {
        free(stream->poll); /* not a handle yet */
        stream->poll = NULL;
        return err_set(e, ERR_SYSTEM, "polling a box's output");
    }
    if (uv_poll_start(stream->poll, UV_READABLE, on_output) != 0) {
        return err_set(e, ERR_SYSTEM, "polling a box's output");
    }
    return 0;
}

/* Of its own, also when it is empty: flags and locks on a shared one would
 * reach from box to box, and /dev/null of the host may not be opened again
 * (/dev/stdin) by a job whose Landlock rules end at its own root. */
static int open_input(struct view input, int *out_fd, struct err *e)
{
    return fd_memfd_sealed("stdin", input.data, input.len, out_fd, e);
}

static void close_fds(int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (fds[i] >= 0) {
            close(take_fd(&fds[i]));
        }
    }
}

static int open_all(struct slot *slot, const struct plan *plan,
                    struct view input, int *fds, struct err *e)
{
    if (fd_memfd_sealed("job", plan->bundle.data, plan->bundle.len,
                        &fds[LAUNCH_FD_BUNDLE], e) < 0 ||
        open_input(input, &fds[LAUNCH_FD_STDIN], e) < 0 ||
        open_stream(&slot->streams[0], plan->stdout_bytes,
                    &fds[LAUNCH_FD_STDOUT], e) < 0 ||
        open_stream(&slot->streams[1], plan->stderr_bytes,
                    &fds[LAUNCH_FD_STDERR], e) < 0) {
        return -1;
    }
    if (plan->collection_bytes == 0) {
        return 0; /* it is asked for nothing */
    }
    return intake_open(&slot->intake, slot->ex->loop, plan->collection_bytes,
                       &fds[LAUNCH_FD_COLLECTION], e);
}

/* By then the next box of a slot is ready, unless the host is overloaded. */
#define READY_MS 2

/* Of those that have had time for their next box the one used last: its process
 * is still in the caches. Else the one used longest ago. Slots without a box
 * ahead only when no other is free. */
static struct slot *free_slot(struct executor *ex)
{
    struct slot *warm = NULL;
    struct slot *oldest = NULL;
    uint64_t now_ms = uv_now(ex->loop);

    for (unsigned i = 0; i < ex->count; i++) {
        struct slot *slot = &ex->slots[i];

        if (slot->state == FREE) {
            bool is_ready = now_ms - slot->freed_ms >= READY_MS;

            if (is_ready && (!warm || slot->free_seq > warm->free_seq)) {
                warm = slot;
            }
            if (!oldest || slot->free_seq < oldest->free_seq) {
                oldest = slot;
            }
        }
        if (oldest && i + 1 == ex->prepared) {
            break;
        }
    }
    return warm ? warm : oldest;
}

/* Back to FREE without an end: nothing was started. */
static void abandon(struct slot *slot)
{
    for (size_t i = 0; i < ARRAY_LEN(slot->streams); i++) {
        end_stream(&slot->streams[i]);
        collector_done(&slot->streams[i].kept);
    }
    intake_done(&slot->intake);
    intake_init(&slot->intake);
}

static int send_start(struct slot *slot, const struct plan *plan,
                      const int *fds, struct err *e)
{
    const struct launch_request request = {
        .type = LAUNCH_START,
        .slot = slot->index,
        .seq = slot->seq,
        .network = plan->network,
        .profile = plan->profile,
        .limits = plan->box,
    };

    if (poll_stream(&slot->streams[0], e) < 0 ||
        poll_stream(&slot->streams[1], e) < 0) {
        return -1;
    }
    return boxes_start(slot->ex->boxes, &request, fds, e);
}

int executor_start(struct executor *ex, const struct plan *plan,
                   struct view input, void *job, struct err *e)
{
    int fds[LAUNCH_FD_MAX] = {-1, -1, -1, -1, -1};
    struct slot *slot = free_slot(ex);

    if (!slot) {
        return err_set(e, ERR_RETRY, "no free slot");
    }
    slot->seq = ++ex->next_seq;
    slot->stop = VERDICT_STOP_NONE;
    slot->wall_us = plan->wall_time_ms * 1000;
    slot->grace_us = plan->grace_ms * 1000;
    slot->idle_ms = plan->idle_time_ms;
    slot->job = job;
    int status = open_all(slot, plan, input, fds, e);
    if (status == 0) {
        status = send_start(slot, plan, fds, e);
    }
    close_fds(fds, LAUNCH_FD_MAX);
    if (status < 0) {
        abandon(slot);
        return -1;
    }
    (void)move(slot, EVENT_START);
    ex->running++;
    /* The loop's idea of now may be old: what ran since would count. */
    uv_update_time(ex->loop);
    watch_idleness(slot);
    (void)uv_timer_start(&slot->timer, on_wall_time,
                         plan->wall_time_ms + SETUP_ALLOWANCE_MS, 0);
    return 0;
}

/* ---- end --------------------------------------------------------------- */

/* All that is still in the pipe; its writers are gone. */
static void drain(struct tap *stream)
{
    (void)read_some(stream, UINT32_MAX);
    end_stream(stream);
}

/* The caller frees it; the stream must not, when the executor is closed. */
static struct intake take_intake(struct slot *slot)
{
    struct intake taken = slot->intake;

    intake_init(&slot->intake);
    return taken;
}

static struct collector take_kept(struct tap *stream)
{
    struct collector kept = stream->kept;

    collector_init(&stream->kept, 0);
    return kept;
}

void executor_on_ended(struct executor *ex, const struct launch_ended *ended)
{
    if (ended->slot >= ex->count || ex->slots[ended->slot].seq != ended->seq ||
        !move(&ex->slots[ended->slot], EVENT_ENDED)) {
        log_error("an end that belongs to no job", "slot=%u", ended->slot);
        return;
    }
    struct slot *slot = &ex->slots[ended->slot];

    /* Our clock ran before the program did: it may have made it in time, or
     * come to another limit first. */
    if (slot->stop == VERDICT_STOP_WALL && ended->stop != LAUNCH_STOP_ENGINE) {
        slot->stop = VERDICT_STOP_NONE;
    }
    (void)uv_timer_stop(&slot->timer);
    (void)uv_timer_stop(&slot->idle_timer);
    drain(&slot->streams[0]);
    drain(&slot->streams[1]);
    intake_drain(&slot->intake);
    /* Out of the slot first: on_end may start the next job in it. */
    struct collector out = take_kept(&slot->streams[0]);
    struct collector err = take_kept(&slot->streams[1]);
    struct intake intake = take_intake(slot);
    const struct executor_end end = {.ended = ended,
                                     .stop = slot->stop,
                                     .out = &out,
                                     .err = &err,
                                     .collection = buf_view(&intake.got),
                                     .is_collection_over = intake.is_over,
                                     .slot = slot->index};
    slot->free_seq = ++ex->next_free;
    slot->freed_ms = uv_now(ex->loop);
    ex->running--;
    ex->callbacks.on_end(&end, slot->job);
    collector_done(&out);
    collector_done(&err);
    intake_done(&intake);
}

void executor_stop(struct executor *ex, bool (*is_meant)(const void *job),
                   enum verdict_stop why)
{
    for (unsigned i = 0; i < ex->count; i++) {
        struct slot *slot = &ex->slots[i];

        if (slot->state != FREE && (!is_meant || is_meant(slot->job))) {
            stop(slot, why);
        }
    }
}

void executor_lost(struct executor *ex)
{
    for (unsigned i = 0; i < ex->count; i++) {
        struct slot *slot = &ex->slots[i];
        const struct launch_ended ended = {
            .slot = i, .seq = slot->seq, .is_refused = 1};

        if (slot->state != FREE) {
            slot->stop = VERDICT_STOP_SHUTDOWN;
            executor_on_ended(ex, &ended);
        }
    }
}

/* ---- life -------------------------------------------------------------- */

bool executor_has_slot(const struct executor *ex)
{
    return ex->running < ex->count;
}

unsigned executor_running(const struct executor *ex)
{
    return ex->running;
}

static void init_slot(struct executor *ex, unsigned index)
{
    struct slot *slot = &ex->slots[index];

    slot->index = index;
    slot->ex = ex;
    (void)uv_timer_init(ex->loop, &slot->timer); /* cannot fail */
    (void)uv_timer_init(ex->loop, &slot->idle_timer);
    slot->timer.data = slot->idle_timer.data = slot;
    intake_init(&slot->intake);
    slot->streams[0].flood = VERDICT_STOP_STDOUT;
    slot->streams[1].flood = VERDICT_STOP_STDERR;
    for (unsigned i = 0; i < ARRAY_LEN(slot->streams); i++) {
        slot->streams[i].fd = -1;
        slot->streams[i].which = i;
        slot->streams[i].slot = slot;
    }
}

int executor_open(uv_loop_t *loop, struct boxes *boxes, unsigned slots,
                  const struct executor_callbacks *callbacks,
                  struct executor **out, struct err *e)
{
    struct executor *ex = xcalloc(1, sizeof(*ex));

    (void)e;
    ex->loop = loop;
    ex->boxes = boxes;
    ex->count = slots;
    ex->prepared = slots;
    ex->slots = xcalloc(slots, sizeof(*ex->slots));
    ex->callbacks = *callbacks;
    for (unsigned i = 0; i < ex->count; i++) {
        init_slot(ex, i);
    }
    *out = ex;
    return 0;
}

void executor_prefer(struct executor *ex, unsigned prepared)
{
    ex->prepared = prepared;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct slot *slot = handle->data;
    struct executor *ex = slot->ex;

    if (--ex->open_timers == 0) {
        free(ex->slots);
        free(ex);
    }
}

void executor_close(struct executor *ex)
{
    if (!ex) {
        return;
    }
    unsigned count = ex->count;
    ex->open_timers = 2 * count;
    for (unsigned i = 0; i < count; i++) {
        abandon(&ex->slots[i]);
        uv_close((uv_handle_t *)&ex->slots[i].timer, on_timer_closed);
        uv_close((uv_handle_t *)&ex->slots[i].idle_timer, on_timer_closed);
    }
}
