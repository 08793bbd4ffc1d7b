/* SPDX-License-Identifier: MIT */
/* heap_test.c - does the earliest always come out first? Against a plain
 * search through all that is in. */
#include "lib/unit.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/base.h"
#include "base/heap.h"

#define ROUNDS 20000
#define MOST   300U

static void empty_gives_nothing(void **state)
{
    struct heap h = {0};

    (void)state;
    assert_null(heap_top(&h));
    assert_null(heap_pop(&h));
    heap_done(&h);
}

static size_t earliest(const uint64_t *dues, size_t count)
{
    size_t best = 0;

    for (size_t i = 1; i < count; i++) {
        best = dues[i] < dues[best] ? i : best;
    }
    return best;
}

/* The thing is its own due time, so that a mix-up shows. */
static void pushed_and_popped_at_random(void **state)
{
    struct heap h = {0};
    uint64_t dues[MOST];
    size_t count = 0;
    unsigned seed = 20261126;

    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        bool is_push = count < MOST && (count == 0 || rand_r(&seed) % 2);

        if (is_push) {
            uint64_t due = 1 + (uint64_t)rand_r(&seed) % 50;

            dues[count++] = due;
            heap_push(&h, due, (void *)(uintptr_t)due);
        } else {
            size_t wanted = earliest(dues, count);

            assert_int_equal(heap_top(&h)->due, dues[wanted]);
            assert_int_equal((uintptr_t)heap_pop(&h), dues[wanted]);
            dues[wanted] = dues[--count];
        }
        assert_int_equal(h.count, count);
    }
    heap_done(&h);
}

static void sorts(void **state)
{
    struct heap h = {0};
    static int things[1000];
    uint64_t last = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(things); i++) {
        heap_push(&h, i * 7919 % ARRAY_LEN(things), &things[i]);
    }
    while (heap_top(&h)) {
        assert_true(heap_top(&h)->due >= last);
        last = heap_top(&h)->due;
        assert_non_null(heap_pop(&h));
    }
    assert_int_equal(last, ARRAY_LEN(things) - 1);
    heap_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_gives_nothing),
        cmocka_unit_test(pushed_and_popped_at_random),
        cmocka_unit_test(sorts),
    };

    return cmocka_run_group_tests_name("heap", tests, NULL, NULL);
}
