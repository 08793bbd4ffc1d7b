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

/* As a scraper takes it; a socket's path as it is. */
static json_t *metrics_json(const char *http)
{
    return strncmp(http, "unix:", 5) != 0 ? json_sprintf("%s/metrics", http)
                                          : json_string(http);
}

static json_t *worker_json(const struct dev_worker *w)
{
    return json_pack("{s:s, s:i, s:o}", "id", w->id, "pid", w->child.pid,
                     "metrics", metrics_json(w->http));
}

static void print_json(const struct dev *dev)
{
    json_t *workers = json_array();
    json_t *object;
    char *text;

    for (uint64_t i = 0; i < dev->options.workers; i++) {
        (void)json_array_append_new(workers, worker_json(&dev->workers[i]));
    }
    object = json_pack("{s:s, s:s*, s:o, s:n, s:o}", "kafka", dev->kafka_addr,
                       "redis", dev->redis_url, "metrics",
                       metrics_json(dev->workers[0].http), "gateway", "workers",
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
    (void)printf("\nMetrics ");
    for (uint64_t i = 0; i < dev->options.workers; i++) {
        (void)printf("%s %s/metrics", i ? "," : "", dev->workers[i].http);
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
