/* SPDX-License-Identifier: MIT */
/* kafka_ends.c - see kafka_ends.h. */
#include "svc/kafka_ends.h"

#include <utlist.h>

#include "base/mem.h"
#include "base/str.h"
#include "svc/kafka_conf.h"
#include "svc/kafka_rights.h"

/* Less than the time between two questions: one is under way at most. */
#define ANSWER_TIMEOUT_MS 4000

struct kafka_ends {
    rd_kafka_t *rk;
    struct kafka_parts *parts;
    rd_kafka_queue_t *queue;
    struct kafka_ends_state state;
    struct kafka_trouble troubles;
    bool is_asking;
    bool is_asking_topics;
    uint64_t asked_ms; /* 0: never */
};

struct kafka_ends *kafka_ends_new(struct kafka_parts *parts, const char *name)
{
    struct kafka_ends *ends = xcalloc(1, sizeof(*ends));

    ends->parts = parts;
    ends->troubles.client = name;
    return ends;
}

void kafka_ends_free(struct kafka_ends *ends)
{
    free(ends);
}

void kafka_ends_attach(struct kafka_ends *ends, rd_kafka_t *rk,
                       struct kafka_wake *wake)
{
    ends->rk = rk;
    ends->queue = rd_kafka_queue_new(rk);
    kafka_wake_watch(wake, ends->queue);
}

void kafka_ends_detach(struct kafka_ends *ends)
{
    if (ends->queue) {
        kafka_wake_unwatch(ends->queue);
        rd_kafka_queue_destroy(ends->queue);
    }
    ends->queue = NULL;
    ends->rk = NULL;
    ends->is_asking = false;
    ends->is_asking_topics = false;
}

/* ---- asking ------------------------------------------------------------- */

/* A worker without partitions asks about one that it might get. */
static rd_kafka_topic_partition_list_t *wanted(const struct kafka_parts *parts)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)parts->count + 1);
    const struct kafka_part *part = NULL;

    for (size_t i = 0; i < parts->lane_count; i++) {
        DL_FOREACH(parts->lanes[i].parts, part)
        {
            rd_kafka_topic_partition_list_add(list, parts->lanes[i].topic,
                                              part->partition);
        }
    }
    if (list->cnt == 0 && parts->lane_count > 0) {
        rd_kafka_topic_partition_list_add(list, parts->lanes[0].topic, 0);
    }
    for (int i = 0; i < list->cnt; i++) {
        list->elems[i].offset = RD_KAFKA_OFFSET_SPEC_LATEST;
    }
    return list;
}

static void ask(struct kafka_ends *ends)
{
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(ends->rk, RD_KAFKA_ADMIN_OP_LISTOFFSETS);
    rd_kafka_topic_partition_list_t *list = wanted(ends->parts);
    char why[128];
    rd_kafka_error_t *error = rd_kafka_AdminOptions_set_isolation_level(
        options, RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED);

    if (error) {
        rd_kafka_error_destroy(error);
    }
    (void)rd_kafka_AdminOptions_set_request_timeout(options, ANSWER_TIMEOUT_MS,
                                                    why, sizeof(why));
    rd_kafka_ListOffsets(ends->rk, list, options, ends->queue);
    ends->is_asking = true;
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_AdminOptions_destroy(options);
}

/* The topics themselves, whether we have partitions of them or not: that one is
 * missing, or that we may not read it, is told by nobody else when the broker
 * assigns (group.protocol=consumer). */
static void ask_topics(struct kafka_ends *ends)
{
    const char *names[KAFKA_CONF_QUEUES_MAX];

    for (size_t i = 0; i < ends->parts->lane_count; i++) {
        names[i] = ends->parts->lanes[i].topic;
    }
    kafka_rights_ask(ends->rk, names, ends->parts->lane_count,
                     ANSWER_TIMEOUT_MS, ends->queue);
    ends->is_asking_topics = true;
}

/* ---- the answer --------------------------------------------------------- */

/* The reason is what the connections complained of, if they did. */
static void unreachable(struct kafka_ends *ends, rd_kafka_resp_err_t error,
                        const char *why)
{
    struct kafka_ends_state *state = &ends->state;

    state->is_known = true;
    state->is_reachable = false;
    kafka_trouble_note(&ends->troubles, error, why);
    if (!kafka_trouble_words(&ends->troubles, KAFKA_TROUBLE_AUTHENTICATION,
                             KAFKA_TROUBLE_UNREACHABLE, state->error,
                             sizeof(state->error))) {
        (void)str_copy(state->error, sizeof(state->error), why);
    }
}

void kafka_ends_error(struct kafka_ends *ends, rd_kafka_resp_err_t code,
                      const char *text)
{
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        unreachable(ends, code, text);
    } else {
        kafka_trouble_note(&ends->troubles, code, text);
    }
}

void kafka_ends_joined(struct kafka_ends *ends)
{
    kafka_trouble_over(&ends->troubles, KAFKA_TROUBLE_GROUP_RIGHT);
    kafka_trouble_over(&ends->troubles, KAFKA_TROUBLE_TOO_OLD);
    kafka_trouble_over(&ends->troubles, KAFKA_TROUBLE_OTHER);
}

const struct kafka_trouble *kafka_ends_troubles(const struct kafka_ends *ends)
{
    return &ends->troubles;
}

/* Any other error came from a broker, which is there then. */
static bool is_silence(rd_kafka_resp_err_t error)
{
    static const rd_kafka_resp_err_t silent[] = {
        RD_KAFKA_RESP_ERR__TIMED_OUT,        RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE,
        RD_KAFKA_RESP_ERR__TRANSPORT,        RD_KAFKA_RESP_ERR__RESOLVE,
        RD_KAFKA_RESP_ERR__AUTHENTICATION,   RD_KAFKA_RESP_ERR__SSL,
        RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN,
    };

    for (size_t i = 0; i < ARRAY_LEN(silent); i++) {
        if (error == silent[i]) {
            return true;
        }
    }
    return false;
}

static void over(struct kafka_ends *ends, enum kafka_trouble_kind first,
                 enum kafka_trouble_kind last)
{
    for (int i = (int)first; i <= (int)last; i++) {
        kafka_trouble_over(&ends->troubles, (enum kafka_trouble_kind)i);
    }
}

/* False when no partition's broker has answered. librdkafka gives up without
 * an error then, and the offset is none. */
static bool take(struct kafka_ends *ends,
                 const rd_kafka_ListOffsets_result_t *result)
{
    size_t count = 0;
    const rd_kafka_ListOffsetsResultInfo_t **infos =
        rd_kafka_ListOffsets_result_infos(result, &count);
    size_t silent = 0;

    for (size_t i = 0; i < count; i++) {
        const rd_kafka_topic_partition_t *row =
            rd_kafka_ListOffsetsResultInfo_topic_partition(infos[i]);
        struct kafka_part *part =
            kafka_parts_find(ends->parts, row->topic, row->partition);

        if (is_silence(row->err) || (!row->err && row->offset < 0)) {
            silent++;
        } else if (part && !row->err) {
            part->end = row->offset;
        }
    }
    return count == 0 || silent < count;
}

static void on_answer(struct kafka_ends *ends, rd_kafka_event_t *event,
                      uint64_t now_ms)
{
    rd_kafka_resp_err_t error = rd_kafka_event_error(event);
    const rd_kafka_ListOffsets_result_t *result =
        rd_kafka_event_ListOffsets_result(event);

    if (!result) {
        return;
    }
    ends->is_asking = false;
    if (!error && !take(ends, result)) {
        error = RD_KAFKA_RESP_ERR__TIMED_OUT;
    }
    if (is_silence(error)) {
        unreachable(ends, error, rd_kafka_err2str(error));
        return;
    }
    over(ends, KAFKA_TROUBLE_AUTHENTICATION, KAFKA_TROUBLE_UNREACHABLE);
    ends->state = (struct kafka_ends_state){
        .is_known = true,
        .is_reachable = true,
        .answered_ms = error ? ends->state.answered_ms : now_ms,
    };
}

static void on_topics(struct kafka_ends *ends, rd_kafka_event_t *event)
{
    const rd_kafka_DescribeTopics_result_t *result =
        rd_kafka_event_DescribeTopics_result(event);

    if (result) {
        ends->is_asking_topics = false;
        if (!rd_kafka_event_error(event)) {
            kafka_rights_take(result, RD_KAFKA_ACL_OPERATION_READ,
                              &ends->troubles);
        }
    }
}

void kafka_ends_serve(struct kafka_ends *ends, uint64_t now_ms)
{
    rd_kafka_event_t *event = NULL;

    if (!ends->queue) {
        return;
    }
    while ((event = rd_kafka_queue_poll(ends->queue, 0)) != NULL) {
        on_answer(ends, event, now_ms);
        on_topics(ends, event);
        rd_kafka_event_destroy(event);
    }
    if (ends->asked_ms > 0 && now_ms - ends->asked_ms < KAFKA_ENDS_EVERY_MS) {
        return;
    }
    ends->asked_ms = now_ms;
    if (!ends->is_asking) {
        ask(ends);
    }
    if (!ends->is_asking_topics) {
        ask_topics(ends);
    }
}

const struct kafka_ends_state *kafka_ends_state(const struct kafka_ends *ends)
{
    return &ends->state;
}
