/* SPDX-License-Identifier: MIT */
/* kafka_ends.c - see kafka_ends.h. */
#include "svc/kafka_ends.h"

#include <utlist.h>

#include "base/mem.h"
#include "base/str.h"

/* Less than the time between two questions: one is under way at most. */
#define ANSWER_TIMEOUT_MS 4000

struct kafka_ends {
    rd_kafka_t *rk;
    struct kafka_parts *parts;
    rd_kafka_queue_t *queue;
    struct kafka_ends_state state;
    bool is_asking;
    uint64_t asked_ms; /* 0: never */
};

struct kafka_ends *kafka_ends_new(rd_kafka_t *rk, struct kafka_parts *parts,
                                  struct kafka_wake *wake)
{
    struct kafka_ends *ends = xcalloc(1, sizeof(*ends));

    ends->rk = rk;
    ends->parts = parts;
    ends->queue = rd_kafka_queue_new(rk);
    kafka_wake_watch(wake, ends->queue);
    return ends;
}

void kafka_ends_free(struct kafka_ends *ends)
{
    if (ends) {
        kafka_wake_unwatch(ends->queue);
        rd_kafka_queue_destroy(ends->queue);
        free(ends);
    }
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

/* ---- the answer --------------------------------------------------------- */

static void unreachable(struct kafka_ends *ends, const char *why)
{
    ends->state.is_known = true;
    ends->state.is_reachable = false;
    (void)str_copy(ends->state.error, sizeof(ends->state.error), why);
}

void kafka_ends_unreachable(struct kafka_ends *ends, const char *why)
{
    if (ends) {
        unreachable(ends, why);
    }
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
        unreachable(ends, rd_kafka_err2str(error));
        return;
    }
    ends->state = (struct kafka_ends_state){
        .is_known = true,
        .is_reachable = true,
        .answered_ms = error ? ends->state.answered_ms : now_ms,
    };
}

void kafka_ends_serve(struct kafka_ends *ends, uint64_t now_ms)
{
    rd_kafka_event_t *event = NULL;

    if (!ends) {
        return;
    }
    while ((event = rd_kafka_queue_poll(ends->queue, 0)) != NULL) {
        on_answer(ends, event, now_ms);
        rd_kafka_event_destroy(event);
    }
    if (!ends->is_asking && (ends->asked_ms == 0 ||
                             now_ms - ends->asked_ms >= KAFKA_ENDS_EVERY_MS)) {
        ends->asked_ms = now_ms;
        ask(ends);
    }
}

const struct kafka_ends_state *kafka_ends_state(const struct kafka_ends *ends)
{
    return &ends->state;
}
