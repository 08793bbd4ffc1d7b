/* SPDX-License-Identifier: MIT */
/* bench_peers.h - other sandboxes, those that are installed: how each is
 * called, so that it does what a box of ours does as far as it can. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/base.h"
#include "base/err.h"

/* The descriptor they find the list at, as they are told. */
#define BENCH_PEERS_FILTER "9"

struct bench_peer {
    const char *program;
    const char *latency_row; /* names in the report */
    const char *cpu_row;
    const char *what; /* it isolates, and what it does not */
    /* Words with a space between, commands with a ";". @program, @rootfs,
     * @bundle, @state and @id stand for what a place has. */
    const char *command;
};

extern const struct bench_peer bench_peers[];
extern const size_t bench_peers_count;

/* What peers are given: a root with nothing but /usr in it, an OCI bundle
 * around it, and our system call list. */
struct bench_peer_place {
    char dir[256]; /* "": none */
    char rootfs[288];
    char bundle[288];
    char state[288];
    int filter_fd; /* -1: none */
    int words_fd;  /* what they say on stderr; -1: none */
    const char *program;
};

int bench_peer_place_make(struct bench_peer_place *place, const char *program,
                          struct err *e) MUST_USE;
void bench_peer_place_remove(struct bench_peer_place *place);

/* False: not in PATH. */
bool bench_peers_find(const struct bench_peer *peer, char *dst, size_t size);
/* One run of the program in it, until it and all that it left has ended;
 * path: as found. On failure e has its words. */
int bench_peers_run(const struct bench_peer *peer, const char *path,
                    const struct bench_peer_place *place, double *out_us,
                    struct err *e) MUST_USE;
