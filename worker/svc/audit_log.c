/* SPDX-License-Identifier: MIT */
/* audit_log.c - see audit_log.h. */
#include "svc/audit_log.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/mem.h"
#include "svc/kafka_out.h"

#define AUDIT_MAX_BYTES 65536

struct audit_log {
    struct kafka_out *out; /* NULL: switched off */
    const char *worker_id;
    char topic[256];
    uint64_t seq;
    char prev_hash[DIGEST_HEX_LEN + 1];
    struct buf bytes;
};

int audit_log_open(const struct config *config, uv_loop_t *loop,
                   const char *worker_id, struct audit_log **out, struct err *e)
{
    struct audit_log *log = xcalloc(1, sizeof(*log));

    log->worker_id = worker_id;
    /* The first of a worker has nothing before it. */
    memset(log->prev_hash, '0', DIGEST_HEX_LEN);
    buf_init(&log->bytes, AUDIT_MAX_BYTES);
    (void)snprintf(log->topic, sizeof(log->topic), "%saudit",
                   config->topics_prefix);
    if (config->events_audit &&
        kafka_out_open(config, KAFKA_OUT_BATCHED, loop, &log->out, e) < 0) {
        audit_log_close(log, 0);
        return -1;
    }
    *out = log;
    return 0;
}

static int send_record(struct audit_log *log, const struct audit *record,
                       struct err *e)
{
    static const struct kafka_header headers[] = {
        {"content-type", {"application/vnd.msgpack", 23}},
        {"forkyard-schema", {"audit/1", 7}},
    };
    const struct kafka_record out = {
        .topic = log->topic,
        .key = record->job_id,
        .value = buf_view(&log->bytes),
        .headers = headers,
        .header_count = ARRAY_LEN(headers),
    };

    return kafka_out_send(log->out, &out, e);
}

int audit_log_write(struct audit_log *log, struct audit *record,
                    uint64_t *out_seq, struct err *e)
{
    record->seq = log->seq;
    record->timestamp_unix_nano = clock_unix_ns();
    record->worker_id = view_of(log->worker_id);
    record->prev_hash = view_of(log->prev_hash);
    if (out_seq) {
        *out_seq = log->seq;
    }
    if (!log->out) {
        log->seq++;
        return 0;
    }
    buf_clear(&log->bytes);
    if (audit_encode(record, &log->bytes, e) < 0 ||
        send_record(log, record, e) < 0) {
        return err_wrap(e, "audit");
    }
    struct digest *d = digest_new();
    digest_add(d, log->bytes.data, log->bytes.len);
    digest_hex(d, log->prev_hash);
    log->seq++;
    return 0;
}

const struct kafka_out *audit_log_producer(const struct audit_log *log)
{
    return log->out;
}

uint64_t audit_log_lost(const struct audit_log *log)
{
    return log->out ? kafka_out_lost(log->out) : 0;
}

bool audit_log_is_refused(const struct audit_log *log)
{
    return log->out && kafka_out_is_refused(log->out);
}

void audit_log_close(struct audit_log *log, int timeout_ms)
{
    if (!log) {
        return;
    }
    if (log->out) {
        size_t unsent = kafka_out_close(log->out, timeout_ms);

        if (unsent > 0) {
            log_warn("audit records not acknowledged", "count=%zu", unsent);
        }
    }
    buf_done(&log->bytes);
    free(log);
}
