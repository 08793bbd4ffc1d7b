/* SPDX-License-Identifier: MIT */
/* record.h - one codec for all messages, driven by a table per message.
 *
 * A table row says how one key of the msgpack map becomes one member of a C
 * struct. From the same rows come decoding, encoding, the error texts and the
 * proof that code and JSON Schema agree (tests/schema).
 *
 * Absent members: view.data NULL, enum -1, numbers RECORD_NO_UINT,
 * RECORD_NO_INT or not a number, booleans false, counts 0, objects .present
 * false. record_init() sets all of them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "wire/mpk.h"

#define RECORD_NO_UINT UINT64_MAX
#define RECORD_NO_INT  INT64_MIN
#define RECORD_NO_ENUM (-1)

enum record_type {
    RECORD_STR,     /* struct view: UTF-8 text without NUL */
    RECORD_BIN,     /* struct view: bytes; text is accepted */
    RECORD_BOOL,    /* bool */
    RECORD_INT,     /* int64_t */
    RECORD_UINT,    /* uint64_t */
    RECORD_DOUBLE,  /* double, finite */
    RECORD_ENUM,    /* int, index into .names; text on the wire */
    RECORD_STRS,    /* struct view *m; size_t m_count */
    RECORD_STRMAP,  /* struct record_pair *m; size_t m_count */
    RECORD_OBJECT,  /* struct whose first member is bool present */
    RECORD_OBJECTS, /* struct x *m; size_t m_count */
    RECORD_RAW,     /* struct view: the msgpack bytes of any value */
    RECORD_TYPE_COUNT,
};

enum record_flags {
    RECORD_PLAIN = 0,
    RECORD_REQUIRED = 1, /* decoding fails without it */
    RECORD_ALWAYS = 2,   /* encoded even when false or empty */
    RECORD_MAP = 4,      /* RAW only: must be a map */
    RECORD_LIST = 8,     /* RAW only: must be a list */
};

struct record_pair {
    struct view key;
    struct view value;
};

struct record_enum {
    const char *const *names;
    size_t count;
};

struct record_field {
    const char *name; /* key on the wire, and name of the C member */
    enum record_type type;
    unsigned flags;
    size_t offset;
    size_t count_offset;             /* STRS, STRMAP, OBJECTS */
    size_t max;                      /* text: bytes; lists and maps: entries */
    const struct record_enum *names; /* ENUM */
    /* OBJECT, OBJECTS. RAW: what of ours is in it; others may add. */
    const struct record *record;
};

struct record {
    const char *name;
    size_t size; /* of the C struct */
    const struct record_field *fields;
    size_t count; /* at most RECORD_MAX_FIELDS */
};

enum {
    RECORD_MAX_FIELDS = 64,
    /* A raw value sits below maps and lists of ours: 32 in all. */
    RECORD_RAW_MAX_DEPTH = MPK_MAX_DEPTH - 8,
};

/* Rows. `max` 0 means bounded by the message only. */
#define RECORD_ROW(owner, member, kind, bits, most)                            \
    {                                                                          \
        .name = #member, .type = (kind), .flags = (bits),                      \
        .offset = offsetof(struct owner, member), .max = (most)                \
    }
/* For members that C or its library does not let us name as the wire does. */
#define RECORD_NAMED_ROW(owner, member, wire_name, kind, bits, most)           \
    {                                                                          \
        .name = (wire_name), .type = (kind), .flags = (bits),                  \
        .offset = offsetof(struct owner, member), .max = (most)                \
    }
#define RECORD_ENUM_ROW(owner, member, bits, name_table)                       \
    {                                                                          \
        .name = #member, .type = RECORD_ENUM, .flags = (bits),                 \
        .offset = offsetof(struct owner, member), .names = (name_table)        \
    }
#define RECORD_LIST_ROW(owner, member, kind, bits, most)                       \
    {                                                                          \
        .name = #member, .type = (kind), .flags = (bits),                      \
        .offset = offsetof(struct owner, member),                              \
        .count_offset = offsetof(struct owner, member##_count), .max = (most)  \
    }
#define RECORD_OBJECT_ROW(owner, member, bits, table)                          \
    {                                                                          \
        .name = #member, .type = RECORD_OBJECT, .flags = (bits),               \
        .offset = offsetof(struct owner, member), .record = (table)            \
    }
/* A map that is kept as its bytes, whose keys are described all the same. */
#define RECORD_OPEN_ROW(owner, member, table)                                  \
    {                                                                          \
        .name = #member, .type = RECORD_RAW, .flags = RECORD_MAP,              \
        .offset = offsetof(struct owner, member), .record = (table)            \
    }
#define RECORD_OBJECTS_ROW(owner, member, bits, most, table)                   \
    {                                                                          \
        .name = #member, .type = RECORD_OBJECTS, .flags = (bits),              \
        .offset = offsetof(struct owner, member),                              \
        .count_offset = offsetof(struct owner, member##_count), .max = (most), \
        .record = (table)                                                      \
    }

/* Sets every member absent. */
void record_init(const struct record *record, void *out);

/* Fills *out. Texts and bytes are views into data, lists live in the arena;
 * both must outlive *out. Unknown keys are ignored, nil counts as absent, a
 * known key twice is an error. Errors name the field: "limits.stack_bytes:
 * must be a whole number, not text". On failure *out is half filled. */
int record_decode(const struct record *record, const void *data, size_t len,
                  struct arena *arena, void *out, struct err *e) MUST_USE;

/* Appends the map. Absent members are left out, keys come in table order.
 * Text that is not UTF-8 is written with '?' for each bad byte. */
int record_encode(const struct record *record, const void *in, struct buf *b,
                  struct err *e) MUST_USE;

/* Calls fn for every path of the table: "limits.wall_time_ms",
 * "files[].path". Parents come before their members. */
typedef void (*record_walk_fn)(const char *path,
                               const struct record_field *field, void *arg);
void record_walk(const struct record *record, record_walk_fn fn, void *arg);

const char *record_enum_name(const struct record_enum *names, int value);
/* Index of the name, -1 when there is none. */
int record_enum_find(const struct record_enum *names, struct view name);
