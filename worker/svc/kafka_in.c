/* SPDX-License-Identifier: MIT */
/* kafka_in.c - the jobs this worker is given: see kafka_in.h.
 *
 * Runs in the engine. Read it from the bottom: open, wake-up, take, done.
 * It never decides what happens to a job, and never commits
 * an offset that passes an unfinished one. */
#include "svc/kafka_in_impl.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "svc/kafka_conf.h"
#include "svc/kafka_in_conf.h"
#include "svc/kafka_txn.h"

#define CLOSE_TIMEOUT_MS 8000
#define CLOSE_POLL_MS    50
/* The main queue is served at least this often even if a wake-up were lost:
 * past max.poll.interval.ms the group would throw us out. */
#define TICK_MS      500
#define RENEW_MAX_MS 10000

static void fail(struct kafka_in *in, enum err_kind kind, const char *text)
{
    struct err why = {0};

    if (!in->has_failed) {
        in->has_failed = true;
        (void)err_set(&why, kind, "kafka: %s", text);
        in->callbacks.on_fatal(&why, in->callbacks.arg);
    }
}

/* The client has given up for good: the group does not let it in any more, or
 * the broker is too old for its protocol. A new one gets another answer, one
 * day; jobs that run end meanwhile, and their results go out. */
static void renew_later(struct kafka_in *in)
{
    if (in->renew_at_ms == 0) {
        in->renew_at_ms = clock_mono_ms() + in->renew_ms;
        in->renew_ms *= 2;
        if (in->renew_ms > RENEW_MAX_MS) {
            in->renew_ms = RENEW_MAX_MS;
        }
    }
}

static void on_error(rd_kafka_t *rk, int code, const char *text, void *opaque)
{
    struct kafka_in *in = opaque;
    char why[256];

    (void)rk;
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        kafka_ends_error(in->ends,
                         rd_kafka_fatal_error(in->rk, why, sizeof(why)), why);
        renew_later(in);
        return;
    }
    kafka_ends_error(in->ends, (rd_kafka_resp_err_t)code, text);
}

static void on_commit_timer(uv_timer_t *timer)
{
    kafka_in_commit_start(timer->data, NULL);
}

/* --- the loop ------------------------------------------------------------ */

static void on_main_error(struct kafka_in *in, const rd_kafka_message_t *m)
{
    /* A topic not created yet is looked for again by itself. */
    on_error(in->rk, m->err, rd_kafka_message_errstr(m), in);
}

/* Rebalances and errors; also what tells the group that we are alive. */
static void serve_main_queue(struct kafka_in *in)
{
    rd_kafka_message_t *m = NULL;

    while ((m = rd_kafka_consumer_poll(in->rk, 0)) != NULL) {
        if (m->err) {
            on_main_error(in, m);
        } else {
            /* Its partition's queue was taken out of this one. A restart
             * gets the record again. */
            fail(in, ERR_BUG, "a record came through the main queue");
        }
        rd_kafka_message_destroy(m);
    }
}

/* Jobs that may run at most once: those of which the broker knows. */
static void begin_marked(struct kafka_in *in)
{
    if (kafka_once_serve(in->once)) {
        kafka_in_commit_start(in, NULL);
    }
}

static void on_wake(void *arg)
{
    struct kafka_in *in = arg;

    (void)rd_kafka_queue_poll_callback(in->commit_queue, 0);
    serve_main_queue(in);
    begin_marked(in);
    kafka_in_leave_if_over(in);
    kafka_start_serve(in->start);
    kafka_ends_serve(in->ends, clock_mono_ms());
    kafka_parts_look_again(&in->parts);
    if (!in->is_paused) {
        in->callbacks.on_ready(in->callbacks.arg);
    }
}

static void renew(struct kafka_in *in);

static void on_tick(uv_timer_t *timer)
{
    struct kafka_in *in = timer->data;

    if (!in->rk) {
        return; /* has failed, and was told so */
    }
    (void)rd_kafka_queue_poll_callback(in->commit_queue, 0);
    serve_main_queue(in);
    begin_marked(in);
    kafka_in_leave_if_over(in);
    kafka_start_tick(in->start);
    kafka_ends_serve(in->ends, clock_mono_ms());
    if (in->renew_at_ms > 0 && clock_mono_ms() >= in->renew_at_ms &&
        in->loans == 0 && !kafka_start_is_waiting(in->start)) {
        renew(in);
    }
}

/* --- records ------------------------------------------------------------- */

int kafka_in_take(struct kafka_in *in, struct kafka_in_msg *out)
{
    struct kafka_loan *loan = NULL;
    const rd_kafka_message_t *m = NULL;

    loan = in->is_paused || in->renew_at_ms > 0 ? NULL
                                                : kafka_parts_take(&in->parts);
    if (!loan) {
        return 0;
    }
    in->loans++;
    m = loan->message;
    out->topic = loan->part->lane->topic;
    out->queue = loan->part->lane->queue;
    out->partition = m->partition;
    out->offset = m->offset;
    out->timestamp_ms = rd_kafka_message_timestamp(m, NULL);
    out->key = (struct view){.data = m->key, .len = m->key_len};
    out->value = (struct view){.data = m->payload, .len = m->len};
    out->is_begun = loan->is_begun;
    out->handle = loan;
    return 1;
}

bool kafka_in_header(const struct kafka_in_msg *msg, size_t index,
                     const char **out_name, struct view *out_value)
{
    const struct kafka_loan *loan = msg->handle;
    rd_kafka_headers_t *headers = NULL;
    const void *value = NULL;
    size_t size = 0;

    if (rd_kafka_message_headers(loan->message, &headers) ||
        rd_kafka_header_get_all(headers, index, out_name, &value, &size)) {
        return false;
    }
    *out_value = (struct view){.data = value, .len = size};
    return true;
}

void kafka_in_started(struct kafka_in *in, const struct kafka_in_msg *msg)
{
    kafka_parts_started(&in->parts, msg->handle);
}

void kafka_in_begin_once(struct kafka_in *in, const struct kafka_in_msg *msg,
                         kafka_in_told_fn on_told, void *arg)
{
    kafka_once_add(in->once, msg->handle, on_told, arg);
    kafka_wake_fire(in->wake);
}

void kafka_in_begin_none(struct kafka_in *in)
{
    kafka_once_drop_all(in->once);
}

bool kafka_in_is_ours(const struct kafka_in_msg *msg)
{
    const struct kafka_loan *loan = msg->handle;

    return loan->part->queue != NULL;
}

bool kafka_in_is_leaving(const struct kafka_in_msg *msg)
{
    const struct kafka_loan *loan = msg->handle;

    return loan->part->is_leaving;
}

static void forget_loan(struct kafka_in *in, struct kafka_in_msg *msg)
{
    msg->handle = NULL;
    in->loans--;
    if (in->leaving) {
        kafka_wake_fire(in->wake);
    }
}

void kafka_in_done(struct kafka_in *in, struct kafka_in_msg *msg)
{
    kafka_parts_done(&in->parts, msg->handle);
    forget_loan(in, msg);
}

void kafka_in_drop(struct kafka_in *in, struct kafka_in_msg *msg)
{
    kafka_parts_drop(&in->parts, msg->handle);
    forget_loan(in, msg);
}

void kafka_in_look_again(struct kafka_in *in)
{
    kafka_wake_fire(in->wake);
}

void kafka_in_pause(struct kafka_in *in)
{
    in->is_paused = true;
}

size_t kafka_in_assigned(const struct kafka_in *in)
{
    return in->parts.count;
}

size_t kafka_in_waiting(const struct kafka_in *in)
{
    return kafka_parts_waiting(&in->parts);
}

/* --- for whoever looks ---------------------------------------------------- */

const struct kafka_in_counts *kafka_in_counts(const struct kafka_in *in)
{
    return &in->counts;
}

bool kafka_in_is_member(const struct kafka_in *in)
{
    rd_kafka_consumer_group_metadata_t *group = NULL;
    bool is_member = false;

    if (in->parts.count > 0 || !in->rk) {
        return in->rk != NULL;
    }
    /* Asks librdkafka's own thread, which waits for nobody. */
    group = rd_kafka_consumer_group_metadata(in->rk);
    if (group) {
        is_member = rd_kafka_consumer_group_metadata_generation_id(group) >= 0;
        rd_kafka_consumer_group_metadata_destroy(group);
    }
    return is_member;
}

const struct kafka_trouble *kafka_in_troubles(const struct kafka_in *in)
{
    return kafka_ends_troubles(in->ends);
}

const struct kafka_ends_state *kafka_in_broker(const struct kafka_in *in)
{
    return kafka_ends_state(in->ends);
}

void kafka_in_visit(const struct kafka_in *in, kafka_part_visit_fn visit,
                    void *arg)
{
    kafka_parts_visit(&in->parts, clock_mono_ms(), visit, arg);
}

/* --- close --------------------------------------------------------------- */

/* librdkafka's own consumer_close() has no bound. */
static void leave_group(struct kafka_in *in)
{
    uint64_t deadline_ms = clock_mono_ms() + CLOSE_TIMEOUT_MS;
    rd_kafka_topic_partition_list_t *asked = kafka_start_forget(in->start);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(in->rk);
    rd_kafka_error_t *error = NULL;

    if (asked) { /* the client waits for an answer to it */
        kafka_in_assign(in, asked);
        rd_kafka_topic_partition_list_destroy(asked);
    }
    error = rd_kafka_consumer_close_queue(in->rk, queue);
    while (!error && !rd_kafka_consumer_closed(in->rk) &&
           clock_mono_ms() < deadline_ms) {
        rd_kafka_message_t *m = rd_kafka_consume_queue(queue, CLOSE_POLL_MS);

        if (m) {
            rd_kafka_message_destroy(m);
        }
    }
    kafka_in_log_error("cannot leave the group", error);
    rd_kafka_queue_destroy(queue);
}

static void free_timer(uv_handle_t *handle)
{
    free(handle);
}

static void close_timer(uv_timer_t *timer)
{
    if (timer) {
        (void)uv_timer_stop(timer);
        uv_close((uv_handle_t *)timer, free_timer);
    }
}

static void close_queue(rd_kafka_queue_t *queue)
{
    if (queue) {
        kafka_wake_unwatch(queue);
        rd_kafka_queue_destroy(queue);
    }
}

/* Frees what belongs to the client, and it; the lanes and the wake stay. */
static void close_client(struct kafka_in *in)
{
    kafka_ends_detach(in->ends);
    kafka_parts_remove_all(&in->parts);
    close_queue(in->main_queue);
    close_queue(in->commit_queue);
    kafka_start_close(in->start);
    kafka_conf_destroy(in->rk);
    if (in->leaving) {
        rd_kafka_topic_partition_list_destroy(in->leaving);
    }
    in->leaving = NULL;
    in->main_queue = NULL;
    in->commit_queue = NULL;
    in->start = NULL;
    in->rk = NULL;
    in->is_committing = false;
}

void kafka_in_close(struct kafka_in *in)
{
    if (!in) {
        return;
    }
    in->is_paused = true;
    in->is_closing = true;
    close_timer(in->commit_timer);
    close_timer(in->tick_timer);
    if (in->loans) {
        log_error("records not given back", "count=%zu", in->loans);
    }
    if (in->main_queue) { /* subscribed */
        kafka_in_leave_if_over(in);
        kafka_in_commit_now(in, NULL);
        /* Without an answer to the commit there will be none to a goodbye:
         * the group notices by itself. */
        if (!in->is_committing) {
            leave_group(in);
        }
    }
    close_client(in);
    kafka_ends_free(in->ends);
    kafka_once_free(in->once);
    kafka_parts_free(&in->parts);
    kafka_wake_close(in->wake);
    if (in->sent) {
        rd_kafka_topic_partition_list_destroy(in->sent);
    }
    free(in);
}

/* --- open ---------------------------------------------------------------- */

static int subscribe(struct kafka_in *in, struct err *e)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)in->parts.lane_count);
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;

    for (size_t i = 0; i < in->parts.lane_count; i++) {
        rd_kafka_topic_partition_list_add(list, in->parts.lanes[i].topic,
                                          RD_KAFKA_PARTITION_UA);
    }
    error = rd_kafka_subscribe(in->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (error) {
        return err_set(e, ERR_INPUT, "kafka subscribe: %s",
                       rd_kafka_err2str(error));
    }
    return 0;
}

static uv_timer_t *start_timer(struct kafka_in *in, uv_loop_t *loop,
                               uv_timer_cb on_time, uint64_t every_ms)
{
    uv_timer_t *timer = xcalloc(1, sizeof(*timer));

    (void)uv_timer_init(loop, timer);
    timer->data = in;
    (void)uv_timer_start(timer, on_time, every_ms, every_ms);
    return timer;
}

static int open_client(struct kafka_in *in, struct err *e)
{
    const struct config *config = in->config;
    rd_kafka_conf_t *conf = NULL;

    if (kafka_in_conf(config, in->group, in->is_patient, &conf, e) < 0) {
        return -1;
    }
    rd_kafka_conf_set_rebalance_cb(conf, kafka_in_on_rebalance);
    rd_kafka_conf_set_error_cb(conf, on_error);
    kafka_conf_quiet(conf);
    if (kafka_conf_client(conf, RD_KAFKA_CONSUMER, in, &in->rk, e) < 0) {
        return -1;
    }
    /* errors and logs through the one queue that is polled anyway */
    (void)rd_kafka_poll_set_consumer(in->rk);
    in->commit_queue = rd_kafka_queue_new(in->rk);
    kafka_wake_watch(in->wake, in->commit_queue);
    in->start = kafka_start_open(in->rk, in->group, in->wake,
                                 kafka_in_on_start_known, in);
    in->start_without = kafka_in_start_without(config);
    if (subscribe(in, e) < 0) {
        return -1;
    }
    in->main_queue = rd_kafka_queue_get_consumer(in->rk);
    kafka_wake_watch(in->wake, in->main_queue);
    kafka_ends_attach(in->ends, in->rk, in->wake);
    return 0;
}

static void renew(struct kafka_in *in)
{
    struct err e = {0};

    close_client(in);
    in->renew_at_ms = 0;
    if (open_client(in, &e) < 0) {
        fail(in, e.kind, e.msg); /* not with settings that were good before */
        return;
    }
    log_info("kafka consumer made anew", NULL);
}

int kafka_in_open(const struct config *config,
                  const struct kafka_in_source *source, uv_loop_t *loop,
                  const struct kafka_in_callbacks *callbacks,
                  struct kafka_in **out, struct err *e)
{
    struct kafka_in *in = xcalloc(1, sizeof(*in));

    in->config = config;
    in->group = source->group;
    in->is_patient = source->is_patient;
    in->commits_elsewhere = source->commits_elsewhere;
    in->callbacks = *callbacks;
    in->renew_ms = KAFKA_IN_RENEW_FIRST_MS;
    in->once = kafka_once_new();
    in->ends = kafka_ends_new(&in->parts, source->name);
    kafka_parts_init(&in->parts, config, source->stem, source->queues,
                     source->queue_count);
    if (kafka_wake_open(loop, on_wake, in, &in->wake, e) < 0 ||
        open_client(in, e) < 0) {
        kafka_in_close(in);
        return -1;
    }
    in->commit_timer =
        start_timer(in, loop, on_commit_timer, config->topics_commit_ms);
    in->tick_timer = start_timer(in, loop, on_tick, TICK_MS);
    *out = in;
    return 0;
}

int kafka_in_open_jobs(const struct config *config, uv_loop_t *loop,
                       const struct kafka_in_callbacks *callbacks,
                       struct kafka_in **out, struct err *e)
{
    AUTO_FREE struct kafka_conf_queue *queues = NULL;
    struct kafka_in_source source = {
        .name = "jobs",
        .group = config->topics_group,
        .stem = "jobs.",
    };

    if (kafka_txn_is_wanted(config, &source.commits_elsewhere, e) < 0 ||
        kafka_conf_queues(config, &queues, &source.queue_count, e) < 0) {
        return -1;
    }
    source.queues = queues;
    return kafka_in_open(config, &source, loop, callbacks, out, e);
}
