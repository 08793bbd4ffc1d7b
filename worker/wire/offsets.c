/* SPDX-License-Identifier: MIT */
/* offsets.c - the finished records of one partition: see offsets.h. Runs in
 * the engine, for every assigned partition. It never talks to a broker and
 * never reads a clock; who owns a partition, and since when, is kafka_parts'
 * business.
 *
 * Two things always hold. Offsets from low on are finished unless they have an
 * entry, up to next; past that, only what `known` says is. And the finished
 * set fits into the metadata, whichever records finish next. */
#include "wire/offsets.h"

#include <string.h>

#include "base/mem.h"

#define CAPACITY_FIRST 16 /* a worker has four slots per core by default */

void offsets_init(struct offsets *o)
{
    memset(o, 0, sizeof(*o));
    o->low = -1;
    o->next = -1;
    o->epoch = -1;
    o->committed.low = -1;
    o->text_max = OFFSETS_TEXT_MAX;
}

void offsets_free(struct offsets *o)
{
    offsets_set_done(&o->known);
    free(o->entries);
    offsets_init(o);
}

/* --- entries -------------------------------------------------------------- */

static struct offsets_entry *entry_at(const struct offsets *o, size_t index)
{
    return &o->entries[o->first + index];
}

static void make_room(struct offsets *o)
{
    if (o->first + o->count < o->capacity) {
        return;
    }
    if (o->first > o->capacity / 2) {
        memmove(o->entries, entry_at(o, 0), o->count * sizeof(*o->entries));
        o->first = 0;
        return;
    }
    o->capacity = o->capacity ? o->capacity * 2 : CAPACITY_FIRST;
    o->entries = xrealloc(o->entries, o->capacity * sizeof(*o->entries));
}

/* Index of the first entry at or past the offset. */
static size_t lower_bound(const struct offsets *o, int64_t offset)
{
    size_t from = 0;
    size_t to = o->count;

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (entry_at(o, middle)->offset < offset) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

static struct offsets_entry *find(const struct offsets *o,
                                  struct offsets_ticket ticket)
{
    size_t index = lower_bound(o, ticket.offset);
    struct offsets_entry *entry = NULL;

    if (index == o->count) {
        return NULL;
    }
    entry = entry_at(o, index);
    return entry->offset == ticket.offset &&
                   entry->generation == ticket.generation
               ? entry
               : NULL;
}

/* Moves the shorter side: old records, which most often finish first, cost
 * nothing then. */
static void remove_entry(struct offsets *o, struct offsets_entry *entry)
{
    size_t before = (size_t)(entry - entry_at(o, 0));
    size_t after = o->count - before - 1;

    if (before < after) {
        memmove(entry_at(o, 1), entry_at(o, 0), before * sizeof(*o->entries));
        o->first++;
    } else {
        memmove(entry, entry + 1, after * sizeof(*o->entries));
    }
    o->count--;
}

static void settle_low(struct offsets *o)
{
    o->low = o->count > 0 ? entry_at(o, 0)->offset : o->next;
}

/* --- what the owner before us had finished -------------------------------- */

static bool has_known(const struct offsets *o)
{
    return o->known_first < o->known.count;
}

static void forget_known(struct offsets *o)
{
    offsets_set_done(&o->known);
    o->known_first = 0;
}

/* A record of the same offset that was written under another leader than any
 * of the set's is another record: the log was cut and written anew. */
static bool is_epoch_known(const struct offsets *o, int32_t epoch)
{
    return epoch < 0 || o->known.epoch_first < 0 ||
           (epoch >= o->known.epoch_first && epoch <= o->known.epoch_last);
}

/* Drops runs that end before next; frees the set when it was the last. */
static void pass_known(struct offsets *o)
{
    while (has_known(o) && o->known.runs[o->known_first].to <= o->next) {
        o->known_first++;
    }
    if (!has_known(o)) {
        forget_known(o);
    }
}

/* next is the record's offset. */
static bool is_finished_before(struct offsets *o, int32_t epoch)
{
    if (!has_known(o) || o->known.runs[o->known_first].from > o->next) {
        return false;
    }
    if (is_epoch_known(o, epoch)) {
        return true;
    }
    forget_known(o);
    return false;
}

int offsets_restore(struct offsets *o, int64_t low, const char *text,
                    size_t len, struct err *e)
{
    struct offsets_set set;
    uint64_t open = 0;
    int64_t at = low;

    o->low = low;
    o->next = low;
    o->committed.low = low;
    if (offsets_set_decode(text, len, low, &set, e) < 0) {
        return -1;
    }
    for (size_t i = 0; i < set.count; i++) {
        open += (uint64_t)(set.runs[i].from - at);
        at = set.runs[i].to;
    }
    /* Ours always does. If not, committing could become impossible. */
    if (set.count > 0 &&
        !offsets_set_fits((uint64_t)(at - low), open, o->text_max)) {
        offsets_set_done(&set);
        return err_set(e, ERR_INPUT, "more than may be kept");
    }
    o->known = set;
    return 0;
}

/* --- taking --------------------------------------------------------------- */

/* The set keeps fitting whichever of the unfinished ones finish. A set taken
 * over fits as a whole, so that it need not be looked at here. */
static bool has_room(const struct offsets *o, int64_t offset)
{
    return o->count == 0 || offsets_set_fits((uint64_t)(offset - o->low) + 1,
                                             o->count + 1, o->text_max);
}

bool offsets_can_take(const struct offsets *o)
{
    return o->next < 0 || has_room(o, o->next);
}

static void append(struct offsets *o, int64_t offset, int32_t epoch,
                   uint64_t now_ms)
{
    make_room(o);
    o->count++;
    *entry_at(o, o->count - 1) = (struct offsets_entry){
        .offset = offset,
        .since_ms = now_ms,
        .epoch = epoch,
        .generation = o->generation,
    };
}

enum offsets_taken offsets_take(struct offsets *o, int64_t offset,
                                int32_t epoch, uint64_t now_ms,
                                struct offsets_ticket *out)
{
    enum offsets_taken taken = OFFSETS_TAKEN;

    if (o->next < 0) {
        /* The group has no offset and would start here again: nothing to tell
         * the broker before a record is finished. */
        o->next = offset;
        o->committed.low = offset;
    }
    if (offset < o->next) {
        return OFFSETS_BACK;
    }
    if (!has_room(o, offset)) {
        return OFFSETS_FULL;
    }
    o->next = offset;
    pass_known(o);
    if (is_finished_before(o, epoch)) {
        taken = OFFSETS_KNOWN;
    } else {
        append(o, offset, epoch, now_ms);
        *out = (struct offsets_ticket){offset, o->generation};
    }
    o->next = offset + 1;
    o->epoch = epoch;
    pass_known(o);
    settle_low(o);
    return taken;
}

void offsets_rewind(struct offsets *o, int64_t offset)
{
    o->count = lower_bound(o, offset);
    o->next = offset;
    o->epoch = o->count > 0 ? entry_at(o, o->count - 1)->epoch : -1;
    o->generation++;
    forget_known(o);
    settle_low(o);
}

/* --- finishing ------------------------------------------------------------ */

bool offsets_mark_started(struct offsets *o, struct offsets_ticket ticket,
                          uint64_t now_ms)
{
    struct offsets_entry *entry = find(o, ticket);

    if (!entry || entry->is_started) {
        return false;
    }
    entry->is_started = true;
    entry->since_ms = now_ms;
    return true;
}

bool offsets_mark_done(struct offsets *o, struct offsets_ticket ticket)
{
    struct offsets_entry *entry = find(o, ticket);

    if (!entry) {
        return false;
    }
    remove_entry(o, entry);
    o->finished++;
    settle_low(o);
    return true;
}

bool offsets_sideline(struct offsets *o, struct offsets_ticket ticket)
{
    if (!offsets_mark_done(o, ticket)) {
        return false;
    }
    o->sidelined++;
    return true;
}

/* --- asking --------------------------------------------------------------- */

int64_t offsets_low(const struct offsets *o)
{
    return o->low;
}

size_t offsets_in_flight(const struct offsets *o)
{
    return o->count;
}

uint64_t offsets_span(const struct offsets *o)
{
    return (uint64_t)(o->next - o->low);
}

bool offsets_holder(const struct offsets *o, struct offsets_holder *out)
{
    const struct offsets_entry *entry = NULL;

    if (o->count == 0) {
        return false;
    }
    entry = entry_at(o, 0);
    *out = (struct offsets_holder){
        .ticket = {entry->offset, entry->generation},
        .since_ms = entry->since_ms,
        .is_started = entry->is_started,
        .passed = offsets_span(o) - o->count,
    };
    return true;
}

/* --- committing ----------------------------------------------------------- */

bool offsets_is_dirty(const struct offsets *o)
{
    return o->low >= 0 &&
           (o->low != o->committed.low || o->finished != o->committed.finished);
}

static void add_run(struct offsets_set *set, int64_t from, int64_t to)
{
    struct offsets_run *last = &set->runs[set->count];

    if (from >= to) {
        return;
    }
    if (set->count > 0 && last[-1].to == from) {
        last[-1].to = to;
        return;
    }
    last->from = from;
    last->to = to;
    set->count++;
}

static void add_finished(const struct offsets *o, struct offsets_set *set)
{
    for (size_t i = 0; i < o->count; i++) {
        add_run(set, entry_at(o, i)->offset + 1,
                i + 1 < o->count ? entry_at(o, i + 1)->offset : o->next);
    }
    for (size_t i = o->known_first; i < o->known.count; i++) {
        int64_t from = o->known.runs[i].from;

        add_run(set, from > o->next ? from : o->next, o->known.runs[i].to);
    }
}

static int32_t holder_epoch(const struct offsets *o)
{
    return o->count > 0 ? entry_at(o, 0)->epoch : o->epoch;
}

/* The leaders that wrote the set's records: the holder is older than all of
 * them, the last record taken newer, but for what the owner before knew. */
static void add_epochs(const struct offsets *o, struct offsets_set *set)
{
    set->epoch_first = holder_epoch(o);
    set->epoch_last = o->epoch;
    if (has_known(o)) {
        bool is_older = o->known.epoch_first < set->epoch_first;
        bool is_newer = o->known.epoch_last > set->epoch_last;

        set->epoch_first = o->next == o->low || is_older ? o->known.epoch_first
                                                         : set->epoch_first;
        set->epoch_last = is_newer ? o->known.epoch_last : set->epoch_last;
    }
}

void offsets_commit_begin(struct offsets *o, struct offsets_commit *out)
{
    size_t most = o->count + (o->known.count - o->known_first) + 1;
    AUTO_FREE struct offsets_run *runs = xcalloc(most, sizeof(*runs));
    struct offsets_set set = {.low = o->low, .runs = runs};

    add_finished(o, &set);
    add_epochs(o, &set);
    out->offset = o->low;
    out->epoch = holder_epoch(o);
    out->text_len = offsets_set_encode(&set, o->text_max, out->text);
    o->sent = (struct offsets_mark){o->low, o->finished};
    o->is_sent = true;
}

void offsets_commit_end(struct offsets *o, bool is_accepted)
{
    if (o->is_sent && is_accepted) {
        o->committed = o->sent;
    }
    o->is_sent = false;
}

void offsets_set_text_max(struct offsets *o, size_t max)
{
    o->text_max = max < OFFSETS_TEXT_MAX ? max : OFFSETS_TEXT_MAX;
}
