/* SPDX-License-Identifier: MIT */
/* bundle_test.c - Does a bundle come back as it was written, and is a lying one
 * refused? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "wire/bundle.h"

static void write_sample(struct buf *b)
{
    const struct bundle_file file = {"a/b", 0640, {"con\0tent", 8}};
    struct err e;

    buf_init(b, 4096);
    assert_int_equal(bundle_begin(b, 2, 1, 1, &e), 0);
    assert_int_equal(bundle_string(b, view_of("/bin/sh"), &e), 0);
    assert_int_equal(bundle_string(b, view_of(""), &e), 0);
    assert_int_equal(bundle_string(b, view_of("A=B"), &e), 0);
    assert_int_equal(bundle_string(b, view_of("/workspace"), &e), 0);
    assert_int_equal(bundle_file(b, &file, &e), 0);
}

static void write_wanted(struct buf *b)
{
    const struct bundle_wanted wanted = {
        .room_bytes = 1000,
        .found_bytes = 500,
        .max_found = 20,
        .folder = "artifacts",
        .fetch_count = 2,
    };
    struct err e;

    assert_int_equal(bundle_wanted(b, &wanted, &e), 0);
    assert_int_equal(bundle_fetch(b, view_of("out/x"), 7, &e), 0);
    assert_int_equal(bundle_fetch(b, view_of("y"), UINT64_MAX, &e), 0);
}

static void comes_back_as_written(void **state)
{
    struct bundle_reader r;
    struct bundle_file file;
    struct buf b;

    (void)state;
    write_sample(&b);
    assert_int_equal(bundle_open(&r, b.data, b.len), 0);
    assert_int_equal(r.head.argc, 2);
    assert_int_equal(r.head.envc, 1);
    assert_string_equal(bundle_next_string(&r), "/bin/sh");
    assert_string_equal(bundle_next_string(&r), "");
    assert_string_equal(bundle_next_string(&r), "A=B");
    assert_string_equal(bundle_next_string(&r), "/workspace");
    assert_int_equal(bundle_next_file(&r, &file), 0);
    assert_string_equal(file.path, "a/b");
    assert_int_equal(file.mode, 0640);
    assert_int_equal(file.content.len, 8);
    assert_memory_equal(file.content.data, "con\0tent", 8);
    assert_int_equal(bundle_next_file(&r, &file), -1);
    buf_done(&b);
}

static void skip_to_wanted(struct bundle_reader *r, const struct buf *b)
{
    struct bundle_file file;

    assert_int_equal(bundle_open(r, b->data, b->len), 0);
    for (int i = 0; i < 4; i++) {
        assert_non_null(bundle_next_string(r));
    }
    assert_int_equal(bundle_next_file(r, &file), 0);
}

static void what_is_wanted_comes_after_the_files(void **state)
{
    struct bundle_reader r;
    struct bundle_wanted wanted;
    struct bundle_fetch fetch;
    struct buf b;

    (void)state;
    write_sample(&b);
    skip_to_wanted(&r, &b);
    assert_int_equal(bundle_next_wanted(&r, &wanted), 0);
    assert_int_equal(wanted.fetch_count, 0);
    assert_int_equal(wanted.max_found, 0);
    write_wanted(&b);
    skip_to_wanted(&r, &b);
    assert_int_equal(bundle_next_wanted(&r, &wanted), 0);
    assert_int_equal(wanted.room_bytes, 1000);
    assert_int_equal(wanted.found_bytes, 500);
    assert_int_equal(wanted.max_found, 20);
    assert_string_equal(wanted.folder, "artifacts");
    assert_int_equal(wanted.fetch_count, 2);
    assert_int_equal(bundle_next_fetch(&r, &fetch), 0);
    assert_string_equal(fetch.path, "out/x");
    assert_int_equal(fetch.max_bytes, 7);
    assert_int_equal(bundle_next_fetch(&r, &fetch), 0);
    assert_string_equal(fetch.path, "y");
    assert_int_equal(fetch.max_bytes, UINT64_MAX);
    assert_int_equal(bundle_next_fetch(&r, &fetch), -1);
    buf_done(&b);
}

static void a_fetch_has_a_path(void **state)
{
    static char path[BUNDLE_PATH_MAX + 1];
    struct buf b;
    struct err e;

    (void)state;
    buf_init(&b, 8192);
    memset(path, 'x', sizeof(path));
    assert_int_equal(bundle_fetch(&b, view_of(""), 1, &e), -1);
    assert_int_equal(
        bundle_fetch(&b, (struct view){path, BUNDLE_PATH_MAX + 1}, 1, &e), -1);
    assert_int_equal(b.len, 0);
    buf_done(&b);
}

/* Reads all there is; the sanitizers watch. */
static void read_all(const uint8_t *data, size_t len)
{
    struct bundle_reader r;
    struct bundle_file file;
    struct bundle_wanted wanted;
    struct bundle_fetch fetch;

    if (bundle_open(&r, data, len) < 0) {
        return;
    }
    for (int i = 0; i < 4 && bundle_next_string(&r); i++) {
    }
    if (bundle_next_file(&r, &file) == 0) {
        assert_true(strlen(file.path) <= BUNDLE_PATH_MAX);
    }
    if (bundle_next_wanted(&r, &wanted) == 0 && wanted.folder) {
        assert_true(strlen(wanted.folder) <= BUNDLE_PATH_MAX);
    }
    while (bundle_next_fetch(&r, &fetch) == 0) {
        assert_true(strlen(fetch.path) <= BUNDLE_PATH_MAX);
    }
}

static void every_cut_and_every_bent_byte_is_survived(void **state)
{
    struct buf b;

    (void)state;
    write_sample(&b);
    write_wanted(&b);
    for (size_t len = 0; len < b.len; len++) {
        uint8_t *copy = malloc(len + 1);
        memcpy(copy, b.data, len);
        read_all(copy, len);
        free(copy);
    }
    for (size_t i = 0; i < b.len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            b.data[i] ^= (uint8_t)(1u << bit);
            read_all(b.data, b.len);
            b.data[i] ^= (uint8_t)(1u << bit);
        }
    }
    buf_done(&b);
}

static void a_string_with_a_nul_is_refused(void **state)
{
    struct bundle_reader r;
    struct buf b;
    struct err e;

    (void)state;
    buf_init(&b, 4096);
    assert_int_equal(bundle_begin(&b, 1, 0, 0, &e), 0);
    assert_int_equal(bundle_string(&b, (struct view){"a\0b", 3}, &e), 0);
    assert_int_equal(bundle_open(&r, b.data, b.len), 0);
    assert_null(bundle_next_string(&r));
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_as_written),
        cmocka_unit_test(what_is_wanted_comes_after_the_files),
        cmocka_unit_test(a_fetch_has_a_path),
        cmocka_unit_test(every_cut_and_every_bent_byte_is_survived),
        cmocka_unit_test(a_string_with_a_nul_is_refused),
    };

    return cmocka_run_group_tests_name("bundle", tests, NULL, NULL);
}
