/* SPDX-License-Identifier: MIT */
/* kafka_in_conf.h - how the consumer of jobs is configured, and why so. */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "wire/config.h"

/* Without callbacks. As kafka_conf_new(). is_patient: kafka_in.h */
int kafka_in_conf(const struct config *config, const char *group,
                  bool is_patient, rd_kafka_conf_t **out,
                  struct err *e) MUST_USE;
/* Where a partition begins for which the group has no committed offset. */
int64_t kafka_in_start_without(const struct config *config);
