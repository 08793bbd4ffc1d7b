/* SPDX-License-Identifier: MIT */
/* mem_test.c - is memory there, zeroed where promised, and bounded? */
#include <string.h>

#include "lib/unit.h"

#include "base/mem.h"

static void zero_sizes_give_memory(void **state)
{
    AUTO_FREE void *a = xmalloc(0);
    AUTO_FREE void *b = xcalloc(0, 8);
    AUTO_FREE void *c = xrealloc(NULL, 0);

    (void)state;
    assert_non_null(a);
    assert_non_null(b);
    assert_non_null(c);
}

static void strndup_ends_at_len_or_nul(void **state)
{
    AUTO_FREE char *cut = xstrndup("abcdef", 3);
    AUTO_FREE char *whole = xstrndup("ab", 100);
    AUTO_FREE char *none = xstrndup("ab", 0);
    AUTO_FREE char *dup = xstrdup("abc");

    (void)state;
    assert_string_equal(cut, "abc");
    assert_string_equal(whole, "ab");
    assert_string_equal(none, "");
    assert_string_equal(dup, "abc");
}

static void arena_is_zeroed_and_aligned(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    for (size_t size = 0; size < 40000; size = size * 2 + 1) {
        unsigned char *p = arena_alloc(&a, size);

        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(p[i], 0);
        }
        memset(p, 0xff, size);
    }
    arena_done(&a);
    assert_int_equal(a.used, 0);
}

static void arena_stops_at_its_maximum(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, 64);
    assert_non_null(arena_alloc(&a, 48));
    assert_null(arena_alloc(&a, 17));
    assert_non_null(arena_alloc(&a, 16));
    assert_null(arena_alloc(&a, 1));
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_int_equal(a.used, 64);
    arena_done(&a);
    assert_non_null(arena_alloc(&a, 64));
    arena_done(&a);
}

static void arena_refuses_absurd_sizes(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - 8));
    arena_done(&a);
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zero_sizes_give_memory),
        cmocka_unit_test(strndup_ends_at_len_or_nul),
        cmocka_unit_test(arena_is_zeroed_and_aligned),
        cmocka_unit_test(arena_stops_at_its_maximum),
        cmocka_unit_test(arena_refuses_absurd_sizes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
