/* SPDX-License-Identifier: MIT */
/* mpk_json.c - msgpack and JSON into each other. Runs in the command line
 * tools and the gateway, never in the path of a job. Recursion is as deep as
 * the value, and that is bounded on both ways. */
#include "wire/mpk_json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"

static json_t *base64_object(struct view bytes)
{
    AUTO_FREE char *text = malloc(BASE64_LEN(bytes.len) + 1);

    if (text == NULL) {
        return NULL;
    }
    return json_pack("{s:s%}", "base64", text,
                     base64_encode(bytes.data, bytes.len, text));
}

json_t *mpk_json_bytes(struct view bytes)
{
    if (bytes.len == 0 || view_is_text(bytes)) {
        return json_stringn(bytes.len > 0 ? bytes.data : "", bytes.len);
    }
    return base64_object(bytes);
}

static json_t *from_ext(const msgpack_object *o)
{
    struct view bytes = {o->via.ext.size > 0 ? o->via.ext.ptr : "",
                         o->via.ext.size};
    json_t *json = base64_object(bytes);

    if (json != NULL &&
        json_object_set_new(json, "ext", json_integer(o->via.ext.type)) < 0) {
        json_decref(json);
        return NULL;
    }
    return json;
}

static json_t *from_object(const msgpack_object *o);

static json_t *from_array(const msgpack_object *o)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < o->via.array.size; i++) {
        if (json_array_append_new(list, from_object(&o->via.array.ptr[i])) <
            0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* Numbers and the like as they print, which is what a person can use. */
static int set_odd_key(json_t *map, const msgpack_object *key, json_t *value)
{
    char text[256];

    (void)msgpack_object_print_buffer(text, sizeof(text), *key);
    text[sizeof(text) - 1] = '\0';
    if (!view_is_text(view_of(text))) {
        (void)snprintf(text, sizeof(text), "(%s)", mpk_type_name(key));
    }
    return json_object_set_new(map, text, value);
}

static json_t *from_map(const msgpack_object *o)
{
    json_t *map = json_object();

    for (uint32_t i = 0; i < o->via.map.size; i++) {
        const msgpack_object_kv *kv = &o->via.map.ptr[i];
        struct view key = mpk_text(&kv->key);
        json_t *value = from_object(&kv->val);
        int rc;

        if (key.data != NULL && view_is_text(key)) {
            rc = json_object_setn_new(map, key.data, key.len, value);
        } else {
            rc = set_odd_key(map, &kv->key, value);
        }
        if (rc < 0) {
            json_decref(map);
            return NULL;
        }
    }
    return map;
}

static json_t *from_number(const msgpack_object *o)
{
    if (o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER) {
        return json_integer(o->via.i64);
    }
    if (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER) {
        /* JSON has no bound, but the library's integers do. */
        return o->via.u64 <= INT64_MAX ? json_integer((json_int_t)o->via.u64)
                                       : json_real((double)o->via.u64);
    }
    return isfinite(o->via.f64) ? json_real(o->via.f64) : json_null();
}

static json_t *from_object(const msgpack_object *o)
{
    switch (o->type) {
    case MSGPACK_OBJECT_NIL:
        return json_null();
    case MSGPACK_OBJECT_BOOLEAN:
        return json_boolean(o->via.boolean);
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        return from_number(o);
    case MSGPACK_OBJECT_STR:
        return mpk_json_bytes(mpk_text(o));
    case MSGPACK_OBJECT_BIN:
        return mpk_json_bytes((struct view){o->via.bin.ptr, o->via.bin.size});
    case MSGPACK_OBJECT_EXT:
        return from_ext(o);
    case MSGPACK_OBJECT_ARRAY:
        return from_array(o);
    case MSGPACK_OBJECT_MAP:
        return from_map(o);
    default:
        return json_null();
    }
}

int mpk_json_from(const void *data, size_t len, json_t **out, struct err *e)
{
    struct mpk_doc doc;
    json_t *json;

    if (mpk_open(data, len, NULL, &doc, e) < 0) {
        return -1;
    }
    json = from_object(&doc.root);
    mpk_close(&doc);
    if (json == NULL) {
        return err_set(e, ERR_LIMIT, "no memory for the JSON of %zu bytes",
                       len);
    }
    *out = json;
    return 0;
}

static struct view json_text(const json_t *json)
{
    return (struct view){json_string_value(json), json_string_length(json)};
}

static int put_base64(const json_t *text, struct buf *b, struct err *e)
{
    struct view digits = json_text(text);
    AUTO_FREE uint8_t *bytes = malloc(digits.len / 4 * 3 + 4);
    size_t len = 0;

    if (bytes == NULL) {
        return err_set(e, ERR_LIMIT, "no memory for %zu bytes of base64",
                       digits.len);
    }
    if (base64_decode(digits.data, digits.len, bytes, &len) < 0) {
        return err_set(e, ERR_INPUT, "\"%.*s\" is not base64",
                       digits.len > 40 ? 40 : (int)digits.len, digits.data);
    }
    return mpk_put_bin(b, (struct view){(const char *)bytes, len}, e);
}

static int put_json(const json_t *json, size_t depth, struct buf *b,
                    struct err *e);

static int put_object(const json_t *json, size_t depth, struct buf *b,
                      struct err *e)
{
    const json_t *base64 = json_object_get(json, "base64");
    size_t count = json_object_size(json);
    json_t *object = (json_t *)(uintptr_t)json; /* iterating writes nothing */

    if (count == 1 && json_is_string(base64)) {
        return put_base64(base64, b, e);
    }
    if (mpk_put_map(b, count, e) < 0) {
        return -1;
    }
    for (void *it = json_object_iter(object); it != NULL;
         it = json_object_iter_next(object, it)) {
        struct view key = {json_object_iter_key(it),
                           json_object_iter_key_len(it)};

        if (mpk_put_str(b, key, e) < 0 ||
            put_json(json_object_iter_value(it), depth + 1, b, e) < 0) {
            return -1;
        }
    }
    return 0;
}

static int put_array(const json_t *json, size_t depth, struct buf *b,
                     struct err *e)
{
    if (mpk_put_array(b, json_array_size(json), e) < 0) {
        return -1;
    }
    for (size_t i = 0; i < json_array_size(json); i++) {
        if (put_json(json_array_get(json, i), depth + 1, b, e) < 0) {
            return -1;
        }
    }
    return 0;
}

static bool is_container(const json_t *json)
{
    return json_is_object(json) || json_is_array(json);
}

static int put_json(const json_t *json, size_t depth, struct buf *b,
                    struct err *e)
{
    if (depth > MPK_MAX_DEPTH && is_container(json)) {
        return err_set(e, ERR_LIMIT, "nested deeper than %d levels",
                       MPK_MAX_DEPTH);
    }
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return put_object(json, depth, b, e);
    case JSON_ARRAY:
        return put_array(json, depth, b, e);
    case JSON_STRING:
        return mpk_put_str(b, json_text(json), e);
    case JSON_INTEGER:
        return mpk_put_int(b, json_integer_value(json), e);
    case JSON_REAL:
        return mpk_put_double(b, json_real_value(json), e);
    case JSON_TRUE:
    case JSON_FALSE:
        return mpk_put_bool(b, json_is_true(json), e);
    case JSON_NULL:
    default:
        return mpk_put_nil(b, e);
    }
}

int mpk_json_to(const json_t *json, struct buf *b, struct err *e)
{
    size_t start = b->len;

    if (put_json(json, 1, b, e) < 0) {
        b->len = start;
        return -1;
    }
    return 0;
}
