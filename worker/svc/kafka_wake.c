/* SPDX-License-Identifier: MIT */
/* kafka_wake.c - librdkafka queues as an event of the loop: see kafka_wake.h.
 *
 * Runs in the engine and in the command line tools that have a loop. It never
 * reads a queue itself. */
#include "svc/kafka_wake.h"

#include <stdint.h>
#include <sys/eventfd.h>

#include "base/mem.h"

struct kafka_wake {
    uv_poll_t poll;
    uv_timer_t timer;
    int handles; /* not closed yet */
    int fd;
    void (*on_wake)(void *arg);
    void *arg;
};

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct kafka_wake *wake = poll->data;
    uint64_t count = 0;

    (void)status;
    (void)events;
    /* The counter is only a doorbell; emptied before the queues are read, so
     * that what comes meanwhile rings again. */
    (void)!read(wake->fd, &count, sizeof(count));
    wake->on_wake(wake->arg);
}

static void on_time(uv_timer_t *timer)
{
    struct kafka_wake *wake = timer->data;

    wake->on_wake(wake->arg);
}

int kafka_wake_open(uv_loop_t *loop, void (*on_wake)(void *arg), void *arg,
                    struct kafka_wake **out, struct err *e)
{
    AUTO_FD int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct kafka_wake *wake = NULL;
    int rc = 0;

    if (fd < 0) {
        return err_sys(e, "eventfd");
    }
    wake = xcalloc(1, sizeof(*wake));
    wake->on_wake = on_wake;
    wake->arg = arg;
    wake->poll.data = wake;
    rc = uv_poll_init(loop, &wake->poll, fd);
    if (rc < 0) {
        free(wake);
        return err_set(e, ERR_SYSTEM, "uv_poll_init: %s", uv_strerror(rc));
    }
    wake->fd = take_fd(&fd);
    (void)uv_timer_init(loop, &wake->timer);
    wake->timer.data = wake;
    wake->handles = 2;
    (void)uv_poll_start(&wake->poll, UV_READABLE, on_readable);
    *out = wake;
    return 0;
}

void kafka_wake_watch(struct kafka_wake *wake, rd_kafka_queue_t *queue)
{
    const uint64_t one = 1;

    rd_kafka_queue_io_event_enable(queue, wake->fd, &one, sizeof(one));
    /* what waits there already would never ring */
    kafka_wake_fire(wake);
}

void kafka_wake_unwatch(rd_kafka_queue_t *queue)
{
    rd_kafka_queue_io_event_enable(queue, -1, NULL, 0);
}

void kafka_wake_fire(struct kafka_wake *wake)
{
    const uint64_t one = 1;

    (void)!write(wake->fd, &one, sizeof(one));
}

void kafka_wake_after(struct kafka_wake *wake, uint64_t delay_ms)
{
    (void)uv_timer_start(&wake->timer, on_time, delay_ms, 0);
}

static void on_closed(uv_handle_t *handle)
{
    struct kafka_wake *wake = handle->data;

    if (--wake->handles > 0) {
        return;
    }
    (void)close(wake->fd);
    free(wake);
}

void kafka_wake_close(struct kafka_wake *wake)
{
    if (wake) {
        (void)uv_poll_stop(&wake->poll);
        uv_close((uv_handle_t *)&wake->poll, on_closed);
        uv_close((uv_handle_t *)&wake->timer, on_closed);
    }
}
