/* SPDX-License-Identifier: MIT */
/* dev_kafka.h - a node of Apache Kafka that dev starts: --kafka local. */
#pragma once

#include <stdbool.h>

#include "base/base.h"
#include "base/err.h"

struct dev;

bool dev_kafka_is_local(const struct dev *dev);
/* dev->kafka_addr is set when it answers. ERR_INPUT: there is none to start. */
int dev_kafka_start(struct dev *dev, int port, struct err *e) MUST_USE;
