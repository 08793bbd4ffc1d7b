/* SPDX-License-Identifier: MIT */
/* dev_redis.c - settings of the private Redis: see dev_redis.h.
 *
 * Runs in `forkyard dev`. Starts nothing itself. */
#include "bin/dev_redis.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/buf.h"
#include "base/fd.h"

#define CONFIG_MAX 8192

int dev_redis_free_port(int wanted_or_0, int *out_port, struct err *e)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    int reuse = 1;
    AUTO_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)wanted_or_0);
    if (fd < 0) {
        return err_sys(e, "socket");
    }
    /* A port of connections that have just ended counts as free. */
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));
    if (bind(fd, (struct sockaddr *)&address, len) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0) {
        return err_sys(e, "port %d", wanted_or_0);
    }
    *out_port = ntohs(address.sin_port);
    return 0;
}

static int make_password(char *dst, struct err *e)
{
    unsigned char bytes[DEV_REDIS_PASSWORD_LEN / 2];

    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
        return err_sys(e, "getrandom");
    }
    for (size_t i = 0; i < sizeof(bytes); i++) {
        (void)snprintf(dst + 2 * i, 3, "%02x", bytes[i]);
    }
    return 0;
}

static int write_private(const char *path, const struct buf *text,
                         struct err *e)
{
    AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0) {
        return err_sys(e, "%s", path);
    }
    return fd_write_all(fd, text->data, text->len, e);
}

int dev_redis_prepare(struct dev_redis *redis, const char *dir, struct err *e)
{
    AUTO_BUF struct buf text;
    char socket_path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
    int len = snprintf(socket_path, sizeof(socket_path), "%s/redis.sock", dir);

    buf_init(&text, CONFIG_MAX);
    (void)snprintf(redis->config_path, sizeof(redis->config_path),
                   "%s/redis.conf", dir);
    if (dev_redis_free_port(0, &redis->port, e) < 0 ||
        make_password(redis->password, e) < 0 ||
        buf_printf(&text, e,
                   "bind 127.0.0.1\nport %d\nrequirepass %s\n"
                   "save \"\"\nappendonly no\ndir \"%s\"\n"
                   "daemonize no\nlogfile \"\"\nloglevel notice\n"
                   "databases 1\n",
                   redis->port, redis->password, dir) < 0) {
        return -1;
    }
    /* A long TMPDIR leaves no room for a socket name: loopback only then. */
    if ((size_t)len < sizeof(socket_path) &&
        buf_printf(&text, e, "unixsocket \"%s\"\nunixsocketperm 700\n",
                   socket_path) < 0) {
        return -1;
    }
    return write_private(redis->config_path, &text, e);
}

bool dev_redis_is_ready_line(const char *line)
{
    return strstr(line, "Ready to accept connections") != NULL;
}

void dev_redis_url(const struct dev_redis *redis, char *dst, size_t dst_size)
{
    (void)snprintf(dst, dst_size, "redis://:%s@127.0.0.1:%d/0", redis->password,
                   redis->port);
}
