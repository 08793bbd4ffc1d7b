/* SPDX-License-Identifier: MIT */
/* offsets.h - which records of one partition are finished.
 *
 * Records are taken in order and finished in any order. low, the watermark, is
 * the next offset to commit: everything below it is finished. What is finished
 * beyond it goes into the commit's metadata (offsets_set.h), and who has the
 * partition next skips it.
 *
 * A job that may run at most once is marked before it begins. Its mark is in
 * the metadata too: who has the partition next is told, and does not run it.
 *
 * Only what is not finished is kept: sizeof(struct offsets_entry), 32 bytes,
 * per record in flight and nothing per finished one, however far the watermark
 * lies behind. A set taken over from the owner before costs 16 bytes per run
 * until the records have been passed.
 *
 * Happy path: _restore once, then per record _take, _mark_started, _mark_done;
 * _commit_begin when _is_dirty, _commit_end with the answer.
 * Failures: metadata that cannot be believed is not used, and says why. Offsets
 * that go back mean a log that was cut or made anew: _rewind. The set would not
 * fit any more: _can_take says no until older records finish.
 *
 * Pure: no clock (times are the caller's, any monotonic ms), no Kafka. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "wire/offsets_set.h"

/* Has the broker been told that the record's job begins, and may not again? */
enum offsets_once {
    OFFSETS_ONCE_NO,
    OFFSETS_ONCE_MARKED, /* the next commit will tell */
    OFFSETS_ONCE_SENT,
    OFFSETS_ONCE_KEPT, /* it has been told */
};

/* A record taken and not finished. */
struct offsets_entry {
    int64_t offset;
    uint64_t since_ms; /* taken, or started */
    int32_t epoch;     /* the leader's when the record was written; -1: ? */
    uint32_t generation;
    bool is_started;
    uint8_t once; /* enum offsets_once */
};

/* Marks of one partition at the same time, and the characters for them. */
#define OFFSETS_ONCE_MAX  64
#define OFFSETS_ONCE_TEXT 480

/* What a commit told, or tells. */
struct offsets_mark {
    int64_t low;
    uint64_t changes;  /* records finished or marked so far */
    uint64_t finished; /* of these, finished */
};

struct offsets {
    int64_t low;         /* next offset to commit; -1 before the first record */
    int64_t next;        /* highest taken + 1; -1 before the first record */
    int32_t epoch;       /* of the newest record taken */
    uint32_t generation; /* + 1 with each rewind: old tickets do not count */
    struct offsets_entry *entries; /* by offset; the first is at `first` */
    size_t first, count, capacity;
    struct offsets_set known; /* by the owner before us; what is not passed */
    size_t known_first;       /* runs before this one are passed */
    struct offsets_set begun; /* marked by the owner before us; likewise */
    size_t begun_first;
    size_t once_count; /* entries with a mark */
    uint64_t changes;  /* for is_dirty */
    uint64_t finished;
    uint64_t sidelined;
    struct offsets_mark committed, sent;
    bool is_sent;    /* a commit is under way */
    size_t text_max; /* characters of metadata the broker takes */
};

/* Says which record is meant, even when the log was cut meanwhile and its
 * offset is another record's now. */
struct offsets_ticket {
    int64_t offset;
    uint32_t generation;
};

enum offsets_taken {
    OFFSETS_TAKEN, /* to be run; the ticket is for mark_started and _done */
    OFFSETS_BEGUN, /* the same, but its owner before us has begun it once */
    OFFSETS_KNOWN, /* finished by the owner before us: skip it */
    OFFSETS_FULL,  /* would not fit: keep it and ask again; nothing changed */
    OFFSETS_BACK,  /* lies before one already taken: _rewind, then again */
};

void offsets_init(struct offsets *o);
void offsets_free(struct offsets *o); /* may be init'ed again */

/* Before the first record: the group's committed offset and its metadata.
 * -1 says why the metadata is not used; the offset is, all the same. Its jobs
 * beyond the watermark run again then, as without metadata. */
int offsets_restore(struct offsets *o, int64_t low, const char *text,
                    size_t len, struct err *e) MUST_USE;

/* May the next record be taken? Asked before it is read. */
bool offsets_can_take(const struct offsets *o);
/* epoch: the record's leader epoch, -1 when not known. Offsets that never come
 * between two records (transaction markers, compaction) count as finished. */
enum offsets_taken offsets_take(struct offsets *o, int64_t offset,
                                int32_t epoch, uint64_t now_ms,
                                struct offsets_ticket *out) MUST_USE;
/* The log goes on from this offset: nothing at or past it was ever taken. What
 * is in flight before it stays. The watermark may go back. */
void offsets_rewind(struct offsets *o, int64_t offset);

/* All three: false, and no effect, when the record is not in flight. */
bool offsets_mark_started(struct offsets *o, struct offsets_ticket ticket,
                          uint64_t now_ms);
bool offsets_mark_done(struct offsets *o, struct offsets_ticket ticket);
/* Marks a job that may run at most once. False, and nothing is marked: it is
 * not in flight, or there are OFFSETS_ONCE_MAX already. Marked twice is marked.
 */
bool offsets_mark_once(struct offsets *o, struct offsets_ticket ticket);
/* The broker has been told: it may begin. */
bool offsets_is_marked(const struct offsets *o, struct offsets_ticket ticket);
/* It was not begun after all; one that is started keeps its mark. */
void offsets_unmark(struct offsets *o, struct offsets_ticket ticket);
/* Does the broker take enough metadata for marks? */
bool offsets_can_mark(const struct offsets *o);
/* Done for the commit alone: its bytes were published elsewhere, and that was
 * acknowledged. */
bool offsets_sideline(struct offsets *o, struct offsets_ticket ticket);

int64_t offsets_low(const struct offsets *o);
size_t offsets_in_flight(const struct offsets *o);
/* From the watermark to the newest record taken. */
uint64_t offsets_span(const struct offsets *o);

/* What holds the watermark. */
struct offsets_holder {
    struct offsets_ticket ticket;
    uint64_t since_ms; /* as it was given; of start when started */
    bool is_started;
    uint64_t passed; /* offsets finished beyond it */
};
bool offsets_holder(const struct offsets *o, struct offsets_holder *out);

/* Is there something the broker does not know yet? */
bool offsets_is_dirty(const struct offsets *o);

struct offsets_commit {
    int64_t offset;
    int32_t epoch;     /* for the commit's leader epoch; -1: not known */
    bool has_finished; /* more than the last one did */
    size_t text_len;
    char text[OFFSETS_TEXT_MAX + 1];
};
/* One commit at a time. Without _end it did not happen. */
void offsets_commit_begin(struct offsets *o, struct offsets_commit *out);
void offsets_commit_end(struct offsets *o, bool is_accepted);
/* The broker takes so many characters only (at most OFFSETS_TEXT_MAX, which is
 * where one begins). A set that does not fit any more is left out. */
void offsets_set_text_max(struct offsets *o, size_t max);
