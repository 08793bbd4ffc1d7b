/* SPDX-License-Identifier: MIT */
/* record_test.c - the codec with a table of its own, and every message's table
 * with values of every wrong type. */
#include "packed.h"

#include <math.h>
#include <stdio.h>

#include "../schema/messages.h"
#include "wire/record.h"

static const char *const colour_names[] = {"red", "green"};
static const struct record_enum colours = {colour_names, 2};

struct inner {
    bool present;
    uint64_t size;
    struct view name;
};

struct outer {
    struct view text;
    struct view bytes;
    bool flag;
    bool fact;
    int64_t delta;
    uint64_t count;
    double share;
    int colour;
    struct view *words;
    size_t words_count;
    struct record_pair *pairs;
    size_t pairs_count;
    struct inner inner;
    struct inner *list;
    size_t list_count;
    struct view any;
    struct view map;
    struct view open;
};

/* clang-format off */
static const struct record_field inner_fields[] = {
    RECORD_ROW(inner, size, RECORD_UINT, RECORD_PLAIN, 0),
    RECORD_ROW(inner, name, RECORD_STR, RECORD_REQUIRED, 5),
};
static const struct record inner_record = {
    "inner", sizeof(struct inner), inner_fields, ARRAY_LEN(inner_fields),
};
static const struct record_field outer_fields[] = {
    RECORD_ROW(outer, text, RECORD_STR, RECORD_PLAIN, 0),
    RECORD_ROW(outer, bytes, RECORD_BIN, RECORD_PLAIN, 8),
    RECORD_ROW(outer, flag, RECORD_BOOL, RECORD_PLAIN, 0),
    RECORD_ROW(outer, fact, RECORD_BOOL, RECORD_ALWAYS, 0),
    RECORD_ROW(outer, delta, RECORD_INT, RECORD_PLAIN, 0),
    RECORD_ROW(outer, count, RECORD_UINT, RECORD_PLAIN, 0),
    RECORD_ROW(outer, share, RECORD_DOUBLE, RECORD_PLAIN, 0),
    RECORD_ENUM_ROW(outer, colour, RECORD_PLAIN, &colours),
    RECORD_LIST_ROW(outer, words, RECORD_STRS, RECORD_PLAIN, 3),
    RECORD_LIST_ROW(outer, pairs, RECORD_STRMAP, RECORD_PLAIN, 3),
    RECORD_OBJECT_ROW(outer, inner, RECORD_PLAIN, &inner_record),
    RECORD_OBJECTS_ROW(outer, list, RECORD_PLAIN, 3, &inner_record),
    RECORD_ROW(outer, any, RECORD_RAW, RECORD_PLAIN, 0),
    RECORD_ROW(outer, map, RECORD_RAW, RECORD_MAP, 0),
    RECORD_OPEN_ROW(outer, open, &inner_record),
};
static const struct record outer_record = {
    "outer", sizeof(struct outer), outer_fields, ARRAY_LEN(outer_fields),
};
/* clang-format on */

static int decode(struct packed *p, const char *json, struct outer *out)
{
    packed_json(p, json);
    return record_decode(&outer_record, p->bytes.data, p->bytes.len, &p->arena,
                         out, &p->e);
}

static const char full[] =
    "{'text': 'grün', 'bytes': {'base64': 'AP8='}, 'flag': true,"
    " 'fact': false, 'delta': -5, 'count': 7, 'share': 0.25,"
    " 'colour': 'green',"
    " 'words': ['a', ''], 'pairs': {'k': 'v'},"
    " 'inner': {'size': 1, 'name': 'n'},"
    " 'list': [{'name': 'x'}, {'size': 0, 'name': 'y'}],"
    " 'any': [1, {'deep': null}], 'map': {'a': 1.5},"
    " 'open': {'size': 2, 'theirs': [1]}}";

static void test_every_type_is_read(void **state)
{
    struct packed p;
    struct outer out;

    (void)state;
    assert_int_equal(decode(&p, full, &out), 0);
    assert_view(out.text, "grün");
    assert_int_equal(out.bytes.len, 2);
    assert_true(out.flag);
    assert_int_equal(out.delta, -5);
    assert_int_equal(out.count, 7);
    assert_true(out.share == 0.25);
    assert_int_equal(out.colour, 1);
    assert_int_equal(out.words_count, 2);
    assert_view(out.words[1], "");
    assert_view(out.pairs[0].key, "k");
    assert_view(out.pairs[0].value, "v");
    assert_true(out.inner.present);
    assert_view(out.inner.name, "n");
    assert_int_equal(out.list_count, 2);
    assert_true(out.list[0].size == RECORD_NO_UINT);
    assert_int_equal(out.list[1].size, 0);
    assert_int_equal(out.any.len, 9);
    assert_memory_equal(out.any.data,
                        "\x92\x01\x81\xa4"
                        "deep\xc0",
                        9);
    packed_done(&p);
}

static void test_what_was_read_is_written(void **state)
{
    struct packed p;
    struct packed again;
    struct outer out;

    (void)state;
    assert_int_equal(decode(&p, full, &out), 0);
    packed_init(&again);
    assert_int_equal(record_encode(&outer_record, &out, &again.bytes, &again.e),
                     0);
    assert_int_equal(again.bytes.len, p.bytes.len);
    assert_memory_equal(again.bytes.data, p.bytes.data, p.bytes.len);
    packed_done(&again);
    packed_done(&p);
}

static void test_absent_is_not_zero(void **state)
{
    struct packed p;
    struct packed again;
    struct outer out;

    (void)state;
    assert_int_equal(decode(&p, "{'text': null, 'unknown': [1]}", &out), 0);
    assert_null(out.text.data);
    assert_true(out.count == RECORD_NO_UINT);
    assert_true(out.delta == RECORD_NO_INT);
    assert_true(isnan(out.share));
    assert_int_equal(out.colour, RECORD_NO_ENUM);
    assert_true(out.inner.size == RECORD_NO_UINT);
    assert_false(out.inner.present);
    assert_null(out.any.data);
    packed_init(&again);
    assert_int_equal(record_encode(&outer_record, &out, &again.bytes, &again.e),
                     0);
    assert_memory_equal(again.bytes.data,
                        "\x81\xa4"
                        "fact\xc2",
                        7);
    packed_done(&again);
    packed_done(&p);
}

static void test_nil_is_a_value_where_any_is(void **state)
{
    struct packed p;
    struct outer out;

    (void)state;
    assert_int_equal(decode(&p, "{'any': null, 'map': null}", &out), 0);
    assert_int_equal(out.any.len, 1);
    assert_null(out.map.data);
    packed_done(&p);
}

static void test_refusals_name_the_place(void **state)
{
    static const struct {
        const char *json;
        const char *says;
    } rows[] = {
        {"[]", "outer: must be a map, not a list"},
        {"{'text': 1}", "text: must be text, not a number"},
        {"{'text': {'base64': 'AA=='}}", "text: must be text, not bytes"},
        {"{'text': 'a\\u0000b'}", "text: must not hold a NUL byte"},
        {"{'bytes': 'ninebytes'}", "bytes: 9 bytes are over the maximum of 8"},
        {"{'flag': 1}", "flag: must be true or false, not a number"},
        {"{'count': -1}", "count: -1 is negative"},
        {"{'count': -1.0}", "count: -1 is negative"},
        {"{'count': 1.5}", "count: 1.5 is not a whole number"},
        {"{'count': 1e30}", "is out of range"},
        {"{'count': '7'}", "count: must be a whole number, not text"},
        {"{'delta': 1e19}", "delta: 1e+19 is out of range"},
        {"{'delta': 0.5}", "delta: 0.5 is not a whole number"},
        {"{'share': '1'}", "share: must be a number, not text"},
        {"{'open': [1]}", "open: must be a map, not a list"},
        {"{'colour': 'blue'}", "colour: \"blue\" is not one of red or green"},
        {"{'words': 'a'}", "words: must be a list of texts, not text"},
        {"{'words': ['a', 'b', 3]}", "words[2]: must be text"},
        {"{'words': ['', '', '', '']}",
         "words: 4 entries are over the maximum of 3"},
        {"{'pairs': {'k': 1}}", "pairs.k: must be text, not a number"},
        {"{'pairs': []}", "pairs: must be a map of texts"},
        {"{'inner': []}", "inner: must be a map, not a list"},
        {"{'inner': {}}", "inner.name: is missing"},
        {"{'inner': {'name': null}}", "inner.name: is missing"},
        {"{'inner': {'name': 'longer'}}", "inner.name: 6 bytes"},
        {"{'list': [{'name': 'a'}, {'name': 'b', 'size': -3}]}",
         "list[1].size: -3 is negative"},
        {"{'list': [1]}", "list[0]: must be a map"},
        {"{'map': [1]}", "map: must be a map, not a list"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct packed p;
        struct outer out;

        assert_int_equal(decode(&p, rows[i].json, &out), -1);
        assert_int_equal(p.e.kind, ERR_INPUT);
        assert_says(&p.e, rows[i].says);
        packed_done(&p);
    }
}

/* What JSON cannot write. */
static void test_odd_bytes(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *says; /* NULL: accepted */
    } rows[] = {
        {"\x82\xa4text\xa1"
         "a\xa4text\xa1z",
         15, "text: is there twice"},
        {"\x82\xa4text\xc0\xa4text\xa1z", 14, "text: is there twice"},
        {"\x81\xa4text\xa1\xff", 8, "text: must be valid UTF-8"},
        {"\x81\xa5"
         "count\xcb\x7f\xf8\0\0\0\0\0\0",
         16, "nan is not a number"},
        {"\x81\xa5"
         "count\xcb\x7f\xf0\0\0\0\0\0\0",
         16, "inf is not a number"},
        {"\x81\xa5"
         "share\xcb\x7f\xf0\0\0\0\0\0\0",
         16, "share: inf is not a number"},
        {"\x81\xa5"
         "share\xca\x40\xe0\0\0",
         12, NULL},
        {"\x81\xa5"
         "count\xca\x40\xe0\0\0",
         12, NULL}, /* 7.0f */
        {"\x81\xa5"
         "count\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
         16, "count: 18446744073709551615 is out of range"},
        {"\x81\xa5"
         "delta\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
         16, "delta: 18446744073709551615 is out of range"},
        {"\x81\xa5"
         "delta\xd3\x80\0\0\0\0\0\0\0",
         16, "is out of range"},
        {"\x81\xa5"
         "count\xd4\x01\x01",
         10, "not an extension type"},
        {"\x81\x01\x01", 3, NULL}, /* a key that is no text is unknown */
        {"\x81\xa5pairs\x81\x01\xa0", 10, "pairs: keys must be text"},
        {"\x81\xa5pairs\x81\xa1\0\xa0", 11, "pairs: must not hold a NUL"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct packed p;
        struct outer out;
        int rc;

        packed_init(&p);
        rc = record_decode(&outer_record, rows[i].bytes, rows[i].len, &p.arena,
                           &out, &p.e);
        if (rc < 0 && rows[i].says == NULL) {
            fail_msg("row %zu: %s", i, p.e.msg);
        }
        if (rows[i].says != NULL) {
            assert_int_equal(rc, -1);
            assert_says(&p.e, rows[i].says);
        }
        packed_done(&p);
    }
}

static void test_floats_that_are_whole_are_taken(void **state)
{
    struct packed p;
    struct outer out;

    (void)state;
    assert_int_equal(decode(&p, "{'count': 30000.0, 'delta': -3.0}", &out), 0);
    assert_int_equal(out.count, 30000);
    assert_int_equal(out.delta, -3);
    packed_done(&p);
}

static void test_any_number_is_a_double(void **state)
{
    struct packed p;
    struct outer out;

    (void)state;
    assert_int_equal(decode(&p, "{'share': -3}", &out), 0);
    assert_true(out.share == -3.0);
    packed_done(&p);
    assert_int_equal(decode(&p, "{'share': 4}", &out), 0);
    assert_true(out.share == 4.0);
    packed_done(&p);
}

static void test_a_full_arena_is_a_refusal(void **state)
{
    struct packed p;
    struct outer out;
    struct arena tiny;

    (void)state;
    packed_json(&p, full);
    arena_init(&tiny, 16);
    assert_int_equal(record_decode(&outer_record, p.bytes.data, p.bytes.len,
                                   &tiny, &out, &p.e),
                     -1);
    assert_says(&p.e, "more memory than allowed");
    arena_done(&tiny);
    packed_done(&p);
}

static void test_a_full_buffer_stays_as_it_was(void **state)
{
    struct packed p;
    struct outer out;

    (void)state;
    assert_int_equal(decode(&p, full, &out), 0);
    for (size_t max = 0; max < p.bytes.len; max += 7) {
        struct buf b;

        buf_init(&b, max);
        assert_int_equal(record_encode(&outer_record, &out, &b, &p.e), -1);
        assert_int_equal(p.e.kind, ERR_LIMIT);
        assert_int_equal(b.len, 0);
        buf_done(&b);
    }
    packed_done(&p);
}

static void test_words_of_a_payload_cannot_break_a_message(void **state)
{
    struct packed p;
    struct outer in;
    struct outer out;

    (void)state;
    packed_init(&p);
    record_init(&outer_record, &in);
    in.text = (struct view){"a\xff"
                            "b\0gr\xc3\xbcn\xe2\x82",
                            11};
    assert_int_equal(record_encode(&outer_record, &in, &p.bytes, &p.e), 0);
    assert_int_equal(record_decode(&outer_record, p.bytes.data, p.bytes.len,
                                   &p.arena, &out, &p.e),
                     0);
    assert_view(out.text, "a?b?gr\xc3\xbcn??");
    packed_done(&p);
}

static void test_broken_raw_values_are_not_written(void **state)
{
    struct packed p;
    struct outer in;

    (void)state;
    packed_init(&p);
    record_init(&outer_record, &in);
    in.any = (struct view){"\x91", 1};
    assert_int_equal(record_encode(&outer_record, &in, &p.bytes, &p.e), -1);
    assert_says(&p.e, "any: not valid msgpack");
    in.any = (struct view){NULL, 0};
    in.colour = 17;
    assert_int_equal(record_encode(&outer_record, &in, &p.bytes, &p.e), -1);
    assert_int_equal(p.e.kind, ERR_BUG);
    packed_done(&p);
}

/* One value of each type, by the name of the wrong type. */
static const char *const one_of_each[] = {
    "true", "-1", "0.5", "'text \\u0000'", "[[]]", "{'k': {}}",
};

static bool accepts(const struct record_field *f, size_t value)
{
    static const unsigned takes[RECORD_TYPE_COUNT] = {
        [RECORD_BIN] = 1U << 3, [RECORD_BOOL] = 1U << 0,
        [RECORD_INT] = 1U << 1, [RECORD_DOUBLE] = 1U << 1 | 1U << 2,
        [RECORD_RAW] = 0x3f,
    };

    if ((f->flags & RECORD_MAP) != 0) {
        return value == 5;
    }
    if (f->type == RECORD_OBJECT && value == 5) {
        return true; /* decided by its own required members */
    }
    return (takes[f->type] >> value & 1) != 0;
}

static void check_wrong_types(const struct record *record,
                              const struct record_field *f)
{
    for (size_t i = 0; i < ARRAY_LEN(one_of_each); i++) {
        AUTO_FREE char *out = xcalloc(1, record->size);
        struct packed p;
        char json[256];

        if (accepts(f, i)) {
            continue;
        }
        (void)snprintf(json, sizeof(json), "{'%s': %s}", f->name,
                       one_of_each[i]);
        packed_json(&p, json);
        if (record_decode(record, p.bytes.data, p.bytes.len, &p.arena, out,
                          &p.e) == 0) {
            fail_msg("%s: takes %s", record->name, json);
        }
        if (strncmp(p.e.msg, f->name, strlen(f->name)) != 0) {
            fail_msg("%s: \"%s\" does not name %s", record->name, p.e.msg,
                     f->name);
        }
        packed_done(&p);
    }
}

static void check_tables(const struct record *record)
{
    assert_true(record->count <= RECORD_MAX_FIELDS);
    for (size_t i = 0; i < record->count; i++) {
        const struct record_field *f = &record->fields[i];

        check_wrong_types(record, f);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(f->name, record->fields[j].name);
        }
        if (f->record != NULL) {
            check_tables(f->record);
        }
    }
}

static void test_wrong_types_for_every_field_of_every_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
        check_tables(messages[i]);
    }
}

static void count_paths(const char *path, const struct record_field *field,
                        void *arg)
{
    (void)field;
    *(size_t *)arg +=
        strcmp(path, "list[].name") == 0 || strcmp(path, "inner.size") == 0;
}

static void test_the_walk_shows_nested_paths(void **state)
{
    size_t found = 0;

    (void)state;
    record_walk(&outer_record, count_paths, &found);
    assert_int_equal(found, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_type_is_read),
        cmocka_unit_test(test_what_was_read_is_written),
        cmocka_unit_test(test_absent_is_not_zero),
        cmocka_unit_test(test_nil_is_a_value_where_any_is),
        cmocka_unit_test(test_refusals_name_the_place),
        cmocka_unit_test(test_odd_bytes),
        cmocka_unit_test(test_floats_that_are_whole_are_taken),
        cmocka_unit_test(test_any_number_is_a_double),
        cmocka_unit_test(test_a_full_arena_is_a_refusal),
        cmocka_unit_test(test_a_full_buffer_stays_as_it_was),
        cmocka_unit_test(test_words_of_a_payload_cannot_break_a_message),
        cmocka_unit_test(test_broken_raw_values_are_not_written),
        cmocka_unit_test(test_wrong_types_for_every_field_of_every_message),
        cmocka_unit_test(test_the_walk_shows_nested_paths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
