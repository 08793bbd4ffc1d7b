/* SPDX-License-Identifier: MIT */
/* acls_plan.c - compares the ACLs of a cluster with those our roles need, and
 * grants what is missing: see acls_plan.h. Runs in the command line tools. It
 * never takes a right from anybody. */
#include "svc/acls_plan.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "svc/kafka_conf.h"

#define ANSWER_TIMEOUT_MS 10000
#define ANY_HOST          "*"

static const struct kafka_conf_row rows_none[] = {{NULL, NULL}};

const char *acls_plan_state_name(enum acls_state state)
{
    static const char *const names[] = {
        [ACLS_OK] = "ok",
        [ACLS_MISSING] = "missing",
        [ACLS_EXTRA] = "extra",
    };

    return names[state];
}

/* --- asking -------------------------------------------------------------- */

static int failure(rd_kafka_resp_err_t error, const char *text, struct err *e)
{
    switch ((int)error) {
    case RD_KAFKA_RESP_ERR_SECURITY_DISABLED:
        return err_set(e, ERR_INPUT,
                       "this cluster has no ACLs, anyone may do anything: set "
                       "authorizer.class.name of its nodes first (as in "
                       "broker-config/kafka/secured.properties)");
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        return err_set(e, ERR_INPUT,
                       "the cluster does not let us: seeing ACLs needs "
                       "Describe, granting them Alter on the cluster, or a "
                       "super user");
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
        return err_set(e, ERR_INPUT,
                       "this broker has no ACLs (the embedded "
                       "broker of 'forkyard dev' has none)");
    default:
        return err_set(e, ERR_RETRY, "kafka ACLs: %s",
                       text ? text : rd_kafka_err2str(error));
    }
}

/* The answer on the queue, to be destroyed, or NULL. */
static rd_kafka_event_t *answer(rd_kafka_queue_t *queue, struct err *e)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ANSWER_TIMEOUT_MS);
    rd_kafka_resp_err_t error =
        event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;

    if (error) {
        (void)failure(error, event ? rd_kafka_event_error_string(event) : NULL,
                      e);
        if (event) {
            rd_kafka_event_destroy(event);
        }
        return NULL;
    }
    return event;
}

static int open_client(const struct config *config, rd_kafka_t **out,
                       struct err *e)
{
    rd_kafka_conf_t *conf = NULL;

    if (kafka_conf_new(config, rows_none, &conf, e) < 0) {
        return -1;
    }
    return kafka_conf_client(conf, RD_KAFKA_PRODUCER, NULL, out, e);
}

/* librdkafka passes over a refusal to tell of ACLs: it looks as if there were
 * none. What we may do is told by another question. */
static bool may_describe(const rd_kafka_DescribeCluster_result_t *result)
{
    static const rd_kafka_AclOperation_t enough[] = {
        RD_KAFKA_ACL_OPERATION_ALL, RD_KAFKA_ACL_OPERATION_DESCRIBE,
        RD_KAFKA_ACL_OPERATION_ALTER};
    size_t count = 0;
    const rd_kafka_AclOperation_t *may =
        rd_kafka_DescribeCluster_result_authorized_operations(result, &count);

    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < ARRAY_LEN(enough); k++) {
            if (may[i] == enough[k]) {
                return true;
            }
        }
    }
    return !may; /* a broker that does not tell */
}

static int check_rights(rd_kafka_t *rk, rd_kafka_queue_t *queue, struct err *e)
{
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_DESCRIBECLUSTER);
    rd_kafka_event_t *event = NULL;
    int rc = -1;

    rd_kafka_error_destroy(
        rd_kafka_AdminOptions_set_include_authorized_operations(options, 1));
    rd_kafka_DescribeCluster(rk, options, queue);
    rd_kafka_AdminOptions_destroy(options);
    event = answer(queue, e);
    if (event) {
        rc = may_describe(rd_kafka_event_DescribeCluster_result(event))
                 ? 0
                 : failure(RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, NULL,
                           e);
        rd_kafka_event_destroy(event);
    }
    return rc;
}

/* --- comparing ----------------------------------------------------------- */

static bool is_same(const struct acls_row *row, const rd_kafka_AclBinding_t *b)
{
    return rd_kafka_AclBinding_restype(b) == row->resource &&
           rd_kafka_AclBinding_resource_pattern_type(b) ==
               (row->is_prefix ? RD_KAFKA_RESOURCE_PATTERN_PREFIXED
                               : RD_KAFKA_RESOURCE_PATTERN_LITERAL) &&
           rd_kafka_AclBinding_operation(b) == row->operation &&
           rd_kafka_AclBinding_permission_type(b) ==
               RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW &&
           !strcmp(rd_kafka_AclBinding_name(b), row->name) &&
           !strcmp(rd_kafka_AclBinding_principal(b), row->principal) &&
           !strcmp(rd_kafka_AclBinding_host(b), row->host);
}

static bool overlap(const char *ours, bool is_ours_prefix, const char *name,
                    bool is_prefix)
{
    if (!is_prefix && !strcmp(name, "*")) {
        return true; /* Kafka's word for all of them */
    }
    return !strcmp(ours, name) || (is_ours_prefix && str_starts(name, ours)) ||
           (is_prefix && str_starts(ours, name));
}

/* Is it about one of our topics, or our group? */
static bool concerns_us(const struct config *config,
                        const rd_kafka_AclBinding_t *b)
{
    const char *name = rd_kafka_AclBinding_name(b);
    rd_kafka_ResourceType_t type = rd_kafka_AclBinding_restype(b);
    bool is_prefix = rd_kafka_AclBinding_resource_pattern_type(b) ==
                     RD_KAFKA_RESOURCE_PATTERN_PREFIXED;

    if (type == RD_KAFKA_RESOURCE_TRANSACTIONAL_ID) {
        return overlap(config->topics_group, true, name, is_prefix);
    }
    if (type != RD_KAFKA_RESOURCE_TOPIC && type != RD_KAFKA_RESOURCE_GROUP) {
        return false;
    }
    return overlap(config->topics_prefix, true, name, is_prefix) ||
           (type == RD_KAFKA_RESOURCE_GROUP &&
            overlap(config->topics_group, false, name, is_prefix));
}

static struct acls_row *add_row(struct acls_plan *plan)
{
    plan->rows = xrealloc(plan->rows, (plan->count + 1) * sizeof(*plan->rows));
    plan->rows[plan->count] = (struct acls_row){0};
    return &plan->rows[plan->count++];
}

static void add_extra(struct acls_plan *plan, const rd_kafka_AclBinding_t *b)
{
    struct acls_row *row = add_row(plan);

    *row = (struct acls_row){
        .state = ACLS_EXTRA,
        .principal = xstrdup(rd_kafka_AclBinding_principal(b)),
        .host = xstrdup(rd_kafka_AclBinding_host(b)),
        .resource = rd_kafka_AclBinding_restype(b),
        .name = xstrdup(rd_kafka_AclBinding_name(b)),
        .is_prefix = rd_kafka_AclBinding_resource_pattern_type(b) ==
                     RD_KAFKA_RESOURCE_PATTERN_PREFIXED,
        .operation = rd_kafka_AclBinding_operation(b),
        .is_denial = rd_kafka_AclBinding_permission_type(b) ==
                     RD_KAFKA_ACL_PERMISSION_TYPE_DENY,
    };
    plan->extra++;
}

static void wish(const struct acls *acls, const struct acls_grant *grant,
                 struct acls_plan *plan)
{
    for (size_t i = 0; i < acls->count; i++) {
        const struct acls_spec *spec = &acls->items[i];

        if (strcmp(spec->role, grant->role) != 0) {
            continue;
        }
        *add_row(plan) = (struct acls_row){
            .state = ACLS_MISSING,
            .role = spec->role,
            .principal = xstrdup(grant->principal),
            .host = xstrdup(ANY_HOST),
            .resource = spec->resource,
            .name = xstrdup(spec->name),
            .is_prefix = spec->is_prefix,
            .operation = spec->operation,
        };
        plan->missing++;
    }
}

static void compare(const struct config *config, struct acls_plan *plan,
                    const rd_kafka_AclBinding_t **have, size_t count)
{
    size_t wished = plan->count;

    for (size_t k = 0; k < count; k++) {
        bool is_ours = false;

        for (size_t i = 0; i < wished; i++) {
            struct acls_row *row = &plan->rows[i];

            if (is_same(row, have[k])) {
                is_ours = true;
                plan->missing -= row->state == ACLS_MISSING;
                row->state = ACLS_OK;
            }
        }
        if (!is_ours && concerns_us(config, have[k])) {
            add_extra(plan, have[k]);
        }
    }
}

static int describe(rd_kafka_t *rk, const struct config *config,
                    struct acls_plan *plan, struct err *e)
{
    char why[128];
    rd_kafka_AclBindingFilter_t *all = rd_kafka_AclBindingFilter_new(
        RD_KAFKA_RESOURCE_ANY, NULL, RD_KAFKA_RESOURCE_PATTERN_ANY, NULL, NULL,
        RD_KAFKA_ACL_OPERATION_ANY, RD_KAFKA_ACL_PERMISSION_TYPE_ANY, why,
        sizeof(why));
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_event_t *event = NULL;

    if (check_rights(rk, queue, e) == 0) {
        rd_kafka_DescribeAcls(rk, all, NULL, queue);
        event = answer(queue, e);
    }
    if (event) {
        size_t count = 0;
        const rd_kafka_AclBinding_t **have = rd_kafka_DescribeAcls_result_acls(
            rd_kafka_event_DescribeAcls_result(event), &count);

        compare(config, plan, have, count);
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_AclBinding_destroy(all);
    return event ? 0 : -1;
}

int acls_plan_make(const struct config *config, const struct acls *acls,
                   const struct acls_grant *grants, size_t grant_count,
                   struct acls_plan *out, struct err *e)
{
    struct acls_plan plan = {0};
    rd_kafka_t *rk = NULL;
    int rc = 0;

    if (open_client(config, &rk, e) < 0) {
        return -1;
    }
    for (size_t i = 0; i < grant_count; i++) {
        wish(acls, &grants[i], &plan);
    }
    rc = describe(rk, config, &plan, e);
    kafka_conf_destroy(rk);
    if (rc < 0) {
        acls_plan_free(&plan);
        return -1;
    }
    *out = plan;
    return 0;
}

void acls_plan_free(struct acls_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        free(plan->rows[i].principal);
        free(plan->rows[i].host);
        free(plan->rows[i].name);
    }
    free(plan->rows);
    memset(plan, 0, sizeof(*plan));
}

/* --- granting ------------------------------------------------------------ */

static rd_kafka_AclBinding_t *request(struct acls_row *row)
{
    return rd_kafka_AclBinding_new(
        row->resource, row->name,
        row->is_prefix ? RD_KAFKA_RESOURCE_PATTERN_PREFIXED
                       : RD_KAFKA_RESOURCE_PATTERN_LITERAL,
        row->principal, row->host, row->operation,
        RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW, row->note, sizeof(row->note));
}

/* Answers stand in the order of what was asked. */
static int note_answers(rd_kafka_event_t *event, struct acls_row **asked,
                        size_t count, struct acls_plan *plan, struct err *e)
{
    size_t answers = 0;
    size_t failed = 0;
    const rd_kafka_acl_result_t **results = rd_kafka_CreateAcls_result_acls(
        rd_kafka_event_CreateAcls_result(event), &answers);

    for (size_t i = 0; i < count; i++) {
        const rd_kafka_error_t *error =
            i < answers ? rd_kafka_acl_result_error(results[i]) : NULL;

        if (error &&
            rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR_SECURITY_DISABLED) {
            return failure(RD_KAFKA_RESP_ERR_SECURITY_DISABLED, NULL, e);
        }
        if (i >= answers || error) {
            (void)str_copy(asked[i]->note, sizeof(asked[i]->note),
                           error ? rd_kafka_error_string(error) : "no answer");
            failed++;
            continue;
        }
        asked[i]->state = ACLS_OK;
        plan->missing--;
    }
    if (failed) {
        return err_set(e, ERR_SYSTEM, "%zu of %zu ACLs could not be granted",
                       failed, count);
    }
    return 0;
}

static int create(rd_kafka_t *rk, rd_kafka_AclBinding_t **requests,
                  struct acls_row **asked, size_t count, struct acls_plan *plan,
                  struct err *e)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_event_t *event = NULL;
    int rc = -1;

    rd_kafka_CreateAcls(rk, requests, count, NULL, queue);
    event = answer(queue, e);
    if (event) {
        rc = note_answers(event, asked, count, plan, e);
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    return rc;
}

int acls_plan_apply(const struct config *config, struct acls_plan *plan,
                    struct err *e)
{
    rd_kafka_AclBinding_t **requests =
        xcalloc(plan->count + 1, sizeof(rd_kafka_AclBinding_t *));
    struct acls_row **asked =
        xcalloc(plan->count + 1, sizeof(struct acls_row *));
    rd_kafka_t *rk = NULL;
    size_t count = 0;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < plan->count; i++) {
        struct acls_row *row = &plan->rows[i];

        if (row->state != ACLS_MISSING) {
            continue;
        }
        requests[count] = request(row);
        if (!requests[count]) {
            rc = err_set(e, ERR_INPUT, "ACL of %s on %s: %s", row->principal,
                         row->name, row->note);
            break;
        }
        asked[count++] = row;
    }
    if (rc == 0 && count > 0) {
        rc = open_client(config, &rk, e);
    }
    if (rc == 0 && count > 0) {
        rc = create(rk, requests, asked, count, plan, e);
    }
    rd_kafka_AclBinding_destroy_array(requests, count);
    kafka_conf_destroy(rk);
    free(requests);
    free(asked);
    return rc;
}
