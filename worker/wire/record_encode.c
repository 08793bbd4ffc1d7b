/* SPDX-License-Identifier: MIT */
/* record_encode.c - C structs to msgpack, by the message's table. Runs in the
 * engine and in the command line tools. Leaves the buffer as it was when it
 * fails. */
#include <math.h>
#include <string.h>

#include "wire/record.h"

static bool view_held(const char *member)
{
    return ((const struct view *)member)->data != NULL;
}

static double double_of(const char *member)
{
    double value;

    memcpy(&value, member, sizeof(value));
    return value;
}

static bool is_held(const struct record_field *f, const char *base)
{
    const char *member = base + f->offset;

    if ((f->flags & RECORD_ALWAYS) != 0) {
        return true;
    }
    switch (f->type) {
    case RECORD_STR:
    case RECORD_BIN:
    case RECORD_RAW:
        return view_held(member);
    case RECORD_BOOL:
    case RECORD_OBJECT:
        return *(const bool *)member;
    case RECORD_INT:
        return *(const int64_t *)member != RECORD_NO_INT;
    case RECORD_UINT:
        return *(const uint64_t *)member != RECORD_NO_UINT;
    case RECORD_DOUBLE:
        return isfinite(double_of(member));
    case RECORD_ENUM:
        return *(const int *)member != RECORD_NO_ENUM;
    case RECORD_STRS:
    case RECORD_STRMAP:
    case RECORD_OBJECTS:
        return *(const size_t *)(base + f->count_offset) > 0;
    case RECORD_TYPE_COUNT:
    default:
        return false;
    }
}

/* A payload's words may be anything; a result that cannot be published because
 * of one bad byte in them would help nobody. */
static int put_text(struct buf *b, struct view text, struct err *e)
{
    size_t start;

    if (mpk_put_str(b, text, e) < 0) {
        return -1;
    }
    if (view_is_text(text)) {
        return 0;
    }
    start = b->len - text.len;
    for (size_t i = 0; i < text.len;) {
        size_t n = 4 < text.len - i ? 4 : text.len - i;

        /* The longest start of the rest that is one good character. */
        while (n > 0 && !view_is_text((struct view){text.data + i, n})) {
            n--;
        }
        if (n == 0) {
            b->data[start + i] = '?';
            n = 1;
        }
        i += n;
    }
    return 0;
}

static int put_map(const struct record *record, const char *base, struct buf *b,
                   struct err *e);

static int put_strs(const struct record_field *f, const char *base,
                    struct buf *b, struct err *e)
{
    const struct view *list = *(struct view *const *)(base + f->offset);
    size_t count = *(const size_t *)(base + f->count_offset);

    if (mpk_put_array(b, count, e) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (put_text(b, list[i], e) < 0) {
            return -1;
        }
    }
    return 0;
}

static int put_strmap(const struct record_field *f, const char *base,
                      struct buf *b, struct err *e)
{
    const struct record_pair *list =
        *(struct record_pair *const *)(base + f->offset);
    size_t count = *(const size_t *)(base + f->count_offset);

    if (mpk_put_map(b, count, e) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (put_text(b, list[i].key, e) < 0 ||
            put_text(b, list[i].value, e) < 0) {
            return -1;
        }
    }
    return 0;
}

static int put_objects(const struct record_field *f, const char *base,
                       struct buf *b, struct err *e)
{
    const char *list = *(char *const *)(base + f->offset);
    size_t count = *(const size_t *)(base + f->count_offset);

    if (mpk_put_array(b, count, e) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (put_map(f->record, list + i * f->record->size, b, e) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Whoever made the bytes, what leaves here is well-formed. */
static int put_raw(const struct record_field *f, struct view raw, struct buf *b,
                   struct err *e)
{
    static const struct mpk_limits limits = {
        .max_depth = RECORD_RAW_MAX_DEPTH,
        .max_nodes = MPK_MAX_NODES,
    };

    if (raw.data == NULL) {
        return mpk_put_nil(b, e);
    }
    if (mpk_check(raw.data, raw.len, &limits, e) < 0) {
        return err_wrap(e, "%s", f->name);
    }
    return buf_append(b, raw.data, raw.len, e);
}

static int put_enum(const struct record_field *f, int value, struct buf *b,
                    struct err *e)
{
    if (value < 0 || (size_t)value >= f->names->count) {
        return err_set(e, ERR_BUG, "%s: %d names nothing", f->name, value);
    }
    return mpk_put_cstr(b, f->names->names[value], e);
}

static int put_value(const struct record_field *f, const char *base,
                     struct buf *b, struct err *e)
{
    const char *member = base + f->offset;

    switch (f->type) {
    case RECORD_STR:
        return put_text(b, *(const struct view *)member, e);
    case RECORD_BIN:
        return mpk_put_bin(b, *(const struct view *)member, e);
    case RECORD_RAW:
        return put_raw(f, *(const struct view *)member, b, e);
    case RECORD_BOOL:
        return mpk_put_bool(b, *(const bool *)member, e);
    case RECORD_OBJECT:
        return put_map(f->record, member, b, e);
    case RECORD_INT:
        return mpk_put_int(b, *(const int64_t *)member, e);
    case RECORD_UINT:
        return mpk_put_uint(b, *(const uint64_t *)member, e);
    case RECORD_DOUBLE:
        return mpk_put_double(b, double_of(member), e);
    case RECORD_ENUM:
        return put_enum(f, *(const int *)member, b, e);
    case RECORD_STRS:
        return put_strs(f, base, b, e);
    case RECORD_STRMAP:
        return put_strmap(f, base, b, e);
    case RECORD_OBJECTS:
        return put_objects(f, base, b, e);
    case RECORD_TYPE_COUNT:
    default:
        return err_set(e, ERR_BUG, "%s: no such type", f->name);
    }
}

static int put_map(const struct record *record, const char *base, struct buf *b,
                   struct err *e)
{
    size_t held = 0;

    for (size_t i = 0; i < record->count; i++) {
        held += is_held(&record->fields[i], base) ? 1 : 0;
    }
    if (mpk_put_map(b, held, e) < 0) {
        return -1;
    }
    for (size_t i = 0; i < record->count; i++) {
        const struct record_field *f = &record->fields[i];

        if (!is_held(f, base)) {
            continue;
        }
        if (mpk_put_cstr(b, f->name, e) < 0 || put_value(f, base, b, e) < 0) {
            return -1;
        }
    }
    return 0;
}

int record_encode(const struct record *record, const void *in, struct buf *b,
                  struct err *e)
{
    size_t start = b->len;

    if (put_map(record, in, b, e) < 0) {
        b->len = start;
        return err_wrap(e, "encoding a %s", record->name);
    }
    return 0;
}
