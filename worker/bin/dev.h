/* SPDX-License-Identifier: MIT */
/* dev.h - the state of `forkyard dev`, shared by the dev_*.c files. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/base.h"
#include "base/err.h"
#include "bin/cli.h"
#include "bin/dev_child.h"
#include "bin/dev_dir.h"
#include "bin/dev_redis.h"
#include "bin/dev_watch.h"

#define DEV_WORKERS_MAX 64
#define DEV_PORT_UNSET  UINT64_MAX /* 9092 if it is free; 0 is any */

struct dev_options {
    uint64_t workers;
    uint64_t slots;
    uint64_t port;
    const char *kafka;
    const char *redis;
};
struct dev;

struct dev_worker {
    struct dev *dev;
    struct dev_child child;
    uv_timer_t restart;
    char id[32];
    char http[160]; /* where its metrics are; "" before it is ready */
    int index;
    bool is_ready;
    uint64_t started_ms;
    uint64_t backoff_ms;
};

struct dev {
    struct cli cli;
    struct dev_options options;
    uv_loop_t loop;
    uv_signal_t signals[3];
    uv_timer_t deadline;
    uv_timer_t watch_timer;
    uv_work_t watch_work;
    struct dev_watch *watch;
    struct dev_watch_report report;
    struct err watch_error;
    bool is_watching; /* the work is in the pool */
    bool is_last_watch;
    bool has_said_lost;

    struct dev_child broker;
    struct dev_child redis;
    struct dev_redis redis_settings;
    bool redis_ready;
    struct dev_dir dir;
    char kafka_addr[256];
    char kafka_place[PATH_MAX]; /* of --kafka local */
    int kafka_port;
    char redis_url[256];
    struct dev_worker workers[DEV_WORKERS_MAX];

    bool is_ready;
    bool is_stopping;
    bool deadline_passed;
    int stop_signals; /* the second one stops the waiting */
    int exit_code;
};
/* Something went wrong for good: stop, and exit 1. Says nothing itself. */
void dev_fail(struct dev *dev);
bool dev_uses_embedded(const struct dev *dev);
/* What the command line gave us, for a child's command line; in front of what
 * dev decides itself. */
void dev_add_settings(const struct dev *dev, struct dev_argv *argv);

/* dev_servers.c: the embedded broker and the private Redis, unless others were
 * named. Ready when kafka_addr and redis_ready are set. */
int dev_servers_start(struct dev *dev, struct err *e) MUST_USE;
/* For their on_exit: stops dev, unless it stops already. */
void dev_server_ended(struct dev_child *child);
void dev_servers_signal(struct dev *dev, int signum);
bool dev_servers_are_ready(const struct dev *dev);
bool dev_servers_are_gone(const struct dev *dev);

/* dev_workers.c */
int dev_workers_start(struct dev *dev, struct err *e) MUST_USE;
void dev_workers_signal(struct dev *dev, int signum);
bool dev_workers_are_ready(const struct dev *dev);
bool dev_workers_are_gone(const struct dev *dev);
/* How long a worker may drain. */
uint64_t dev_workers_drain_ms(const struct dev *dev);

/* dev_print.c */
void dev_print_limits(void);
void dev_print_addresses(const struct dev *dev);
void dev_print_lost(const struct dev_watch_report *report);
