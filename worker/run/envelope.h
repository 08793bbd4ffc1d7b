/* SPDX-License-Identifier: MIT */
/* envelope.h - the Kafka headers of what a pipeline sends: of a result, and of
 * a dead letter. Runs in the engine. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "base/buf.h"
#include "run/report.h"
#include "svc/kafka_in.h"
#include "svc/kafka_out.h"
#include "wire/job.h"

/* What they say; of a result the first three. */
struct envelope_facts {
    const struct kafka_in_msg *msg; /* of the job */
    const struct report_origin *origin;
    const struct job_identity *identity;
    struct view why; /* one word */
    struct view words;
    const char *worker_id;
};

struct envelope {
    struct kafka_header *list; /* on the heap; borrows from the facts */
    size_t count;
    char numbers[2][24]; /* borrowed from, so it must not move */
};

void envelope_of_result(struct envelope *out,
                        const struct envelope_facts *facts);
/* The original's headers, then why and from where. */
void envelope_of_dead_letter(struct envelope *out,
                             const struct envelope_facts *facts);
void envelope_done(struct envelope *envelope);
