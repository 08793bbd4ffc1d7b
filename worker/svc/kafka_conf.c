/* SPDX-License-Identifier: MIT */
/* kafka_conf.c - how Kafka clients are configured, made and ended: see
 * kafka_conf.h. Runs in the engine and in the command line tools. It never
 * shows the value of a property that may be a secret. */
#include "svc/kafka_conf.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "svc/kafka_token.h"

#define QUEUE_WEIGHT_MAX 1000

/* librdkafka logs with syslog's levels; <syslog.h> and base/log.h both own
 * the name LOG_DEBUG. */
#define SYSLOG_CRIT    2
#define SYSLOG_WARNING 4
#define SYSLOG_DEBUG   7

/* For every client. */
static const struct kafka_conf_row all_rows[] = {
    {"bootstrap.servers", KAFKA_CONF_DEFAULT_BROKERS},
    {"client.id", "forkyard"},
    /* a dead peer is noticed without waiting for a request to time out */
    {"socket.keepalive.enable", "true"},
    {"reconnect.backoff.max.ms", "1000"},
    /* no client metrics pushed to the broker: we have our own telemetry */
    {"enable.metrics.push", "false"},
    /* topics come from broker-config/, not from typing errors */
    {"allow.auto.create.topics", "false"},
    {NULL, NULL},
};

/* The promise to lose no job rests on these. */
static const struct kafka_conf_row refused[] = {
    {"enable.auto.commit", "only finished jobs are committed"},
    {"enable.auto.offset.store", "only finished jobs are committed"},
    {"enable.partition.eof", "not used for jobs"},
    {"transactional.id",
     "it is topics.group and worker.id, with topics.delivery: exactly-once"},
    {NULL, NULL},
};

static const char *find_row(const struct kafka_conf_row *rows, const char *name)
{
    for (; rows->name; rows++) {
        if (!strcmp(rows->name, name)) {
            return rows->value;
        }
    }
    return NULL;
}

static int set_property(rd_kafka_conf_t *conf, const char *name,
                        const char *value, struct err *e)
{
    char why[256];

    if (rd_kafka_conf_set(conf, name, value, why, sizeof(why)) ==
        RD_KAFKA_CONF_OK) {
        return 0;
    }
    /* librdkafka's text may quote the value */
    return err_set(e, ERR_INPUT, "kafka.%s: %s", name,
                   config_is_secret(name) ? "not accepted" : why);
}

static int set_rows(rd_kafka_conf_t *conf, const struct config *config,
                    const struct kafka_conf_row *rows, struct err *e)
{
    for (; rows->name; rows++) {
        if (!config_kafka_get(config, rows->name) &&
            set_property(conf, rows->name, rows->value, e) < 0) {
            return -1;
        }
    }
    return 0;
}

static int set_users(rd_kafka_conf_t *conf, const struct config *config,
                     struct err *e)
{
    for (size_t i = 0; i < config->kafka_count; i++) {
        const struct config_kafka *row = &config->kafka[i];
        const char *why_not = find_row(refused, row->name);

        if (why_not) {
            return err_set(e, ERR_INPUT, "kafka.%s cannot be set: %s",
                           row->name, why_not);
        }
        if (!strcmp(row->name, KAFKA_TOKEN_FILE)) {
            if (kafka_token_configure(conf, row->value, e) < 0) {
                return -1;
            }
            continue;
        }
        if (set_property(conf, row->name, row->value, e) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Warnings of librdkafka that are none. */
static bool is_no_news(const char *text)
{
    static const char *const phrases[] = {
        /* One `kafka:` section serves producers and consumers: that a row
         * concerns only the other kind is no news. */
        "will be ignored by",
        /* Said at every attempt to connect, twenty times a second. Why there
         * is no connection is in a line of its own. */
        "brokers are down",
        /* It is tried again, or an error says why not. */
        "Failed to acquire idempotence PID",
        "Failed to acquire transactional PID",
    };

    for (size_t i = 0; i < ARRAY_LEN(phrases); i++) {
        if (strstr(text, phrases[i])) {
            return true;
        }
    }
    return false;
}

/* Called from librdkafka's threads; log_line() is one write(). */
static void on_log(const rd_kafka_t *rk, int level, const char *fac,
                   const char *text)
{
    enum log_level ours = LOG_DEBUG;

    (void)rk;
    if (level <= SYSLOG_CRIT) {
        ours = LOG_ERROR;
    } else if (level <= SYSLOG_WARNING && !is_no_news(text)) {
        ours = LOG_WARN;
    }
    log_line(ours, "kafka", "facility=%s text=%s", fac, text);
}

/* For those with a struct kafka_trouble. */
static void on_log_quiet(const rd_kafka_t *rk, int level, const char *fac,
                         const char *text)
{
    bool is_told = !strcmp(fac, "FAIL") || !strcmp(fac, "FATAL");

    on_log(rk, is_told ? SYSLOG_DEBUG : level, fac, text);
}

void kafka_conf_quiet(rd_kafka_conf_t *conf)
{
    rd_kafka_conf_set_log_cb(conf, on_log_quiet);
}

int kafka_conf_new(const struct config *config,
                   const struct kafka_conf_row *rows, rd_kafka_conf_t **out,
                   struct err *e)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    rd_kafka_conf_set_log_cb(conf, on_log);
    if (set_rows(conf, config, all_rows, e) < 0 ||
        set_rows(conf, config, rows, e) < 0 || set_users(conf, config, e) < 0) {
        rd_kafka_conf_destroy(conf);
        return -1;
    }
    *out = conf;
    return 0;
}

int kafka_conf_number(rd_kafka_conf_t *conf, const struct config *config,
                      const char *name, uint64_t value, struct err *e)
{
    char text[24];

    if (config_kafka_get(config, name)) {
        return 0;
    }
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    return set_property(conf, name, text, e);
}

int kafka_conf_client(rd_kafka_conf_t *conf, rd_kafka_type_t type, void *opaque,
                      rd_kafka_t **out, struct err *e)
{
    char why[256];
    rd_kafka_t *rk = NULL;

    rd_kafka_conf_set_opaque(conf, opaque);
    rk = rd_kafka_new(type, conf, why, sizeof(why));
    if (!rk) {
        rd_kafka_conf_destroy(conf);
        return err_set(e, ERR_INPUT, "kafka: %s", why);
    }
    kafka_token_start(rk);
    *out = rk;
    return 0;
}

void kafka_conf_log_error(int code, const char *text)
{
    /* Of connections that fail, librdkafka's log tells more, and not again
     * and again. */
    bool is_said = code == RD_KAFKA_RESP_ERR__TRANSPORT ||
                   code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
                   code == RD_KAFKA_RESP_ERR__RESOLVE;

    log_line(is_said ? LOG_DEBUG : LOG_WARN, "kafka error", "code=%s text=%s",
             rd_kafka_err2name((rd_kafka_resp_err_t)code), text);
}

static void *destroy_thread(void *arg)
{
    /* The group was left before, or could not be: no second try. */
    rd_kafka_destroy_flags(arg, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    return NULL;
}

void kafka_conf_destroy(rd_kafka_t *rk)
{
    struct timespec until;
    pthread_t thread;

    if (!rk) {
        return;
    }
    if (pthread_create(&thread, NULL, destroy_thread, rk) != 0) {
        (void)destroy_thread(rk);
        return;
    }
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += KAFKA_CONF_DESTROY_TIMEOUT_MS / 1000;
    if (pthread_timedjoin_np(thread, NULL, &until) != 0) {
        (void)pthread_detach(thread);
        log_error("kafka client does not end", "timeout_ms=%d",
                  KAFKA_CONF_DESTROY_TIMEOUT_MS);
    }
}

char *kafka_conf_topic(const struct config *config, const char *name)
{
    size_t size = strlen(config->topics_prefix) + strlen(name) + 1;
    char *topic = xmalloc(size);

    (void)snprintf(topic, size, "%s%s", config->topics_prefix, name);
    return topic;
}

char *kafka_conf_retry_group(const struct config *config)
{
    return config->retry_group[0] ? xstrdup(config->retry_group)
                                  : kafka_conf_topic(config, "retry");
}

/* --- topics.queues ------------------------------------------------------- */

/* Kafka's own rule for topic names. */
static bool is_queue_name(const char *s)
{
    return *s &&
           strspn(s, "abcdefghijklmnopqrstuvwxyz"
                     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == strlen(s);
}

static int parse_queue(char *text, struct kafka_conf_queue *out, struct err *e)
{
    char *colon = strchr(text, ':');
    uint64_t weight = 1;

    if (colon) {
        *colon = '\0';
        if (str_parse_u64(colon + 1, &weight, e) < 0) {
            return err_wrap(e, "topics.queues: weight of '%s'", text);
        }
    }
    if (weight < 1 || weight > QUEUE_WEIGHT_MAX) {
        return err_set(e, ERR_INPUT,
                       "topics.queues: weight of '%s' must be 1 to %d", text,
                       QUEUE_WEIGHT_MAX);
    }
    if (!is_queue_name(text) || !str_copy(out->name, sizeof(out->name), text)) {
        return err_set(e, ERR_INPUT, "topics.queues: '%s' is no queue name",
                       text);
    }
    out->weight = (uint32_t)weight;
    return 0;
}

static bool is_known(const struct kafka_conf_queue *queues, size_t count,
                     const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(queues[i].name, name)) {
            return true;
        }
    }
    return false;
}

int kafka_conf_queues(const struct config *config,
                      struct kafka_conf_queue **out, size_t *out_count,
                      struct err *e)
{
    AUTO_FREE struct kafka_conf_queue *queues =
        xcalloc(KAFKA_CONF_QUEUES_MAX, sizeof(*queues));
    AUTO_FREE char *text = xstrdup(config->topics_queues);
    char *rest = text;
    char *item = NULL;
    size_t count = 0;

    while ((item = strsep(&rest, ",")) != NULL) {
        if (count == KAFKA_CONF_QUEUES_MAX) {
            return err_set(e, ERR_INPUT, "topics.queues: more than %d",
                           KAFKA_CONF_QUEUES_MAX);
        }
        if (parse_queue(item + strspn(item, " "), &queues[count], e) < 0) {
            return -1;
        }
        if (is_known(queues, count, queues[count].name)) {
            return err_set(e, ERR_INPUT, "topics.queues: '%s' twice",
                           queues[count].name);
        }
        count++;
    }
    *out = queues;
    *out_count = count;
    queues = NULL;
    return 0;
}
