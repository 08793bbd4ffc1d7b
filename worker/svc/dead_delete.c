/* SPDX-License-Identifier: MIT */
/* dead_delete.c - see dead_delete.h. */
#include "svc/dead_delete.h"

#include <inttypes.h>
#include <librdkafka/rdkafka.h>

#include "base/mem.h"
#include "svc/kafka_conf.h"
#include "svc/kafka_tail.h"
#include "svc/kafka_trouble.h"

#define WAIT_MS 30000
#define DEAD    "dead"

static const struct kafka_conf_row none[] = {{NULL, NULL}};

static int open_client(const struct config *config, rd_kafka_type_t type,
                       rd_kafka_t **out, struct err *e)
{
    rd_kafka_conf_t *conf = NULL;

    if (kafka_conf_new(config, none, &conf, e) < 0) {
        return -1;
    }
    return kafka_conf_client(conf, type, NULL, out, e);
}

/* --- what is there -------------------------------------------------------- */

static int ask_times(rd_kafka_t *rk, const char *topic, uint64_t unix_ms,
                     struct dead_range *ranges, size_t count, struct err *e)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)count);
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;

    for (size_t i = 0; i < count; i++) {
        rd_kafka_topic_partition_list_add(list, topic, ranges[i].partition)
            ->offset = (int64_t)unix_ms;
    }
    /* The oldest record that is not older; the end when there is none. */
    error = rd_kafka_offsets_for_times(rk, list, WAIT_MS);
    for (int i = 0; i < list->cnt && !error; i++) {
        error = list->elems[i].err;
        if (list->elems[i].offset >= 0 &&
            list->elems[i].offset < ranges[i].before) {
            ranges[i].before = list->elems[i].offset;
        }
    }
    rd_kafka_topic_partition_list_destroy(list);
    if (error) {
        return err_set(e, ERR_RETRY, "%s: offsets of a time: %s", topic,
                       rd_kafka_err2str(error));
    }
    return 0;
}

static int cut_at_time(const struct config *config, const char *topic,
                       uint64_t unix_ms, struct dead_range *ranges,
                       size_t count, struct err *e)
{
    rd_kafka_t *rk = NULL;
    int rc = 0;

    if (open_client(config, RD_KAFKA_CONSUMER, &rk, e) < 0) {
        return -1;
    }
    rc = ask_times(rk, topic, unix_ms, ranges, count, e);
    kafka_conf_destroy(rk);
    return rc;
}

int dead_delete_ranges(const struct config *config, uint64_t older_than_unix_ms,
                       struct dead_range **out, size_t *out_count,
                       struct err *e)
{
    AUTO_FREE char *topic = kafka_conf_topic(config, DEAD);
    AUTO_FREE struct dead_range *ranges = NULL;
    struct kafka_tail *tail = NULL;
    size_t count = 0;

    if (kafka_tail_open(config, topic, KAFKA_TAIL_END, &tail, e) < 0) {
        return -1;
    }
    count = (size_t)kafka_tail_partitions(tail);
    ranges = xcalloc(count, sizeof(*ranges));
    for (size_t i = 0; i < count; i++) {
        ranges[i].partition = (int32_t)i;
        kafka_tail_range(tail, (int32_t)i, &ranges[i].low, &ranges[i].before);
    }
    kafka_tail_close(tail);
    if (older_than_unix_ms > 0 &&
        cut_at_time(config, topic, older_than_unix_ms, ranges, count, e) < 0) {
        return -1;
    }
    *out = ranges;
    *out_count = count;
    ranges = NULL;
    return 0;
}

/* --- deleting ------------------------------------------------------------- */

static int refuse(const char *where, rd_kafka_resp_err_t code, struct err *e)
{
    if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
        return err_set(e, ERR_INPUT,
                       "%s: %s; Delete is needed: forkyard acls apply "
                       "--principal operator=User:NAME",
                       where, rd_kafka_err2str(code));
    }
    if (code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE ||
        code == RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION) {
        return err_set(e, ERR_INPUT,
                       "%s: this broker cannot delete records; the embedded "
                       "one of forkyard dev keeps them until it ends",
                       where);
    }
    return err_set(e, ERR_RETRY, "%s: %s", where, rd_kafka_err2str(code));
}

/* -1 with the first partition's failure. */
static int look_at_answer(rd_kafka_event_t *event, const char *topic,
                          struct err *e)
{
    const rd_kafka_topic_partition_list_t *list = NULL;

    if (!event) {
        return err_set(e, ERR_RETRY, "%s: no answer of the broker", topic);
    }
    if (rd_kafka_event_error(event)) {
        return refuse(topic, rd_kafka_event_error(event), e);
    }
    list = rd_kafka_DeleteRecords_result_offsets(
        rd_kafka_event_DeleteRecords_result(event));
    for (int i = 0; i < list->cnt; i++) {
        if (list->elems[i].err) {
            (void)refuse(topic, list->elems[i].err, e);
            return err_wrap(e, "partition %" PRId32, list->elems[i].partition);
        }
    }
    return 0;
}

static rd_kafka_DeleteRecords_t *
make_request(const char *topic, const struct dead_range *ranges, size_t count)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)count);
    rd_kafka_DeleteRecords_t *request = NULL;

    for (size_t i = 0; i < count; i++) {
        if (ranges[i].low < ranges[i].before) {
            rd_kafka_topic_partition_list_add(list, topic, ranges[i].partition)
                ->offset = ranges[i].before;
        }
    }
    request = list->cnt > 0 ? rd_kafka_DeleteRecords_new(list) : NULL;
    rd_kafka_topic_partition_list_destroy(list);
    return request;
}

int dead_delete(const struct config *config, const struct dead_range *ranges,
                size_t count, struct err *e)
{
    AUTO_FREE char *topic = kafka_conf_topic(config, DEAD);
    rd_kafka_DeleteRecords_t *request = make_request(topic, ranges, count);
    rd_kafka_queue_t *queue = NULL;
    rd_kafka_event_t *event = NULL;
    rd_kafka_t *rk = NULL;
    int rc = -1;

    if (!request) {
        return 0;
    }
    if (open_client(config, RD_KAFKA_PRODUCER, &rk, e) == 0) {
        queue = rd_kafka_queue_new(rk);
        rd_kafka_DeleteRecords(rk, &request, 1, NULL, queue);
        event = rd_kafka_queue_poll(queue, WAIT_MS);
        rc = look_at_answer(event, topic, e);
        if (event) {
            rd_kafka_event_destroy(event);
        }
        rd_kafka_queue_destroy(queue);
        kafka_conf_destroy(rk);
    }
    rd_kafka_DeleteRecords_destroy(request);
    return rc;
}
