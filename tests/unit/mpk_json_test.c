/* SPDX-License-Identifier: MIT */
/* mpk_json_test.c - messages for people, and back. */
#include "packed.h"

#include <stdio.h>

static void assert_json(const void *data, size_t len, const char *expected)
{
    struct err e = {.msg = ""};
    json_t *json = NULL;
    char *text;

    if (mpk_json_from(data, len, &json, &e) < 0) {
        fail_msg("%s", e.msg);
    }
    text = json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT);
    assert_string_equal(text, expected);
    free(text);
    json_decref(json);
}

static void test_from_msgpack(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *json;
    } rows[] = {
        {"\xc0", 1, "null"},
        {"\xc3", 1, "true"},
        {"\x07", 1, "7"},
        {"\xff", 1, "-1"},
        {"\xcb\x3f\xe0\0\0\0\0\0\0", 9, "0.5"},
        {"\xca\x3f\0\0\0", 5, "0.5"},
        {"\xcb\x7f\xf8\0\0\0\0\0\0", 9, "null"},
        {"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9, "1.8446744073709552e19"},
        {"\xa2hi", 3, "\"hi\""},
        {"\xa0", 1, "\"\""},
        {"\xc4\x02hi", 4, "\"hi\""},
        {"\xc4\x00", 2, "\"\""},
        {"\xc4\x01\xff", 3, "{\"base64\":\"/w==\"}"},
        {"\xc4\x02\xff\0", 4, "{\"base64\":\"/wA=\"}"},
        {"\xc4\x03\xff\0\1", 5, "{\"base64\":\"/wAB\"}"},
        {"\xc4\x01\0", 3, "{\"base64\":\"AA==\"}"},
        {"\xa1\xff", 2, "{\"base64\":\"/w==\"}"},
        {"\xd4\x05z", 3, "{\"base64\":\"eg==\",\"ext\":5}"},
        {"\x92\x01\x90", 3, "[1,[]]"},
        {"\x81\xa1k\x80", 4, "{\"k\":{}}"},
        {"\x81\x05\x06", 3, "{\"5\":6}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_json(rows[i].bytes, rows[i].len, rows[i].json);
    }
}

static void test_bad_msgpack_is_refused(void **state)
{
    struct err e = {.msg = ""};
    json_t *json = NULL;

    (void)state;
    assert_int_equal(mpk_json_from("\xdf\xff\xff\xff\xff", 5, &json, &e), -1);
    assert_null(json);
    assert_says(&e, "not valid msgpack");
}

static void test_to_msgpack(void **state)
{
    static const struct {
        const char *json;
        const char *bytes;
        size_t len;
    } rows[] = {
        {"null", "\xc0", 1},
        {"[true, false]", "\x92\xc3\xc2", 3},
        {"-1", "\xff", 1},
        {"300", "\xcd\x01\x2c", 3},
        {"'hi'", "\xa2hi", 3},
        {"{'base64': '/w=='}", "\xc4\x01\xff", 3},
        {"{'base64': '/wA='}", "\xc4\x02\xff\0", 4},
        {"{'base64': ''}", "\xc4\0", 2},
        {"{'base64': 5}",
         "\x81\xa6"
         "base64\x05",
         9},
        {"{'base64': '', 'x': 1}",
         "\x82\xa6"
         "base64\xa0\xa1x\x01",
         12},
        {"{'k': {'base64': 'AAEC'}}", "\x81\xa1k\xc4\x03\0\1\2", 8},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct packed p;

        packed_json(&p, rows[i].json);
        assert_int_equal(p.bytes.len, rows[i].len);
        assert_memory_equal(p.bytes.data, rows[i].bytes, rows[i].len);
        packed_done(&p);
    }
}

static int convert(const char *text, struct err *e)
{
    json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
    struct buf b;
    int rc;

    assert_non_null(json);
    buf_init(&b, 1000);
    rc = mpk_json_to(json, &b, e);
    assert_true(rc == 0 || b.len == 0);
    json_decref(json);
    buf_done(&b);
    return rc;
}

static void test_bad_base64_is_refused(void **state)
{
    static const char *const rows[] = {
        "{\"base64\": \"A\"}",      "{\"base64\": \"AA=A\"}",
        "{\"base64\": \"====\"}",   "{\"base64\": \"A A=\"}",
        "[{\"base64\": \"AA-_\"}]",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err e = {.msg = ""};

        if (convert(rows[i], &e) == 0) {
            fail_msg("accepted: %s", rows[i]);
        }
        assert_says(&e, "is not base64");
    }
}

static void test_depth_is_bounded(void **state)
{
    char text[100] = "";
    struct err e = {.msg = ""};

    (void)state;
    memset(text, '[', 32);
    memset(text + 32, ']', 32);
    assert_int_equal(convert(text, &e), 0);
    memset(text, '[', 33);
    memset(text + 33, ']', 33);
    assert_int_equal(convert(text, &e), -1);
    assert_says(&e, "deeper than 32");
}

static void test_a_full_buffer_is_a_refusal(void **state)
{
    json_t *json = json_loads("{\"key\": [1, \"text\"]}", 0, NULL);

    (void)state;
    for (size_t max = 0; max < 12; max++) {
        struct buf b;
        struct err e = {.msg = ""};

        buf_init(&b, max);
        assert_int_equal(mpk_json_to(json, &b, &e), -1);
        assert_int_equal(e.kind, ERR_LIMIT);
        assert_int_equal(b.len, 0);
        buf_done(&b);
    }
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_msgpack),
        cmocka_unit_test(test_bad_msgpack_is_refused),
        cmocka_unit_test(test_to_msgpack),
        cmocka_unit_test(test_bad_base64_is_refused),
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_a_full_buffer_is_a_refusal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
