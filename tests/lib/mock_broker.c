/* SPDX-License-Identifier: MIT */
/* mock_broker.c - a broker inside the test: see mock_broker.h. */
#include "mock_broker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"

#define CALL_TIMEOUT_MS 10000

static rd_kafka_t *client(rd_kafka_type_t type, const char *address,
                          const char *group)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[200] = "";
    rd_kafka_t *rk = NULL;

    if (address) {
        assert_int_equal(rd_kafka_conf_set(conf, "bootstrap.servers", address,
                                           why, sizeof(why)),
                         RD_KAFKA_CONF_OK);
    }
    if (group) {
        assert_int_equal(
            rd_kafka_conf_set(conf, "group.id", group, why, sizeof(why)),
            RD_KAFKA_CONF_OK);
    }
    if (type == RD_KAFKA_PRODUCER) {
        assert_int_equal(
            rd_kafka_conf_set(conf, "linger.ms", "0", why, sizeof(why)),
            RD_KAFKA_CONF_OK);
    }
    assert_int_equal(
        rd_kafka_conf_set(conf, "log_level", "2", why, sizeof(why)),
        RD_KAFKA_CONF_OK);
    rk = rd_kafka_new(type, conf, why, sizeof(why));
    assert_non_null(rk);
    return rk;
}

void mock_broker_start(struct mock_broker *mock)
{
    mock->host = client(RD_KAFKA_PRODUCER, NULL, NULL);
    mock->cluster = rd_kafka_mock_cluster_new(mock->host, 1);
    assert_non_null(mock->cluster);
    rd_kafka_mock_set_controller_id(mock->cluster, 1);
    rd_kafka_mock_group_initial_rebalance_delay_ms(mock->cluster, 0);
    rd_kafka_mock_set_group_consumer_session_timeout_ms(mock->cluster, 2000);
    rd_kafka_mock_set_group_consumer_heartbeat_interval_ms(mock->cluster, 100);
    mock->address = rd_kafka_mock_cluster_bootstraps(mock->cluster);
    mock->producer = client(RD_KAFKA_PRODUCER, mock->address, NULL);
}

void mock_broker_stop(struct mock_broker *mock)
{
    rd_kafka_destroy(mock->producer);
    rd_kafka_mock_cluster_destroy(mock->cluster);
    rd_kafka_destroy(mock->host);
}

/* The mock may sleep a second over a command that follows the one before too
 * closely (see settle() in bin/broker.c): a request over the network first. */
static void settle(const struct mock_broker *mock)
{
    const rd_kafka_metadata_t *metadata = NULL;

    if (!rd_kafka_metadata(mock->producer, 0, NULL, &metadata,
                           CALL_TIMEOUT_MS)) {
        rd_kafka_metadata_destroy(metadata);
    }
}

void mock_broker_topic(struct mock_broker *mock, const char *topic,
                       int partitions)
{
    settle(mock);
    assert_int_equal(
        rd_kafka_mock_topic_create(mock->cluster, topic, partitions, 1), 0);
}

void mock_broker_down(struct mock_broker *mock)
{
    settle(mock);
    assert_int_equal(rd_kafka_mock_broker_set_down(mock->cluster, 1), 0);
}

void mock_broker_set(struct config *config, const char *name, const char *value)
{
    struct err e = {0};

    if (config_set(config, name, value, &e) < 0) {
        fail_msg("%s", e.msg);
    }
}

void mock_broker_config(const struct mock_broker *mock, struct config *config)
{
    config_init(config);
    mock_broker_set(config, "kafka.bootstrap.servers", mock->address);
    mock_broker_set(config, "kafka.group.protocol", "consumer");
    /* the mock has no long poll: a fetch without data sleeps this long */
    mock_broker_set(config, "kafka.fetch.wait.max.ms", "2");
    mock_broker_set(config, "topics.commit_interval", "20");
}

void mock_broker_send(struct mock_broker *mock, const char *topic,
                      int32_t partition, const char *key, const char *value,
                      const char *header)
{
    char text[4096] = "";
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;

    /* librdkafka takes it without const */
    assert_true(strlen(value) < sizeof(text));
    memcpy(text, value, strlen(value));
    error = rd_kafka_producev(
        mock->producer, RD_KAFKA_V_TOPIC(topic),
        RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_KEY((void *)(uintptr_t)key, key ? strlen(key) : 0),
        RD_KAFKA_V_VALUE(text, strlen(value)),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_HEADER(header ? header : "none", "yes", 3), RD_KAFKA_V_END);
    assert_int_equal(error, 0);
}

void mock_broker_flush(struct mock_broker *mock)
{
    assert_int_equal(rd_kafka_flush(mock->producer, CALL_TIMEOUT_MS), 0);
}

void mock_broker_produce(struct mock_broker *mock, const char *topic,
                         int32_t partition, const char *key, const char *value,
                         const char *header)
{
    mock_broker_send(mock, topic, partition, key, value, header);
    mock_broker_flush(mock);
}

int64_t mock_broker_committed(const struct mock_broker *mock, const char *group,
                              const char *topic, int32_t partition)
{
    rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, mock->address, group);
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(1);
    int64_t offset = 0;

    rd_kafka_topic_partition_list_add(list, topic, partition);
    assert_int_equal(rd_kafka_committed(rk, list, CALL_TIMEOUT_MS), 0);
    offset = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(rk);
    return offset < 0 ? -1 : offset;
}

void mock_broker_commit(const struct mock_broker *mock, const char *group,
                        const char *topic, int32_t partition, int64_t offset,
                        const char *metadata)
{
    rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, mock->address, group);
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *row =
        rd_kafka_topic_partition_list_add(list, topic, partition);

    row->offset = offset;
    row->metadata_size = strlen(metadata);
    row->metadata = xstrndup(metadata, row->metadata_size);
    assert_int_equal(rd_kafka_commit(rk, list, 0), 0);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(rk);
}

void mock_broker_record_requests(struct mock_broker *mock)
{
    rd_kafka_mock_start_request_tracking(mock->cluster);
}

size_t mock_broker_requests(const struct mock_broker *mock, int16_t key)
{
    size_t all = 0;
    size_t count = 0;
    rd_kafka_mock_request_t **requests =
        rd_kafka_mock_get_requests(mock->cluster, &all);

    for (size_t i = 0; i < all; i++) {
        count += rd_kafka_mock_request_api_key(requests[i]) == key;
    }
    rd_kafka_mock_request_destroy_array(requests, all);
    return count;
}

static void on_deadline(uv_timer_t *timer)
{
    bool *is_late = timer->data;

    *is_late = true;
}

void mock_broker_run(uv_loop_t *loop, bool (*is_true)(void *arg), void *arg)
{
    uv_timer_t timer;
    bool is_late = false;

    (void)uv_timer_init(loop, &timer);
    timer.data = &is_late;
    (void)uv_timer_start(&timer, on_deadline, MOCK_BROKER_DEADLINE_MS, 0);
    while (!is_true(arg) && !is_late) {
        (void)uv_run(loop, UV_RUN_ONCE);
    }
    uv_close((uv_handle_t *)&timer, NULL);
    (void)uv_run(loop, UV_RUN_NOWAIT);
    if (is_late) {
        fail_msg("what was waited for did not happen");
    }
}

void mock_broker_end_loop(uv_loop_t *loop)
{
    (void)uv_run(loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(loop), 0);
}
