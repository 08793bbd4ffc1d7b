/* SPDX-License-Identifier: MIT */
/* messages.h - every message table by the name of its schema. */
#pragma once

#include "wire/audit.h"
#include "wire/cancel.h"
#include "wire/chunk.h"
#include "wire/event.h"
#include "wire/job.h"
#include "wire/record.h"
#include "wire/result.h"

static const struct record *const messages[] = {
    &job_record,   &result_record, &chunk_record,
    &event_record, &audit_record,  &cancel_record,
};
