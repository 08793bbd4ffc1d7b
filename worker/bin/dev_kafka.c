/* SPDX-License-Identifier: MIT */
/* dev_kafka.c - `forkyard dev --kafka local`: one node of Apache Kafka, as
 * `make kafka` has fetched it, for as long as dev runs. Its settings are those
 * of broker-config/kafka/; its data lies in dev's own directory.
 *
 * Two processes one after the other: the first makes the node's storage, the
 * second is the node. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "bin/dev.h"
#include "bin/dev_kafka.h"
#include "bin/with_parent.h"
#include "svc/embed.h"

#define CLUSTER_ID "Zm9ya3lhcmQtZGV2LWxvYw" /* 16 bytes, as Kafka has them */
#define STARTED    "Kafka Server started"
#define LOCAL      "local"

extern const char dev_kafka_settings[];
extern const uint64_t dev_kafka_settings_size;
extern const char dev_kafka_jvm[];
extern const uint64_t dev_kafka_jvm_size;

EMBED_FILE(dev_kafka_settings, "broker-config/kafka/server.properties");
EMBED_FILE(dev_kafka_jvm, "broker-config/kafka/jvm.options");

bool dev_kafka_is_local(const struct dev *dev)
{
    return dev->options.kafka && !strcmp(dev->options.kafka, LOCAL);
}

/* --- where it is ------------------------------------------------------------
 */

static int find_place(char place[PATH_MAX], struct err *e)
{
    const char *own = getenv("FORKYARD_CACHE");
    const char *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    AUTO_FREE char *link = NULL;
    int len = 0;

    if (own) {
        len = asprintf(&link, "%s/kafka", own);
    } else if (cache) {
        len = asprintf(&link, "%s/forkyard/kafka", cache);
    } else {
        len =
            asprintf(&link, "%s/.cache/forkyard/kafka", home ? home : "/root");
    }
    if (len < 0) {
        abort();
    }
    if (!realpath(link, place)) {
        return err_set(e, ERR_INPUT,
                       "--kafka local: there is no Kafka in %s; `make kafka` "
                       "in the source tree fetches it (it needs Java 17 and "
                       "Maven)",
                       link);
    }
    return 0;
}

/* --- its files ---------------------------------------------------------------
 */

static int write_file(const char *path, const char *data, size_t size,
                      const char *more, struct err *e)
{
    FILE *file = fopen(path, "we");

    if (!file) {
        return err_sys(e, "%s", path);
    }
    (void)fwrite(data, 1, size, file);
    (void)fputs(more, file);
    if (fclose(file) != 0) {
        return err_sys(e, "%s", path);
    }
    return 0;
}

static int write_files(struct dev *dev, int port, struct err *e)
{
    const char *dir = dev->dir.path;
    AUTO_FREE char *settings = NULL;
    AUTO_FREE char *jvm = NULL;
    AUTO_FREE char *more = NULL;
    int controller = 0;

    if (dev_redis_free_port(0, &controller, e) < 0) {
        return -1;
    }
    if (asprintf(&settings, "%s/kafka.properties", dir) < 0 ||
        asprintf(&jvm, "%s/jvm.options", dir) < 0 ||
        asprintf(&more,
                 "node.id=1\n"
                 "listeners=CLIENT://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d\n"
                 "controller.quorum.voters=1@127.0.0.1:%d\n"
                 "log.dirs=%s/kafka\n",
                 port, controller, controller, dir) < 0) {
        abort();
    }
    return write_file(jvm, dev_kafka_jvm, dev_kafka_jvm_size, "", e) < 0 ||
                   write_file(settings, dev_kafka_settings,
                              dev_kafka_settings_size, more, e) < 0
               ? -1
               : 0;
}

/* --- its processes
 * ------------------------------------------------------------ */

static void begin_java(const struct dev *dev, struct dev_argv *argv)
{
    dev_argv_begin(argv, "java");
    dev_argv_add(argv, "@%s/jvm.options", dev->dir.path);
    dev_argv_add(argv, "-XX:ErrorFile=%s/crash", dev->dir.path);
    dev_argv_add(argv, "-cp");
    dev_argv_add(argv, "%s/lib/*", dev->kafka_place);
}

static int start_node(struct dev *dev, struct err *e)
{
    struct dev_argv argv;
    int rc;

    begin_java(dev, &argv);
    dev_argv_add(&argv, "kafka.Kafka");
    dev_argv_add(&argv, "%s/kafka.properties", dev->dir.path);
    rc = dev_child_start(&dev->broker, &dev->loop, &argv, e);
    dev_argv_done(&argv);
    return rc;
}

static void on_line(struct dev_child *child, const char *line)
{
    struct dev *dev = child->owner;

    if (strstr(line, STARTED)) {
        (void)snprintf(dev->kafka_addr, sizeof(dev->kafka_addr), "127.0.0.1:%d",
                       dev->kafka_port);
    } else if (strstr(line, "ERROR") || strstr(line, "FATAL")) {
        cli_say("kafka: %s", line);
    }
}

static void on_formatted(struct dev_child *child)
{
    struct dev *dev = child->owner;
    struct err e = {0};

    if (dev->is_stopping) {
        return;
    }
    if (child->exit_status == WITH_PARENT_EXIT_NOT_FOUND) {
        cli_say("--kafka local needs java (Debian: apt-get install "
                "default-jre-headless)");
        dev_fail(dev);
        return;
    }
    child->on_exit = dev_server_ended;
    if (child->exit_status != 0 || start_node(dev, &e) < 0) {
        cli_say("the local Kafka cannot be set up: %s",
                e.msg[0] ? e.msg : "its storage was not made");
        dev_fail(dev);
    }
}

int dev_kafka_start(struct dev *dev, int port, struct err *e)
{
    struct dev_argv argv;
    int rc;

    if (find_place(dev->kafka_place, e) < 0 || write_files(dev, port, e) < 0) {
        return -1;
    }
    dev->kafka_port = port;
    dev->broker.on_line = on_line;
    dev->broker.on_exit = on_formatted;
    dev->broker.owner = dev;
    dev->broker.lines_fd = STDOUT_FILENO;
    begin_java(dev, &argv);
    dev_argv_add(&argv, "kafka.tools.StorageTool");
    dev_argv_add(&argv, "format");
    dev_argv_add(&argv, "-t");
    dev_argv_add(&argv, CLUSTER_ID);
    dev_argv_add(&argv, "-c");
    dev_argv_add(&argv, "%s/kafka.properties", dev->dir.path);
    rc = dev_child_start(&dev->broker, &dev->loop, &argv, e);
    dev_argv_done(&argv);
    return rc;
}
