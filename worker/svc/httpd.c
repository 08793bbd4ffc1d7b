/* SPDX-License-Identifier: MIT */
/* httpd.c - see httpd.h. */
#include "svc/httpd.h"

#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "svc/listen.h"

/* Request line and headers of one connection, and its answer's head. */
#define HEAD_MAX_BYTES 8192
/* 64 queues and some thousand partitions. */
#define BODY_MAX_BYTES (8 << 20)
/* How often connections are looked at while there are some. */
#define LOOK_MS 500

struct connection {
    int fd;
    uint64_t since_ms;
    struct connection *prev, *next;
};

struct httpd {
    struct MHD_Daemon *daemon;
    uv_poll_t poll;   /* on the daemon's epoll */
    uv_timer_t again; /* when it asked to be called again */
    uv_timer_t look;
    unsigned open_handles;
    const struct httpd_route *routes;
    void *arg;
    struct connection *connections;
    char name[LISTEN_NAME_MAX];
};

/* ---- answers ------------------------------------------------------------ */

static const struct httpd_route *find(const struct httpd *h, const char *path)
{
    for (const struct httpd_route *r = h->routes; r->path; r++) {
        if (!strcmp(r->path, path)) {
            return r;
        }
    }
    return NULL;
}

static void say(struct httpd_answer *answer, unsigned status, const char *text)
{
    answer->status = status;
    answer->type = "text/plain; charset=utf-8";
    buf_clear(&answer->body);
    (void)!buf_append(&answer->body, text, strlen(text), NULL);
}

static enum MHD_Result send_answer(struct MHD_Connection *connection,
                                   const struct httpd_answer *answer)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        answer->body.len, answer->body.data, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result = MHD_NO;

    if (!response) {
        return MHD_NO;
    }
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                                  answer->type);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL,
                                  "no-store");
    /* One answer per connection: none is kept by who asks no more. */
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION,
                                  "close");
    if (answer->status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW,
                                      "GET, HEAD");
    }
    result = MHD_queue_response(connection, answer->status, response);
    MHD_destroy_response(response);
    return result;
}

static bool is_get(const char *method)
{
    return !strcmp(method, MHD_HTTP_METHOD_GET) ||
           !strcmp(method, MHD_HTTP_METHOD_HEAD);
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection,
                                  const char *path, const char *method,
                                  const char *version, const char *data,
                                  size_t *data_size, void **state)
{
    struct httpd *h = arg;
    const struct httpd_route *route = find(h, path);
    struct httpd_answer answer = {.status = MHD_HTTP_OK, .type = "text/plain"};
    enum MHD_Result result;

    (void)version;
    (void)data;
    (void)data_size;
    (void)state;
    buf_init(&answer.body, BODY_MAX_BYTES);
    if (!route) {
        say(&answer, MHD_HTTP_NOT_FOUND, "no such page; / lists them\n");
    } else if (!is_get(method)) {
        say(&answer, MHD_HTTP_METHOD_NOT_ALLOWED, "GET, please\n");
    } else {
        route->answer(MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
                                                  MHD_HTTP_HEADER_ACCEPT),
                      &answer, h->arg);
    }
    result = send_answer(connection, &answer);
    buf_done(&answer.body);
    return result;
}

/* ---- connections -------------------------------------------------------- */

static void serve(struct httpd *h);

static void on_look(uv_timer_t *timer)
{
    struct httpd *h = timer->data;
    bool was_idle = !h->connections;
    uint64_t now_ms = clock_mono_ms();
    struct connection *c = NULL;

    DL_FOREACH(h->connections, c)
    {
        if (now_ms - c->since_ms >= HTTPD_PATIENCE_MS) {
            /* libmicrohttpd sees an end of file and lets go of it. */
            (void)shutdown(c->fd, SHUT_RDWR);
        }
    }
    /* One that was full accepts again when it is called, and does not ask to
     * be: until it has been with none left. */
    serve(h);
    if (was_idle && !h->connections) {
        (void)uv_timer_stop(timer);
    }
}

static void on_connection(void *arg, struct MHD_Connection *connection,
                          void **state,
                          enum MHD_ConnectionNotificationCode what)
{
    struct httpd *h = arg;
    struct connection *c = *state;

    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (c) {
            DL_DELETE(h->connections, c);
            free(c);
            *state = NULL;
        }
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (!info) {
        return;
    }
    c = xcalloc(1, sizeof(*c));
    c->fd = info->connect_fd;
    c->since_ms = clock_mono_ms();
    DL_APPEND(h->connections, c);
    *state = c;
    if (!uv_is_active((uv_handle_t *)&h->look)) {
        (void)uv_timer_start(&h->look, on_look, LOOK_MS, LOOK_MS);
    }
}

/* ---- the loop ----------------------------------------------------------- */

static void on_again(uv_timer_t *timer);

static void serve(struct httpd *h)
{
    MHD_UNSIGNED_LONG_LONG wait_ms = 0;

    (void)MHD_run(h->daemon);
    if (MHD_get_timeout(h->daemon, &wait_ms) == MHD_YES) {
        (void)uv_timer_start(&h->again, on_again, wait_ms, 0);
    } else {
        (void)uv_timer_stop(&h->again);
    }
}

static void on_again(uv_timer_t *timer)
{
    serve(timer->data);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    serve(poll->data);
}

/* ---- life --------------------------------------------------------------- */

static void on_log(void *arg, const char *format, va_list list)
{
    char text[256];

    (void)arg;
    (void)vsnprintf(text, sizeof(text), format, list);
    log_debug("http", "text=%s", text);
}

static int start_daemon(struct httpd *h, int fd, struct err *e)
{
    h->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, h,
        MHD_OPTION_EXTERNAL_LOGGER, on_log, h, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTPD_CONNECTIONS,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(HTTPD_PATIENCE_MS / 1000),
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_MAX_BYTES,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, h, MHD_OPTION_END);
    if (!h->daemon) {
        return err_set(e, ERR_SYSTEM, "libmicrohttpd does not start");
    }
    return 0;
}

static int join_loop(struct httpd *h, uv_loop_t *loop, struct err *e)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);

    if (!info || uv_poll_init(loop, &h->poll, info->epoll_fd) < 0) {
        return err_set(e, ERR_SYSTEM, "libmicrohttpd has no epoll");
    }
    (void)uv_timer_init(loop, &h->again);
    (void)uv_timer_init(loop, &h->look);
    h->poll.data = h->again.data = h->look.data = h;
    h->open_handles = 3;
    (void)uv_poll_start(&h->poll, UV_READABLE, on_readable);
    serve(h);
    return 0;
}

int httpd_open(const char *listen, uv_loop_t *loop,
               const struct httpd_route *routes, void *arg, struct httpd **out,
               struct err *e)
{
    AUTO_FD int fd = -1;
    struct httpd *h = NULL;

    if (listen_open(listen, &fd, e) < 0) {
        return -1;
    }
    h = xcalloc(1, sizeof(*h));
    h->routes = routes;
    h->arg = arg;
    if (listen_name(fd, h->name, e) < 0 || start_daemon(h, fd, e) < 0) {
        free(h);
        return -1;
    }
    (void)take_fd(&fd); /* the daemon's now */
    if (join_loop(h, loop, e) < 0) {
        MHD_stop_daemon(h->daemon);
        free(h);
        return -1;
    }
    *out = h;
    return 0;
}

const char *httpd_name(const struct httpd *h)
{
    return h->name;
}

static void on_closed(uv_handle_t *handle)
{
    struct httpd *h = handle->data;

    if (--h->open_handles == 0) {
        free(h);
    }
}

void httpd_close(struct httpd *h)
{
    if (!h) {
        return;
    }
    /* Before the daemon closes the descriptor that it looks at. */
    (void)uv_poll_stop(&h->poll);
    uv_close((uv_handle_t *)&h->poll, on_closed);
    uv_close((uv_handle_t *)&h->again, on_closed);
    uv_close((uv_handle_t *)&h->look, on_closed);
    MHD_stop_daemon(h->daemon);
    if (!strncmp(h->name, "unix:", 5)) {
        (void)unlink(h->name + 5);
    }
}
