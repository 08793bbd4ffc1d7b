/* SPDX-License-Identifier: MIT */
/* topics_data.c - broker-config/topics.yaml inside the program. */
#include "svc/embed.h"
#include "svc/topics.h"

EMBED_FILE(topics_data, "broker-config/topics.yaml");
