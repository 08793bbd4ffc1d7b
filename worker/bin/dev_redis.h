/* SPDX-License-Identifier: MIT */
/* dev_redis.h - the private Redis of `forkyard dev`: its settings and address.
 *
 * Memory only; on loopback with a random password, and on a unix socket in a
 * private directory. The password is in a 0600 file, never on a command
 * line. */
#pragma once

#include <stdbool.h>

#include "base/base.h"
#include "base/err.h"

#define DEV_REDIS_PASSWORD_LEN 48

struct dev_redis {
    int port;
    char password[DEV_REDIS_PASSWORD_LEN + 1];
    char config_path[4096];
};

/* Picks a free port and a password, writes dir/redis.conf. */
int dev_redis_prepare(struct dev_redis *redis, const char *dir,
                      struct err *e) MUST_USE;
/* Is this line of redis-server's log the one that says it accepts clients? */
bool dev_redis_is_ready_line(const char *line);
/* "redis://:PASSWORD@127.0.0.1:PORT/0" */
void dev_redis_url(const struct dev_redis *redis, char *dst, size_t dst_size);
/* A loopback port nobody listens on at this moment; the wanted one when it is
 * free. */
int dev_redis_free_port(int wanted_or_0, int *out_port, struct err *e) MUST_USE;
