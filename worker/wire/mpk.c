/* SPDX-License-Identifier: MIT */
/* mpk.c - msgpack, bounded. Runs in the engine and in the command line tools.
 *
 * A walk over the raw bytes comes first: it needs no memory and proves that
 * every announced length is really there. Only then msgpack-c, which reserves
 * what a head announces, unpacks. Never trusts a length it has not compared
 * with what remains. */
#include "wire/mpk.h"

#include <string.h>

const struct mpk_limits mpk_default_limits = {
    .max_bytes = 0,
    .max_depth = MPK_MAX_DEPTH,
    .max_nodes = MPK_MAX_NODES,
};

/* What the first bytes of a value announce. */
struct head {
    size_t len;        /* of the head itself */
    uint64_t body;     /* bytes of text, bin, ext or number after it */
    uint64_t children; /* values after it */
    bool is_container;
};

enum shape {
    SHAPE_INVALID,
    SHAPE_FIXED, /* extra: bytes that follow */
    SHAPE_BLOB,  /* extra: 1 when a type byte precedes the bytes (ext) */
    SHAPE_ARRAY,
    SHAPE_MAP,
};

/* The heads from 0xc0 to 0xdf; all others carry their length in the byte. */
struct shape_row {
    uint8_t shape;
    uint8_t count_bytes; /* width of the big-endian count after the byte */
    uint8_t extra;
};

static const struct shape_row shapes[32] = {
    [0x00] = {SHAPE_FIXED, 0, 0},   /* nil */
    [0x01] = {SHAPE_INVALID, 0, 0}, /* 0xc1 is never used */
    [0x02] = {SHAPE_FIXED, 0, 0},   /* false */
    [0x03] = {SHAPE_FIXED, 0, 0},   /* true */
    [0x04] = {SHAPE_BLOB, 1, 0},    /* bin */
    [0x05] = {SHAPE_BLOB, 2, 0},
    [0x06] = {SHAPE_BLOB, 4, 0},
    [0x07] = {SHAPE_BLOB, 1, 1}, /* ext */
    [0x08] = {SHAPE_BLOB, 2, 1},
    [0x09] = {SHAPE_BLOB, 4, 1},
    [0x0a] = {SHAPE_FIXED, 0, 4}, /* float32 */
    [0x0b] = {SHAPE_FIXED, 0, 8}, /* float64 */
    [0x0c] = {SHAPE_FIXED, 0, 1}, /* uint */
    [0x0d] = {SHAPE_FIXED, 0, 2},
    [0x0e] = {SHAPE_FIXED, 0, 4},
    [0x0f] = {SHAPE_FIXED, 0, 8},
    [0x10] = {SHAPE_FIXED, 0, 1}, /* int */
    [0x11] = {SHAPE_FIXED, 0, 2},
    [0x12] = {SHAPE_FIXED, 0, 4},
    [0x13] = {SHAPE_FIXED, 0, 8},
    [0x14] = {SHAPE_FIXED, 0, 2}, /* fixext: type and 1, 2, 4, 8, 16 */
    [0x15] = {SHAPE_FIXED, 0, 3},
    [0x16] = {SHAPE_FIXED, 0, 5},
    [0x17] = {SHAPE_FIXED, 0, 9},
    [0x18] = {SHAPE_FIXED, 0, 17},
    [0x19] = {SHAPE_BLOB, 1, 0}, /* str */
    [0x1a] = {SHAPE_BLOB, 2, 0},
    [0x1b] = {SHAPE_BLOB, 4, 0},
    [0x1c] = {SHAPE_ARRAY, 2, 0},
    [0x1d] = {SHAPE_ARRAY, 4, 0},
    [0x1e] = {SHAPE_MAP, 2, 0},
    [0x1f] = {SHAPE_MAP, 4, 0},
};

static uint64_t big_endian(const uint8_t *p, size_t width)
{
    uint64_t value = 0;

    for (size_t i = 0; i < width; i++) {
        value = value << 8 | p[i];
    }
    return value;
}

/* Heads whose byte says it all: small numbers, fixmap, fixarray, fixstr. */
static struct head short_head(uint8_t byte)
{
    struct head head = {.len = 1};

    if (byte >= 0xa0 && byte <= 0xbf) {
        head.body = byte & 0x1fU;
    } else if (byte >= 0x90 && byte <= 0x9f) {
        head.children = byte & 0x0fU;
        head.is_container = true;
    } else if (byte >= 0x80 && byte <= 0x8f) {
        head.children = 2U * (byte & 0x0fU);
        head.is_container = true;
    }
    return head;
}

static bool long_head(const uint8_t *p, size_t left, struct head *out)
{
    const struct shape_row *row = &shapes[p[0] - 0xc0];
    uint64_t count;

    *out = (struct head){.len = 1U + row->count_bytes};
    if (row->shape == SHAPE_INVALID || left < out->len) {
        return false;
    }
    count = big_endian(p + 1, row->count_bytes);
    if (row->shape == SHAPE_FIXED || row->shape == SHAPE_BLOB) {
        out->body = count + row->extra;
        return true;
    }
    out->is_container = true;
    out->children = row->shape == SHAPE_MAP ? 2 * count : count;
    return true;
}

static bool read_head(const uint8_t *p, size_t left, struct head *out)
{
    if (p[0] >= 0xc0 && p[0] <= 0xdf) {
        return long_head(p, left, out);
    }
    *out = short_head(p[0]);
    return true;
}

struct walk {
    const uint8_t *data;
    size_t len;
    size_t pos;
    size_t nodes;
    size_t depth;
    uint64_t pending;             /* values still to come in all containers */
    uint64_t open[MPK_MAX_DEPTH]; /* ... and in each */
};

static int broken(const struct walk *w, const char *what, struct err *e)
{
    return err_set(e, ERR_INPUT, "not valid msgpack: %s at byte %zu of %zu",
                   what, w->pos, w->len);
}

/* One head: bytes really there, counts possible, limits kept. */
static int walk_value(struct walk *w, const struct mpk_limits *limits,
                      struct err *e)
{
    struct head head;
    size_t left = w->len - w->pos;

    if (left == 0) {
        return broken(w, "cut short", e);
    }
    if (w->data[w->pos] == 0xc1) {
        return broken(w, "byte 0xc1", e);
    }
    if (!read_head(w->data + w->pos, left, &head)) {
        return broken(w, "cut short", e);
    }
    left -= head.len;
    if (head.body > left) {
        return broken(w, "text or bytes longer than what is there", e);
    }
    left -= (size_t)head.body;
    /* A value takes at least one byte. Counted over all open containers:
     * msgpack-c reserves at every level, so that each level alone being
     * possible would still allow 32 times the message. */
    if (head.children > left || w->pending > left - head.children) {
        return broken(w, "more entries announced than bytes are there", e);
    }
    w->pending += head.children;
    w->nodes++;
    if (w->nodes + w->pending > limits->max_nodes) {
        return err_set(e, ERR_LIMIT, "more than %zu values in one message",
                       limits->max_nodes);
    }
    w->pos += head.len + (size_t)head.body;
    if (!head.is_container) {
        return 0;
    }
    if (w->depth >= limits->max_depth || w->depth >= MPK_MAX_DEPTH) {
        return err_set(e, ERR_LIMIT, "nested deeper than %zu levels",
                       limits->max_depth);
    }
    w->open[w->depth++] = head.children;
    return 0;
}

/* Closes the containers that are complete. */
static void walk_up(struct walk *w)
{
    while (w->depth > 0 && w->open[w->depth - 1] == 0) {
        w->depth--;
    }
}

static int walk_one(struct walk *w, const struct mpk_limits *limits,
                    struct err *e)
{
    do {
        if (w->depth > 0) {
            w->open[w->depth - 1]--;
            w->pending--;
        }
        if (walk_value(w, limits, e) < 0) {
            return -1;
        }
        walk_up(w);
    } while (w->depth > 0);
    return 0;
}

int mpk_check(const void *data, size_t len, const struct mpk_limits *limits,
              struct err *e)
{
    struct walk w = {.data = data, .len = len};

    if (limits == NULL) {
        limits = &mpk_default_limits;
    }
    if (limits->max_bytes > 0 && len > limits->max_bytes) {
        return err_set(e, ERR_LIMIT, "%zu bytes are over the maximum of %zu",
                       len, limits->max_bytes);
    }
    if (data == NULL || len == 0) {
        return err_set(e, ERR_INPUT, "not valid msgpack: empty");
    }
    if (walk_one(&w, limits, e) < 0) {
        return -1;
    }
    if (w.pos != len) {
        return broken(&w, "bytes after the end of the value", e);
    }
    return 0;
}

size_t mpk_value_len(const void *data, size_t len)
{
    static const struct mpk_limits any = {0, MPK_MAX_DEPTH, SIZE_MAX};
    struct walk w = {.data = data, .len = len};

    if (data == NULL || walk_one(&w, &any, NULL) < 0) {
        return 0;
    }
    return w.pos;
}

int mpk_open(const void *data, size_t len, const struct mpk_limits *limits,
             struct mpk_doc *out, struct err *e)
{
    msgpack_unpacked unpacked;
    size_t offset = 0;
    msgpack_unpack_return code;

    if (mpk_check(data, len, limits, e) < 0) {
        return -1;
    }
    msgpack_unpacked_init(&unpacked);
    code = msgpack_unpack_next(&unpacked, data, len, &offset);
    if (code == MSGPACK_UNPACK_NOMEM_ERROR) {
        msgpack_unpacked_destroy(&unpacked);
        return err_set(e, ERR_LIMIT, "no memory to unpack %zu bytes", len);
    }
    if (code != MSGPACK_UNPACK_SUCCESS) {
        /* The walk says yes and the library says no: ours to find out. */
        msgpack_unpacked_destroy(&unpacked);
        return err_set(e, ERR_INPUT, "not valid msgpack (code %d)", code);
    }
    out->root = unpacked.data;
    /* A single number needs none and has none. */
    out->zone = msgpack_unpacked_release_zone(&unpacked);
    return 0;
}

void mpk_close(struct mpk_doc *doc)
{
    if (doc->zone != NULL) {
        msgpack_zone_free(doc->zone);
        doc->zone = NULL;
    }
}

struct view mpk_text(const msgpack_object *o)
{
    if (o == NULL || o->type != MSGPACK_OBJECT_STR) {
        return (struct view){NULL, 0};
    }
    return (struct view){
        .data = o->via.str.size > 0 ? o->via.str.ptr : "",
        .len = o->via.str.size,
    };
}

const msgpack_object *mpk_get(const msgpack_object *o, const char *key)
{
    if (o == NULL || o->type != MSGPACK_OBJECT_MAP) {
        return NULL;
    }
    for (uint32_t i = 0; i < o->via.map.size; i++) {
        const msgpack_object_kv *kv = &o->via.map.ptr[i];

        if (view_is(mpk_text(&kv->key), key)) {
            return &kv->val;
        }
    }
    return NULL;
}

const char *mpk_type_name(const msgpack_object *o)
{
    static const char *const names[] = {
        [MSGPACK_OBJECT_NIL] = "nil",
        [MSGPACK_OBJECT_BOOLEAN] = "true or false",
        [MSGPACK_OBJECT_POSITIVE_INTEGER] = "a number",
        [MSGPACK_OBJECT_NEGATIVE_INTEGER] = "a negative number",
        [MSGPACK_OBJECT_FLOAT64] = "a floating-point number",
        [MSGPACK_OBJECT_STR] = "text",
        [MSGPACK_OBJECT_ARRAY] = "a list",
        [MSGPACK_OBJECT_MAP] = "a map",
        [MSGPACK_OBJECT_BIN] = "bytes",
        [MSGPACK_OBJECT_EXT] = "an extension type",
        [MSGPACK_OBJECT_FLOAT32] = "a floating-point number",
    };
    size_t type = (size_t)o->type;

    if (type >= ARRAY_LEN(names) || names[type] == NULL) {
        return "something else";
    }
    return names[type];
}

/* msgpack-c's packer calls this; the error travels beside the buffer. */
struct sink {
    struct buf *b;
    struct err *e;
};

static int sink_write(void *data, const char *bytes, size_t len)
{
    struct sink *sink = data;

    return buf_append(sink->b, bytes, len, sink->e);
}

#define PACKER(b, e)                                                           \
    struct sink sink = {(b), (e)};                                             \
    msgpack_packer pk = {&sink, sink_write}

/* msgpack-c cuts lengths to 32 bits; nothing we write may come near. */
static int length_fits(size_t len, struct err *e)
{
    if (len > UINT32_MAX) {
        return err_set(e, ERR_LIMIT, "%zu is more than msgpack can count", len);
    }
    return 0;
}

int mpk_put_nil(struct buf *b, struct err *e)
{
    PACKER(b, e);

    return msgpack_pack_nil(&pk);
}

int mpk_put_bool(struct buf *b, bool value, struct err *e)
{
    PACKER(b, e);

    return value ? msgpack_pack_true(&pk) : msgpack_pack_false(&pk);
}

int mpk_put_uint(struct buf *b, uint64_t value, struct err *e)
{
    PACKER(b, e);

    return msgpack_pack_uint64(&pk, value);
}

int mpk_put_int(struct buf *b, int64_t value, struct err *e)
{
    PACKER(b, e);

    return msgpack_pack_int64(&pk, value);
}

int mpk_put_double(struct buf *b, double value, struct err *e)
{
    PACKER(b, e);

    return msgpack_pack_double(&pk, value);
}

int mpk_put_str(struct buf *b, struct view text, struct err *e)
{
    PACKER(b, e);

    if (length_fits(text.len, e) < 0 || msgpack_pack_str(&pk, text.len) < 0) {
        return -1;
    }
    return buf_append(b, text.data, text.len, e);
}

int mpk_put_cstr(struct buf *b, const char *text, struct err *e)
{
    return mpk_put_str(b, view_of(text), e);
}

int mpk_put_bin(struct buf *b, struct view bytes, struct err *e)
{
    PACKER(b, e);

    if (length_fits(bytes.len, e) < 0 || msgpack_pack_bin(&pk, bytes.len) < 0) {
        return -1;
    }
    return buf_append(b, bytes.data, bytes.len, e);
}

int mpk_put_map(struct buf *b, size_t pairs, struct err *e)
{
    PACKER(b, e);

    return length_fits(pairs, e) < 0 ? -1 : msgpack_pack_map(&pk, pairs);
}

int mpk_put_array(struct buf *b, size_t items, struct err *e)
{
    PACKER(b, e);

    return length_fits(items, e) < 0 ? -1 : msgpack_pack_array(&pk, items);
}
