/* SPDX-License-Identifier: MIT */
/* dev_workers.c - the workers of `forkyard dev`: started, watched, restarted.
 *
 * Runs in `forkyard dev`, on its loop. Before all are ready a worker that ends
 * stops dev (its settings are wrong); afterwards it is started again with
 * backoff, and that is said. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "bin/dev.h"

/* Slots a worker may have at most (config_table.h): its range of user ids. */
#define UID_RANGE 4096
/* Where the ranges of several fleets on one host begin: by process id. */
#define UID_FLEETS 4096
#define UID_FIRST  1000000000
/* How long a drain may take unless worker.drain_timeout is set lower. */
#define DRAIN_MAX_MS     5000
#define BACKOFF_FIRST_MS 250
#define BACKOFF_MAX_MS   8000
/* A worker that lived this long starts over with the first backoff. */
#define HEALTHY_MS 10000

static void add_set(struct dev_argv *argv, const char *name, const char *value)
{
    dev_argv_add(argv, "--set");
    dev_argv_add(argv, "%s=%s", name, value);
}

/* The embedded broker has no long poll: a fetch without data sleeps its whole
 * wait, and old-style groups take seconds to rebalance there. */
static void add_embedded_tuning(const struct dev *dev, struct dev_argv *argv)
{
    static const struct {
        const char *name;
        const char *value;
    } tuning[] = {
        {"fetch.wait.max.ms", "2"},
        {"group.protocol", "consumer"},
    };
    char dotted[64];

    for (size_t i = 0; dev_uses_embedded(dev) && i < ARRAY_LEN(tuning); i++) {
        if (!config_kafka_get(&dev->cli.config, tuning[i].name)) {
            (void)snprintf(dotted, sizeof(dotted), "kafka.%s", tuning[i].name);
            add_set(argv, dotted, tuning[i].value);
        }
    }
}

uint64_t dev_workers_drain_ms(const struct dev *dev)
{
    uint64_t set = dev->cli.config.worker_drain_ms;

    return set < DRAIN_MAX_MS ? set : DRAIN_MAX_MS;
}

/* Two fleets on one host must not share user ids: unless somebody has chosen,
 * the process id chooses. */
static uint64_t uid_base(const struct dev_worker *w)
{
    uint64_t base = w->dev->cli.config.box_uid_base;
    struct config defaults;

    config_init(&defaults);
    if (base == defaults.box_uid_base) {
        base = UID_FIRST +
               (uint64_t)(getpid() % UID_FLEETS) * DEV_WORKERS_MAX * UID_RANGE;
    }
    config_done(&defaults);
    return base + (uint64_t)w->index * UID_RANGE;
}

/* Each worker listens for itself, on any free port; once started again, where
 * it was before. An address that somebody has chosen is the first one's. */
static void add_http(const struct dev_worker *w, struct dev_argv *argv)
{
    const char *chosen = w->dev->cli.config.http_listen;
    bool is_chosen = w->index == 0 && chosen && chosen[0];

    if (!strncmp(w->http, "http://", 7)) {
        add_set(argv, "http.listen", w->http + 7);
    } else {
        add_set(argv, "http.listen", is_chosen ? chosen : "127.0.0.1:0");
    }
}

static void worker_argv(const struct dev_worker *w, struct dev_argv *argv)
{
    const struct dev *dev = w->dev;
    char number[32];

    dev_argv_begin(argv, NULL);
    dev_argv_add(argv, "worker");
    dev_argv_add(argv, "--ready-fd");
    dev_argv_add(argv, "%d", w->child.lines_fd);
    /* A fleet's routine is not what somebody trying things wants to read. */
    add_set(argv, "log.level", dev->cli.verbose ? "info" : "warn");
    dev_add_settings(dev, argv);
    add_embedded_tuning(dev, argv);
    add_set(argv, "kafka.bootstrap.servers", dev->kafka_addr);
    add_set(argv, "worker.id", w->id);
    if (dev->options.slots) {
        (void)snprintf(number, sizeof(number), "%llu",
                       (unsigned long long)dev->options.slots);
        add_set(argv, "worker.slots", number);
    }
    (void)snprintf(number, sizeof(number), "%llu",
                   (unsigned long long)uid_base(w));
    add_set(argv, "box.uid_base", number);
    (void)snprintf(number, sizeof(number), "%llums",
                   (unsigned long long)dev_workers_drain_ms(dev));
    add_set(argv, "worker.drain_timeout", number);
    add_http(w, argv);
}

static int start_worker(struct dev_worker *w, struct err *e)
{
    struct dev_argv argv;
    int rc;

    worker_argv(w, &argv);
    w->is_ready = false;
    w->started_ms = clock_mono_ms();
    rc = dev_child_start(&w->child, &w->dev->loop, &argv, e);
    dev_argv_done(&argv);
    return rc;
}

static void on_restart(uv_timer_t *timer)
{
    struct dev_worker *w = timer->data;
    struct err e = {0};

    if (!w->dev->is_stopping && start_worker(w, &e) < 0) {
        cli_say("worker %s: %s", w->id, e.msg);
        dev_fail(w->dev);
    }
}

static void on_worker_exit(struct dev_child *child)
{
    struct dev_worker *w = child->owner;
    struct dev *dev = w->dev;
    uint64_t lived_ms = clock_mono_ms() - w->started_ms;
    char how[64];

    if (dev->is_stopping) {
        return;
    }
    dev_child_how_ended(child, how, sizeof(how));
    if (!w->is_ready) {
        w->http[0] = '\0'; /* its port may be somebody else's by now */
    }
    if (!dev->is_ready) {
        cli_say("worker %s ended before it was ready: %s; -v shows more", w->id,
                how);
        dev_fail(dev);
        return;
    }
    if (lived_ms >= HEALTHY_MS || w->backoff_ms == 0) {
        w->backoff_ms = BACKOFF_FIRST_MS;
    }
    cli_say("worker %s (pid %d) ended unexpectedly: %s; starting it again in "
            "%.2f s",
            w->id, child->pid, how, (double)w->backoff_ms / 1000.0);
    (void)uv_timer_start(&w->restart, on_restart, w->backoff_ms, 0);
    w->backoff_ms *= 2;
    if (w->backoff_ms > BACKOFF_MAX_MS) {
        w->backoff_ms = BACKOFF_MAX_MS;
    }
}

static void on_worker_line(struct dev_child *child, const char *line)
{
    struct dev_worker *w = child->owner;
    json_t *object = json_loads(line, 0, NULL);

    if (json_is_true(json_object_get(object, "ready"))) {
        const char *http = json_string_value(json_object_get(object, "http"));

        w->is_ready = true;
        (void)snprintf(w->http, sizeof(w->http), "%s", http ? http : "");
        if (w->dev->is_ready) {
            cli_say("worker %s is back (pid %d)", w->id, child->pid);
        }
    }
    json_decref(object);
}

int dev_workers_start(struct dev *dev, struct err *e)
{
    for (uint64_t i = 0; i < dev->options.workers; i++) {
        struct dev_worker *w = &dev->workers[i];

        w->dev = dev;
        w->index = (int)i;
        (void)snprintf(w->id, sizeof(w->id), "dev-%d", (int)i + 1);
        w->child.on_line = on_worker_line;
        w->child.on_exit = on_worker_exit;
        w->child.owner = w;
        w->child.lines_fd = STDERR_FILENO + 1;
        (void)uv_timer_init(&dev->loop, &w->restart);
        w->restart.data = w;
        if (start_worker(w, e) < 0) {
            return err_wrap(e, "worker %s", w->id);
        }
    }
    return 0;
}
bool dev_workers_are_ready(const struct dev *dev)
{
    for (uint64_t i = 0; i < dev->options.workers; i++) {
        if (!dev->workers[i].is_ready) {
            return false;
        }
    }
    return true;
}

bool dev_workers_are_gone(const struct dev *dev)
{
    for (uint64_t i = 0; i < dev->options.workers; i++) {
        if (dev->workers[i].child.is_running) {
            return false;
        }
    }
    return true;
}

void dev_workers_signal(struct dev *dev, int signum)
{
    for (uint64_t i = 0; i < dev->options.workers; i++) {
        dev_child_signal(&dev->workers[i].child, signum);
    }
}
