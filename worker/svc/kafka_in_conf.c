/* SPDX-License-Identifier: MIT */
/* kafka_in_conf.c - the consumer's settings: see kafka_in_conf.h. Pure: makes
 * a configuration, opens nothing. */
#include "svc/kafka_in_conf.h"

#include <string.h>

#include "svc/kafka_conf.h"

#define FETCH_MAX_BYTES       8388608
#define FETCH_PARTITION_BYTES 262144
#define RECEIVE_MAX_BYTES     100000000 /* librdkafka's default */

/* What sits in one worker's memory cannot run in another one: prefetch little,
 * and do not sleep a second (the default) once the little is there. */
static const struct kafka_conf_row in_rows[] = {
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    /* An offset that the log does not have stops the partition. A group that
     * has none begins at the first job: see begin_at(). */
    {"auto.offset.reset", "error"},
    {"isolation.level", "read_committed"},
    {"queued.min.messages", "16"},
    {"queued.max.messages.kbytes", "4096"},
    {"fetch.queue.backoff.ms", "5"},
    {"fetch.error.backoff.ms", "50"},
    {"fetch.wait.max.ms", "50"},
    {"topic.metadata.refresh.interval.ms", "10000"},
    /* how long the group waits for a member that hangs; nothing here blocks */
    {"max.poll.interval.ms", "60000"},
    {NULL, NULL},
};

/* With group.protocol=consumer (KIP-848) these are the broker's business, and
 * librdkafka refuses them. cooperative-sticky spreads partitions evenly, but
 * not those of each queue: with two workers one may get all of a queue. */
static const struct kafka_conf_row classic_rows[] = {
    {"partition.assignment.strategy", "cooperative-sticky"},
    {"session.timeout.ms", "10000"},
    {"heartbeat.interval.ms", "3000"},
    {NULL, NULL},
};

/* Its default, uniform, has the same fault; range spreads topic by topic. */
static const struct kafka_conf_row consumer_rows[] = {
    {"group.remote.assignor", "range"},
    {NULL, NULL},
};

/* Where nobody waits, whatever the user has set for the jobs. */
static const struct kafka_conf_row patient_rows[] = {
    {"fetch.wait.max.ms", "500"},
    {"fetch.queue.backoff.ms", "500"},
};

/* Each table has a row to spare, its end: enough for group.id and an end. */
#define ROWS_MAX                                                               \
    (ARRAY_LEN(in_rows) + ARRAY_LEN(classic_rows) + ARRAY_LEN(consumer_rows))

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static int set_sizes(rd_kafka_conf_t *conf, const struct config *config,
                     struct err *e)
{
    uint64_t fetch_bytes = larger(
        FETCH_MAX_BYTES, config->job_max_bytes + KAFKA_CONF_OVERHEAD_BYTES);

    /* A record larger than a partition's share is still sent, alone (KIP-74):
     * the share only keeps one busy partition from filling the memory. */
    if (kafka_conf_number(conf, config, "fetch.message.max.bytes",
                          FETCH_PARTITION_BYTES, e) < 0 ||
        kafka_conf_number(conf, config, "fetch.max.bytes", fetch_bytes, e) <
            0 ||
        kafka_conf_number(conf, config, "receive.message.max.bytes",
                          larger(RECEIVE_MAX_BYTES, fetch_bytes + 1048576),
                          e) < 0) {
        return -1;
    }
    return 0;
}

static void add_rows(struct kafka_conf_row *rows, size_t *count,
                     const struct kafka_conf_row *more)
{
    for (; more->name; more++) {
        rows[(*count)++] = *more;
    }
}

static void set_patient(rd_kafka_conf_t *conf)
{
    for (size_t i = 0; i < ARRAY_LEN(patient_rows); i++) {
        (void)rd_kafka_conf_set(conf, patient_rows[i].name,
                                patient_rows[i].value, NULL, 0);
    }
}

int kafka_in_conf(const struct config *config, const char *group,
                  bool is_patient, rd_kafka_conf_t **out, struct err *e)
{
    const char *protocol = config_kafka_get(config, "group.protocol");
    bool is_classic = !protocol || strcmp(protocol, "consumer") != 0;
    struct kafka_conf_row rows[ROWS_MAX];
    size_t count = 0;

    add_rows(rows, &count, in_rows);
    add_rows(rows, &count, is_classic ? classic_rows : consumer_rows);
    rows[count++] = (struct kafka_conf_row){"group.id", group};
    rows[count] = (struct kafka_conf_row){NULL, NULL};
    if (kafka_conf_new(config, rows, out, e) < 0) {
        return -1;
    }
    if (is_patient) {
        set_patient(*out);
    }
    if (set_sizes(*out, config, e) < 0) {
        rd_kafka_conf_destroy(*out);
        return -1;
    }
    return 0;
}

/* With another policy than ours it is librdkafka that finds the start. */
int64_t kafka_in_start_without(const struct config *config)
{
    const char *policy = config_kafka_get(config, "auto.offset.reset");

    return !policy || !strcmp(policy, "error") ? RD_KAFKA_OFFSET_BEGINNING
                                               : RD_KAFKA_OFFSET_INVALID;
}
