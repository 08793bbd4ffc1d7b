/* SPDX-License-Identifier: MIT */
/* kafka_in_group.c - partitions come and go: see kafka_in.h. Read it from the
 * bottom. Those that come begin where the group's commit says, those that go
 * wait for their jobs, for a while. */
#include "svc/kafka_in_impl.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"

void kafka_in_log_error(const char *what, rd_kafka_error_t *error)
{
    if (error) {
        log_warn(what, "error=%s", rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
    }
}

/* Only where they begin: the metadata is ours alone. */
static rd_kafka_topic_partition_list_t *
begin_at(const struct kafka_in *in,
         const rd_kafka_topic_partition_list_t *committed)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(committed->cnt);

    for (int i = 0; i < committed->cnt; i++) {
        const rd_kafka_topic_partition_t *from = &committed->elems[i];
        rd_kafka_topic_partition_t *row = rd_kafka_topic_partition_list_add(
            list, from->topic, from->partition);

        row->offset = from->offset >= 0 ? from->offset : in->start_without;
        rd_kafka_topic_partition_set_leader_epoch(
            row, rd_kafka_topic_partition_get_leader_epoch(from));
    }
    return list;
}

static bool is_eager(const struct kafka_in *in)
{
    return !strcmp(rd_kafka_rebalance_protocol(in->rk), "EAGER");
}

void kafka_in_assign(struct kafka_in *in, rd_kafka_topic_partition_list_t *list)
{
    if (is_eager(in)) {
        (void)rd_kafka_assign(in->rk, list);
        return;
    }
    kafka_in_log_error("cannot take partitions",
                       rd_kafka_incremental_assign(in->rk, list));
}

static void say_assigned(struct kafka_in *in, char change, int count)
{
    log_debug("assignment", "change=%c%d partitions=%zu", change, count,
              in->parts.count);
    in->callbacks.on_assigned(in->parts.count, in->callbacks.arg);
}

/* The group waits for rd_kafka_assign() and tells us nothing else until then;
 * heartbeats go on meanwhile. */
void kafka_in_on_start_known(rd_kafka_topic_partition_list_t *committed,
                             void *arg)
{
    struct kafka_in *in = arg;
    rd_kafka_topic_partition_list_t *list = begin_at(in, committed);

    for (int i = 0; i < committed->cnt; i++) {
        kafka_parts_add(&in->parts, in->rk, in->wake, &committed->elems[i]);
    }
    kafka_in_assign(in, list);
    rd_kafka_topic_partition_list_destroy(list);
    kafka_ends_joined(in->ends);
    in->renew_ms = KAFKA_IN_RENEW_FIRST_MS;
    say_assigned(in, '+', committed->cnt);
}

/* Nothing is known of an empty list, and there is nothing to ask. */
static void on_assign(struct kafka_in *in,
                      rd_kafka_topic_partition_list_t *list)
{
    if (list->cnt == 0) {
        kafka_in_on_start_known(list, in);
    } else {
        kafka_start_ask(in->start, list);
    }
}

static void remove_parts(struct kafka_in *in,
                         const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        struct kafka_part *part = kafka_parts_find(
            &in->parts, list->elems[i].topic, list->elems[i].partition);

        if (part) {
            kafka_parts_remove(&in->parts, part);
        }
    }
}

static void unassign(struct kafka_in *in, rd_kafka_topic_partition_list_t *list)
{
    if (is_eager(in)) {
        (void)rd_kafka_assign(in->rk, NULL);
        return;
    }
    kafka_in_log_error("cannot give partitions back",
                       rd_kafka_incremental_unassign(in->rk, list));
}

/* The group waits for it. */
static void leave(struct kafka_in *in)
{
    rd_kafka_topic_partition_list_t *list = in->leaving;

    in->leaving = NULL;
    /* Lost: they may be somebody else's by now, whose progress our commit
     * would undo. Otherwise before the unassign, which would refuse it. */
    if (!rd_kafka_assignment_lost(in->rk)) {
        kafka_in_commit_now(in, list);
    }
    remove_parts(in, list);
    unassign(in, list);
    say_assigned(in, '-', list->cnt);
    rd_kafka_topic_partition_list_destroy(list);
    if (in->callbacks.on_left && !in->is_closing) {
        in->callbacks.on_left(in->callbacks.arg);
    }
}

/* In a transaction the last commit comes with the next one. */
static bool is_ready_to_leave(const struct kafka_in *in)
{
    return kafka_parts_leaving(&in->parts) == 0 &&
           !(in->commits_elsewhere && kafka_parts_is_dirty(&in->parts, true));
}

void kafka_in_leave_if_over(struct kafka_in *in)
{
    if (in->leaving && (is_ready_to_leave(in) || in->is_closing ||
                        clock_mono_ms() >= in->leave_at_ms ||
                        rd_kafka_assignment_lost(in->rk))) {
        leave(in);
    }
}

static void on_revoke(struct kafka_in *in,
                      const rd_kafka_topic_partition_list_t *list)
{
    /* Nothing of these is begun any more, and nobody is to think so. */
    kafka_once_unmark(in->once);
    kafka_parts_leave(&in->parts, list);
    in->leaving = rd_kafka_topic_partition_list_copy(list);
    in->leave_at_ms = clock_mono_ms();
    if (in->callbacks.on_leaving && !in->is_closing &&
        !rd_kafka_assignment_lost(in->rk)) {
        in->leave_at_ms += in->config->topics_revoke_ms;
        in->callbacks.on_leaving(in->callbacks.arg);
    }
    kafka_in_leave_if_over(in);
}

static void count_change(struct kafka_in *in, rd_kafka_resp_err_t code)
{
    uint64_t *counter = &in->counts.assigned;

    if (code != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        counter = rd_kafka_assignment_lost(in->rk) ? &in->counts.lost
                                                   : &in->counts.revoked;
    }
    *counter += 1;
}

void kafka_in_on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                           rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct kafka_in *in = opaque;

    (void)rk;
    count_change(in, code);
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        on_assign(in, list);
        return;
    }
    on_revoke(in, list);
}
