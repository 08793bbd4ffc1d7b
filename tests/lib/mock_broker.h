/* SPDX-License-Identifier: MIT */
/* mock_broker.h - librdkafka's mock cluster for svc tests, and what a test
 * wants to do behind the tested code's back. Every wait has a deadline and
 * fails the test when it passes. */
#pragma once

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "wire/config.h"

#define MOCK_BROKER_DEADLINE_MS 20000

struct mock_broker {
    rd_kafka_t *host;
    rd_kafka_mock_cluster_t *cluster;
    rd_kafka_t *producer;
    const char *address;
};

void mock_broker_start(struct mock_broker *mock);
void mock_broker_stop(struct mock_broker *mock);
void mock_broker_topic(struct mock_broker *mock, const char *topic,
                       int partitions);
void mock_broker_down(struct mock_broker *mock);

/* Defaults, this broker, short waits, group.protocol=consumer. */
void mock_broker_config(const struct mock_broker *mock, struct config *config);
/* config_set() that must work. */
void mock_broker_set(struct config *config, const char *name,
                     const char *value);

/* Acknowledged when it returns. partition -1: by key. header may be NULL. */
void mock_broker_produce(struct mock_broker *mock, const char *topic,
                         int32_t partition, const char *key, const char *value,
                         const char *header);
/* The same for many: acknowledged when _flush returns. */
void mock_broker_send(struct mock_broker *mock, const char *topic,
                      int32_t partition, const char *key, const char *value,
                      const char *header);
void mock_broker_flush(struct mock_broker *mock);
/* The group's committed offset, asked by a client of its own; -1: none. */
int64_t mock_broker_committed(const struct mock_broker *mock, const char *group,
                              const char *topic, int32_t partition);

/* What another program might have committed, by a client of its own. */
void mock_broker_commit(const struct mock_broker *mock, const char *group,
                        const char *topic, int32_t partition, int64_t offset,
                        const char *metadata);
/* Requests of this kind (Kafka's number) since they are recorded. */
void mock_broker_record_requests(struct mock_broker *mock);
size_t mock_broker_requests(const struct mock_broker *mock, int16_t key);

/* Runs the loop until is_true(arg). */
void mock_broker_run(uv_loop_t *loop, bool (*is_true)(void *arg), void *arg);
/* Runs what is left (closing handles) and closes the loop. */
void mock_broker_end_loop(uv_loop_t *loop);
