/* SPDX-License-Identifier: MIT */
/* audit_log.h - the write-ahead records of this worker, chained by hashes.
 * Runs in the engine.
 *
 * Happy path: one record per step of a job, each with the SHA-256 of the
 * record before it, through a reliable producer of its own that sends them in
 * batches: a crash may lose the last 10 ms of them, never a result.
 * Failures: a record that cannot be queued is an error of the caller's: a job
 * whose record cannot be written is not run. Records that could not be
 * delivered in five minutes are counted as lost.
 * On close: waits a bounded time for what is queued. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/base.h"
#include "base/err.h"
#include "wire/audit.h"
#include "wire/config.h"

struct kafka_out;
struct audit_log;

/* worker_id is borrowed. With events.audit off, records are counted and not
 * sent. */
int audit_log_open(const struct config *config, uv_loop_t *loop,
                   const char *worker_id, struct audit_log **out,
                   struct err *e) MUST_USE;
/* Fills v, seq, time stamp, worker_id and prev_hash of *record; *out_seq may
 * be NULL. */
int audit_log_write(struct audit_log *log, struct audit *record,
                    uint64_t *out_seq, struct err *e) MUST_USE;
/* NULL when switched off. */
const struct kafka_out *audit_log_producer(const struct audit_log *log);
uint64_t audit_log_lost(const struct audit_log *log);
/* What would be written now is refused: nothing should be done that has to be
 * on record. */
bool audit_log_is_refused(const struct audit_log *log);
void audit_log_close(struct audit_log *log, int timeout_ms); /* NULL is fine */
