/* SPDX-License-Identifier: MIT */
/* bench_load.c - see bench_load.h. Runs in `forkyard bench`, beside the fleet
 * on the same cores: it does as little as it can per job. */
#include "bin/bench_load.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "bin/bench_child.h"
#include "svc/kafka_out.h"
#include "svc/kafka_tail.h"
#include "wire/job.h"
#include "wire/result.h"

#define ID_PREFIX         "bench-"
#define TOPIC             "forkyard.jobs.default"
#define RESULTS           "forkyard.results"
#define RESULT_TIMEOUT_MS 30000
#define STEP_MS           250
#define CLOSE_TIMEOUT_MS  2000
#define RESULT_MAX_BYTES  (1u << 20)
#define POLL_EVERY        32 /* sends between looks at acknowledgements */

struct bench_load {
    struct config config;
    struct kafka_out *out;
    struct kafka_tail *tail;
    struct view program;
    struct buf bytes;
    uint64_t sent;
};

struct setting {
    const char *name;
    const char *value;
};

/* As `forkyard run` has it for a person who waits. */
static const struct setting quick[] = {
    {"kafka.fetch.wait.max.ms", "2"},
    {"kafka.enable.idempotence", "false"},
    {NULL, NULL},
};
/* A few milliseconds, a small part of the window. */
static const struct setting bulk[] = {
    {"kafka.fetch.wait.max.ms", "20"},
    {"kafka.fetch.min.bytes", "100000"},
    {"kafka.linger.ms", "5"},
    {"kafka.enable.idempotence", "false"},
    {NULL, NULL},
};

static int set_up(struct config *config, const char *kafka,
                  const struct setting *rows, struct err *e)
{
    config_init(config);
    for (; rows->name; rows++) {
        if (config_set(config, rows->name, rows->value, e) < 0) {
            return -1;
        }
    }
    return config_set(config, "kafka.bootstrap.servers", kafka, e);
}

int bench_load_open(const char *kafka, enum bench_load_kind kind,
                    struct view program, struct bench_load **out, struct err *e)
{
    struct bench_load *load = xcalloc(1, sizeof(*load));

    load->program = program;
    if (set_up(&load->config, kafka, kind == BENCH_LOAD_BULK ? bulk : quick,
               e) < 0 ||
        kafka_tail_open(&load->config, RESULTS, KAFKA_TAIL_END, &load->tail,
                        e) < 0 ||
        kafka_out_open(&load->config, KAFKA_OUT_RELIABLE, NULL, &load->out, e) <
            0) {
        bench_load_close(load);
        return -1;
    }
    buf_init(&load->bytes, load->config.job_max_bytes);
    *out = load;
    return 0;
}

void bench_load_close(struct bench_load *load)
{
    if (!load) {
        return;
    }
    kafka_tail_close(load->tail);
    (void)kafka_out_close(load->out, CLOSE_TIMEOUT_MS);
    buf_done(&load->bytes);
    config_done(&load->config);
    free(load);
}

int bench_load_send(struct bench_load *load, uint64_t *out_number,
                    struct err *e)
{
    char id[48];
    struct job job;

    *out_number = ++load->sent;
    (void)snprintf(id, sizeof(id), ID_PREFIX "%" PRIu64, load->sent);
    job_init(&job);
    job.job_id = view_of(id);
    job.language = view_of("binary");
    job.code = load->program;
    buf_clear(&load->bytes);
    if (job_encode(&job, &load->bytes, e) < 0) {
        return -1;
    }
    const struct kafka_record record = {
        .topic = TOPIC,
        .key = job.job_id,
        .value = buf_view(&load->bytes),
    };
    if (load->sent % POLL_EVERY == 0) {
        kafka_out_poll(load->out, 0);
    }
    return kafka_out_send(load->out, &record, e);
}

static int say_why(struct view value, struct err *e)
{
    struct arena arena;
    struct result result;

    arena_init(&arena, RESULT_MAX_BYTES);
    if (result_decode(value.data, value.len, &arena, &result, e) == 0) {
        (void)err_set(e, ERR_SYSTEM, "job %.*s did not succeed: %s: %.*s",
                      VIEW_ARG(result.job_id),
                      status_name((enum status)result.status),
                      VIEW_ARG(result.status_reason));
    }
    arena_done(&arena);
    return -1;
}

/* Most cheaply: the answer of an echo is the job itself, and no job has such
 * a key. */
static int check_result(struct view value, struct err *e)
{
    static const char failed[] = "\xa7success\xc2";

    if (memmem(value.data, value.len, failed, sizeof(failed) - 1)) {
        return say_why(value, e);
    }
    return 0;
}

int bench_load_next(struct bench_load *load, int timeout_ms,
                    uint64_t *out_number, struct view *out_value, struct err *e)
{
    struct view key;
    int rc = kafka_tail_next(load->tail, timeout_ms, &key, out_value, NULL, e);

    if (rc <= 0) {
        kafka_out_poll(load->out, 0);
        return rc;
    }
    if (kafka_out_lost(load->out) > 0) {
        return err_set(e, ERR_SYSTEM, "a job was not delivered");
    }
    *out_number = 0;
    if (key.len > strlen(ID_PREFIX)) {
        char text[24];
        size_t len = key.len - strlen(ID_PREFIX);

        (void)snprintf(text, sizeof(text), "%.*s", (int)len,
                       key.data + strlen(ID_PREFIX));
        *out_number = strtoull(text, NULL, 10);
    }
    return check_result(*out_value, e) < 0 ? -1 : 1;
}

/* -1 also at the timeout, and when somebody wants us to stop. */
static int must_come(struct bench_load *load, uint64_t *out_number,
                     struct view *out_value, struct err *e)
{
    uint64_t end_ms = clock_mono_ms() + RESULT_TIMEOUT_MS;

    while (clock_mono_ms() < end_ms) {
        int rc = bench_load_next(load, STEP_MS, out_number, out_value, e);

        if (rc != 0) {
            return rc < 0 ? -1 : 0;
        }
        if (bench_child_is_interrupted()) {
            return err_set(e, ERR_RETRY, "interrupted");
        }
    }
    return err_set(e, ERR_SYSTEM, "no result within %d s",
                   RESULT_TIMEOUT_MS / 1000);
}

int bench_load_round_trip(struct bench_load *load, double *out_ms,
                          struct view *out_value, struct err *e)
{
    uint64_t sent = 0;
    uint64_t got = 0;
    uint64_t from_us = clock_mono_us();

    if (bench_load_send(load, &sent, e) < 0) {
        return -1;
    }
    while (got != sent) {
        if (must_come(load, &got, out_value, e) < 0) {
            return -1;
        }
    }
    *out_ms = (double)(clock_mono_us() - from_us) / 1000.0;
    return 0;
}

struct tally {
    uint64_t sent;
    uint64_t got;
    uint64_t from_us; /* 0: still warming up */
    uint64_t counted; /* results since */
    uint64_t until_us;
};

static bool is_over(const struct tally *t, const struct bench_load_run *run)
{
    return t->from_us > 0 &&
           ((run->jobs && t->counted >= run->jobs) ||
            (run->ms && t->until_us - t->from_us >= run->ms * 1000));
}

static void count(struct tally *t, const struct bench_load_run *run)
{
    t->got++;
    t->until_us = clock_mono_us();
    if (t->from_us > 0) {
        t->counted++;
    } else if (t->got >= run->warm_up) {
        t->from_us = t->until_us;
    }
    if (run->on_count && t->got % run->every == 0) {
        run->on_count(t->got, run->arg);
    }
}

int bench_load_run(struct bench_load *load, const struct bench_load_run *run,
                   double *out_per_s, struct err *e)
{
    struct tally t = {0};
    uint64_t number = 0;
    struct view value;

    while (!is_over(&t, run)) {
        while (t.sent < t.got + run->window) {
            if (bench_load_send(load, &number, e) < 0) {
                return -1;
            }
            t.sent++;
        }
        if (must_come(load, &number, &value, e) < 0) {
            return -1;
        }
        count(&t, run);
    }
    *out_per_s = (double)t.counted * 1e6 / (double)(t.until_us - t.from_us);
    for (; t.got < t.sent; t.got++) {
        if (must_come(load, &number, &value, e) < 0) {
            return -1;
        }
    }
    return 0;
}
