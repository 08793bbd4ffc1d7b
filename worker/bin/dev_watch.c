/* SPDX-License-Identifier: MIT */
/* dev_watch.c - looks for dropped jobs: see dev_watch.h.
 *
 * Runs in `forkyard dev`, on a thread of libuv's pool. Joins no group and
 * commits nothing. */
#include "bin/dev_watch.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "svc/kafka_conf.h"

#define QUERY_TIMEOUT_MS 3000
#define TOPIC_MAX        250

struct dev_watch {
    rd_kafka_t *client;
    rd_kafka_topic_partition_list_t *partitions;
    int64_t *low_before; /* per partition, of the check before */
};

static int conf_set(rd_kafka_conf_t *conf, const char *name, const char *value,
                    struct err *e)
{
    char why[200];

    if (rd_kafka_conf_set(conf, name, value, why, sizeof(why)) !=
        RD_KAFKA_CONF_OK) {
        return err_set(e, ERR_BUG, "%s: %s", name, why);
    }
    return 0;
}

static int make_client(const struct config *config, rd_kafka_t **out,
                       struct err *e)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[200];
    rd_kafka_t *client;

    if (conf_set(conf, "bootstrap.servers",
                 config_kafka_get(config, "bootstrap.servers"), e) < 0 ||
        conf_set(conf, "group.id", config->topics_group, e) < 0 ||
        conf_set(conf, "enable.auto.commit", "false", e) < 0 ||
        conf_set(conf, "log_level", "0", e) < 0) {
        rd_kafka_conf_destroy(conf);
        return -1;
    }
    client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
    if (!client) {
        rd_kafka_conf_destroy(conf);
        return err_set(e, ERR_SYSTEM, "%s", why);
    }
    *out = client;
    return 0;
}

static int add_topic(struct dev_watch *watch, const char *name, struct err *e)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(watch->client, name, NULL);
    const rd_kafka_metadata_t *metadata = NULL;
    rd_kafka_resp_err_t rc;

    if (!topic) {
        return err_set(e, ERR_SYSTEM, "topic %s", name);
    }
    rc =
        rd_kafka_metadata(watch->client, 0, topic, &metadata, QUERY_TIMEOUT_MS);
    rd_kafka_topic_destroy(topic);
    if (rc) {
        return err_set(e, ERR_RETRY, "topic %s: %s", name,
                       rd_kafka_err2str(rc));
    }
    for (int i = 0; i < metadata->topic_cnt; i++) {
        for (int p = 0; p < metadata->topics[i].partition_cnt; p++) {
            (void)rd_kafka_topic_partition_list_add(
                watch->partitions, name, metadata->topics[i].partitions[p].id);
        }
    }
    rd_kafka_metadata_destroy(metadata);
    return 0;
}

static int add_queues(struct dev_watch *watch, const struct config *config,
                      struct err *e)
{
    AUTO_FREE struct kafka_conf_queue *queues = NULL;
    size_t count = 0;

    if (kafka_conf_queues(config, &queues, &count, e) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        char name[TOPIC_MAX];

        (void)snprintf(name, sizeof(name), "%sjobs.%s", config->topics_prefix,
                       queues[i].name);
        if (add_topic(watch, name, e) < 0) {
            return -1;
        }
    }
    return 0;
}

int dev_watch_open(const struct config *config, struct dev_watch **out,
                   struct err *e)
{
    struct dev_watch *watch = xcalloc(1, sizeof(*watch));

    watch->partitions = rd_kafka_topic_partition_list_new(64);
    if (make_client(config, &watch->client, e) < 0 ||
        add_queues(watch, config, e) < 0) {
        dev_watch_close(watch);
        return err_wrap(e, "watching for dropped jobs");
    }
    watch->low_before =
        xcalloc((size_t)watch->partitions->cnt + 1, sizeof(*watch->low_before));
    *out = watch;
    return 0;
}

static void judge(const rd_kafka_topic_partition_t *partition, int64_t low,
                  int64_t high, int64_t low_judged,
                  struct dev_watch_report *report)
{
    int64_t committed = partition->offset > 0 ? partition->offset : 0;
    int64_t first = committed > low ? committed : low;

    if (high > first) {
        report->waiting += (uint64_t)(high - first);
    }
    if (low_judged <= committed) {
        return;
    }
    if (report->lost == 0) {
        (void)snprintf(report->where, sizeof(report->where),
                       "%s partition %d, from offset %lld", partition->topic,
                       (int)partition->partition, (long long)committed);
    }
    report->lost += (uint64_t)(low_judged - committed);
}

int dev_watch_check(struct dev_watch *watch, bool is_final,
                    struct dev_watch_report *out, struct err *e)
{
    rd_kafka_topic_partition_list_t *list = watch->partitions;
    struct dev_watch_report report = {0};
    rd_kafka_resp_err_t rc =
        rd_kafka_committed(watch->client, list, QUERY_TIMEOUT_MS);

    if (rc) {
        return err_set(e, ERR_RETRY, "committed offsets: %s",
                       rd_kafka_err2str(rc));
    }
    for (int i = 0; i < list->cnt; i++) {
        rd_kafka_topic_partition_t *partition = &list->elems[i];
        int64_t low = 0;
        int64_t high = 0;

        rc = rd_kafka_query_watermark_offsets(watch->client, partition->topic,
                                              partition->partition, &low, &high,
                                              QUERY_TIMEOUT_MS);
        if (rc) {
            return err_set(e, ERR_RETRY, "watermarks of %s: %s",
                           partition->topic, rd_kafka_err2str(rc));
        }
        judge(partition, low, high, is_final ? low : watch->low_before[i],
              &report);
        watch->low_before[i] = low;
    }
    *out = report;
    return 0;
}

void dev_watch_close(struct dev_watch *watch)
{
    if (!watch) {
        return;
    }
    /* The list refers to partitions of the client: it goes first, or the
     * client's destroy would wait for it for ever. */
    rd_kafka_topic_partition_list_destroy(watch->partitions);
    kafka_conf_destroy(watch->client);
    free(watch->low_before);
    free(watch);
}
