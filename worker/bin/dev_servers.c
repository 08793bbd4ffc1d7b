/* SPDX-License-Identifier: MIT */
/* dev_servers.c - the embedded broker and the private Redis of `forkyard dev`.
 *
 * Runs in `forkyard dev`, on its loop. A server that ends before it was told to
 * stops dev. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "bin/dev.h"
#include "bin/dev_kafka.h"
#include "bin/with_parent.h"

static const char *name_of(const struct dev *dev, const struct dev_child *child)
{
    if (child == &dev->redis) {
        return "private Redis";
    }
    return dev_kafka_is_local(dev) ? "local Kafka" : "embedded broker";
}

void dev_server_ended(struct dev_child *child)
{
    struct dev *dev = child->owner;
    char how[64];

    if (dev->is_stopping) {
        return;
    }
    if (child == &dev->redis &&
        child->exit_status == WITH_PARENT_EXIT_NOT_FOUND) {
        cli_say("install redis-server (Debian: apt-get install redis-server), "
                "or go on with --redis URL or --redis none");
        dev_fail(dev);
        return;
    }
    dev_child_how_ended(child, how, sizeof(how));
    cli_say("the %s ended unexpectedly: %s; stopping", name_of(dev, child),
            how);
    dev_fail(dev);
}

static void on_broker_line(struct dev_child *child, const char *line)
{
    struct dev *dev = child->owner;
    json_t *object = json_loads(line, 0, NULL);
    const char *addr = json_string_value(json_object_get(object, "kafka"));

    if (addr) {
        (void)snprintf(dev->kafka_addr, sizeof(dev->kafka_addr), "%s", addr);
    }
    json_decref(object);
}

static void on_redis_line(struct dev_child *child, const char *line)
{
    struct dev *dev = child->owner;

    if (dev_redis_is_ready_line(line)) {
        dev_redis_url(&dev->redis_settings, dev->redis_url,
                      sizeof(dev->redis_url));
        dev->redis_ready = true;
    }
}

static int pick_port(struct dev *dev, int *out_port, struct err *e)
{
    if (dev->options.port != DEV_PORT_UNSET) {
        if (dev_redis_free_port((int)dev->options.port, out_port, e) < 0) {
            return err_wrap(e, "--port (another one, or 0 for any)");
        }
        return 0;
    }
    if (dev_redis_free_port(9092, out_port, NULL) == 0) {
        return 0;
    }
    return dev_redis_free_port(0, out_port, e);
}

static int start_broker(struct dev *dev, struct err *e)
{
    struct dev_argv argv;
    int port = 0;
    int rc;

    if (dev_kafka_is_local(dev)) {
        return pick_port(dev, &port, e) < 0 ? -1
                                            : dev_kafka_start(dev, port, e);
    }
    if (!dev_uses_embedded(dev)) {
        (void)snprintf(dev->kafka_addr, sizeof(dev->kafka_addr), "%s",
                       dev->options.kafka);
        return 0;
    }
    dev_print_limits();
    if (pick_port(dev, &port, e) < 0) {
        return -1;
    }
    dev_argv_begin(&argv, NULL);
    dev_argv_add(&argv, "broker");
    dev_argv_add(&argv, "--port");
    dev_argv_add(&argv, "%d", port);
    dev_add_settings(dev, &argv);
    dev->broker.on_line = on_broker_line;
    dev->broker.on_exit = dev_server_ended;
    dev->broker.owner = dev;
    dev->broker.lines_fd = STDOUT_FILENO;
    rc = dev_child_start(&dev->broker, &dev->loop, &argv, e);
    dev_argv_done(&argv);
    return rc;
}

static int start_redis(struct dev *dev, struct err *e)
{
    struct dev_argv argv;
    int rc;

    if (dev->options.redis) {
        (void)snprintf(
            dev->redis_url, sizeof(dev->redis_url), "%s",
            strcmp(dev->options.redis, "none") != 0 ? dev->options.redis : "");
        dev->redis_ready = true;
        return 0;
    }
    if (dev_redis_prepare(&dev->redis_settings, dev->dir.path, e) < 0) {
        return err_wrap(e, "private Redis");
    }
    dev_argv_begin(&argv, "redis-server");
    dev_argv_add(&argv, "%s", dev->redis_settings.config_path);
    dev->redis.on_line = on_redis_line;
    dev->redis.on_exit = dev_server_ended;
    dev->redis.owner = dev;
    dev->redis.lines_fd = STDOUT_FILENO;
    rc = dev_child_start(&dev->redis, &dev->loop, &argv, e);
    dev_argv_done(&argv);
    return rc;
}
bool dev_servers_are_ready(const struct dev *dev)
{
    return dev->kafka_addr[0] && dev->redis_ready;
}

bool dev_servers_are_gone(const struct dev *dev)
{
    return !dev->broker.is_running && !dev->redis.is_running;
}

void dev_servers_signal(struct dev *dev, int signum)
{
    dev_child_signal(&dev->broker, signum);
    dev_child_signal(&dev->redis, signum);
}

int dev_servers_start(struct dev *dev, struct err *e)
{
    return start_broker(dev, e) < 0 ? -1 : start_redis(dev, e);
}
