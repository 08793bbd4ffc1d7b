/* SPDX-License-Identifier: MIT */
/* trace.h - what others are told of a job on its way: telemetry events, which
 * may be lost, and audit records, which may not. Runs in the engine. */
#pragma once

#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "run/work.h"
#include "svc/audit_log.h"
#include "svc/telemetry.h"

/* status: NULL when there is none yet. */
void trace_event(struct telemetry *telemetry, const struct work *w,
                 const char *type, const char *status);

/* usage and out_seq may be NULL. */
int trace_audit(struct audit_log *log, const struct work *w,
                enum audit_event what, const struct result_usage *usage,
                uint64_t *out_seq, struct err *e) MUST_USE;
/* For records after the run: the result matters more than its trace. */
void trace_audit_late(struct audit_log *log, const struct work *w,
                      enum audit_event what, const struct result_usage *usage,
                      uint64_t *out_seq);
