/* SPDX-License-Identifier: MIT */
/* mpk_test.c - what the walk lets through, and what it must not. */
#include "packed.h"

#include <malloc.h>

#include "wire/mpk.h"

static int check(const void *data, size_t len, struct err *e)
{
    memset(e, 0, sizeof(*e));
    return mpk_check(data, len, NULL, e);
}

#define CHECK(bytes, e) check(bytes, sizeof(bytes) - 1, e)

static void test_nothing_is_no_message(void **state)
{
    struct err e;

    (void)state;
    assert_int_equal(check(NULL, 0, &e), -1);
    assert_says(&e, "empty");
    assert_int_equal(check("", 0, &e), -1);
    assert_int_equal(e.kind, ERR_INPUT);
}

/* Every head there is, with the least that must follow. */
static const struct {
    const char *bytes;
    size_t len;
} good[] = {
    {"\x00", 1},
    {"\x7f", 1},
    {"\xff", 1},
    {"\xc0", 1},
    {"\xc2", 1},
    {"\xc3", 1},
    {"\xc4\x01z", 3},
    {"\xc5\x00\x01z", 4},
    {"\xc6\x00\x00\x00\x01z", 6},
    {"\xc7\x01\x05z", 4},
    {"\xc8\x00\x01\x05z", 5},
    {"\xc9\x00\x00\x00\x01\x05z", 7},
    {"\xca\x00\x00\x00\x00", 5},
    {"\xcb\x00\x00\x00\x00\x00\x00\x00\x00", 9},
    {"\xcc\x00", 2},
    {"\xcd\x00\x00", 3},
    {"\xce\x00\x00\x00\x00", 5},
    {"\xcf\x00\x00\x00\x00\x00\x00\x00\x00", 9},
    {"\xd0\x00", 2},
    {"\xd1\x00\x00", 3},
    {"\xd2\x00\x00\x00\x00", 5},
    {"\xd3\x00\x00\x00\x00\x00\x00\x00\x00", 9},
    {"\xd4\x01z", 3},
    {"\xd5\x01zz", 4},
    {"\xd6\x01zzzz", 6},
    {"\xd7\x01zzzzzzzz", 10},
    {"\xd8\x01zzzzzzzzzzzzzzzz", 18},
    {"\xd9\x01z", 3},
    {"\xda\x00\x01z", 4},
    {"\xdb\x00\x00\x00\x01z", 6},
    {"\xdc\x00\x01\x01", 4},
    {"\xdd\x00\x00\x00\x01\x01", 6},
    {"\xde\x00\x01\x01\x01", 5},
    {"\xdf\x00\x00\x00\x01\x01\x01", 7},
    {"\xa1z", 2},
    {"\x91\x01", 2},
    {"\x81\x01\x01", 3},
    {"\x80", 1},
    {"\x90", 1},
};

static void test_every_kind_of_value_passes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct mpk_doc doc;
        struct err e = {.msg = ""};

        if (mpk_open(good[i].bytes, good[i].len, NULL, &doc, &e) < 0) {
            fail_msg("head %02x: %s", (uint8_t)good[i].bytes[0], e.msg);
        }
        mpk_close(&doc);
        assert_int_equal(mpk_value_len(good[i].bytes, good[i].len),
                         good[i].len);
        for (size_t cut = 0; cut < good[i].len; cut++) {
            assert_int_equal(check(good[i].bytes, cut, &e), -1);
            assert_int_equal(mpk_value_len(good[i].bytes, cut), 0);
        }
    }
}

static void test_what_follows_the_value_is_refused(void **state)
{
    struct err e;

    (void)state;
    assert_int_equal(CHECK("\x01\x02", &e), -1);
    assert_says(&e, "after the end");
    assert_int_equal(mpk_value_len("\x01\x02", 2), 1);
}

static void test_the_unused_head_is_refused(void **state)
{
    struct err e;

    (void)state;
    assert_int_equal(CHECK("\xc1", &e), -1);
    assert_int_equal(CHECK("\x92\x01\xc1", &e), -1);
    assert_says(&e, "0xc1");
}

/* The reason why the walk exists. */
static void test_announced_sizes_reserve_nothing(void **state)
{
    static const char *const heads[] = {
        "\xdf\x80\x00\x00\x00", /* a map of 2^31 entries */
        "\xdf\xff\xff\xff\xff", "\xdd\xff\xff\xff\xff", /* a list */
        "\xdb\xff\xff\xff\xff",                         /* text */
        "\xc6\xff\xff\xff\xff",                         /* bytes */
        "\xc9\xff\xff\xff\xff",                         /* ext */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        struct mpk_doc doc;
        struct err e = {.msg = ""};
        size_t before = mallinfo2().uordblks;

        assert_int_equal(mpk_open(heads[i], 5, NULL, &doc, &e), -1);
        assert_int_equal(mallinfo2().uordblks, before);
        assert_int_equal(e.kind, ERR_INPUT);
    }
}

/* Each level alone would be possible; all together would reserve the message's
 * size 32 times. */
static void test_announcements_add_up_over_the_levels(void **state)
{
    uint8_t bytes[200];
    struct err e;

    (void)state;
    memset(bytes, 0, sizeof(bytes));
    for (size_t i = 0; i < 20; i++) {
        bytes[3 * i] = 0xdc;
        bytes[3 * i + 2] = (uint8_t)(sizeof(bytes) - 3 * (i + 1));
    }
    assert_int_equal(check(bytes, sizeof(bytes), &e), -1);
    assert_says(&e, "more entries announced");
}

static void nest(uint8_t *bytes, size_t depth)
{
    memset(bytes, 0x91, depth);
    bytes[depth] = 0xc0;
}

static void test_depth_32_is_the_last(void **state)
{
    uint8_t bytes[10001];
    struct mpk_doc doc;
    struct err e = {.msg = ""};

    (void)state;
    nest(bytes, 32);
    assert_int_equal(mpk_open(bytes, 33, NULL, &doc, &e), 0);
    mpk_close(&doc);
    nest(bytes, 33);
    assert_int_equal(check(bytes, 34, &e), -1);
    assert_says(&e, "deeper than 32");
    assert_int_equal(e.kind, ERR_LIMIT);
    nest(bytes, 10000);
    assert_int_equal(check(bytes, 10001, &e), -1);
    assert_int_equal(mpk_value_len(bytes, 10001), 0);
}

static void test_values_are_counted(void **state)
{
    const struct mpk_limits ten = {.max_depth = 4, .max_nodes = 10};
    const struct mpk_limits small = {.max_bytes = 3, .max_depth = 4};
    struct err e = {.msg = ""};

    (void)state;
    assert_int_equal(mpk_check("\x99\1\2\3\4\5\6\7\x08\x09", 10, &ten, &e), 0);
    assert_int_equal(mpk_check("\x9a\1\2\3\4\5\6\7\x08\x09\x0a", 11, &ten, &e),
                     -1);
    assert_says(&e, "more than 10 values");
    assert_int_equal(mpk_check("\xa3zzz", 4, &small, &e), -1);
    assert_says(&e, "over the maximum of 3");
}

/* Nothing to assert but that nothing is read that is not there (sanitizers),
 * and that what the walk passes, msgpack-c takes too. */
static void test_random_bytes(void **state)
{
    uint64_t seed = 88172645463325252U;
    uint8_t bytes[64];

    (void)state;
    for (size_t round = 0; round < 200000; round++) {
        size_t len = round % sizeof(bytes);
        struct mpk_doc doc;
        struct err e = {.msg = ""};

        for (size_t i = 0; i < len; i++) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            bytes[i] = (uint8_t)(seed >> 24);
        }
        if (check(bytes, len, &e) == 0) {
            assert_int_equal(mpk_open(bytes, len, NULL, &doc, &e), 0);
            mpk_close(&doc);
        }
    }
}

static int put_all(struct buf *b, struct err *e)
{
    if (mpk_put_map(b, 5, e) < 0 || mpk_put_cstr(b, "u", e) < 0 ||
        mpk_put_uint(b, UINT64_MAX, e) < 0 || mpk_put_cstr(b, "i", e) < 0 ||
        mpk_put_int(b, -7, e) < 0 || mpk_put_cstr(b, "list", e) < 0 ||
        mpk_put_array(b, 4, e) < 0 || mpk_put_nil(b, e) < 0 ||
        mpk_put_bool(b, true, e) < 0 || mpk_put_bool(b, false, e) < 0 ||
        mpk_put_double(b, 0.5, e) < 0 || mpk_put_cstr(b, "bin", e) < 0 ||
        mpk_put_bin(b, (struct view){"\0\1", 2}, e) < 0 ||
        mpk_put_cstr(b, "", e) < 0) {
        return -1;
    }
    return mpk_put_str(b, view_of(""), e);
}

static void test_writers_write_what_readers_read(void **state)
{
    struct mpk_doc doc;
    struct buf b;
    struct err e = {.msg = ""};
    const msgpack_object *list;

    (void)state;
    buf_init(&b, 1000);
    assert_int_equal(put_all(&b, &e), 0);
    assert_int_equal(mpk_open(b.data, b.len, NULL, &doc, &e), 0);
    assert_int_equal(mpk_get(&doc.root, "u")->via.u64, UINT64_MAX);
    assert_int_equal(mpk_get(&doc.root, "i")->via.i64, -7);
    assert_int_equal(mpk_get(&doc.root, "bin")->type, MSGPACK_OBJECT_BIN);
    assert_view(mpk_text(mpk_get(&doc.root, "")), "");
    assert_null(mpk_get(&doc.root, "none"));
    list = mpk_get(&doc.root, "list");
    assert_int_equal(list->via.array.size, 4);
    assert_string_equal(mpk_type_name(list), "a list");
    assert_null(mpk_get(list, "u"));
    assert_null(mpk_text(list).data);
    mpk_close(&doc);
    buf_done(&b);
}

static void test_writers_stop_at_the_buffers_maximum(void **state)
{
    struct err e = {.msg = ""};

    (void)state;
    for (size_t max = 0; max < 30; max++) {
        struct buf b;

        buf_init(&b, max);
        assert_int_equal(put_all(&b, &e), -1);
        assert_int_equal(e.kind, ERR_LIMIT);
        buf_done(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_no_message),
        cmocka_unit_test(test_every_kind_of_value_passes),
        cmocka_unit_test(test_what_follows_the_value_is_refused),
        cmocka_unit_test(test_the_unused_head_is_refused),
        cmocka_unit_test(test_announced_sizes_reserve_nothing),
        cmocka_unit_test(test_announcements_add_up_over_the_levels),
        cmocka_unit_test(test_depth_32_is_the_last),
        cmocka_unit_test(test_values_are_counted),
        cmocka_unit_test(test_random_bytes),
        cmocka_unit_test(test_writers_write_what_readers_read),
        cmocka_unit_test(test_writers_stop_at_the_buffers_maximum),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
