/* SPDX-License-Identifier: MIT */
/* dev.c - a whole fleet on this machine: embedded broker, private Redis,
 * topics, workers.
 *
 * Happy path, in this order: broker and Redis start; both are ready; workers
 * start; all have their partitions; the addresses are printed; we wait. On
 * Ctrl-C or SIGTERM: workers drain, then broker and Redis end, then the
 * private directory goes.
 *
 * Failures: a worker that dies is started again with backoff, and said so; a
 * broker or Redis that dies ends dev; a job the embedded broker dropped before
 * it was finished ends dev with 1.
 *
 * Never runs a job itself. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/mem.h"
#include "bin/dev.h"
#include "bin/dev_kafka.h"
#include "bin/main.h"
#include "svc/kafka_txn.h"
#include "svc/topics_plan.h"
#define WORKERS_DEFAULT   2
#define START_TIMEOUT_MS  30000
#define KILL_AFTER_MS     2000
#define WATCH_INTERVAL_MS 3000

static const struct cli_option options_table[] = {
    {"workers", 'n', CLI_UINT, offsetof(struct dev_options, workers), "N",
     "workers to start; default 2"},
    {"slots", 0, CLI_UINT, offsetof(struct dev_options, slots), "N",
     "boxes at the same time per worker; default four per core"},
    {"kafka", 0, CLI_TEXT, offsetof(struct dev_options, kafka), "ADDR",
     "use this Kafka instead of the embedded broker; 'local': start one, which "
     "`make kafka` has fetched"},
    {"redis", 0, CLI_TEXT, offsetof(struct dev_options, redis), "URL",
     "use this Redis instead of a private one; 'none': without"},
    {"port", 'p', CLI_UINT, offsetof(struct dev_options, port), "PORT",
     "of the embedded broker, or the local Kafka; 0 is any free one; default "
     "9092, if free"},
    {NULL, 0, CLI_FLAG, 0, NULL, NULL},
};

static const struct cli_spec spec = {
    .name = "dev",
    .summary = "a whole fleet on this machine, for trying things",
    .usage = "dev [--workers N] [--slots N] [--kafka ADDR] [--redis URL] "
             "[--port P] [--json]",
    .about =
        "Starts an embedded Kafka broker, a private Redis and workers, prints "
        "their\naddresses when all are ready, and stops everything on Ctrl-C "
        "or SIGTERM,\nleaving nothing behind. With --json the addresses are "
        "one line, one object:\nkafka, redis, metrics, gateway, "
        "workers[]{id, pid, metrics}; metrics is the first worker's, "
        "each has\nits own port.\n\n"
        "The embedded broker is for trying and testing: memory only, 5 MiB "
        "per\npartition with the oldest dropped, no transactions, no "
        "de-duplication, no\nretention by time. When it has dropped a job "
        "that was not finished, dev says\nso and exits 1.",
    .example = "dev --workers 2\n"
               "run -l python -c 'print(6 * 7)'",
    .options = options_table,
    .shows_settings = true,
};

void dev_fail(struct dev *dev)
{
    dev->exit_code = CLI_EXIT_FAILED;
    dev->is_stopping = true;
    uv_stop(&dev->loop);
}

bool dev_uses_embedded(const struct dev *dev)
{
    return dev->options.kafka == NULL;
}

void dev_add_settings(const struct dev *dev, struct dev_argv *argv)
{
    const struct cli *cli = &dev->cli;

    if (cli->config_file) {
        dev_argv_add(argv, "--config");
        dev_argv_add(argv, "%s", cli->config_file);
    }
    for (size_t i = 0; i < cli->sets.count; i++) {
        dev_argv_add(argv, "--set");
        dev_argv_add(argv, "%s", cli->sets.items[i]);
    }
}

/* --- waiting: run the loop until a fact holds ---------------------------- */

static void on_deadline(uv_timer_t *timer)
{
    struct dev *dev = timer->data;

    dev->deadline_passed = true;
}

/* True when the fact holds; false when time is over, or (unless we are
 * stopping already) when dev is told to stop. */
static bool wait_for(struct dev *dev, bool (*fact)(const struct dev *),
                     uint64_t timeout_ms)
{
    bool was_stopping = dev->is_stopping;
    int signals_before = dev->stop_signals;

    dev->deadline_passed = false;
    (void)uv_timer_start(&dev->deadline, on_deadline, timeout_ms, 0);
    while (!fact(dev) && !dev->deadline_passed &&
           (was_stopping ? dev->stop_signals == signals_before
                         : !dev->is_stopping)) {
        (void)uv_run(&dev->loop, UV_RUN_ONCE);
    }
    (void)uv_timer_stop(&dev->deadline);
    return fact(dev);
}

static bool watch_idle(const struct dev *dev)
{
    return !dev->is_watching;
}

static void on_signal(uv_signal_t *handle, int signum)
{
    struct dev *dev = handle->data;

    (void)signum;
    dev->stop_signals++;
    dev->is_stopping = true;
}

/* --- the watch for dropped jobs ------------------------------------------ */

static void watch_work(uv_work_t *work)
{
    struct dev *dev = work->data;

    dev->watch_error = (struct err){0};
    if (!dev->watch &&
        dev_watch_open(&dev->cli.config, &dev->watch, &dev->watch_error) < 0) {
        return;
    }
    if (dev_watch_check(dev->watch, dev->is_last_watch, &dev->report,
                        &dev->watch_error) < 0) {
        (void)err_wrap(&dev->watch_error, "looking for dropped jobs");
    }
}

static void watch_done(uv_work_t *work, int status)
{
    struct dev *dev = work->data;

    dev->is_watching = false;
    if (status < 0 || dev->watch_error.kind != ERR_NONE) {
        if (dev->cli.verbose) {
            cli_say("%s", dev->watch_error.msg);
        }
        return;
    }
    if (dev->report.lost > 0 && !dev->has_said_lost) {
        dev->has_said_lost = true;
        dev_print_lost(&dev->report);
        dev_fail(dev);
    }
}

static void start_watch(struct dev *dev)
{
    if (dev->is_watching) {
        return;
    }
    dev->is_watching = true;
    dev->watch_work.data = dev;
    (void)uv_queue_work(&dev->loop, &dev->watch_work, watch_work, watch_done);
}

static void on_watch_timer(uv_timer_t *timer)
{
    start_watch(timer->data);
}

/* --- the whole ----------------------------------------------------------- */

static void loop_start(struct dev *dev)
{
    static const int stop_signals[] = {SIGINT, SIGTERM, SIGHUP};

    (void)uv_loop_init(&dev->loop);
    (void)uv_timer_init(&dev->loop, &dev->deadline);
    (void)uv_timer_init(&dev->loop, &dev->watch_timer);
    dev->deadline.data = dev;
    dev->watch_timer.data = dev;
    for (size_t i = 0; i < ARRAY_LEN(stop_signals); i++) {
        (void)uv_signal_init(&dev->loop, &dev->signals[i]);
        dev->signals[i].data = dev;
        (void)uv_signal_start(&dev->signals[i], on_signal, stop_signals[i]);
    }
}

static int not_in_time(const struct dev *dev, const char *what, struct err *e)
{
    if (dev->is_stopping) {
        return err_set(e, ERR_NONE, "told to stop");
    }
    return err_set(e, ERR_SYSTEM, "%s not ready within %d s", what,
                   START_TIMEOUT_MS / 1000);
}

/* The embedded broker is born with its topics; another Kafka may lack some. */
static int make_topics(const struct dev *dev, struct err *e)
{
    struct topics topics = {0};
    struct topics_plan plan = {0};
    int rc = -1;

    if (dev_uses_embedded(dev)) {
        return 0;
    }
    rc = topics_load(&dev->cli.config, NULL, &topics, e);
    for (size_t i = 0; rc == 0 && dev_kafka_is_local(dev) && i < topics.count;
         i++) {
        /* hundreds of partitions take a small node seconds to make */
        topics.items[i].partitions = topics.items[i].embedded;
    }
    if (rc == 0) {
        rc = topics_plan_make(&dev->cli.config, &topics, &plan, e);
    }
    if (rc == 0 && plan.missing > 0) {
        rc = topics_plan_apply(&dev->cli.config, &plan, e);
    }
    topics_plan_free(&plan);
    topics_free(&topics);
    return rc < 0 ? err_wrap(e, "topics at %s", dev->kafka_addr) : 0;
}

/* Its broker forgets the offsets of a transaction. */
static int check_delivery(const struct dev *dev, struct err *e)
{
    bool is_exact = false;

    if (kafka_txn_is_wanted(&dev->cli.config, &is_exact, e) < 0) {
        return -1;
    }
    return is_exact && dev_uses_embedded(dev)
               ? err_set(e, ERR_INPUT,
                         "topics.delivery: exactly-once needs a real Kafka: "
                         "--kafka ADDR; the embedded broker has no "
                         "transactions")
               : 0;
}

static int start_all(struct dev *dev, struct err *e)
{
    if (dev_dir_make(&dev->dir, e) < 0 || dev_servers_start(dev, e) < 0) {
        return -1;
    }
    if (!wait_for(dev, dev_servers_are_ready, START_TIMEOUT_MS)) {
        return not_in_time(dev, "broker and Redis", e);
    }
    if (config_set(&dev->cli.config, "kafka.bootstrap.servers", dev->kafka_addr,
                   e) < 0 ||
        make_topics(dev, e) < 0 || dev_workers_start(dev, e) < 0) {
        return -1;
    }
    if (!wait_for(dev, dev_workers_are_ready, START_TIMEOUT_MS)) {
        return not_in_time(dev, "workers", e);
    }
    dev->is_ready = true;
    return 0;
}

/* What the embedded broker still holds ends with it. */
static void last_watch(struct dev *dev)
{
    if (!dev_uses_embedded(dev) || !dev->is_ready || !dev->broker.is_running ||
        !wait_for(dev, watch_idle, START_TIMEOUT_MS)) {
        return;
    }
    dev->is_last_watch = true;
    dev->report = (struct dev_watch_report){0};
    start_watch(dev);
    if (wait_for(dev, watch_idle, START_TIMEOUT_MS) &&
        dev->report.waiting > 0) {
        cli_say("%llu job(s) were not finished; the embedded broker forgets "
                "them now",
                (unsigned long long)dev->report.waiting);
    }
}

static void stop_all(struct dev *dev)
{
    dev->is_stopping = true;
    (void)uv_timer_stop(&dev->watch_timer);
    dev_workers_signal(dev, SIGTERM);
    if (!wait_for(dev, dev_workers_are_gone,
                  dev_workers_drain_ms(dev) + KILL_AFTER_MS)) {
        cli_say("a worker did not end in time; killing it");
        dev_workers_signal(dev, SIGKILL);
        (void)wait_for(dev, dev_workers_are_gone, KILL_AFTER_MS);
    }
    last_watch(dev);
    dev_servers_signal(dev, SIGTERM);
    if (!wait_for(dev, dev_servers_are_gone, KILL_AFTER_MS)) {
        dev_servers_signal(dev, SIGKILL);
        (void)wait_for(dev, dev_servers_are_gone, KILL_AFTER_MS);
    }
    /* A second Ctrl-C may have left the watch in the middle of a question; the
     * end of the process is then its end. */
    if (!dev->is_watching) {
        dev_watch_close(dev->watch);
    }
    dev_dir_remove(&dev->dir);
}

static bool never(const struct dev *dev)
{
    (void)dev;
    return false;
}

static void serve(struct dev *dev)
{
    dev_print_addresses(dev);
    if (dev_uses_embedded(dev)) {
        (void)uv_timer_start(&dev->watch_timer, on_watch_timer, 0,
                             WATCH_INTERVAL_MS);
    }
    while (!dev->is_stopping) {
        (void)wait_for(dev, never, UINT32_MAX);
    }
}

static void check_options(const struct dev *dev)
{
    if (dev->cli.args.count || dev->cli.rest.count) {
        cli_usage_error(&spec, "dev takes no arguments");
    }
    if (dev->options.workers < 1 || dev->options.workers > DEV_WORKERS_MAX) {
        cli_usage_error(&spec, "--workers: 1 to %d", DEV_WORKERS_MAX);
    }
    if (dev->options.port > UINT16_MAX && dev->options.port != DEV_PORT_UNSET) {
        cli_usage_error(&spec, "--port: 0 to %d", UINT16_MAX);
    }
}

int dev_main(int argc, char **argv)
{
    struct dev *dev = xcalloc(1, sizeof(*dev));
    struct err e = {0};

    dev->dir.lock_fd = -1;
    dev->options.workers = WORKERS_DEFAULT;
    dev->options.port = DEV_PORT_UNSET;
    cli_parse(&dev->cli, &spec, argc, argv, &dev->options);
    check_options(dev);
    loop_start(dev);
    if (check_delivery(dev, &e) == 0 && start_all(dev, &e) == 0) {
        serve(dev);
    } else if (e.kind != ERR_NONE) {
        cli_say("%s", e.msg);
        dev->exit_code = CLI_EXIT_FAILED;
    }
    stop_all(dev);
    /* The process ends here: the loop's last handles need no closing. */
    return dev->exit_code;
}
