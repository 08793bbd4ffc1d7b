/* SPDX-License-Identifier: MIT */
/* kafka_conf.h - how every Kafka client here is configured, made and ended.
 *
 * Precedence: what must hold (kafka_must in kafka_conf.c: may not be set) >
 * the user's `kafka:` section > the client's own rows > kafka_conf.c's rows
 * for all clients. */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "wire/config.h"

#define KAFKA_CONF_DEFAULT_BROKERS "127.0.0.1:9092"
/* Room for key, headers and framing beside a value of the largest size. */
#define KAFKA_CONF_OVERHEAD_BYTES 65536
/* rd_kafka_destroy() hangs forever on a leaked reference: not longer. */
#define KAFKA_CONF_DESTROY_TIMEOUT_MS 5000

/* A default of ours: librdkafka's name and value. */
struct kafka_conf_row {
    const char *name;
    const char *value;
};

/* rows end with a NULL name. ERR_INPUT names the property that librdkafka, or
 * we, refuse. The caller owns *out until kafka_conf_client(). */
int kafka_conf_new(const struct config *config,
                   const struct kafka_conf_row *rows, rd_kafka_conf_t **out,
                   struct err *e) MUST_USE;
/* Its error callback tells why it has no connection, and when it has failed for
 * good: librdkafka need not say it as well. */
void kafka_conf_quiet(rd_kafka_conf_t *conf);
/* One more default, unless the user has set it: for computed values. */
int kafka_conf_number(rd_kafka_conf_t *conf, const struct config *config,
                      const char *name, uint64_t value, struct err *e) MUST_USE;
/* Takes conf, also on failure. opaque is what callbacks get. */
int kafka_conf_client(rd_kafka_conf_t *conf, rd_kafka_type_t type, void *opaque,
                      rd_kafka_t **out, struct err *e) MUST_USE;
/* For error callbacks: one log line, unless the log says it already. */
void kafka_conf_log_error(int code, const char *text);
/* Destroys, with a watchdog: a client that does not end in time is left to
 * the end of the process, and logged. Accepts NULL. */
void kafka_conf_destroy(rd_kafka_t *rk);

/* "<prefix><name>" on the heap. */
char *kafka_conf_topic(const struct config *config, const char *name);
/* retry.group, or what stands for it; on the heap. */
char *kafka_conf_retry_group(const struct config *config);

/* From topics.queues, "high:8,default:3,low:1"; a weight left out is 1. */
struct kafka_conf_queue {
    char name[64];
    uint32_t weight;
};
#define KAFKA_CONF_QUEUES_MAX 64
/* *out is on the heap. */
int kafka_conf_queues(const struct config *config,
                      struct kafka_conf_queue **out, size_t *out_count,
                      struct err *e) MUST_USE;
