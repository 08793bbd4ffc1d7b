/* SPDX-License-Identifier: MIT */
/* topics_plan.c - compares a cluster with the wish, and creates what is
 * missing: see topics_plan.h. Runs in the command line tools. It never deletes
 * or alters a topic, and never adds partitions: keys would move. */
#include "svc/topics_plan.h"

#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "svc/kafka_conf.h"

#define METADATA_TIMEOUT_MS 10000
#define CREATE_TIMEOUT_MS   30000

static const struct kafka_conf_row rows_none[] = {{NULL, NULL}};

const char *topics_plan_state_name(enum topics_state state)
{
    static const char *const names[] = {
        [TOPICS_OK] = "ok",
        [TOPICS_MISSING] = "missing",
        [TOPICS_FEWER] = "fewer partitions",
        [TOPICS_MORE] = "more partitions",
    };

    return names[state];
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

/* --- plan ---------------------------------------------------------------- */

static uint32_t partitions_of(const rd_kafka_metadata_t *metadata,
                              const char *name)
{
    for (int i = 0; i < metadata->topic_cnt; i++) {
        const rd_kafka_metadata_topic_t *topic = &metadata->topics[i];

        if (!strcmp(topic->topic, name)) {
            return topic->err ? 0 : (uint32_t)topic->partition_cnt;
        }
    }
    return 0;
}

static enum topics_state compare(uint32_t have, uint32_t wanted)
{
    if (have == 0) {
        return TOPICS_MISSING;
    }
    if (have == wanted) {
        return TOPICS_OK;
    }
    return have < wanted ? TOPICS_FEWER : TOPICS_MORE;
}

static void fill_plan(const rd_kafka_metadata_t *metadata,
                      const struct topics *topics, struct topics_plan *plan)
{
    memset(plan, 0, sizeof(*plan));
    plan->brokers = (uint32_t)metadata->broker_cnt;
    plan->count = topics->count;
    plan->rows = xcalloc(topics->count, sizeof(*plan->rows));
    for (size_t i = 0; i < topics->count; i++) {
        const struct topics_spec *spec = &topics->items[i];
        struct topics_row *row = &plan->rows[i];

        row->spec = spec;
        row->partitions = partitions_of(metadata, spec->name);
        row->state = compare(row->partitions, spec->partitions);
        row->replication = spec->replication < plan->brokers ? spec->replication
                                                             : plan->brokers;
        plan->missing += row->state == TOPICS_MISSING;
    }
}

int topics_plan_make(const struct config *config, const struct topics *topics,
                     struct topics_plan *out, struct err *e)
{
    const rd_kafka_metadata_t *metadata = NULL;
    rd_kafka_t *rk = NULL;
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;

    if (open_client(config, &rk, e) < 0) {
        return -1;
    }
    /* All topics in one request: asking by name would create them on a
     * cluster that creates what it is asked for. */
    error = rd_kafka_metadata(rk, 1, NULL, &metadata, METADATA_TIMEOUT_MS);
    if (!error) {
        fill_plan(metadata, topics, out);
        rd_kafka_metadata_destroy(metadata);
    }
    kafka_conf_destroy(rk);
    if (error) {
        return err_set(e, ERR_RETRY, "kafka metadata: %s",
                       rd_kafka_err2str(error));
    }
    return 0;
}

void topics_plan_free(struct topics_plan *plan)
{
    free(plan->rows);
    memset(plan, 0, sizeof(*plan));
}

/* --- apply --------------------------------------------------------------- */

/* A cluster with fewer brokers than copies wanted could never satisfy the
 * minimum: cut it the same way. */
static const char *value_for(const struct topics_row *row,
                             const struct topics_setting *setting)
{
    uint64_t minimum = 0;

    if (!strcmp(setting->name, "min.insync.replicas") &&
        str_parse_u64(setting->value, &minimum, NULL) == 0 &&
        row->replication < row->spec->replication &&
        minimum >= row->replication) {
        return row->replication > 1 ? setting->value : "1";
    }
    return setting->value;
}

static rd_kafka_NewTopic_t *make_request(struct topics_row *row)
{
    const struct topics_spec *spec = row->spec;
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(
        spec->name, (int)spec->partitions, (int)row->replication, row->note,
        sizeof(row->note));

    for (size_t i = 0; topic && i < spec->config_count; i++) {
        (void)rd_kafka_NewTopic_set_config(topic, spec->config[i].name,
                                           value_for(row, &spec->config[i]));
    }
    return topic;
}

static struct topics_row *find_row(struct topics_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (!strcmp(plan->rows[i].spec->name, name)) {
            return &plan->rows[i];
        }
    }
    return NULL;
}

static int note_results(rd_kafka_event_t *event, struct topics_plan *plan,
                        struct err *e)
{
    const rd_kafka_CreateTopics_result_t *result =
        rd_kafka_event_CreateTopics_result(event);
    size_t count = 0;
    size_t failed = 0;
    const rd_kafka_topic_result_t **topics =
        rd_kafka_CreateTopics_result_topics(result, &count);

    for (size_t i = 0; i < count; i++) {
        rd_kafka_resp_err_t error = rd_kafka_topic_result_error(topics[i]);
        struct topics_row *row =
            find_row(plan, rd_kafka_topic_result_name(topics[i]));

        if (!row) {
            continue;
        }
        if (error && error != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
            const char *why = rd_kafka_topic_result_error_string(topics[i]);

            (void)str_copy(row->note, sizeof(row->note),
                           why ? why : rd_kafka_err2str(error));
            failed++;
            continue;
        }
        row->state = TOPICS_OK;
        row->partitions = row->spec->partitions;
        plan->missing--;
    }
    if (failed) {
        return err_set(e, ERR_SYSTEM, "%zu of %zu topics could not be created",
                       failed, count);
    }
    return 0;
}

static int create(rd_kafka_t *rk, rd_kafka_NewTopic_t **requests, size_t count,
                  struct topics_plan *plan, struct err *e)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_event_t *event = NULL;
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    char why[128];
    int rc = 0;

    (void)rd_kafka_AdminOptions_set_request_timeout(options, CREATE_TIMEOUT_MS,
                                                    why, sizeof(why));
    rd_kafka_CreateTopics(rk, requests, count, options, queue);
    event = rd_kafka_queue_poll(queue, CREATE_TIMEOUT_MS + 5000);
    error = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (error == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE ||
        error == RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION) {
        rc = err_set(e, ERR_INPUT,
                     "this broker takes no admin requests (the "
                     "embedded broker of 'forkyard dev' makes its topics when "
                     "it starts)");
    } else if (error) {
        rc = err_set(e, ERR_RETRY, "kafka create topics: %s",
                     event ? rd_kafka_event_error_string(event)
                           : rd_kafka_err2str(error));
    } else {
        rc = note_results(event, plan, e);
    }
    if (event) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    return rc;
}

int topics_plan_apply(const struct config *config, struct topics_plan *plan,
                      struct err *e)
{
    rd_kafka_NewTopic_t *requests[TOPICS_MAX];
    rd_kafka_t *rk = NULL;
    size_t count = 0;
    int rc = 0;

    for (size_t i = 0; i < plan->count; i++) {
        struct topics_row *row = &plan->rows[i];

        if (row->state != TOPICS_MISSING) {
            continue;
        }
        requests[count] = make_request(row);
        if (!requests[count]) {
            rc = err_set(e, ERR_INPUT, "topic %s: %s", row->spec->name,
                         row->note);
            break;
        }
        count++;
    }
    if (rc == 0 && count > 0) {
        rc = open_client(config, &rk, e);
    }
    if (rc == 0 && count > 0) {
        rc = create(rk, requests, count, plan, e);
    }
    rd_kafka_NewTopic_destroy_array(requests, count);
    kafka_conf_destroy(rk);
    return rc;
}
