/* SPDX-License-Identifier: MIT */
/* httpd.h - short answers over HTTP: GET of a few paths. Runs in the engine,
 * on its loop; libmicrohttpd has no thread here, so nothing is shared.
 *
 * Happy path: a request for a path of the table calls its function, which
 * fills the answer from memory.
 *
 * Failures: another path is 404, another method 405, a head that is too large
 * 4xx by libmicrohttpd. There are at most HTTPD_CONNECTIONS; one that has not
 * had its answer HTTPD_PATIENCE_MS after it came is closed, however slowly it
 * goes on talking. What fails inside is logged at debug level: whoever asks
 * gets no say in what the log holds.
 *
 * On close: connections are closed, answered or not. */
#pragma once

#include <uv.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"

#define HTTPD_CONNECTIONS 32
#define HTTPD_PATIENCE_MS 5000

struct httpd;

struct httpd_answer {
    unsigned status;  /* 200 unless changed */
    const char *type; /* Content-Type; static */
    struct buf body;
};

struct httpd_route {
    const char *path;
    /* accept: the request's header, or NULL. */
    void (*answer)(const char *accept, struct httpd_answer *out, void *arg);
};

/* listen: see listen.h. routes end with a NULL path; both borrowed. */
int httpd_open(const char *listen, uv_loop_t *loop,
               const struct httpd_route *routes, void *arg, struct httpd **out,
               struct err *e) MUST_USE;
/* Where it listens: "http://127.0.0.1:40123" */
const char *httpd_name(const struct httpd *h);
/* The memory goes when the loop has closed the handles. Accepts NULL. */
void httpd_close(struct httpd *h);
