/* SPDX-License-Identifier: MIT */
/* work.c - see work.h. */
#include "run/work.h"

#include <string.h>

#include "base/clock.h"
#include "base/str.h"

#define ATTEMPT_DIGITS 3 /* JOB_MAX_ATTEMPTS has no more */

static uint64_t attempt_of(const struct kafka_in_msg *msg)
{
    const char *name = NULL;
    struct view value;

    for (size_t i = 0; kafka_in_header(msg, i, &name, &value); i++) {
        char text[ATTEMPT_DIGITS + 1] = "";
        uint64_t attempt = 0;

        if (strcmp(name, "attempt") != 0 || value.len > ATTEMPT_DIGITS) {
            continue;
        }
        memcpy(text, value.data ? value.data : "", value.len);
        if (str_parse_u64(text, &attempt, NULL) == 0 && attempt > 0) {
            return attempt;
        }
    }
    return 1;
}

struct work *work_new(struct pipeline *p, const struct kafka_in_msg *msg,
                      const struct config *config, uint64_t result_max_bytes)
{
    struct work *w = xcalloc(1, sizeof(*w));

    w->p = p;
    w->msg = *msg;
    w->origin = (struct report_origin){
        .topic = msg->topic,
        .partition = msg->partition,
        .offset = msg->offset,
        .record_unix_ms = msg->timestamp_ms,
        .received_ns = clock_unix_ns(),
        .attempt = attempt_of(msg),
    };
    arena_init(&w->arena, config->job_max_bytes * 4);
    job_init(&w->job);
    buf_init(&w->record, result_max_bytes * 2);
    return w;
}

void work_free(struct work *w)
{
    stream_done(&w->stream);
    plan_done(&w->plan);
    plan_done(&w->compile_plan);
    compile_done(&w->compile);
    arena_done(&w->arena);
    buf_done(&w->record);
    free(w->reason);
    free(w);
}
