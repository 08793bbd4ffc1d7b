/* SPDX-License-Identifier: MIT */
/* listen.h - a socket to listen on, from a setting: "127.0.0.1:9464",
 * "[::1]:9464", "unix:/run/forkyard/http". Port 0 is any free one. Numbers
 * only: a name could mean another interface tomorrow. */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/base.h"
#include "base/err.h"

struct listen_address {
    struct sockaddr_storage socket;
    socklen_t len;
};

int listen_parse(const char *text, struct listen_address *out,
                 struct err *e) MUST_USE;
/* Binds and listens, without waiting for anybody. What stands in the way is
 * said with its remedy. A socket file that nobody listens on is replaced. */
int listen_open(const char *text, int *out_fd, struct err *e) MUST_USE;
/* What listens there: "http://127.0.0.1:40123", "unix:/run/forkyard/http". */
#define LISTEN_NAME_MAX 160
int listen_name(int fd, char out[LISTEN_NAME_MAX], struct err *e) MUST_USE;
/* Reachable from other machines? */
bool listen_is_public(const struct listen_address *address);
