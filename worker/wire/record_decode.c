/* SPDX-License-Identifier: MIT */
/* record_decode.c - msgpack to C structs, by the message's table. Runs in the
 * engine on bytes a stranger wrote, and in the command line tools.
 *
 * Never allocates outside the caller's arena and msgpack-c's zone, never reads
 * past the message, and never fails without naming the field. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "wire/record.h"

/* Where we are, for error texts: a chain of stack frames. */
struct place {
    const struct place *up;
    const char *name;
    size_t index; /* NO_INDEX, or the entry of a list */
};

#define NO_INDEX SIZE_MAX

struct decoder {
    struct arena *arena;
    struct err *e;
    const char *data; /* the whole message, to find raw values in */
    size_t len;
};

/* Appends "limits.memory_bytes" or "files[3].path", cut when too long. */
static void print_place(const struct place *place, char *dst, size_t size)
{
    size_t len;

    if (place->up != NULL) {
        print_place(place->up, dst, size);
    }
    len = strlen(dst);
    if (place->index != NO_INDEX) {
        (void)snprintf(dst + len, size - len, "[%zu]", place->index);
    } else {
        (void)snprintf(dst + len, size - len, "%s%s", len > 0 ? "." : "",
                       place->name);
    }
}

static int refuse(const struct decoder *d, const struct place *place,
                  const char *fmt, ...) PRINTF_LIKE(3, 4);

static int refuse(const struct decoder *d, const struct place *place,
                  const char *fmt, ...)
{
    char where[160] = "";
    char what[300];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    print_place(place, where, sizeof(where));
    return err_set(d->e, ERR_INPUT, "%s: %s", where, what);
}

static int wrong_type(const struct decoder *d, const struct place *place,
                      const char *wanted, const msgpack_object *o)
{
    return refuse(d, place, "must be %s, not %s", wanted, mpk_type_name(o));
}

/* Room in the arena; an arena that is full means the input is too large. */
static void *take(const struct decoder *d, const struct place *place,
                  size_t count, size_t size)
{
    void *p = NULL;

    /* Counts are bounded by the bytes of the message, sizes are ours. */
    if (count <= SIZE_MAX / size) {
        p = arena_alloc(d->arena, count * size);
    }
    if (p == NULL) {
        (void)refuse(d, place, "%zu entries need more memory than allowed",
                     count);
    }
    return p;
}

static int text_from(const struct decoder *d, const struct place *place,
                     size_t max, const msgpack_object *o, struct view *out)
{
    struct view text = mpk_text(o);

    if (text.data == NULL) {
        return wrong_type(d, place, "text", o);
    }
    if (max > 0 && text.len > max) {
        return refuse(d, place, "%zu bytes are over the maximum of %zu",
                      text.len, max);
    }
    if (memchr(text.data, '\0', text.len) != NULL) {
        return refuse(d, place, "must not hold a NUL byte");
    }
    if (!view_is_text(text)) {
        return refuse(d, place, "must be valid UTF-8");
    }
    *out = text;
    return 0;
}

static int read_str(const struct decoder *d, const struct place *place,
                    const struct record_field *f, const msgpack_object *o,
                    char *base)
{
    return text_from(d, place, f->max, o, (struct view *)(base + f->offset));
}

static int read_bin(const struct decoder *d, const struct place *place,
                    const struct record_field *f, const msgpack_object *o,
                    char *base)
{
    struct view bytes = mpk_text(o);

    if (o->type == MSGPACK_OBJECT_BIN) {
        bytes.len = o->via.bin.size;
        bytes.data = bytes.len > 0 ? o->via.bin.ptr : "";
    }
    if (bytes.data == NULL) {
        return wrong_type(d, place, "bytes or text", o);
    }
    if (f->max > 0 && bytes.len > f->max) {
        return refuse(d, place, "%zu bytes are over the maximum of %zu",
                      bytes.len, f->max);
    }
    *(struct view *)(base + f->offset) = bytes;
    return 0;
}

static int read_bool(const struct decoder *d, const struct place *place,
                     const struct record_field *f, const msgpack_object *o,
                     char *base)
{
    if (o->type != MSGPACK_OBJECT_BOOLEAN) {
        return wrong_type(d, place, "true or false", o);
    }
    *(bool *)(base + f->offset) = o->via.boolean;
    return 0;
}

static bool is_float(const msgpack_object *o)
{
    return o->type == MSGPACK_OBJECT_FLOAT64 ||
           o->type == MSGPACK_OBJECT_FLOAT32;
}

/* JavaScript has one number type: 30000.0 is a whole number, 0.5 is not. */
static int whole_from_float(const struct decoder *d, const struct place *place,
                            double value, double low, double below)
{
    double whole;

    if (isnan(value) || isinf(value)) {
        return refuse(d, place, "%g is not a number to count with", value);
    }
    if (value < 0 && low >= 0) {
        return refuse(d, place, "%.17g is negative", value);
    }
    if (value < low || value >= below) {
        return refuse(d, place, "%.17g is out of range", value);
    }
    whole = value < 0 ? (double)(int64_t)value : (double)(uint64_t)value;
    if (value < whole || value > whole) {
        return refuse(d, place, "%.17g is not a whole number", value);
    }
    return 0;
}

static int read_uint(const struct decoder *d, const struct place *place,
                     const struct record_field *f, const msgpack_object *o,
                     char *base)
{
    uint64_t value = 0;

    if (is_float(o)) {
        if (whole_from_float(d, place, o->via.f64, 0, 0x1p64) < 0) {
            return -1;
        }
        value = (uint64_t)o->via.f64;
    } else if (o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER) {
        return refuse(d, place, "%lld is negative", (long long)o->via.i64);
    } else if (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER) {
        value = o->via.u64;
    } else {
        return wrong_type(d, place, "a whole number", o);
    }
    if (value == RECORD_NO_UINT) {
        return refuse(d, place, "%llu is out of range",
                      (unsigned long long)value);
    }
    *(uint64_t *)(base + f->offset) = value;
    return 0;
}

static int read_int(const struct decoder *d, const struct place *place,
                    const struct record_field *f, const msgpack_object *o,
                    char *base)
{
    int64_t value = 0;

    if (is_float(o)) {
        if (whole_from_float(d, place, o->via.f64, -0x1p63, 0x1p63) < 0) {
            return -1;
        }
        value = (int64_t)o->via.f64;
    } else if (o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER) {
        value = o->via.i64;
    } else if (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER) {
        if (o->via.u64 > INT64_MAX) {
            return refuse(d, place, "%llu is out of range",
                          (unsigned long long)o->via.u64);
        }
        value = (int64_t)o->via.u64;
    } else {
        return wrong_type(d, place, "a whole number", o);
    }
    if (value == RECORD_NO_INT) {
        return refuse(d, place, "%lld is out of range", (long long)value);
    }
    *(int64_t *)(base + f->offset) = value;
    return 0;
}

static int read_double(const struct decoder *d, const struct place *place,
                       const struct record_field *f, const msgpack_object *o,
                       char *base)
{
    double value = 0;

    if (is_float(o)) {
        value = o->via.f64;
    } else if (o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER) {
        value = (double)o->via.i64;
    } else if (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER) {
        value = (double)o->via.u64;
    } else {
        return wrong_type(d, place, "a number", o);
    }
    if (!isfinite(value)) {
        return refuse(d, place, "%g is not a number to count with", value);
    }
    memcpy(base + f->offset, &value, sizeof(value));
    return 0;
}

/* "a, b or c", cut when too long. */
static void print_names(const struct record_enum *names, char *dst, size_t size)
{
    size_t len = 0;

    dst[0] = '\0';
    for (size_t i = 0; i < names->count && len < size; i++) {
        const char *between = i == 0                  ? ""
                              : i + 1 == names->count ? " or "
                                                      : ", ";
        int n =
            snprintf(dst + len, size - len, "%s%s", between, names->names[i]);

        len += n > 0 ? (size_t)n : size;
    }
}

static int read_enum(const struct decoder *d, const struct place *place,
                     const struct record_field *f, const msgpack_object *o,
                     char *base)
{
    struct view name;
    int value;

    if (text_from(d, place, 0, o, &name) < 0) {
        return -1;
    }
    value = record_enum_find(f->names, name);
    if (value == RECORD_NO_ENUM) {
        char allowed[160];

        print_names(f->names, allowed, sizeof(allowed));
        return refuse(d, place, "\"%.*s\" is not one of %s",
                      name.len > 64 ? 64 : (int)name.len, name.data, allowed);
    }
    *(int *)(base + f->offset) = value;
    return 0;
}

static int check_count(const struct decoder *d, const struct place *place,
                       const struct record_field *f, size_t count)
{
    if (f->max > 0 && count > f->max) {
        return refuse(d, place, "%zu entries are over the maximum of %zu",
                      count, f->max);
    }
    return 0;
}

static int read_strs(const struct decoder *d, const struct place *place,
                     const struct record_field *f, const msgpack_object *o,
                     char *base)
{
    struct place entry = {.up = place};
    struct view *list;
    size_t count;

    if (o->type != MSGPACK_OBJECT_ARRAY) {
        return wrong_type(d, place, "a list of texts", o);
    }
    count = o->via.array.size;
    if (check_count(d, place, f, count) < 0) {
        return -1;
    }
    list = count > 0 ? take(d, place, count, sizeof(*list)) : NULL;
    if (count > 0 && list == NULL) {
        return -1;
    }
    for (entry.index = 0; entry.index < count; entry.index++) {
        if (text_from(d, &entry, 0, &o->via.array.ptr[entry.index],
                      &list[entry.index]) < 0) {
            return -1;
        }
    }
    *(struct view **)(base + f->offset) = list;
    *(size_t *)(base + f->count_offset) = count;
    return 0;
}

static int pair_from(const struct decoder *d, const struct place *place,
                     const msgpack_object_kv *kv, struct record_pair *out)
{
    struct place value = {.up = place, .name = "?", .index = NO_INDEX};
    char name[64];

    if (mpk_text(&kv->key).data == NULL) {
        return refuse(d, place, "keys must be text, not %s",
                      mpk_type_name(&kv->key));
    }
    if (text_from(d, place, 0, &kv->key, &out->key) < 0) {
        return -1;
    }
    (void)snprintf(name, sizeof(name), "%.*s",
                   out->key.len > 60 ? 60 : (int)out->key.len, out->key.data);
    value.name = name;
    return text_from(d, &value, 0, &kv->val, &out->value);
}

static int read_strmap(const struct decoder *d, const struct place *place,
                       const struct record_field *f, const msgpack_object *o,
                       char *base)
{
    struct record_pair *list;
    size_t count;

    if (o->type != MSGPACK_OBJECT_MAP) {
        return wrong_type(d, place, "a map of texts", o);
    }
    count = o->via.map.size;
    if (check_count(d, place, f, count) < 0) {
        return -1;
    }
    list = count > 0 ? take(d, place, count, sizeof(*list)) : NULL;
    if (count > 0 && list == NULL) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (pair_from(d, place, &o->via.map.ptr[i], &list[i]) < 0) {
            return -1;
        }
    }
    *(struct record_pair **)(base + f->offset) = list;
    *(size_t *)(base + f->count_offset) = count;
    return 0;
}

static int read_map(const struct decoder *d, const struct place *place,
                    const struct record *record, const msgpack_object *o,
                    char *base);

static int read_object(const struct decoder *d, const struct place *place,
                       const struct record_field *f, const msgpack_object *o,
                       char *base)
{
    if (o->type != MSGPACK_OBJECT_MAP) {
        return wrong_type(d, place, "a map", o);
    }
    *(bool *)(base + f->offset) = true;
    return read_map(d, place, f->record, o, base + f->offset);
}

static int read_objects(const struct decoder *d, const struct place *place,
                        const struct record_field *f, const msgpack_object *o,
                        char *base)
{
    struct place entry = {.up = place};
    char *list;
    size_t count;

    if (o->type != MSGPACK_OBJECT_ARRAY) {
        return wrong_type(d, place, "a list of maps", o);
    }
    count = o->via.array.size;
    if (check_count(d, place, f, count) < 0) {
        return -1;
    }
    list = count > 0 ? take(d, place, count, f->record->size) : NULL;
    if (count > 0 && list == NULL) {
        return -1;
    }
    for (entry.index = 0; entry.index < count; entry.index++) {
        const msgpack_object *item = &o->via.array.ptr[entry.index];
        char *slot = list + entry.index * f->record->size;

        if (item->type != MSGPACK_OBJECT_MAP) {
            return wrong_type(d, &entry, "a map", item);
        }
        record_init(f->record, slot);
        *(bool *)slot = true;
        if (read_map(d, &entry, f->record, item, slot) < 0) {
            return -1;
        }
    }
    *(char **)(base + f->offset) = list;
    *(size_t *)(base + f->count_offset) = count;
    return 0;
}

static int check_raw(const struct decoder *d, const struct place *place,
                     const struct record_field *f, const msgpack_object *o)
{
    if ((f->flags & RECORD_MAP) != 0 && o->type != MSGPACK_OBJECT_MAP) {
        return wrong_type(d, place, "a map", o);
    }
    if ((f->flags & RECORD_LIST) != 0 && o->type != MSGPACK_OBJECT_ARRAY) {
        return wrong_type(d, place, "a list", o);
    }
    return 0;
}

/* msgpack-c does not say where a value lies; but keys are views into the
 * message, and a value begins where its key ends. */
static int read_raw(const struct decoder *d, const struct place *place,
                    const struct record_field *f, const msgpack_object_kv *kv,
                    char *base)
{
    struct view key = mpk_text(&kv->key);
    size_t at = (size_t)(key.data + key.len - d->data);
    struct view raw = {.data = d->data + at};

    if (check_raw(d, place, f, &kv->val) < 0) {
        return -1;
    }
    raw.len = mpk_value_len(raw.data, d->len - at);
    *(struct view *)(base + f->offset) = raw;
    return 0;
}

typedef int (*read_fn)(const struct decoder *d, const struct place *place,
                       const struct record_field *f, const msgpack_object *o,
                       char *base);

static const read_fn readers[RECORD_TYPE_COUNT] = {
    [RECORD_STR] = read_str,       [RECORD_BIN] = read_bin,
    [RECORD_BOOL] = read_bool,     [RECORD_INT] = read_int,
    [RECORD_UINT] = read_uint,     [RECORD_ENUM] = read_enum,
    [RECORD_STRS] = read_strs,     [RECORD_STRMAP] = read_strmap,
    [RECORD_OBJECT] = read_object, [RECORD_OBJECTS] = read_objects,
    [RECORD_DOUBLE] = read_double,
};

static int read_field(const struct decoder *d, const struct place *up,
                      const struct record_field *f, const msgpack_object_kv *kv,
                      char *base)
{
    struct place place = {.up = up, .name = f->name, .index = NO_INDEX};

    if (f->type == RECORD_RAW) {
        return read_raw(d, &place, f, kv, base);
    }
    return readers[f->type](d, &place, f, &kv->val, base);
}

/* RECORD_MAX_FIELDS when the key is not ours. */
static size_t find_field(const struct record *record, struct view key)
{
    for (size_t i = 0; i < record->count; i++) {
        if (view_is(key, record->fields[i].name)) {
            return i;
        }
    }
    return RECORD_MAX_FIELDS;
}

static int refuse_below(const struct decoder *d, const struct place *up,
                        const char *name, const char *what)
{
    struct place place = {.up = up, .name = name, .index = NO_INDEX};

    return refuse(d, &place, "%s", what);
}

static int require_all(const struct decoder *d, const struct place *place,
                       const struct record *record, uint64_t seen)
{
    for (size_t i = 0; i < record->count; i++) {
        const struct record_field *f = &record->fields[i];

        if ((f->flags & RECORD_REQUIRED) != 0 && (seen >> i & 1) == 0) {
            return refuse_below(d, place, f->name, "is missing");
        }
    }
    return 0;
}

/* A return value may be nil; for all else nil is another word for absent. */
static bool nil_is_value(const struct record_field *f)
{
    return f->type == RECORD_RAW &&
           (f->flags & (RECORD_MAP | RECORD_LIST)) == 0;
}

static int read_map(const struct decoder *d, const struct place *place,
                    const struct record *record, const msgpack_object *o,
                    char *base)
{
    uint64_t named = 0;
    uint64_t seen = 0;

    for (uint32_t k = 0; k < o->via.map.size; k++) {
        const msgpack_object_kv *kv = &o->via.map.ptr[k];
        size_t i = find_field(record, mpk_text(&kv->key));

        if (i == RECORD_MAX_FIELDS) {
            continue;
        }
        if ((named >> i & 1) != 0) {
            return refuse_below(d, place, record->fields[i].name,
                                "is there twice");
        }
        named |= UINT64_C(1) << i;
        if (kv->val.type == MSGPACK_OBJECT_NIL &&
            !nil_is_value(&record->fields[i])) {
            continue;
        }
        seen |= UINT64_C(1) << i;
        if (read_field(d, place, &record->fields[i], kv, base) < 0) {
            return -1;
        }
    }
    return require_all(d, place, record, seen);
}

int record_decode(const struct record *record, const void *data, size_t len,
                  struct arena *arena, void *out, struct err *e)
{
    struct decoder d = {.arena = arena, .e = e, .data = data, .len = len};
    struct mpk_doc doc;
    int rc;

    record_init(record, out);
    if (mpk_open(data, len, NULL, &doc, e) < 0) {
        return -1;
    }
    if (doc.root.type != MSGPACK_OBJECT_MAP) {
        rc = err_set(e, ERR_INPUT, "%s: must be a map, not %s", record->name,
                     mpk_type_name(&doc.root));
    } else {
        rc = read_map(&d, NULL, record, &doc.root, out);
    }
    mpk_close(&doc);
    return rc;
}
