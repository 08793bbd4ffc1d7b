/* SPDX-License-Identifier: MIT */
/* kafka_rights.c - see kafka_rights.h. Runs in the engine. */
#include "svc/kafka_rights.h"

#include <stdio.h>

void kafka_rights_ask(rd_kafka_t *rk, const char **topics, size_t count,
                      int timeout_ms, rd_kafka_queue_t *queue)
{
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
    rd_kafka_TopicCollection_t *names =
        rd_kafka_TopicCollection_of_topic_names(topics, count);
    char why[128];

    rd_kafka_error_destroy(
        rd_kafka_AdminOptions_set_include_authorized_operations(options, 1));
    (void)rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, why,
                                                    sizeof(why));
    rd_kafka_DescribeTopics(rk, names, options, queue);
    rd_kafka_TopicCollection_destroy(names);
    rd_kafka_AdminOptions_destroy(options);
}

/* A broker may let us see a topic, and no more. */
static rd_kafka_resp_err_t error_of(const rd_kafka_TopicDescription_t *topic,
                                    rd_kafka_AclOperation_t operation)
{
    const rd_kafka_error_t *error = rd_kafka_TopicDescription_error(topic);
    size_t count = 0;
    const rd_kafka_AclOperation_t *may =
        rd_kafka_TopicDescription_authorized_operations(topic, &count);

    if (error) {
        return rd_kafka_error_code(error);
    }
    for (size_t i = 0; i < count; i++) {
        if (may[i] == operation || may[i] == RD_KAFKA_ACL_OPERATION_ALL) {
            return RD_KAFKA_RESP_ERR_NO_ERROR;
        }
    }
    return may ? RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED
               : RD_KAFKA_RESP_ERR_NO_ERROR; /* it does not tell */
}

void kafka_rights_take(const rd_kafka_DescribeTopics_result_t *result,
                       rd_kafka_AclOperation_t operation,
                       struct kafka_trouble *trouble)
{
    static const enum kafka_trouble_kind kinds[] = {
        KAFKA_TROUBLE_TOPIC_RIGHT, KAFKA_TROUBLE_TOPIC_UNKNOWN};
    size_t count = 0;
    const rd_kafka_TopicDescription_t **topics =
        rd_kafka_DescribeTopics_result_topics(result, &count);

    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        const rd_kafka_TopicDescription_t *bad = NULL;
        rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
        char text[300];

        for (size_t i = 0; !bad && i < count; i++) {
            error = error_of(topics[i], operation);
            bad = error && kafka_trouble_kind_of(error) == kinds[k] ? topics[i]
                                                                    : NULL;
        }
        if (!bad) {
            kafka_trouble_over(trouble, kinds[k]);
            continue;
        }
        (void)snprintf(text, sizeof(text), "%s: %s",
                       rd_kafka_TopicDescription_name(bad),
                       rd_kafka_err2str(error));
        kafka_trouble_note(trouble, error, text);
    }
}
