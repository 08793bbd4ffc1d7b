/* SPDX-License-Identifier: MIT */
/* kafka_start.c - where newly assigned partitions begin: see kafka_start.h.
 *
 * Runs in the engine, below kafka_in. It never assigns, commits or blocks. */
#include "svc/kafka_start.h"

#include "base/log.h"
#include "base/mem.h"

/* Of one try; the coordinator is looked for within it. */
#define TRY_TIMEOUT_MS 5000

struct kafka_start {
    rd_kafka_t *rk;
    char *group;
    rd_kafka_queue_t *queue;
    kafka_start_fn on_known;
    void *arg;
    rd_kafka_topic_partition_list_t *wanted; /* NULL: nothing is asked */
    bool is_sent;                            /* an answer is to come */
    bool has_warned;
};

struct kafka_start *kafka_start_open(rd_kafka_t *rk, const char *group,
                                     struct kafka_wake *wake,
                                     kafka_start_fn on_known, void *arg)
{
    struct kafka_start *start = xcalloc(1, sizeof(*start));

    start->rk = rk;
    start->group = xstrdup(group);
    start->on_known = on_known;
    start->arg = arg;
    start->queue = rd_kafka_queue_new(rk);
    kafka_wake_watch(wake, start->queue);
    return start;
}

/* --- asking --------------------------------------------------------------- */

/* Stable: offsets inside a transaction that is still open will be others. */
static rd_kafka_AdminOptions_t *options_new(rd_kafka_t *rk)
{
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(
        rk, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
    char why[128];

    (void)rd_kafka_AdminOptions_set_request_timeout(options, TRY_TIMEOUT_MS,
                                                    why, sizeof(why));
    rd_kafka_error_destroy(
        rd_kafka_AdminOptions_set_require_stable_offsets(options, 1));
    return options;
}

static void send_question(struct kafka_start *start)
{
    rd_kafka_AdminOptions_t *options = options_new(start->rk);
    rd_kafka_ListConsumerGroupOffsets_t *question =
        rd_kafka_ListConsumerGroupOffsets_new(start->group, start->wanted);

    rd_kafka_ListConsumerGroupOffsets(start->rk, &question, 1, options,
                                      start->queue);
    rd_kafka_ListConsumerGroupOffsets_destroy(question);
    rd_kafka_AdminOptions_destroy(options);
    start->is_sent = true;
}

void kafka_start_ask(struct kafka_start *start,
                     const rd_kafka_topic_partition_list_t *list)
{
    start->wanted = rd_kafka_topic_partition_list_copy(list);
    if (!start->is_sent) {
        send_question(start);
    }
}

bool kafka_start_is_asking(const struct kafka_start *start)
{
    return start->wanted != NULL;
}

/* --- the answer ----------------------------------------------------------- */

/* Every wanted partition's row, or NULL and why not. */
static const rd_kafka_topic_partition_list_t *
rows_of(const struct kafka_start *start, rd_kafka_event_t *event,
        const char **why)
{
    const rd_kafka_group_result_t **groups = NULL;
    const rd_kafka_topic_partition_list_t *rows = NULL;
    size_t count = 0;

    if (rd_kafka_event_error(event)) {
        *why = rd_kafka_event_error_string(event);
        return NULL;
    }
    groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
        rd_kafka_event_ListConsumerGroupOffsets_result(event), &count);
    if (count != 1 || rd_kafka_group_result_error(groups[0])) {
        *why =
            count == 1
                ? rd_kafka_error_string(rd_kafka_group_result_error(groups[0]))
                : "no group in the answer";
        return NULL;
    }
    rows = rd_kafka_group_result_partitions(groups[0]);
    for (int i = 0; i < start->wanted->cnt; i++) {
        const rd_kafka_topic_partition_t *row =
            rd_kafka_topic_partition_list_find(
                (rd_kafka_topic_partition_list_t *)(uintptr_t)rows,
                start->wanted->elems[i].topic,
                start->wanted->elems[i].partition);

        if (!row || row->err) {
            *why = row ? rd_kafka_err2str(row->err)
                       : "a partition is missing in the answer";
            return NULL;
        }
    }
    return rows;
}

/* Only what was asked for, however much was answered. */
static rd_kafka_topic_partition_list_t *
pick_wanted(const struct kafka_start *start,
            const rd_kafka_topic_partition_list_t *rows)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(start->wanted->cnt);

    for (int i = 0; i < rows->cnt; i++) {
        const rd_kafka_topic_partition_t *row = &rows->elems[i];
        rd_kafka_topic_partition_t *copy = NULL;

        if (!rd_kafka_topic_partition_list_find(start->wanted, row->topic,
                                                row->partition)) {
            continue;
        }
        copy =
            rd_kafka_topic_partition_list_add(list, row->topic, row->partition);
        copy->offset = row->offset;
        rd_kafka_topic_partition_set_leader_epoch(
            copy, rd_kafka_topic_partition_get_leader_epoch(row));
        if (row->metadata_size > 0) {
            copy->metadata = xstrndup(row->metadata, row->metadata_size);
            copy->metadata_size = row->metadata_size;
        }
    }
    return list;
}

static void on_answer(struct kafka_start *start, rd_kafka_event_t *event)
{
    const rd_kafka_topic_partition_list_t *rows = NULL;
    rd_kafka_topic_partition_list_t *known = NULL;
    const char *why = NULL;

    start->is_sent = false;
    if (!start->wanted) {
        return; /* forgotten meanwhile */
    }
    rows = rows_of(start, event, &why);
    if (!rows) {
        if (!start->has_warned) {
            log_warn("committed offsets not known yet; asking again",
                     "group=%s partitions=%d error=%s", start->group,
                     start->wanted->cnt, why);
        }
        start->has_warned = true;
        return;
    }
    start->has_warned = false;
    known = pick_wanted(start, rows);
    rd_kafka_topic_partition_list_destroy(kafka_start_forget(start));
    start->on_known(known, start->arg);
    rd_kafka_topic_partition_list_destroy(known);
}

void kafka_start_serve(struct kafka_start *start)
{
    rd_kafka_event_t *event = NULL;

    while ((event = rd_kafka_queue_poll(start->queue, 0)) != NULL) {
        if (rd_kafka_event_type(event) ==
            RD_KAFKA_EVENT_LISTCONSUMERGROUPOFFSETS_RESULT) {
            on_answer(start, event);
        }
        rd_kafka_event_destroy(event);
    }
}

void kafka_start_tick(struct kafka_start *start)
{
    kafka_start_serve(start);
    if (start->wanted && !start->is_sent) {
        send_question(start);
    }
}

/* --- the end -------------------------------------------------------------- */

rd_kafka_topic_partition_list_t *kafka_start_forget(struct kafka_start *start)
{
    rd_kafka_topic_partition_list_t *wanted = start->wanted;

    start->wanted = NULL;
    return wanted;
}

void kafka_start_close(struct kafka_start *start)
{
    if (start) {
        if (start->wanted) {
            rd_kafka_topic_partition_list_destroy(start->wanted);
        }
        kafka_wake_unwatch(start->queue);
        rd_kafka_queue_destroy(start->queue);
        free(start->group);
        free(start);
    }
}
