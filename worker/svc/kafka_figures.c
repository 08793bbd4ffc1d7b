/* SPDX-License-Identifier: MIT */
/* kafka_figures.c - how the owned partitions fare, for whoever looks: part of
 * kafka_parts.h. Runs in the engine, when it is asked; changes nothing. */
#include <utlist.h>

#include "svc/kafka_parts.h"

/* Of the records from the watermark to the end of the log, those that are not
 * finished. What was fetched may be newer than what the broker last told. */
static int64_t unfinished(const struct kafka_part *part, uint64_t passed)
{
    int64_t low = offsets_low(&part->offsets);
    int64_t end = part->end;

    if (low < 0 || end < 0) {
        return -1;
    }
    end = end > part->offsets.next ? end : part->offsets.next;
    return end - low > (int64_t)passed ? end - low - (int64_t)passed : 0;
}

static void fill(const struct kafka_part *part, uint64_t now_ms,
                 struct kafka_part_figures *out)
{
    struct offsets_holder holder = {0};
    bool is_held = offsets_holder(&part->offsets, &holder);

    *out = (struct kafka_part_figures){
        .topic = part->lane->topic,
        .partition = part->partition,
        .unfinished = unfinished(part, is_held ? holder.passed : 0),
        .in_flight = offsets_in_flight(&part->offsets),
        .span = offsets_span(&part->offsets),
        .age_ms = is_held ? now_ms - holder.since_ms : 0,
        .metadata_bytes = part->text_len,
    };
}

void kafka_parts_visit(const struct kafka_parts *parts, uint64_t now_ms,
                       kafka_part_visit_fn visit, void *arg)
{
    const struct kafka_part *part = NULL;
    struct kafka_part_figures figures;

    for (size_t i = 0; i < parts->lane_count; i++) {
        DL_FOREACH(parts->lanes[i].parts, part)
        {
            fill(part, now_ms, &figures);
            visit(&figures, arg);
        }
    }
}
