/* SPDX-License-Identifier: MIT */
/* kafka_out_conf.c - a producer's settings: see kafka_out_conf.h. Pure: makes
 * a configuration, opens nothing. */
#include "svc/kafka_out_conf.h"

#include "svc/kafka_conf.h"

#define MESSAGE_MAX_BYTES 1000000000 /* librdkafka's maximum */

/* Murmur2 like the Java and JavaScript clients: all producers of one
 * session's jobs must agree on its partition. */
#define PARTITIONER                                                            \
    {                                                                          \
        "partitioner", "murmur2_random"                                        \
    }

/* A topic that is missing is told soon, and one that was made, or may be
 * written again, is found soon: by default that is 30 s and 5 min. */
#define TOPICS                                                                 \
    {"topic.metadata.propagation.max.ms", "5000"},                             \
    {                                                                          \
        "topic.metadata.refresh.interval.ms", "10000"                          \
    }

static const struct kafka_conf_row reliable_rows[] = {
    PARTITIONER,
    TOPICS,
    {"enable.idempotence", "true"},
    {"acks", "all"},
    {"linger.ms", "0"},
    {"message.timeout.ms", "30000"},
    {"queue.buffering.max.messages", "100000"},
    {NULL, NULL},
};

static const struct kafka_conf_row batched_rows[] = {
    PARTITIONER,
    TOPICS,
    {"enable.idempotence", "true"},
    {"acks", "all"},
    {"linger.ms", "10"},
    /* nobody sends them again: keep trying for long */
    {"message.timeout.ms", "300000"},
    {"queue.buffering.max.messages", "100000"},
    {"queue.buffering.max.kbytes", "65536"},
    {NULL, NULL},
};

static const struct kafka_conf_row fast_rows[] = {
    PARTITIONER,
    TOPICS,
    {"acks", "1"},
    {"linger.ms", "50"},
    {"compression.type", "lz4"},
    {"message.timeout.ms", "30000"},
    {"queue.buffering.max.messages", "20000"},
    {"queue.buffering.max.kbytes", "16384"},
    {NULL, NULL},
};

static uint64_t record_max_bytes(const struct config *config)
{
    uint64_t largest = config->job_max_bytes > config->result_max_bytes
                           ? config->job_max_bytes
                           : config->result_max_bytes;

    /* Twice: a job over the limit must still fit into the dead letters, with
     * its reason. What a topic takes is the broker's decision. */
    largest = 2 * largest + KAFKA_CONF_OVERHEAD_BYTES;
    return largest < MESSAGE_MAX_BYTES ? largest : MESSAGE_MAX_BYTES;
}

static const struct kafka_conf_row *const class_rows[] = {
    [KAFKA_OUT_RELIABLE] = reliable_rows,
    [KAFKA_OUT_BATCHED] = batched_rows,
    [KAFKA_OUT_FAST] = fast_rows,
};

int kafka_out_conf(const struct config *config, enum kafka_out_class class,
                   rd_kafka_conf_t **out, struct err *e)
{
    if (kafka_conf_new(config, class_rows[class], out, e) < 0) {
        return -1;
    }
    if (kafka_conf_number(*out, config, "message.max.bytes",
                          record_max_bytes(config), e) < 0) {
        rd_kafka_conf_destroy(*out);
        return -1;
    }
    return 0;
}
