/* SPDX-License-Identifier: MIT */
/* check_http.c - see check_http.h. Listens for a moment, and answers nobody. */
#include "bin/check_http.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bin/cli.h"
#include "svc/listen.h"

struct finding {
    const char *word;
    char color;
    char detail[600];
};

static void find(const struct config *config, struct finding *out)
{
    const char *listen = config->http_listen;
    struct listen_address address;
    struct err e = {0};
    int fd = -1;

    *out = (struct finding){.word = "ok", .color = 'g'};
    if (!listen || !listen[0]) {
        out->word = "off";
        out->color = 'y';
        (void)snprintf(out->detail, sizeof(out->detail),
                       "no metrics, no health: http.listen is empty");
        return;
    }
    if (listen_parse(listen, &address, &e) < 0 ||
        listen_open(listen, &fd, &e) < 0) {
        out->word = "TAKEN";
        out->color = 'r';
        (void)snprintf(out->detail, sizeof(out->detail), "%s", e.msg);
        return;
    }
    (void)close(fd);
    if (!strncmp(listen, "unix:", 5)) {
        (void)unlink(listen + 5);
    }
    (void)snprintf(out->detail, sizeof(out->detail), "%s is free%s", listen,
                   listen_is_public(&address)
                       ? "; other machines can reach it, and nobody is asked "
                         "who he is"
                       : "");
}

json_t *check_http_json(const struct config *config)
{
    struct finding found;

    find(config, &found);
    return json_pack("{s:s, s:s}", "state", found.word, "detail", found.detail);
}

void check_http_print(const struct config *config)
{
    struct finding found;

    find(config, &found);
    (void)printf("  %s%-8s%s %-13s %s\n", cli_color(stdout, found.color),
                 found.word, cli_color(stdout, '0'), "http.listen",
                 found.detail);
}
