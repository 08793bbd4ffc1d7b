/* SPDX-License-Identifier: MIT */
/* acls.c - reads broker-config/acls.yaml: see acls.h. Runs in the command line
 * tools. Strict: a key it does not know is an error, because what is misspelt
 * would be granted to nobody, or to all. */
#include "svc/acls.h"

#include <string.h>

#include "base/mem.h"
#include "svc/kafka_conf.h"
#include "svc/yaml_list.h"

#define KEY "acls"
/* Names of groups in the file that stand for a setting. */
#define WORKERS    "workers"
#define FORWARDERS "forwarders"

struct reader {
    const struct config *config;
    struct acls *acls;
};

/* The entry being read. */
struct entry {
    const char *role;
    const char *topic;
    const char *group;
    const char *transactional_id;
    const yaml_node_t *allow;
};

static const struct {
    const char *name;
    rd_kafka_AclOperation_t operation;
} operations[] = {
    {"all", RD_KAFKA_ACL_OPERATION_ALL},
    {"read", RD_KAFKA_ACL_OPERATION_READ},
    {"write", RD_KAFKA_ACL_OPERATION_WRITE},
    {"create", RD_KAFKA_ACL_OPERATION_CREATE},
    {"delete", RD_KAFKA_ACL_OPERATION_DELETE},
    {"alter", RD_KAFKA_ACL_OPERATION_ALTER},
    {"describe", RD_KAFKA_ACL_OPERATION_DESCRIBE},
    {"describe_configs", RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS},
    {"alter_configs", RD_KAFKA_ACL_OPERATION_ALTER_CONFIGS},
};

const char *acls_resource_name(rd_kafka_ResourceType_t resource)
{
    static const char *const names[] = {
        [RD_KAFKA_RESOURCE_TOPIC] = "topic",
        [RD_KAFKA_RESOURCE_GROUP] = "group",
        [RD_KAFKA_RESOURCE_TRANSACTIONAL_ID] = "transactional_id",
    };

    return (size_t)resource < ARRAY_LEN(names) && names[resource]
               ? names[resource]
               : "?";
}

const char *acls_operation_name(rd_kafka_AclOperation_t operation)
{
    for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
        if (operations[i].operation == operation) {
            return operations[i].name;
        }
    }
    return "?";
}

void acls_free(struct acls *acls)
{
    for (size_t i = 0; i < acls->count; i++) {
        free(acls->items[i].role);
        free(acls->items[i].name);
    }
    free(acls->items);
    memset(acls, 0, sizeof(*acls));
}

bool acls_has_role(const struct acls *acls, const char *role)
{
    for (size_t i = 0; i < acls->count; i++) {
        if (!strcmp(acls->items[i].role, role)) {
            return true;
        }
    }
    return false;
}

/* --- one entry ----------------------------------------------------------- */

static int read_operation(const yaml_node_t *node, rd_kafka_AclOperation_t *out,
                          struct err *e)
{
    const char *name = yaml_list_text(node);

    for (size_t i = 0; name && i < ARRAY_LEN(operations); i++) {
        if (!strcmp(operations[i].name, name)) {
            *out = operations[i].operation;
            return 0;
        }
    }
    return yaml_list_bad(KEY, node, "no operation of Kafka (read, write, ...)",
                         e);
}

static int read_field(yaml_document_t *document, const yaml_node_pair_t *pair,
                      struct entry *out, struct err *e)
{
    const yaml_node_t *key = yaml_document_get_node(document, pair->key);
    const yaml_node_t *value = yaml_document_get_node(document, pair->value);
    const char *name = yaml_list_text(key);
    const struct {
        const char *name;
        const char **to;
    } texts[] = {{"role", &out->role},
                 {"topic", &out->topic},
                 {"group", &out->group},
                 {"transactional_id", &out->transactional_id}};

    if (name && !strcmp(name, "allow") && value->type == YAML_SEQUENCE_NODE) {
        out->allow = value;
        return 0;
    }
    for (size_t i = 0; name && i < ARRAY_LEN(texts); i++) {
        if (!strcmp(name, texts[i].name) && yaml_list_text(value)) {
            *texts[i].to = yaml_list_text(value);
            return 0;
        }
    }
    return yaml_list_bad(KEY, key, "unknown key, or not its kind of value", e);
}

static const char *name_of(const struct entry *entry)
{
    if (entry->transactional_id) {
        return entry->transactional_id;
    }
    return entry->topic ? entry->topic : entry->group;
}

static rd_kafka_ResourceType_t resource_of(const struct entry *entry)
{
    if (entry->transactional_id) {
        return RD_KAFKA_RESOURCE_TRANSACTIONAL_ID;
    }
    return entry->topic ? RD_KAFKA_RESOURCE_TOPIC : RD_KAFKA_RESOURCE_GROUP;
}

/* Of all workers: the group, a dot and the worker's id. */
static char *ids_of_workers(const struct reader *r)
{
    char *stem = NULL;

    if (asprintf(&stem, "%s.", r->config->topics_group) < 0) {
        abort();
    }
    return stem;
}

/* On the heap; a * at the end is cut off. */
static char *full_name(const struct reader *r, const struct entry *entry,
                       bool *out_is_prefix)
{
    const char *name = name_of(entry);
    size_t len = strlen(name);
    char *full = NULL;

    *out_is_prefix = len > 0 && name[len - 1] == '*';
    if (entry->transactional_id && !strcmp(name, WORKERS ".*")) {
        return ids_of_workers(r);
    }
    if (entry->group && !strcmp(name, WORKERS)) {
        return xstrdup(r->config->topics_group);
    }
    if (entry->group && !strcmp(name, FORWARDERS)) {
        return kafka_conf_retry_group(r->config);
    }
    full = kafka_conf_topic(r->config, name);
    if (*out_is_prefix) {
        full[strlen(full) - 1] = '\0';
    }
    return full;
}

static int add(struct reader *r, const struct entry *entry,
               rd_kafka_AclOperation_t operation, struct err *e)
{
    struct acls_spec *spec = &r->acls->items[r->acls->count];

    if (r->acls->count == ACLS_MAX) {
        return err_set(e, ERR_LIMIT, "more than %d ACLs", ACLS_MAX);
    }
    *spec = (struct acls_spec){.role = xstrdup(entry->role),
                               .resource = resource_of(entry),
                               .operation = operation};
    spec->name = full_name(r, entry, &spec->is_prefix);
    r->acls->count++;
    return 0;
}

static int read_entry(yaml_document_t *document, yaml_node_t *node, void *arg,
                      struct err *e)
{
    struct entry entry = {0};

    if (node->type != YAML_MAPPING_NODE) {
        return yaml_list_bad(KEY, node, "a map is expected", e);
    }
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        if (read_field(document, pair, &entry, e) < 0) {
            return -1;
        }
    }
    if (!entry.role || !entry.allow ||
        !entry.topic + !entry.group + !entry.transactional_id != 2) {
        return yaml_list_bad(
            KEY, node,
            "role, allow and one of topic, group and transactional_id are "
            "needed",
            e);
    }
    for (yaml_node_item_t *item = entry.allow->data.sequence.items.start;
         item < entry.allow->data.sequence.items.top; item++) {
        rd_kafka_AclOperation_t operation = RD_KAFKA_ACL_OPERATION_UNKNOWN;

        if (read_operation(yaml_document_get_node(document, *item), &operation,
                           e) < 0 ||
            add(arg, &entry, operation, e) < 0) {
            return -1;
        }
    }
    return 0;
}

int acls_load(const struct config *config, const char *path, struct acls *out,
              struct err *e)
{
    struct acls acls = {.items = xcalloc(ACLS_MAX, sizeof(*acls.items))};
    struct reader reader = {.config = config, .acls = &acls};
    const struct yaml_list list = {.key = KEY,
                                   .path = path,
                                   .text = acls_data,
                                   .size = acls_data_size,
                                   .read = read_entry,
                                   .arg = &reader};

    if (yaml_list_load(&list, e) < 0) {
        acls_free(&acls);
        return -1;
    }
    *out = acls;
    return 0;
}
