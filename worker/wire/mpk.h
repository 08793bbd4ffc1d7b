/* SPDX-License-Identifier: MIT */
/* mpk.h - msgpack in and out, with every size bounded before msgpack-c sees a
 * byte: five bytes can announce a map of 2^32 entries, and msgpack-c reserves
 * memory for what is announced. */
#pragma once

#include <msgpack.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"

enum {
    MPK_MAX_DEPTH = 32,        /* contract; also msgpack-c's own stack */
    MPK_MAX_NODES = 256 * 1024 /* values in one message; 24 bytes each */
};

struct mpk_limits {
    size_t max_bytes; /* 0: no bound of its own */
    size_t max_depth; /* containers inside each other; <= MPK_MAX_DEPTH */
    size_t max_nodes; /* scalars, keys and containers together */
};

extern const struct mpk_limits mpk_default_limits;

/* Walks the bytes: exactly one complete value, nothing after it, within the
 * limits. Allocates nothing. ERR_LIMIT for depth, nodes and size, ERR_INPUT
 * for the rest. limits NULL: the defaults. */
int mpk_check(const void *data, size_t len, const struct mpk_limits *limits,
              struct err *e) MUST_USE;

/* Length of the first value, 0 when it is not complete. */
size_t mpk_value_len(const void *data, size_t len);

/* A checked and unpacked message. Its strings are views into the input, which
 * must outlive it. */
struct mpk_doc {
    msgpack_zone *zone;
    msgpack_object root;
};

int mpk_open(const void *data, size_t len, const struct mpk_limits *limits,
             struct mpk_doc *out, struct err *e) MUST_USE;
void mpk_close(struct mpk_doc *doc);

struct view mpk_text(const msgpack_object *o); /* str; else absent */
/* The value below a key of a map, NULL when o is no map or has no such key. */
const msgpack_object *mpk_get(const msgpack_object *o, const char *key);
/* "text", "a number", "nil", ...: for messages to people. */
const char *mpk_type_name(const msgpack_object *o);

/* Writers: append one value (or the head of a container) to the buffer. */
int mpk_put_nil(struct buf *b, struct err *e) MUST_USE;
int mpk_put_bool(struct buf *b, bool value, struct err *e) MUST_USE;
int mpk_put_uint(struct buf *b, uint64_t value, struct err *e) MUST_USE;
int mpk_put_int(struct buf *b, int64_t value, struct err *e) MUST_USE;
int mpk_put_double(struct buf *b, double value, struct err *e) MUST_USE;
int mpk_put_str(struct buf *b, struct view text, struct err *e) MUST_USE;
int mpk_put_cstr(struct buf *b, const char *text, struct err *e) MUST_USE;
int mpk_put_bin(struct buf *b, struct view bytes, struct err *e) MUST_USE;
int mpk_put_map(struct buf *b, size_t pairs, struct err *e) MUST_USE;
int mpk_put_array(struct buf *b, size_t items, struct err *e) MUST_USE;
