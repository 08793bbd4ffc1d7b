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
    offsets_set_done(&o->begun);
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

    o->once_count -= entry->once != OFFSETS_ONCE_NO;
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

/* --- what the owner before us has told --------------------------------------
 */

/* Two sets of offsets that we have not come to yet: finished, and begun. */
struct told {
    struct offsets_set *set;
    size_t *first;
};

static struct told known_of(struct offsets *o)
{
    return (struct told){&o->known, &o->known_first};
}

static struct told begun_of(struct offsets *o)
{
    return (struct told){&o->begun, &o->begun_first};
}

static bool has_known(const struct offsets *o)
{
    return o->known_first < o->known.count;
}

static void forget(struct told told)
{
    offsets_set_done(told.set);
    *told.first = 0;
}

/* A record of the same offset that was written under another leader than any
 * of the set's is another record: the log was cut and written anew. */
static bool is_epoch_of(const struct offsets_set *set, int32_t epoch)
{
    return epoch < 0 || set->epoch_first < 0 ||
           (epoch >= set->epoch_first && epoch <= set->epoch_last);
}

/* Drops runs that end before next; frees the set when it was the last. */
static void pass(const struct offsets *o, struct told told)
{
    while (*told.first < told.set->count &&
           told.set->runs[*told.first].to <= o->next) {
        *told.first += 1;
    }
    if (*told.first >= told.set->count) {
        forget(told);
    }
}

/* next is the record's offset. */
static bool is_told(const struct offsets *o, struct told told, int32_t epoch)
{
    if (*told.first >= told.set->count ||
        told.set->runs[*told.first].from > o->next) {
        return false;
    }
    if (is_epoch_of(told.set, epoch)) {
        return true;
    }
    forget(told);
    return false;
}

static size_t offsets_in(const struct offsets_set *set, size_t first)
{
    size_t count = 0;

    for (size_t i = first; i < set->count; i++) {
        count += (size_t)(set->runs[i].to - set->runs[i].from);
    }
    return count;
}

/* Ours always does. If not, committing could become impossible. */
static bool may_be_kept(const struct offsets *o, int64_t low,
                        const struct offsets_set *set)
{
    uint64_t open = 0;
    int64_t at = low;

    for (size_t i = 0; i < set->count; i++) {
        open += (uint64_t)(set->runs[i].from - at);
        at = set->runs[i].to;
    }
    return set->count == 0 ||
           offsets_set_fits((uint64_t)(at - low), open, o->text_max);
}

/* "!begun!finished", or what is finished alone. What has begun comes first and
 * has an end, so that a text that was cut is never taken for one without. */
static int decode(const char *text, size_t len, int64_t low,
                  struct offsets_set *finished, struct offsets_set *begun,
                  struct err *e)
{
    const char *rest = text;
    const char *end = NULL;

    if (len > 0 && text[0] == OFFSETS_BEGUN_MARK) {
        end = memchr(text + 1, OFFSETS_BEGUN_MARK, len - 1);
        if (!end) {
            return err_set(e, ERR_INPUT, "it was cut");
        }
        rest = end + 1;
        if (offsets_set_decode(text + 1, (size_t)(end - text - 1), low, begun,
                               e) < 0) {
            return -1;
        }
    }
    if (offsets_set_decode(rest, len - (size_t)(rest - text), low, finished,
                           e) < 0) {
        offsets_set_done(begun);
        return -1;
    }
    return 0;
}

int offsets_restore(struct offsets *o, int64_t low, const char *text,
                    size_t len, struct err *e)
{
    struct offsets_set finished = {0};
    struct offsets_set begun = {0};

    o->low = low;
    o->next = low;
    o->committed.low = low;
    if (decode(text, len, low, &finished, &begun, e) < 0) {
        return -1;
    }
    if (!may_be_kept(o, low, &finished) ||
        offsets_in(&begun, 0) > OFFSETS_ONCE_MAX) {
        offsets_set_done(&finished);
        offsets_set_done(&begun);
        return err_set(e, ERR_INPUT, "more than may be kept");
    }
    o->known = finished;
    o->begun = begun;
    return 0;
}

/* --- taking --------------------------------------------------------------- */

/* The set keeps fitting whichever of the unfinished ones finish. A set taken
 * over fits as a whole, so that it need not be looked at here. */
static bool has_room(const struct offsets *o, int64_t offset)
{
    size_t max = o->text_max - (offsets_can_mark(o) ? OFFSETS_ONCE_TEXT : 0);

    return o->count == 0 ||
           offsets_set_fits((uint64_t)(offset - o->low) + 1, o->count + 1, max);
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

static void pass_told(struct offsets *o)
{
    pass(o, known_of(o));
    pass(o, begun_of(o));
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
    pass_told(o);
    if (is_told(o, known_of(o), epoch)) {
        taken = OFFSETS_KNOWN;
    } else {
        append(o, offset, epoch, now_ms);
        *out = (struct offsets_ticket){offset, o->generation};
    }
    if (taken == OFFSETS_TAKEN && is_told(o, begun_of(o), epoch)) {
        taken = OFFSETS_BEGUN;
        entry_at(o, o->count - 1)->once = OFFSETS_ONCE_KEPT;
        o->once_count++;
    }
    o->next = offset + 1;
    o->epoch = epoch;
    pass_told(o);
    settle_low(o);
    return taken;
}

void offsets_rewind(struct offsets *o, int64_t offset)
{
    o->count = lower_bound(o, offset);
    o->once_count = 0;
    for (size_t i = 0; i < o->count; i++) {
        o->once_count += entry_at(o, i)->once != OFFSETS_ONCE_NO;
    }
    o->next = offset;
    o->epoch = o->count > 0 ? entry_at(o, o->count - 1)->epoch : -1;
    o->generation++;
    forget(known_of(o));
    forget(begun_of(o));
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
    o->changes++;
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

/* --- at most once --------------------------------------------------------- */

bool offsets_can_mark(const struct offsets *o)
{
    return o->text_max >= 2 * OFFSETS_ONCE_TEXT;
}

bool offsets_mark_once(struct offsets *o, struct offsets_ticket ticket)
{
    struct offsets_entry *entry = find(o, ticket);

    if (!entry || entry->once != OFFSETS_ONCE_NO) {
        return entry != NULL;
    }
    if (!offsets_can_mark(o) ||
        o->once_count + offsets_in(&o->begun, o->begun_first) >=
            OFFSETS_ONCE_MAX) {
        return false;
    }
    entry->once = OFFSETS_ONCE_MARKED;
    o->once_count++;
    o->changes++;
    return true;
}

bool offsets_is_marked(const struct offsets *o, struct offsets_ticket ticket)
{
    const struct offsets_entry *entry = find(o, ticket);

    return entry && entry->once == OFFSETS_ONCE_KEPT;
}

void offsets_unmark(struct offsets *o, struct offsets_ticket ticket)
{
    struct offsets_entry *entry = find(o, ticket);

    if (entry && entry->once != OFFSETS_ONCE_NO && !entry->is_started) {
        entry->once = OFFSETS_ONCE_NO;
        o->once_count--;
        o->changes++;
    }
}

/* All entries whose mark is at `from`. */
static void move_marks(struct offsets *o, enum offsets_once from,
                       enum offsets_once to)
{
    for (size_t i = 0; o->once_count > 0 && i < o->count; i++) {
        struct offsets_entry *entry = entry_at(o, i);

        if (entry->once == from) {
            entry->once = (uint8_t)to;
        }
    }
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
           (o->low != o->committed.low || o->changes != o->committed.changes);
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

static size_t write_finished(const struct offsets *o, size_t max, char *text)
{
    size_t most = o->count + (o->known.count - o->known_first) + 1;
    AUTO_FREE struct offsets_run *runs = xcalloc(most, sizeof(*runs));
    struct offsets_set set = {.low = o->low, .runs = runs};

    add_finished(o, &set);
    add_epochs(o, &set);
    return offsets_set_encode(&set, max, text);
}

static void add_once(struct offsets_set *set, int64_t from, int64_t to,
                     int32_t epoch_first, int32_t epoch_last)
{
    set->epoch_first = set->count == 0 ? epoch_first : set->epoch_first;
    set->epoch_last = epoch_last;
    add_run(set, from, to);
}

static void add_begun(const struct offsets *o, struct offsets_set *set)
{
    for (size_t i = 0; i < o->count; i++) {
        const struct offsets_entry *entry = entry_at(o, i);

        if (entry->once != OFFSETS_ONCE_NO) {
            add_once(set, entry->offset, entry->offset + 1, entry->epoch,
                     entry->epoch);
        }
    }
    for (size_t i = o->begun_first; i < o->begun.count; i++) {
        int64_t from = o->begun.runs[i].from;

        add_once(set, from > o->next ? from : o->next, o->begun.runs[i].to,
                 o->begun.epoch_first, o->begun.epoch_last);
    }
    if (set->epoch_last < set->epoch_first) {
        set->epoch_first = -1; /* then it is not looked at */
    }
}

/* With its marks; 0 when there is nothing to tell. */
static size_t write_begun(const struct offsets *o, char *text)
{
    struct offsets_run runs[OFFSETS_ONCE_MAX];
    struct offsets_set set = {.low = o->low, .runs = runs};
    char begun[OFFSETS_TEXT_MAX + 1];
    size_t len = 0;

    add_begun(o, &set);
    len = offsets_set_encode(&set, OFFSETS_ONCE_TEXT - 2, begun);
    if (len == 0) {
        return 0;
    }
    text[0] = OFFSETS_BEGUN_MARK;
    memcpy(text + 1, begun, len);
    text[len + 1] = OFFSETS_BEGUN_MARK;
    return len + 2;
}

void offsets_commit_begin(struct offsets *o, struct offsets_commit *out)
{
    char finished[OFFSETS_TEXT_MAX + 1];
    size_t begun_len = write_begun(o, out->text);
    size_t max = begun_len < o->text_max ? o->text_max - begun_len : 0;
    size_t finished_len = write_finished(o, max, finished);

    out->offset = o->low;
    out->epoch = holder_epoch(o);
    memcpy(out->text + begun_len, finished, finished_len);
    out->text_len = begun_len + finished_len;
    out->text[out->text_len] = '\0';
    move_marks(o, OFFSETS_ONCE_MARKED, OFFSETS_ONCE_SENT);
    out->has_finished = o->finished != o->committed.finished;
    o->sent = (struct offsets_mark){o->low, o->changes, o->finished};
    o->is_sent = true;
}

void offsets_commit_end(struct offsets *o, bool is_accepted)
{
    if (o->is_sent && is_accepted) {
        o->committed = o->sent;
    }
    move_marks(o, OFFSETS_ONCE_SENT,
               is_accepted ? OFFSETS_ONCE_KEPT : OFFSETS_ONCE_MARKED);
    o->is_sent = false;
}

void offsets_set_text_max(struct offsets *o, size_t max)
{
    o->text_max = max < OFFSETS_TEXT_MAX ? max : OFFSETS_TEXT_MAX;
}
