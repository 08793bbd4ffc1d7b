/* SPDX-License-Identifier: MIT */
/* collection_test.c - does what a box sends come back as it was written, and
 * is every lie about it refused? */
#include "wire/collection.h"

#include <string.h>

#include "lib/unit.h"

static struct buf b;
static struct collection_reader r;
static struct collection_entry entry;

static int setup(void **state)
{
    (void)state;
    buf_init(&b, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_done(&b);
    return 0;
}

/* ---- writing, as collect.c does ----------------------------------------- */

static void put_head(struct collection_head *head, struct view path,
                     struct view content)
{
    head->path_len = (uint32_t)path.len;
    head->content_len = content.len;
    assert_int_equal(buf_append(&b, head, sizeof(*head), NULL), 0);
    assert_int_equal(buf_append(&b, path.data, path.len, NULL), 0);
    assert_int_equal(buf_append(&b, content.data, content.len, NULL), 0);
}

static void put_fetch(uint64_t index, enum collection_state state,
                      const char *content, uint64_t size)
{
    struct collection_head head;

    collection_head_init(&head, COLLECTION_FETCH);
    head.index = index;
    head.state = state;
    head.size_bytes = size;
    head.mode = 0100644;
    put_head(&head, view_of(""), view_of(content));
}

static void put_found(struct view path, const char *content, uint64_t size)
{
    struct collection_head head;

    collection_head_init(&head, COLLECTION_FOUND);
    head.state =
        size == strlen(content) ? COLLECTION_WHOLE : COLLECTION_NO_ROOM;
    head.size_bytes = size;
    put_head(&head, path, view_of(content));
}

static void put_end(void)
{
    struct collection_left left = {.counts = {[COLLECTION_LEFT_DEEP] = 7}};
    struct collection_head head;

    collection_head_init(&head, COLLECTION_END);
    put_head(&head, view_of(""), (struct view){(char *)&left, sizeof(left)});
}

/* ---- reading ------------------------------------------------------------ */

static void open_with(uint64_t fetches, uint64_t max_found)
{
    collection_open(&r, buf_view(&b), fetches, max_found);
}

static void expect_refused(uint64_t fetches, uint64_t max_found)
{
    int status;

    open_with(fetches, max_found);
    do {
        status = collection_next(&r, &entry);
    } while (status == 1);
    assert_int_equal(status, -1);
    buf_clear(&b);
}

static void comes_back_as_written(void **state)
{
    (void)state;
    put_fetch(0, COLLECTION_WHOLE, "one", 3);
    put_fetch(1, COLLECTION_MISSING, "", 0);
    put_found(view_of("a/b.txt"), "hello", 5);
    put_found(view_of("big"), "", 1 << 30);
    put_end();
    open_with(2, 2);
    assert_int_equal(collection_next(&r, &entry), 1);
    assert_int_equal(entry.head.kind, COLLECTION_FETCH);
    assert_int_equal(entry.head.index, 0);
    assert_int_equal(entry.head.mode, 0644); /* no type, no setuid */
    assert_true(view_is(entry.content, "one"));
    assert_int_equal(collection_next(&r, &entry), 1);
    assert_int_equal(entry.head.state, COLLECTION_MISSING);
    assert_int_equal(collection_next(&r, &entry), 1);
    assert_int_equal(entry.head.kind, COLLECTION_FOUND);
    assert_true(view_is(entry.path, "a/b.txt"));
    assert_true(view_is(entry.content, "hello"));
    assert_int_equal(collection_next(&r, &entry), 1);
    assert_int_equal(entry.head.state, COLLECTION_NO_ROOM);
    assert_int_equal(entry.head.size_bytes, 1 << 30);
    assert_int_equal(collection_next(&r, &entry), 0);
    assert_int_equal(r.left.counts[COLLECTION_LEFT_DEEP], 7);
    assert_int_equal(r.left.counts[COLLECTION_LEFT_LINK], 0);
}

static void every_fetch_is_answered_once_and_first(void **state)
{
    (void)state;
    put_end();
    expect_refused(1, 0); /* none */
    put_fetch(0, COLLECTION_MISSING, "", 0);
    put_fetch(0, COLLECTION_MISSING, "", 0);
    put_end();
    expect_refused(2, 0); /* one of them twice */
    put_fetch(1, COLLECTION_MISSING, "", 0);
    put_fetch(0, COLLECTION_MISSING, "", 0);
    put_end();
    expect_refused(2, 0); /* out of order */
    put_fetch(0, COLLECTION_MISSING, "", 0);
    put_end();
    expect_refused(0, 0); /* nobody asked */
    put_found(view_of("a"), "", 0);
    put_fetch(0, COLLECTION_MISSING, "", 0);
    put_end();
    expect_refused(1, 1); /* after what was found */
}

static void no_more_is_found_than_was_wanted(void **state)
{
    (void)state;
    put_found(view_of("a"), "", 0);
    put_found(view_of("b"), "", 0);
    put_end();
    expect_refused(0, 1);
}

static void no_path_leads_out(void **state)
{
    static const struct view paths[] = {
        {"", 0},        {"/", 1},     {"/etc/passwd", 11}, {"..", 2},
        {"a/../b", 6},  {"a/..", 4},  {"../a", 4},         {".", 1},
        {"./a", 3},     {"a/./b", 5}, {"a//b", 4},         {"a/", 2},
        {"a\0/../b", 7}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        put_found(paths[i], "", 0);
        put_end();
        expect_refused(0, 1);
    }
    /* These only look like it. */
    put_found(view_of("..a/...b/c../.d"), "", 0);
    put_end();
    open_with(0, 1);
    assert_int_equal(collection_next(&r, &entry), 1);
    assert_int_equal(collection_next(&r, &entry), 0);
}

static void a_path_has_a_longest_length(void **state)
{
    static char path[COLLECTION_PATH_MAX + 2];

    (void)state;
    memset(path, 'x', sizeof(path) - 1);
    put_found((struct view){path, COLLECTION_PATH_MAX + 1}, "", 0);
    put_end();
    expect_refused(0, 1);
    put_found((struct view){path, COLLECTION_PATH_MAX}, "", 0);
    put_end();
    open_with(0, 1);
    assert_int_equal(collection_next(&r, &entry), 1);
}

/* A state says how much content there is. */
static void content_is_as_long_as_its_state_says(void **state)
{
    static const struct {
        enum collection_state state;
        const char *content;
        uint64_t size;
        int want;
    } rows[] = {
        {COLLECTION_WHOLE, "abc", 3, 1},
        {COLLECTION_WHOLE, "abc", 4, -1},
        {COLLECTION_WHOLE, "abc", 2, -1},
        {COLLECTION_CUT, "abc", 4, 1},
        {COLLECTION_CUT, "abc", 3, -1},
        {COLLECTION_NO_ROOM, "", 9, 1},
        {COLLECTION_NO_ROOM, "abc", 9, -1},
        {COLLECTION_MISSING, "a", 0, -1},
        {COLLECTION_NO_FILE, "a", 1, -1},
        {COLLECTION_UNREADABLE, "", 1, 1},
        {COLLECTION_UNREADABLE, "a", 1, -1},
        {COLLECTION_STATE_COUNT, "", 0, -1},
        {(enum collection_state)77, "", 0, -1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_clear(&b);
        put_fetch(0, rows[i].state, rows[i].content, rows[i].size);
        put_end();
        open_with(1, 0);
        assert_int_equal(collection_next(&r, &entry), rows[i].want);
    }
}

static void a_walk_does_not_cut_or_miss(void **state)
{
    static const enum collection_state states[] = {
        COLLECTION_CUT, COLLECTION_MISSING, COLLECTION_NO_FILE,
        COLLECTION_UNREADABLE};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        struct collection_head head;

        collection_head_init(&head, COLLECTION_FOUND);
        head.state = states[i];
        head.size_bytes = 5;
        put_head(&head, view_of("a"), view_of(""));
        put_end();
        expect_refused(0, 1);
    }
}

static void the_end_is_the_end(void **state)
{
    (void)state;
    put_found(view_of("a"), "", 0);
    expect_refused(0, 1); /* none */
    put_end();
    assert_int_equal(buf_append(&b, "x", 1, NULL), 0);
    expect_refused(0, 0); /* and something after it */
    put_end();
    put_end();
    expect_refused(0, 0);
}

/* Reads all there is; the sanitizers watch. */
static void read_all(const void *data, size_t len)
{
    collection_open(&r, (struct view){data, len}, 1, 2);
    while (collection_next(&r, &entry) == 1) {
        assert_true(entry.content.len <= entry.head.size_bytes);
        assert_true(entry.path.len <= COLLECTION_PATH_MAX);
    }
}

static void every_cut_and_every_bent_byte_is_survived(void **state)
{
    (void)state;
    put_fetch(0, COLLECTION_WHOLE, "one", 3);
    put_found(view_of("a/b"), "hello", 5);
    put_end();
    for (size_t len = 0; len < b.len; len++) {
        char *copy = malloc(len + 1);

        memcpy(copy, b.data, len);
        read_all(copy, len);
        open_with(1, 2);
        r.end = r.at + len;
        while (collection_next(&r, &entry) == 1) {
        }
        assert_true(r.left.counts[COLLECTION_LEFT_DEEP] == 0); /* no end */
        free(copy);
    }
    for (size_t i = 0; i < b.len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            b.data[i] ^= (uint8_t)(1u << bit);
            read_all(b.data, b.len);
            b.data[i] ^= (uint8_t)(1u << bit);
        }
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(comes_back_as_written),
        TEST(every_fetch_is_answered_once_and_first),
        TEST(no_more_is_found_than_was_wanted),
        TEST(no_path_leads_out),
        TEST(a_path_has_a_longest_length),
        TEST(content_is_as_long_as_its_state_says),
        TEST(a_walk_does_not_cut_or_miss),
        TEST(the_end_is_the_end),
        TEST(every_cut_and_every_bent_byte_is_survived),
    };

    return cmocka_run_group_tests_name("collection", tests, NULL, NULL);
}
