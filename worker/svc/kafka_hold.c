/* SPDX-License-Identifier: MIT */
/* kafka_hold.c - a producer that waits for answers rests: see kafka_hold.h.
 *
 * Runs in the engine, below kafka_out. It never loses or sends a record. */
#include "svc/kafka_hold.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"

/* Answers take a millisecond mostly, and as long as this where a broker is
 * slow: to be wrong costs little, the pause ends with the answer. */
#define SILENCE_MS 300
#define PAUSE_MS   500
/* For a retry to be sent; its thread spins as long. */
#define RESUME_MS 10

/* Only those that answered once: to ask for one that is not there makes
 * librdkafka wait for it. Its main thread does it, which waits for nobody. */
static void set(struct kafka_hold *hold, rd_kafka_t *rk, bool is_on)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)hold->count);

    for (size_t i = 0; i < hold->count; i++) {
        rd_kafka_topic_partition_list_add_range(list, hold->topics[i].name, 0,
                                                hold->topics[i].partitions - 1);
    }
    (void)(is_on ? rd_kafka_pause_partitions(rk, list)
                 : rd_kafka_resume_partitions(rk, list));
    rd_kafka_topic_partition_list_destroy(list);
    hold->is_on = is_on;
}

void kafka_hold_end(struct kafka_hold *hold, rd_kafka_t *rk)
{
    if (hold->is_on) {
        set(hold, rk, false);
        /* Wakes the threads, which would sleep on for up to a second; it
         * serves answers, and waits for none. */
        (void)rd_kafka_flush(rk, 0);
    }
}

static void look_in(struct kafka_hold *hold, uint64_t answered, uint64_t at_ms)
{
    hold->answered = answered;
    hold->at_ms = at_ms;
}

static struct kafka_hold_topic *topic_of(struct kafka_hold *hold,
                                         const char *name)
{
    for (size_t i = 0; i < hold->count; i++) {
        if (!strcmp(hold->topics[i].name, name)) {
            return &hold->topics[i];
        }
    }
    hold->topics =
        xrealloc(hold->topics, (hold->count + 1) * sizeof(*hold->topics));
    hold->topics[hold->count] = (struct kafka_hold_topic){xstrdup(name), 0};
    return &hold->topics[hold->count++];
}

void kafka_hold_answered(struct kafka_hold *hold, const char *topic,
                         int32_t partition)
{
    struct kafka_hold_topic *known = topic_of(hold, topic);

    if (partition >= known->partitions) {
        known->partitions = partition + 1;
    }
}

bool kafka_hold_sent(struct kafka_hold *hold,
                     const struct kafka_hold_client *client, uint64_t now_ms)
{
    if (hold->at_ms > 0 || client->waiting <= KAFKA_HOLD_IN_FLIGHT) {
        return false;
    }
    look_in(hold, client->answered, now_ms + SILENCE_MS);
    return true;
}

static bool is_silent(const struct kafka_hold *hold,
                      const struct kafka_hold_client *client)
{
    return client->answered == hold->answered && client->is_reachable &&
           client->waiting > KAFKA_HOLD_IN_FLIGHT;
}

void kafka_hold_serve(struct kafka_hold *hold,
                      const struct kafka_hold_client *client, uint64_t now_ms)
{
    bool is_due = hold->at_ms > 0 && now_ms >= hold->at_ms;

    if (hold->is_on && (is_due || !is_silent(hold, client))) {
        bool is_answered = client->answered != hold->answered;

        kafka_hold_end(hold, client->rk);
        look_in(hold, client->answered,
                now_ms + (is_answered ? SILENCE_MS : RESUME_MS));
        return;
    }
    if (!is_due) {
        return;
    }
    if (is_silent(hold, client)) {
        set(hold, client->rk, true);
        look_in(hold, client->answered, now_ms + PAUSE_MS);
        return;
    }
    look_in(hold, client->answered,
            client->waiting > KAFKA_HOLD_IN_FLIGHT ? now_ms + SILENCE_MS : 0);
}

void kafka_hold_done(struct kafka_hold *hold)
{
    for (size_t i = 0; i < hold->count; i++) {
        free(hold->topics[i].name);
    }
    free(hold->topics);
    *hold = (struct kafka_hold){0};
}
