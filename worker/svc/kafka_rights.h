/* SPDX-License-Identifier: MIT */
/* kafka_rights.h - are these topics there, and may we do this with them? Asked
 * of the broker without waiting; the answer begins or ends troubles. */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stddef.h>

#include "svc/kafka_trouble.h"

/* The answer comes as an event to the queue, within timeout_ms. */
void kafka_rights_ask(rd_kafka_t *rk, const char **topics, size_t count,
                      int timeout_ms, rd_kafka_queue_t *queue);
/* Takes that answer. One complaint of each kind, not one per topic; none about
 * a broker that does not answer. */
void kafka_rights_take(const rd_kafka_DescribeTopics_result_t *result,
                       rd_kafka_AclOperation_t operation,
                       struct kafka_trouble *trouble);
