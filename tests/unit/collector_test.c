/* SPDX-License-Identifier: MIT */
/* collector_test.c - Does the collector keep the right bytes, whatever the
 * pieces they come in? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/collector.h"

/* Byte i of the stream all tests write. */
static uint8_t byte_at(uint64_t i)
{
    return (uint8_t)('a' + i % 23);
}

static void write_stream(struct collector *c, uint64_t total, size_t piece)
{
    uint8_t data[4096];

    for (uint64_t at = 0; at < total;) {
        size_t n = piece < total - at ? piece : (size_t)(total - at);
        for (size_t i = 0; i < n; i++) {
            data[i] = byte_at(at + i);
        }
        collector_add(c, data, n);
        at += n;
    }
}

/* The model: everything, or first half, note, last half. */
static size_t expected(uint64_t limit, uint64_t total, char *dst, size_t size)
{
    size_t len = 0;
    uint64_t head = limit - limit / 2;
    uint64_t tail = limit / 2;

    if (total <= limit) {
        head = total;
        tail = 0;
    }
    for (uint64_t i = 0; i < head; i++) {
        dst[len++] = (char)byte_at(i);
    }
    if (total > limit) {
        len += (size_t)snprintf(dst + len, size - len,
                                "\n[... %llu bytes not kept ...]\n",
                                (unsigned long long)(total - limit));
    }
    for (uint64_t i = total - tail; i < total; i++) {
        dst[len++] = (char)byte_at(i);
    }
    return len;
}

static void keeps_head_and_tail(void **state)
{
    static const uint64_t limits[] = {0, 1, 2, 3, 10, 11, 64, 100};
    static const uint64_t totals[] = {0,  1,  2,  5,   9,   10,  11,
                                      12, 50, 99, 100, 101, 1000};
    static const size_t pieces[] = {1, 3, 7, 10, 64, 1000};
    char want[4096];

    (void)state;
    for (size_t l = 0; l < ARRAY_LEN(limits); l++) {
        for (size_t t = 0; t < ARRAY_LEN(totals); t++) {
            for (size_t p = 0; p < ARRAY_LEN(pieces); p++) {
                struct collector c;
                collector_init(&c, limits[l]);
                write_stream(&c, totals[t], pieces[p]);
                size_t len = expected(limits[l], totals[t], want, sizeof(want));
                struct view got = collector_text(&c);
                assert_int_equal(c.total, totals[t]);
                assert_int_equal(collector_is_truncated(&c),
                                 totals[t] > limits[l]);
                if (got.len != len || memcmp(got.data, want, len) != 0) {
                    fail_msg("limit %llu total %llu piece %zu: got %.*s want "
                             "%.*s",
                             (unsigned long long)limits[l],
                             (unsigned long long)totals[t], pieces[p],
                             VIEW_ARG(got), (int)len, want);
                }
                collector_done(&c);
            }
        }
    }
}

static void text_can_be_asked_twice_and_goes_on(void **state)
{
    struct collector c;

    (void)state;
    collector_init(&c, 4);
    collector_add(&c, "abcdefgh", 8);
    struct view first = collector_text(&c);
    char *copy = view_dup(first);
    assert_true(view_is(collector_text(&c), copy));
    collector_add(&c, "ij", 2);
    struct view more = collector_text(&c);
    assert_memory_equal(more.data, "ab", 2);
    assert_memory_equal(more.data + more.len - 2, "ij", 2);
    free(copy);
    collector_done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_head_and_tail),
        cmocka_unit_test(text_can_be_asked_twice_and_goes_on),
    };

    return cmocka_run_group_tests_name("collector", tests, NULL, NULL);
}
