/* SPDX-License-Identifier: MIT */
/* kafka_parts.c - owned partitions and the choice among them: see
 * kafka_parts.h. Runs in the engine, below kafka_in. It never blocks and never
 * commits. */
#include "svc/kafka_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "base/mem.h"
#include "svc/kafka_conf.h"

int kafka_parts_init(struct kafka_parts *parts, const struct config *config,
                     struct err *e)
{
    AUTO_FREE struct kafka_conf_queue *queues = NULL;
    size_t count = 0;

    memset(parts, 0, sizeof(*parts));
    if (kafka_conf_queues(config, &queues, &count, e) < 0) {
        return -1;
    }
    parts->round = 1; /* 0: never found empty */
    parts->lane_count = count;
    parts->lanes = xcalloc(count, sizeof(*parts->lanes));
    for (size_t i = 0; i < count; i++) {
        char name[sizeof(queues[i].name) + sizeof("jobs.")];

        (void)snprintf(name, sizeof(name), "jobs.%s", queues[i].name);
        parts->lanes[i].queue = xstrdup(queues[i].name);
        parts->lanes[i].topic = kafka_conf_topic(config, name);
        parts->lanes[i].weight = queues[i].weight;
    }
    return 0;
}

void kafka_parts_free(struct kafka_parts *parts)
{
    kafka_parts_remove_all(parts);
    for (size_t i = 0; i < parts->lane_count; i++) {
        free(parts->lanes[i].queue);
        free(parts->lanes[i].topic);
    }
    free(parts->lanes);
    memset(parts, 0, sizeof(*parts));
}

struct kafka_lane *kafka_parts_lane(struct kafka_parts *parts,
                                    const char *topic)
{
    for (size_t i = 0; i < parts->lane_count; i++) {
        if (!strcmp(parts->lanes[i].topic, topic)) {
            return &parts->lanes[i];
        }
    }
    return NULL;
}

struct kafka_part *kafka_parts_find(struct kafka_parts *parts,
                                    const char *topic, int32_t partition)
{
    struct kafka_lane *lane = kafka_parts_lane(parts, topic);
    struct kafka_part *part = NULL;

    if (lane) {
        DL_SEARCH_SCALAR(lane->parts, part, partition, partition);
    }
    return part;
}

/* --- coming and going ---------------------------------------------------- */

void kafka_parts_add(struct kafka_parts *parts, rd_kafka_t *rk,
                     struct kafka_wake *wake, const char *topic,
                     int32_t partition)
{
    struct kafka_lane *lane = kafka_parts_lane(parts, topic);
    struct kafka_part *part = NULL;

    if (!lane || kafka_parts_find(parts, topic, partition)) {
        return;
    }
    part = xcalloc(1, sizeof(*part));
    part->lane = lane;
    part->partition = partition;
    offsets_init(&part->offsets);
    part->queue = rd_kafka_queue_get_partition(rk, topic, partition);
    if (part->queue) {
        rd_kafka_queue_forward(part->queue, NULL);
        kafka_wake_watch(wake, part->queue);
    }
    DL_APPEND(lane->parts, part);
    parts->count++;
}

static void free_when_idle(struct kafka_part *part)
{
    if (!part->queue && part->loans == 0) {
        offsets_free(&part->offsets);
        free(part);
    }
}

void kafka_parts_remove(struct kafka_parts *parts, struct kafka_part *part)
{
    DL_DELETE(part->lane->parts, part);
    parts->count--;
    if (part->held) {
        rd_kafka_message_destroy(part->held);
        part->held = NULL;
    }
    if (part->queue) {
        /* A queue reference kept past the assignment blocks the close. */
        kafka_wake_unwatch(part->queue);
        rd_kafka_queue_destroy(part->queue);
        part->queue = NULL;
    }
    part->epoch++; /* loans still out do not count any more */
    free_when_idle(part);
}

void kafka_parts_remove_all(struct kafka_parts *parts)
{
    for (size_t i = 0; i < parts->lane_count; i++) {
        while (parts->lanes[i].parts) {
            kafka_parts_remove(parts, parts->lanes[i].parts);
        }
    }
}

/* --- taking -------------------------------------------------------------- */

void kafka_parts_look_again(struct kafka_parts *parts)
{
    parts->round++;
}

/* A record of the log that was cut or made anew (embedded broker restarted,
 * topic created again, unclean election): what was finished before says
 * nothing about it. */
static void start_again(struct kafka_part *part, int64_t offset)
{
    log_warn("offsets went back",
             "topic=%s partition=%" PRId32 " offset=%" PRId64
             " expected=%" PRId64,
             part->lane->topic, part->partition, offset, part->offsets.high);
    offsets_free(&part->offsets);
    part->epoch++;
}

/* False: beyond what can be tracked, keep it. */
static bool track(struct kafka_part *part, int64_t offset)
{
    struct err e = {0};

    if (offsets_deliver(&part->offsets, offset, &e) == 0) {
        return true;
    }
    if (e.kind == ERR_INPUT) {
        start_again(part, offset);
        return offsets_deliver(&part->offsets, offset, &e) == 0;
    }
    return false;
}

/* The next real record of a partition, NULL when none may be taken now. */
static rd_kafka_message_t *next_record(struct kafka_parts *parts,
                                       struct kafka_part *part)
{
    rd_kafka_message_t *message = part->held;

    part->held = NULL;
    if (part->empty_at == parts->round && !message) {
        return NULL;
    }
    while (!message) {
        message = part->queue ? rd_kafka_consume_queue(part->queue, 0) : NULL;
        if (!message) {
            part->empty_at = parts->round;
            return NULL;
        }
        if (message->err) {
            log_warn("partition error",
                     "topic=%s partition=%" PRId32 " error=%s",
                     part->lane->topic, part->partition,
                     rd_kafka_message_errstr(message));
            rd_kafka_message_destroy(message);
            message = NULL;
        }
    }
    if (!track(part, message->offset)) {
        part->held = message;
        return NULL;
    }
    return message;
}

static struct kafka_loan *lend(struct kafka_part *part,
                               rd_kafka_message_t *message)
{
    struct kafka_loan *loan = xmalloc(sizeof(*loan));

    part->loans++;
    loan->message = message;
    loan->part = part;
    loan->epoch = part->epoch;
    return loan;
}

/* Partitions in turn: who gave a record, or had none, goes to the end. */
static struct kafka_loan *take_from(struct kafka_parts *parts,
                                    struct kafka_lane *lane)
{
    struct kafka_part *last = lane->parts ? lane->parts->prev : NULL;

    for (struct kafka_part *part = lane->parts; part; part = lane->parts) {
        rd_kafka_message_t *message = next_record(parts, part);

        /* the list's head moves on; the ring order stays */
        DL_DELETE(lane->parts, part);
        DL_APPEND(lane->parts, part);
        if (message) {
            return lend(part, message);
        }
        if (part == last) {
            break;
        }
    }
    return NULL;
}

/* Smooth weighted round-robin, one step among the lanes not passed over:
 * everybody earns its weight, the richest pays for all. */
static struct kafka_lane *richest(struct kafka_parts *parts,
                                  const bool *passed_over)
{
    struct kafka_lane *best = NULL;

    for (size_t i = 0; i < parts->lane_count; i++) {
        struct kafka_lane *lane = &parts->lanes[i];

        if (!passed_over[i] && (!best || lane->credit + lane->weight >
                                             best->credit + best->weight)) {
            best = lane;
        }
    }
    return best;
}

static void pay(struct kafka_parts *parts, const bool *passed_over,
                struct kafka_lane *taken)
{
    for (size_t i = 0; i < parts->lane_count; i++) {
        if (!passed_over[i]) {
            parts->lanes[i].credit += parts->lanes[i].weight;
            taken->credit -= parts->lanes[i].weight;
        }
    }
}

struct kafka_loan *kafka_parts_take(struct kafka_parts *parts)
{
    bool passed_over[KAFKA_CONF_QUEUES_MAX] = {false};
    struct kafka_lane *lane = NULL;

    while ((lane = richest(parts, passed_over)) != NULL) {
        struct kafka_loan *loan = take_from(parts, lane);

        if (loan) {
            pay(parts, passed_over, lane);
            return loan;
        }
        /* An empty lane saves nothing up for later. */
        lane->credit = 0;
        passed_over[lane - parts->lanes] = true;
    }
    return NULL;
}

/* --- giving back --------------------------------------------------------- */

void kafka_parts_drop(struct kafka_parts *parts, struct kafka_loan *loan)
{
    struct kafka_part *part = loan->part;

    (void)parts;
    rd_kafka_message_destroy(loan->message);
    free(loan);
    part->loans--;
    free_when_idle(part);
}

void kafka_parts_done(struct kafka_parts *parts, struct kafka_loan *loan)
{
    if (loan->epoch == loan->part->epoch) {
        (void)offsets_done(&loan->part->offsets, loan->message->offset);
    }
    kafka_parts_drop(parts, loan);
}

size_t kafka_parts_waiting(const struct kafka_parts *parts)
{
    const struct kafka_part *part = NULL;
    size_t count = 0;

    for (size_t i = 0; i < parts->lane_count; i++) {
        DL_FOREACH(parts->lanes[i].parts, part)
        {
            count += part->queue ? rd_kafka_queue_length(part->queue) : 0;
            count += part->held ? 1 : 0;
        }
    }
    return count;
}

rd_kafka_topic_partition_list_t *
kafka_parts_dirty(struct kafka_parts *parts,
                  const rd_kafka_topic_partition_list_t *only)
{
    rd_kafka_topic_partition_list_t *list = NULL;
    struct kafka_part *part = NULL;

    for (size_t i = 0; i < parts->lane_count; i++) {
        const char *topic = parts->lanes[i].topic;

        DL_FOREACH(parts->lanes[i].parts, part)
        {
            if (!offsets_is_dirty(&part->offsets) ||
                (only && !rd_kafka_topic_partition_list_find(
                             only, topic, part->partition))) {
                continue;
            }
            if (!list) {
                list = rd_kafka_topic_partition_list_new((int)parts->count);
            }
            rd_kafka_topic_partition_list_add(list, topic, part->partition)
                ->offset = offsets_low(&part->offsets);
        }
    }
    return list;
}
