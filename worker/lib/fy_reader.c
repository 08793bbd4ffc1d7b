/* SPDX-License-Identifier: MIT */
/* fy_reader.c - the results of all jobs, one each: the first record of a
 * job_id counts. Runs in any program; joins no group, changes nothing. */
#include <stdlib.h>

#include "base/mem.h"
#include "lib/fy_error.h"
#include "lib/fy_options.h"
#include "lib/fy_result.h"
#include "lib/fy_seen.h"
#include "svc/kafka_conf.h"
#include "svc/kafka_tail.h"

struct fy_reader {
    struct config config;
    struct kafka_tail *tail;
    struct fy_seen *seen;
};

int fy_reader_open(const struct fy_options *options, enum fy_from from,
                   struct fy_reader **out, struct fy_error *error)
{
    struct fy_reader *reader = xcalloc(1, sizeof(*reader));
    AUTO_FREE char *topic = kafka_conf_topic(&options->config, "results");
    struct err e = {0};

    config_copy(&reader->config, &options->config);
    if (kafka_tail_open(&reader->config, topic,
                        from == FY_FROM_END ? KAFKA_TAIL_END
                                            : KAFKA_TAIL_BEGINNING,
                        &reader->tail, &e) < 0) {
        fy_reader_close(reader);
        return fy_error_set(error, &e);
    }
    *out = reader;
    return 0;
}

/* 1 when it is the first of its job. */
static int take(struct fy_reader *reader, struct view value,
                struct fy_result **out, struct err *e)
{
    struct fy_result *result = NULL;

    if (fy_result_new(value, &result, e) < 0) {
        return err_wrap(e, "a record that is no result");
    }
    if (!fy_seen_add(&reader->seen, fy_result_record(result)->job_id)) {
        fy_result_free(result);
        return 0;
    }
    *out = result;
    return 1;
}

int fy_reader_next(struct fy_reader *reader, int timeout_ms,
                   struct fy_result **out, int *out_at_end,
                   struct fy_error *error)
{
    bool at_end = false;
    struct view key;
    struct view value;
    struct err e = {0};
    int rc =
        kafka_tail_next(reader->tail, timeout_ms, &key, &value, &at_end, &e);

    if (rc > 0) {
        rc = take(reader, value, out, &e);
    }
    if (out_at_end) {
        *out_at_end = at_end;
    }
    return rc < 0 ? fy_error_set(error, &e) : rc;
}

void fy_reader_close(struct fy_reader *reader)
{
    if (reader) {
        kafka_tail_close(reader->tail);
        fy_seen_free(&reader->seen);
        config_done(&reader->config);
        free(reader);
    }
}
