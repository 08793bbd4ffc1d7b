/* SPDX-License-Identifier: MIT */
/* topics.c - reads broker-config/topics.yaml: see topics.h. Runs in the
 * command line tools and the embedded broker. Strict: a key it does not know
 * is an error, because a misspelt retention would lose jobs later. */
#include "svc/topics.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "svc/kafka_conf.h"
#include "svc/yaml_list.h"

#define KEY             "topics"
#define PARTITIONS_MAX  100000
#define REPLICATION_MAX 100

struct reader {
    yaml_document_t *document;
    const struct config *config;
    struct topics *topics;
};

static void free_spec(struct topics_spec *spec)
{
    free(spec->name);
    for (size_t i = 0; i < spec->config_count; i++) {
        free(spec->config[i].name);
        free(spec->config[i].value);
    }
}

void topics_free(struct topics *topics)
{
    for (size_t i = 0; i < topics->count; i++) {
        free_spec(&topics->items[i]);
    }
    free(topics->items);
    memset(topics, 0, sizeof(*topics));
}

static int bad(const yaml_node_t *node, const char *what, struct err *e)
{
    return yaml_list_bad(KEY, node, what, e);
}

/* --- one topic ----------------------------------------------------------- */

static int read_number(const yaml_node_t *node, uint32_t max, uint32_t *out,
                       struct err *e)
{
    const char *text = yaml_list_text(node);
    uint64_t value = 0;

    if (!text || str_parse_u64(text, &value, NULL) < 0 || value < 1 ||
        value > max) {
        return bad(node, "a number from 1 is expected", e);
    }
    *out = (uint32_t)value;
    return 0;
}

static int read_config(struct reader *r, yaml_node_t *node,
                       struct topics_spec *spec, struct err *e)
{
    if (node->type != YAML_MAPPING_NODE) {
        return bad(node, "config must be a map", e);
    }
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const char *name =
            yaml_list_text(yaml_document_get_node(r->document, pair->key));
        const char *value =
            yaml_list_text(yaml_document_get_node(r->document, pair->value));

        if (!name || !value || spec->config_count == TOPICS_CONFIG_MAX) {
            return bad(node, "config must be few names with plain values", e);
        }
        spec->config[spec->config_count++] = (struct topics_setting){
            .name = xstrdup(name), .value = xstrdup(value)};
    }
    return 0;
}

static int read_field(struct reader *r, const yaml_node_t *key,
                      yaml_node_t *value, struct topics_spec *spec,
                      struct err *e)
{
    const char *name = yaml_list_text(key);

    if (name && !strcmp(name, "name") && yaml_list_text(value)) {
        free(spec->name);
        spec->name = xstrdup(yaml_list_text(value));
        return 0;
    }
    if (name && !strcmp(name, "config")) {
        return read_config(r, value, spec, e);
    }
    if (name && !strcmp(name, "partitions")) {
        return read_number(value, PARTITIONS_MAX, &spec->partitions, e);
    }
    if (name && !strcmp(name, "embedded")) {
        return read_number(value, PARTITIONS_MAX, &spec->embedded, e);
    }
    if (name && !strcmp(name, "replication")) {
        return read_number(value, REPLICATION_MAX, &spec->replication, e);
    }
    return bad(key, "unknown key", e);
}

static void add_topic(struct reader *r, const struct topics_spec *spec,
                      const char *name)
{
    struct topics_spec *item = &r->topics->items[r->topics->count++];

    *item = *spec;
    item->name = kafka_conf_topic(r->config, name);
    for (size_t i = 0; i < spec->config_count; i++) {
        item->config[i].name = xstrdup(spec->config[i].name);
        item->config[i].value = xstrdup(spec->config[i].value);
    }
}

static int add_topics(struct reader *r, const struct topics_spec *spec,
                      struct err *e)
{
    AUTO_FREE struct kafka_conf_queue *queues = NULL;
    size_t count = 1;
    bool is_jobs = !strcmp(spec->name, "jobs.*");

    if (is_jobs && kafka_conf_queues(r->config, &queues, &count, e) < 0) {
        return -1;
    }
    if (r->topics->count + count > TOPICS_MAX) {
        return err_set(e, ERR_LIMIT, "more than %d topics", TOPICS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        char name[sizeof(queues->name) + sizeof("jobs.")];

        if (!is_jobs) {
            add_topic(r, spec, spec->name);
            continue;
        }
        (void)snprintf(name, sizeof(name), "jobs.%s", queues[i].name);
        add_topic(r, spec, name);
    }
    return 0;
}

static int read_fields(struct reader *r, yaml_node_t *node,
                       struct topics_spec *spec, struct err *e)
{
    if (node->type != YAML_MAPPING_NODE) {
        return bad(node, "a map is expected", e);
    }
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        if (read_field(r, yaml_document_get_node(r->document, pair->key),
                       yaml_document_get_node(r->document, pair->value), spec,
                       e) < 0) {
            return -1;
        }
    }
    if (!spec->name || !spec->partitions || !spec->replication) {
        return bad(node, "name, partitions and replication are needed", e);
    }
    if (!spec->embedded) {
        spec->embedded = 1;
    }
    return 0;
}

static int read_topic(yaml_document_t *document, yaml_node_t *node, void *arg,
                      struct err *e)
{
    struct topics_spec spec = {0};
    struct reader *r = arg;
    int rc = 0;

    r->document = document;
    rc = read_fields(r, node, &spec, e);
    if (rc == 0) {
        rc = add_topics(r, &spec, e);
    }
    free_spec(&spec);
    return rc;
}

/* --- the file ------------------------------------------------------------ */

int topics_load(const struct config *config, const char *path,
                struct topics *out, struct err *e)
{
    struct topics topics = {0};
    struct reader reader = {.config = config, .topics = &topics};
    const struct yaml_list list = {.key = KEY,
                                   .path = path,
                                   .text = topics_data,
                                   .size = topics_data_size,
                                   .read = read_topic,
                                   .arg = &reader};

    topics.items = xcalloc(TOPICS_MAX, sizeof(*topics.items));
    if (yaml_list_load(&list, e) < 0) {
        topics_free(&topics);
        return -1;
    }
    *out = topics;
    return 0;
}
