/* SPDX-License-Identifier: MIT */
/* kafka_out_conf.h - a producer's settings: a table for each class of records,
 * and what the user says about them. */
#pragma once

#include <librdkafka/rdkafka.h>

#include "base/base.h"
#include "base/err.h"
#include "svc/kafka_out.h"
#include "wire/config.h"

/* The caller's, until a client takes it. */
int kafka_out_conf(const struct config *config, enum kafka_out_class class,
                   rd_kafka_conf_t **out, struct err *e) MUST_USE;
