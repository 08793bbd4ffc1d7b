/* SPDX-License-Identifier: MIT */
/* acls.h - who may do what with our topics, by role, from
 * broker-config/acls.yaml, a copy of which is inside the program. What a
 * cluster has of it: acls_plan.h */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "wire/config.h"

#define ACLS_MAX 256

/* One operation on one resource. */
struct acls_spec {
    char *role;
    rd_kafka_ResourceType_t resource;
    char *name; /* full, with prefix */
    bool is_prefix;
    rd_kafka_AclOperation_t operation;
};

struct acls {
    struct acls_spec *items;
    size_t count;
};

/* path NULL: the copy inside the program. ERR_INPUT names the line. */
int acls_load(const struct config *config, const char *path, struct acls *out,
              struct err *e) MUST_USE;
void acls_free(struct acls *acls);
bool acls_has_role(const struct acls *acls, const char *role);
/* "topic", "group", "transactional_id"; "?" for others. */
const char *acls_resource_name(rd_kafka_ResourceType_t resource);
/* "read", ...; "?" for one that is not known. */
const char *acls_operation_name(rd_kafka_AclOperation_t operation);

/* acls_data.c */
extern const char acls_data[];
extern const uint64_t acls_data_size;
