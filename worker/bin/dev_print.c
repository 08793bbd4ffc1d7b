/* SPDX-License-Identifier: MIT */
/* dev_print.c - what `forkyard dev` says: its limits, addresses, and losses. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "bin/dev.h"

void dev_print_limits(void)
{
    cli_say("the embedded broker keeps everything in memory: 5 MiB per "
            "partition, the oldest records are dropped");
    cli_say("it has no transactions, no de-duplication, no retention by time; "
            "--kafka ADDR uses a real one");
}

static void print_json(const struct dev *dev)
{
    json_t *workers = json_array();
    json_t *object;
    char *text;

    for (uint64_t i = 0; i < dev->options.workers; i++) {
        (void)json_array_append_new(
            workers, json_pack("{s:s, s:i}", "id", dev->workers[i].id, "pid",
                               dev->workers[i].child.pid));
    }
    object = json_pack("{s:s, s:s*, s:n, s:n, s:o}", "kafka", dev->kafka_addr,
                       "redis", dev->redis_url, "metrics", "gateway", "workers",
                       workers);
    if (object && !dev->redis_url[0]) {
        (void)json_object_set_new(object, "redis", json_null());
    }
    text = json_dumps(object, JSON_COMPACT);
    (void)printf("%s\n", text ? text : "{}");
    free(text);
    json_decref(object);
}

static void print_text(const struct dev *dev)
{
    bool is_default = !strcmp(dev->kafka_addr, CLI_DEFAULT_BROKERS);

    (void)printf("Kafka    %s%s\nRedis    %s\nWorkers ", dev->kafka_addr,
                 dev_uses_embedded(dev) ? "  (embedded, memory only)" : "",
                 dev->redis_url[0] ? dev->redis_url : "none");
    for (uint64_t i = 0; i < dev->options.workers; i++) {
        (void)printf("%s %s (pid %d)", i ? "," : "", dev->workers[i].id,
                     dev->workers[i].child.pid);
    }
    (void)printf("\nReady. In another terminal:\n"
                 "  %s run%s%s -l python -c 'print(6 * 7)'\n"
                 "Ctrl-C stops everything.\n",
                 program_invocation_name, is_default ? "" : " --brokers ",
                 is_default ? "" : dev->kafka_addr);
}

void dev_print_lost(const struct dev_watch_report *report)
{
    const char *red = cli_color(stderr, 'r');
    const char *normal = cli_color(stderr, '0');

    (void)fprintf(stderr,
                  "%s"
                  "********************************************************\n"
                  "* JOBS LOST: the embedded broker has dropped %llu job(s)\n"
                  "* that were not finished (%s).\n"
                  "* It keeps 5 MiB per partition. Send less at a time, or "
                  "use a\n* real Kafka: forkyard dev --kafka ADDR\n"
                  "********************************************************"
                  "%s\n",
                  red, (unsigned long long)report->lost, report->where, normal);
}

void dev_print_addresses(const struct dev *dev)
{
    if (dev->cli.json) {
        print_json(dev);
    } else {
        print_text(dev);
    }
    (void)fflush(stdout);
}
