/* SPDX-License-Identifier: MIT */
/* audit_log.h - the write-ahead records of this worker, chained by hashes.
 * Runs in the engine.
 *
 * Happy path: one record per step of a job, each with the SHA-256 of the
 * record before it, through the same reliable producer as the results.
 * Failures: a record that cannot be queued is an error of the caller's: a job
 * whose record cannot be written is not run. */
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "svc/kafka_out.h"
#include "wire/audit.h"
#include "wire/config.h"

struct audit_log;

/* Borrows the producer and worker_id. With events.audit off, records are
 * counted and not sent. */
struct audit_log *audit_log_new(const struct config *config,
                                struct kafka_out *out, const char *worker_id);
/* Fills v, seq, time stamp, worker_id and prev_hash of *record; *out_seq may
 * be NULL. */
int audit_log_write(struct audit_log *log, struct audit *record,
                    uint64_t *out_seq, struct err *e) MUST_USE;
void audit_log_free(struct audit_log *log);
