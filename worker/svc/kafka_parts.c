/* SPDX-License-Identifier: MIT */
/* kafka_parts.c - owned partitions and the choice among them: see
 * kafka_parts.h. Runs in the engine, below kafka_in. It never blocks and never
 * commits. */
#include "svc/kafka_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "svc/kafka_conf.h"

/* A finished set that is shorter says too little to be worth a try. */
#define TEXT_LEAST 64
/* Of records that need no run; then the loop has its turn. */
#define SKIPS_PER_TURN 1000

void kafka_parts_init(struct kafka_parts *parts, const struct config *config,
                      const char *stem, const struct kafka_conf_queue *queues,
                      size_t count)
{
    memset(parts, 0, sizeof(*parts));
    parts->round = 1; /* 0: never found empty */
    parts->text_max = OFFSETS_TEXT_MAX;
    parts->lane_count = count;
    parts->lanes = xcalloc(count, sizeof(*parts->lanes));
    for (size_t i = 0; i < count; i++) {
        char name[sizeof(queues[i].name) + 16];

        (void)snprintf(name, sizeof(name), "%s%s", stem, queues[i].name);
        parts->lanes[i].queue = xstrdup(queues[i].name);
        parts->lanes[i].topic = kafka_conf_topic(config, name);
        parts->lanes[i].weight = queues[i].weight;
    }
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

/* Metadata that cannot be believed costs runs, never jobs. */
static void restore(struct kafka_part *part,
                    const rd_kafka_topic_partition_t *committed)
{
    struct err e;

    if (committed->offset < 0) {
        return; /* the group has none: the first record is the start */
    }
    if (offsets_restore(&part->offsets, committed->offset, committed->metadata,
                        committed->metadata_size, &e) < 0) {
        log_warn("metadata of the committed offset not used; jobs that "
                 "finished beyond it run again",
                 "topic=%s partition=%" PRId32 " offset=%" PRId64 " error=%s",
                 part->lane->topic, part->partition, committed->offset, e.msg);
    }
}

void kafka_parts_add(struct kafka_parts *parts, rd_kafka_t *rk,
                     struct kafka_wake *wake,
                     const rd_kafka_topic_partition_t *committed)
{
    const char *topic = committed->topic;
    struct kafka_lane *lane = kafka_parts_lane(parts, topic);
    struct kafka_part *part = NULL;

    if (!lane || kafka_parts_find(parts, topic, committed->partition)) {
        return;
    }
    part = xcalloc(1, sizeof(*part));
    part->lane = lane;
    part->partition = committed->partition;
    part->wake = wake;
    part->end = -1;
    offsets_init(&part->offsets);
    offsets_set_text_max(&part->offsets, parts->text_max);
    restore(part, committed);
    part->queue = rd_kafka_queue_get_partition(rk, topic, part->partition);
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
    if (part->skipped > 0) {
        log_info("records skipped that were finished before",
                 "topic=%s partition=%" PRId32 " count=%" PRIu64,
                 part->lane->topic, part->partition, part->skipped);
    }
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
    free_when_idle(part);
}

void kafka_parts_leave(struct kafka_parts *parts,
                       const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        struct kafka_part *part = kafka_parts_find(parts, list->elems[i].topic,
                                                   list->elems[i].partition);

        if (part) {
            part->is_leaving = true;
        }
    }
}

size_t kafka_parts_leaving(const struct kafka_parts *parts)
{
    const struct kafka_part *part = NULL;
    size_t loans = 0;

    for (size_t i = 0; i < parts->lane_count; i++) {
        DL_FOREACH(parts->lanes[i].parts, part)
        {
            loans += part->is_leaving ? part->loans : 0;
        }
    }
    return loans;
}

bool kafka_parts_is_dirty(const struct kafka_parts *parts, bool only_leaving)
{
    const struct kafka_part *part = NULL;

    for (size_t i = 0; i < parts->lane_count; i++) {
        DL_FOREACH(parts->lanes[i].parts, part)
        {
            if ((part->is_leaving || !only_leaving) &&
                offsets_is_dirty(&part->offsets)) {
                return true;
            }
        }
    }
    return false;
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
static void go_back(struct kafka_part *part, int64_t offset)
{
    log_warn("offsets went back",
             "topic=%s partition=%" PRId32 " offset=%" PRId64
             " expected=%" PRId64,
             part->lane->topic, part->partition, offset, part->offsets.next);
    offsets_rewind(&part->offsets, offset);
}

static enum offsets_taken track(struct kafka_part *part,
                                const rd_kafka_message_t *message,
                                struct offsets_ticket *out)
{
    int32_t epoch = rd_kafka_message_leader_epoch(message);
    uint64_t now_ms = clock_mono_ms();
    enum offsets_taken taken =
        offsets_take(&part->offsets, message->offset, epoch, now_ms, out);

    if (taken == OFFSETS_BACK) {
        go_back(part, message->offset);
        taken =
            offsets_take(&part->offsets, message->offset, epoch, now_ms, out);
    }
    return taken;
}

/* Somebody should know which job holds up the others. */
static void say_stopped(struct kafka_part *part)
{
    struct offsets_holder holder;

    if (part->is_stopped || !offsets_holder(&part->offsets, &holder)) {
        return;
    }
    part->is_stopped = true;
    log_warn("reading stopped behind an unfinished job",
             "topic=%s partition=%" PRId32 " offset=%" PRId64
             " state=%s for_ms=%" PRIu64 " finished_beyond=%" PRIu64,
             part->lane->topic, part->partition, holder.ticket.offset,
             holder.is_started ? "running" : "waiting",
             clock_mono_ms() - holder.since_ms, holder.passed);
}

/* A committed offset that the log does not have any more stops the partition:
 * going on elsewhere would skip jobs, and nobody would know. */
static void say_error(const struct kafka_part *part,
                      const rd_kafka_message_t *message)
{
    if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
        log_error("partition stopped: its committed offset is not in the log",
                  "topic=%s partition=%" PRId32 " offset=%" PRId64
                  " error=%s remedy=see whether jobs were deleted "
                  "(retention.ms of the topic); to go on with the oldest that "
                  "is there, restart with kafka.auto.offset.reset: earliest",
                  part->lane->topic, part->partition,
                  offsets_low(&part->offsets),
                  rd_kafka_message_errstr(message));
        return;
    }
    /* A right that is gone is told for the topic, once: kafka_ends.c */
    log_line(
        message->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ? LOG_DEBUG
                                                                     : LOG_WARN,
        "partition error", "topic=%s partition=%" PRId32 " error=%s",
        part->lane->topic, part->partition, rd_kafka_message_errstr(message));
}

/* The next real record of a partition's queue, NULL when there is none. */
static rd_kafka_message_t *fetch(struct kafka_parts *parts,
                                 struct kafka_part *part)
{
    rd_kafka_message_t *message = NULL;

    if (part->empty_at == parts->round) {
        return NULL;
    }
    for (;;) {
        message = part->queue ? rd_kafka_consume_queue(part->queue, 0) : NULL;
        if (!message) {
            part->empty_at = parts->round;
            return NULL;
        }
        if (!message->err) {
            return message;
        }
        say_error(part, message);
        rd_kafka_message_destroy(message);
    }
}

static struct kafka_loan *lend(struct kafka_part *part,
                               rd_kafka_message_t *message,
                               struct offsets_ticket ticket, bool is_begun)
{
    struct kafka_loan *loan = xmalloc(sizeof(*loan));

    part->loans++;
    part->is_stopped = false;
    loan->message = message;
    loan->part = part;
    loan->ticket = ticket;
    loan->is_begun = is_begun;
    return loan;
}

/* The next record that is not finished yet; NULL when none may be taken now. */
static struct kafka_loan *next_unfinished(struct kafka_parts *parts,
                                          struct kafka_part *part)
{
    rd_kafka_message_t *message = part->held;

    if (part->is_leaving) {
        return NULL;
    }
    part->held = NULL;
    for (unsigned i = 0; i < SKIPS_PER_TURN; i++) {
        enum offsets_taken taken = OFFSETS_FULL;
        struct offsets_ticket ticket;

        if (!message && !offsets_can_take(&part->offsets)) {
            say_stopped(part);
            return NULL;
        }
        message = message ? message : fetch(parts, part);
        if (!message) {
            return NULL;
        }
        taken = track(part, message, &ticket);
        if (taken == OFFSETS_TAKEN || taken == OFFSETS_BEGUN) {
            return lend(part, message, ticket, taken == OFFSETS_BEGUN);
        }
        if (taken == OFFSETS_FULL) {
            say_stopped(part);
            part->held = message;
            return NULL;
        }
        rd_kafka_message_destroy(message);
        message = NULL;
        part->skipped++;
    }
    kafka_wake_fire(part->wake);
    return NULL;
}

/* Partitions in turn: who gave a record, or had none, goes to the end. */
static struct kafka_loan *take_from(struct kafka_parts *parts,
                                    struct kafka_lane *lane)
{
    struct kafka_part *last = lane->parts ? lane->parts->prev : NULL;

    for (struct kafka_part *part = lane->parts; part; part = lane->parts) {
        struct kafka_loan *loan = next_unfinished(parts, part);

        /* the list's head moves on; the ring order stays */
        DL_DELETE(lane->parts, part);
        DL_APPEND(lane->parts, part);
        if (loan) {
            return loan;
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

void kafka_parts_started(struct kafka_parts *parts,
                         const struct kafka_loan *loan)
{
    (void)parts;
    (void)offsets_mark_started(&loan->part->offsets, loan->ticket,
                               clock_mono_ms());
}

/* --- giving back --------------------------------------------------------- */

void kafka_parts_drop(struct kafka_parts *parts, struct kafka_loan *loan)
{
    struct kafka_part *part = loan->part;

    (void)parts;
    if (!loan->is_begun) {
        offsets_unmark(&part->offsets, loan->ticket);
    }
    rd_kafka_message_destroy(loan->message);
    free(loan);
    part->loans--;
    free_when_idle(part);
}

void kafka_parts_done(struct kafka_parts *parts, struct kafka_loan *loan)
{
    /* Of a partition given away it changes nothing: that is not committed. */
    (void)offsets_mark_done(&loan->part->offsets, loan->ticket);
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

/* --- committing ---------------------------------------------------------- */

static void add_commit(struct kafka_part *part,
                       rd_kafka_topic_partition_list_t *list)
{
    struct offsets_commit commit;
    rd_kafka_topic_partition_t *row = rd_kafka_topic_partition_list_add(
        list, part->lane->topic, part->partition);

    offsets_commit_begin(&part->offsets, &commit);
    row->offset = commit.offset;
    row->opaque = commit.has_finished ? part : NULL;
    /* With it, whoever begins here is told when the log was cut below. */
    rd_kafka_topic_partition_set_leader_epoch(row, commit.epoch);
    part->text_len = commit.text_len;
    if (commit.text_len > 0) {
        row->metadata = xstrndup(commit.text, commit.text_len);
        row->metadata_size = commit.text_len;
    }
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
            add_commit(part, list);
        }
    }
    return list;
}

/* Jobs must go on whatever a broker takes; less of what is finished survives a
 * restart then. */
static void take_less_text(struct kafka_parts *parts)
{
    struct kafka_part *part = NULL;

    parts->text_max = parts->text_max > TEXT_LEAST ? parts->text_max / 2 : 0;
    log_warn(
        "the broker refuses the commit's metadata",
        "trying_bytes=%zu remedy=set offset.metadata.max.bytes to %d in the "
        "broker's settings",
        parts->text_max, OFFSETS_TEXT_MAX);
    for (size_t i = 0; i < parts->lane_count; i++) {
        DL_FOREACH(parts->lanes[i].parts, part)
        {
            offsets_set_text_max(&part->offsets, parts->text_max);
        }
    }
}

void kafka_parts_committed(struct kafka_parts *parts,
                           const rd_kafka_topic_partition_list_t *list,
                           rd_kafka_resp_err_t error)
{
    bool is_too_large = false;

    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *row = &list->elems[i];
        rd_kafka_resp_err_t why = error ? error : row->err;
        struct kafka_part *part =
            kafka_parts_find(parts, row->topic, row->partition);

        is_too_large |= why == RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE;
        if (part) {
            offsets_commit_end(&part->offsets, !why);
        }
    }
    if (is_too_large) {
        take_less_text(parts);
    }
}
