/* SPDX-License-Identifier: MIT */
/* kafka_start.c - where newly assigned partitions begin: see kafka_start.h.
 *
 * Runs in the engine, below kafka_in, but for question_thread(). It never
 * assigns or commits, and blocks only in kafka_start_close(). */
#include "svc/kafka_start.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/log.h"
#include "base/mem.h"

/* What the thread has while it runs, and nobody else. */
struct question {
    rd_kafka_t *rk;
    rd_kafka_topic_partition_list_t *list; /* and then the answer */
    rd_kafka_resp_err_t error;
    struct kafka_wake *wake;
    atomic_bool is_over;
};

struct kafka_start {
    char *group;
    kafka_start_fn on_known;
    void *arg;
    rd_kafka_topic_partition_list_t *wanted; /* NULL: nothing is asked */
    struct question question;
    pthread_t thread;
    bool is_sent;   /* the thread is to be joined */
    bool is_wanted; /* its answer is one to what is wanted */
    bool has_warned;
};

struct kafka_start *kafka_start_open(rd_kafka_t *rk, const char *group,
                                     struct kafka_wake *wake,
                                     kafka_start_fn on_known, void *arg)
{
    struct kafka_start *start = xcalloc(1, sizeof(*start));

    start->question.rk = rk;
    start->question.wake = wake;
    start->group = xstrdup(group);
    start->on_known = on_known;
    start->arg = arg;
    return start;
}

/* --- asking --------------------------------------------------------------- */

/* librdkafka asks again by itself while the coordinator is looked for. What
 * is answered is stable (isolation.level is read_committed): offsets inside a
 * transaction that is still open will be others. */
static void *question_thread(void *arg)
{
    struct question *question = arg;

    question->error =
        rd_kafka_committed(question->rk, question->list, KAFKA_START_TRY_MS);
    atomic_store(&question->is_over, true);
    kafka_wake_fire(question->wake);
    return NULL;
}

static void send_question(struct kafka_start *start)
{
    struct question *question = &start->question;

    question->list = rd_kafka_topic_partition_list_copy(start->wanted);
    atomic_store(&question->is_over, false);
    start->is_wanted = true;
    if (pthread_create(&start->thread, NULL, question_thread, question) == 0) {
        start->is_sent = true;
        return;
    }
    /* no thread to be had just now: see _tick */
    rd_kafka_topic_partition_list_destroy(question->list);
}

void kafka_start_ask(struct kafka_start *start,
                     const rd_kafka_topic_partition_list_t *list)
{
    start->wanted = rd_kafka_topic_partition_list_copy(list);
    start->is_wanted = false;
    if (!start->is_sent) {
        send_question(start);
    }
}

bool kafka_start_is_asking(const struct kafka_start *start)
{
    return start->wanted != NULL;
}

bool kafka_start_is_waiting(const struct kafka_start *start)
{
    return start->is_sent && !atomic_load(&start->question.is_over);
}

/* --- the answer ----------------------------------------------------------- */

/* Every partition's row is one, or why not. */
static const char *trouble_of(const struct question *question)
{
    if (question->error) {
        return rd_kafka_err2str(question->error);
    }
    for (int i = 0; i < question->list->cnt; i++) {
        if (question->list->elems[i].err) {
            return rd_kafka_err2str(question->list->elems[i].err);
        }
    }
    return NULL;
}

static void warn_once(struct kafka_start *start, const char *why)
{
    if (!start->has_warned) {
        log_warn("committed offsets not known yet; asking again",
                 "group=%s partitions=%d error=%s", start->group,
                 start->wanted->cnt, why);
    }
    start->has_warned = true;
}

/* The list is the answer. */
static void take_answer(struct kafka_start *start,
                        rd_kafka_topic_partition_list_t *list)
{
    const char *why = NULL;

    if (!start->wanted || !start->is_wanted) {
        return; /* forgotten meanwhile */
    }
    why = trouble_of(&start->question);
    if (why) {
        warn_once(start, why);
        return;
    }
    start->has_warned = false;
    rd_kafka_topic_partition_list_destroy(kafka_start_forget(start));
    start->on_known(list, start->arg);
}

static rd_kafka_topic_partition_list_t *join(struct kafka_start *start)
{
    (void)pthread_join(start->thread, NULL);
    start->is_sent = false;
    return start->question.list;
}

void kafka_start_serve(struct kafka_start *start)
{
    rd_kafka_topic_partition_list_t *list = NULL;

    if (start->is_sent && !kafka_start_is_waiting(start)) {
        list = join(start);
        take_answer(start, list);
        rd_kafka_topic_partition_list_destroy(list);
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
    start->is_wanted = false;
    return wanted;
}

void kafka_start_close(struct kafka_start *start)
{
    if (start) {
        if (start->wanted) {
            rd_kafka_topic_partition_list_destroy(start->wanted);
        }
        if (start->is_sent) {
            rd_kafka_topic_partition_list_destroy(join(start));
        }
        free(start->group);
        free(start);
    }
}
