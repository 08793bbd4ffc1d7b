/* SPDX-License-Identifier: MIT */
/* dev_child.c - one process of `forkyard dev`: see dev_child.h.
 *
 * Runs in `forkyard dev`, on its loop. Never blocks. */
#include "bin/dev_child.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define PATH_SIZE    4096
#define LINES_FD_MAX 3

/* The program's own path, for readable process names; /proc/self/exe when the
 * file was replaced since we started. */
static const char *own_path(char *dst, size_t size)
{
    ssize_t len = readlink("/proc/self/exe", dst, size - 1);

    if (len > 0) {
        dst[len] = '\0';
        if (access(dst, X_OK) == 0) {
            return dst;
        }
    }
    return "/proc/self/exe";
}

void dev_argv_add(struct dev_argv *argv, const char *fmt, ...)
{
    va_list args;
    char *text = NULL;

    va_start(args, fmt);
    if (vasprintf(&text, fmt, args) < 0) {
        abort();
    }
    va_end(args);
    if (argv->count + 1 >= DEV_CHILD_ARGS_MAX) {
        free(text); /* dev_child_start() refuses a full list */
        argv->count = DEV_CHILD_ARGS_MAX;
        return;
    }
    argv->items[argv->count++] = text;
    argv->items[argv->count] = NULL;
}

void dev_argv_begin(struct dev_argv *argv, const char *program)
{
    char path[PATH_SIZE];
    const char *self = own_path(path, sizeof(path));

    *argv = (struct dev_argv){0};
    dev_argv_add(argv, "%s", self);
    dev_argv_add(argv, "with-parent");
    dev_argv_add(argv, "%d", (int)getpid());
    dev_argv_add(argv, "--");
    dev_argv_add(argv, "%s", program ? program : self);
}

void dev_argv_done(struct dev_argv *argv)
{
    for (size_t i = 0; i < argv->count && i < DEV_CHILD_ARGS_MAX; i++) {
        free(argv->items[i]);
    }
    *argv = (struct dev_argv){0};
}

static void take_bytes(struct dev_child *child, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (data[i] == '\n') {
            child->line[child->len] = '\0';
            if (!child->is_skipping && child->on_line) {
                child->on_line(child, child->line);
            }
            child->len = 0;
            child->is_skipping = false;
        } else if (child->len + 1 < sizeof(child->line)) {
            child->line[child->len++] = data[i];
        } else {
            child->is_skipping = true;
        }
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)handle;
    *buf = uv_buf_init(xmalloc(suggested), (unsigned)suggested);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    struct dev_child *child = stream->data;

    if (count > 0) {
        take_bytes(child, buf->base, (size_t)count);
    } else if (count < 0) {
        (void)uv_read_stop(stream);
    }
    free(buf->base);
}

static void on_closed(uv_handle_t *handle)
{
    struct dev_child *child = handle->data;

    if (--child->open_handles == 0) {
        child->is_running = false;
        if (child->on_exit) {
            child->on_exit(child);
        }
    }
}

static void close_handles(struct dev_child *child)
{
    uv_handle_t *handles[] = {(uv_handle_t *)&child->process,
                              (uv_handle_t *)&child->hold,
                              (uv_handle_t *)&child->lines};

    child->open_handles = (int)ARRAY_LEN(handles);
    for (size_t i = 0; i < ARRAY_LEN(handles); i++) {
        handles[i]->data = child;
        uv_close(handles[i], on_closed);
    }
}

static void on_process_exit(uv_process_t *process, int64_t status, int signum)
{
    struct dev_child *child = process->data;

    child->exit_status = status;
    child->exit_signal = signum;
    close_handles(child);
}

int dev_child_start(struct dev_child *child, uv_loop_t *loop,
                    const struct dev_argv *argv, struct err *e)
{
    uv_stdio_container_t stdio[LINES_FD_MAX + 1] = {
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE,
         .data.stream = (uv_stream_t *)&child->hold},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
    };
    uv_process_options_t options = {0};
    int rc;

    if (argv->count >= DEV_CHILD_ARGS_MAX) {
        return err_set(e, ERR_INPUT, "more than %d settings to pass on",
                       DEV_CHILD_ARGS_MAX);
    }
    (void)uv_pipe_init(loop, &child->hold, 0);
    (void)uv_pipe_init(loop, &child->lines, 0);
    stdio[child->lines_fd].flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE;
    stdio[child->lines_fd].data.stream = (uv_stream_t *)&child->lines;
    options.file = argv->items[0];
    options.args = (char **)(uintptr_t)argv->items;
    options.stdio = stdio;
    options.stdio_count = child->lines_fd == 1 ? 3 : child->lines_fd + 1;
    options.flags = UV_PROCESS_DETACHED;
    options.exit_cb = on_process_exit;
    child->len = 0;
    child->is_skipping = false;
    child->is_running = true;
    child->process.data = child;
    rc = uv_spawn(loop, &child->process, &options);
    if (rc < 0) {
        child->on_exit = NULL;
        close_handles(child);
        return err_set(e, ERR_SYSTEM, "cannot start %s: %s", argv->items[0],
                       uv_strerror(rc));
    }
    child->pid = child->process.pid;
    child->lines.data = child;
    (void)uv_read_start((uv_stream_t *)&child->lines, on_alloc, on_read);
    return 0;
}

void dev_child_signal(struct dev_child *child, int signum)
{
    /* The process handle knows whether it has been reaped already. */
    if (child->is_running && child->open_handles == 0) {
        (void)uv_process_kill(&child->process, signum);
    }
}

void dev_child_how_ended(const struct dev_child *child, char *dst,
                         size_t dst_size)
{
    if (child->exit_signal) {
        (void)snprintf(dst, dst_size, "signal %d (%s)", child->exit_signal,
                       strsignal(child->exit_signal));
    } else {
        (void)snprintf(dst, dst_size, "exit code %d", (int)child->exit_status);
    }
}
