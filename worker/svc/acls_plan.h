/* SPDX-License-Identifier: MIT */
/* acls_plan.h - what a cluster has of the ACLs that our roles need, and
 * granting the rest. Blocking; for the command line tools.
 *
 * Compared word for word: an ACL that grants the same in another way (to all
 * hosts or topics, "all" operations) does not count as ours, and is among the
 * others. Super users are in no ACL, and not seen. */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "base/err.h"
#include "svc/acls.h"
#include "wire/config.h"

/* Who has a role. */
struct acls_grant {
    const char *role;
    const char *principal; /* "User:name" */
};

enum acls_state {
    ACLS_OK,
    ACLS_MISSING,
    ACLS_EXTRA, /* concerns our topics or group, and nobody here asked for it */
};

struct acls_row {
    enum acls_state state;
    const char *role; /* borrows the struct acls; NULL: of an extra one */
    char *principal;
    char *host;
    rd_kafka_ResourceType_t resource;
    char *name;
    bool is_prefix;
    rd_kafka_AclOperation_t operation;
    bool is_denial; /* of an extra one */
    char note[200]; /* after apply: why it could not be granted; "" */
};

struct acls_plan {
    struct acls_row *rows; /* extra ones last */
    size_t count;
    size_t missing;
    size_t extra;
};

const char *acls_plan_state_name(enum acls_state state); /* "missing", ... */

/* Compares with the cluster; changes nothing. ERR_RETRY: no answer; ERR_INPUT:
 * the cluster has no ACLs at all, or we may not see them. */
int acls_plan_make(const struct config *config, const struct acls *acls,
                   const struct acls_grant *grants, size_t grant_count,
                   struct acls_plan *out, struct err *e) MUST_USE;
void acls_plan_free(struct acls_plan *plan);
/* Grants what is missing, and nothing else; nothing is ever taken away. Rows
 * it granted become ACLS_OK; the notes of others say why. */
int acls_plan_apply(const struct config *config, struct acls_plan *plan,
                    struct err *e) MUST_USE;
