/* SPDX-License-Identifier: MIT */
/* listen.c - see listen.h. Runs in the engine, once, and in `forkyard check`.
 */
#include "svc/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"

#define UNIX_PREFIX "unix:"
#define BACKLOG     64

static int parse_unix(const char *path, struct listen_address *out,
                      struct err *e)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&out->socket;

    if (path[0] != '/' || strlen(path) >= sizeof(un->sun_path)) {
        return err_set(e, ERR_INPUT,
                       "a socket's path begins with / and has at most %zu "
                       "characters",
                       sizeof(un->sun_path) - 1);
    }
    un->sun_family = AF_UNIX;
    (void)str_copy(un->sun_path, sizeof(un->sun_path), path);
    out->len = (socklen_t)sizeof(*un);
    return 0;
}

static bool set_v6(struct listen_address *out, const char *host, uint16_t port)
{
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->socket;

    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    out->len = sizeof(*v6);
    return inet_pton(AF_INET6, host, &v6->sin6_addr) == 1;
}

static bool set_v4(struct listen_address *out, const char *host, uint16_t port)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&out->socket;

    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    out->len = sizeof(*v4);
    return inet_pton(AF_INET, host, &v4->sin_addr) == 1;
}

/* host: without the brackets of an IPv6 address. */
static bool split(const char *text, char host[INET6_ADDRSTRLEN],
                  bool *out_is_v6, uint64_t *out_port)
{
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;

    if (len == 0 || str_parse_u64(colon + 1, out_port, NULL) < 0) {
        return false;
    }
    *out_is_v6 = text[0] == '[' && text[len - 1] == ']';
    if (*out_is_v6) {
        text++;
        len -= 2;
    }
    if (len >= INET6_ADDRSTRLEN) {
        return false;
    }
    memcpy(host, text, len);
    host[len] = '\0';
    return true;
}

int listen_parse(const char *text, struct listen_address *out, struct err *e)
{
    struct listen_address address;
    char host[INET6_ADDRSTRLEN];
    uint64_t port = 0;
    bool is_v6 = false;

    memset(&address, 0, sizeof(address));
    if (str_starts(text, UNIX_PREFIX)) {
        if (parse_unix(text + strlen(UNIX_PREFIX), &address, e) < 0) {
            return err_wrap(e, "'%.80s'", text);
        }
    } else if (!split(text, host, &is_v6, &port) || port > UINT16_MAX ||
               !(is_v6 ? set_v6 : set_v4)(&address, host, (uint16_t)port)) {
        return err_set(e, ERR_INPUT,
                       "'%.80s': an address like 127.0.0.1:9464, [::1]:9464 or "
                       "unix:/path is wanted",
                       text);
    }
    *out = address;
    return 0;
}

/* ---- opening ------------------------------------------------------------ */

/* The file of a worker that was killed stays behind. */
static bool is_left_over(const struct listen_address *address)
{
    AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return address->socket.ss_family == AF_UNIX && fd >= 0 &&
           connect(fd, (const struct sockaddr *)&address->socket,
                   address->len) < 0 &&
           errno == ECONNREFUSED;
}

static int bind_it(int fd, const struct listen_address *address)
{
    const struct sockaddr *where = (const struct sockaddr *)&address->socket;

    if (bind(fd, where, address->len) == 0) {
        return 0;
    }
    if (errno != EADDRINUSE || !is_left_over(address)) {
        return -1;
    }
    (void)unlink(((const struct sockaddr_un *)&address->socket)->sun_path);
    return bind(fd, where, address->len);
}

static int refused(const char *text, struct err *e)
{
    static const struct {
        int error;
        const char *remedy;
    } rows[] = {
        {EADDRINUSE, "another process listens there: choose another port, or "
                     "port 0 for any free one"},
        {EACCES, "the worker's user may not: choose a port from 1024 on, or a "
                 "directory it may write"},
        {EADDRNOTAVAIL, "no interface of this host has that address"},
        {ENOENT, "there is no such directory"},
    };
    int error = errno;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].error == error) {
            return err_set(e, ERR_SYSTEM, "%s: %s; %s", text, strerror(error),
                           rows[i].remedy);
        }
    }
    errno = error;
    return err_sys(e, "%s", text);
}

int listen_open(const char *text, int *out_fd, struct err *e)
{
    struct listen_address address;
    const int one = 1;

    if (listen_parse(text, &address, e) < 0) {
        return -1;
    }
    AUTO_FD int fd = socket(address.socket.ss_family,
                            SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return err_sys(e, "socket");
    }
    /* A worker that is started again finds its port free at once. */
    if (address.socket.ss_family != AF_UNIX) {
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    }
    if (bind_it(fd, &address) < 0 || listen(fd, BACKLOG) < 0) {
        return refused(text, e);
    }
    *out_fd = take_fd(&fd);
    return 0;
}

/* ---- telling ------------------------------------------------------------ */

int listen_name(int fd, char out[LISTEN_NAME_MAX], struct err *e)
{
    struct listen_address a;
    char host[INET6_ADDRSTRLEN] = "";
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&a.socket;
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&a.socket;

    memset(&a, 0, sizeof(a));
    a.len = sizeof(a.socket);
    if (getsockname(fd, (struct sockaddr *)&a.socket, &a.len) < 0) {
        return err_sys(e, "getsockname");
    }
    if (a.socket.ss_family == AF_UNIX) {
        (void)snprintf(out, LISTEN_NAME_MAX, UNIX_PREFIX "%.108s",
                       ((const struct sockaddr_un *)&a.socket)->sun_path);
    } else if (a.socket.ss_family == AF_INET6) {
        (void)inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
        (void)snprintf(out, LISTEN_NAME_MAX, "http://[%s]:%u", host,
                       ntohs(v6->sin6_port));
    } else {
        (void)inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
        (void)snprintf(out, LISTEN_NAME_MAX, "http://%s:%u", host,
                       ntohs(v4->sin_port));
    }
    return 0;
}

bool listen_is_public(const struct listen_address *a)
{
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&a->socket;
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&a->socket;

    if (a->socket.ss_family == AF_INET6) {
        return !IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
    }
    return a->socket.ss_family == AF_INET &&
           ntohl(v4->sin_addr.s_addr) >> 24 != IN_LOOPBACKNET;
}
