/* SPDX-License-Identifier: MIT */
/* offsets_test.c - the tracker against a naive model, and its edges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire/offsets.h"

#define MODEL_MAX 6000

/* The model: one byte per offset, no cleverness. */
enum state { NEVER, IN_FLIGHT, FINISHED };

struct model {
    unsigned char state[MODEL_MAX];
    int64_t first;
    int64_t high;
};

static int64_t model_low(const struct model *m)
{
    int64_t low = m->first;

    while (low < m->high && m->state[low] != IN_FLIGHT) {
        low++;
    }
    return low;
}

static size_t model_in_flight(const struct model *m)
{
    size_t count = 0;

    for (int64_t at = m->first; at < m->high; at++) {
        count += m->state[at] == IN_FLIGHT;
    }
    return count;
}

/* xorshift: the same numbers on every machine, from a seed shown on failure */
static uint32_t next_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static void deliver_one(struct offsets *o, struct model *m, uint32_t *seed)
{
    /* one in eight leaves a gap, as a transaction marker would */
    int64_t gap = next_random(seed) % 8 == 0 ? next_random(seed) % 5 : 0;
    int64_t offset = m->high + gap;
    struct err e = {0};

    if (offset >= MODEL_MAX) {
        return;
    }
    assert_int_equal(offsets_deliver(o, offset, &e), 0);
    m->state[offset] = IN_FLIGHT;
    m->high = offset + 1;
}

static void finish_one(struct offsets *o, struct model *m, uint32_t *seed)
{
    int64_t low = model_low(m);
    int64_t at = low;

    if (low == m->high) {
        return;
    }
    at = low + next_random(seed) % (uint32_t)(m->high - low);
    assert_int_equal(offsets_done(o, at), m->state[at] == IN_FLIGHT);
    if (m->state[at] == IN_FLIGHT) {
        m->state[at] = FINISHED;
    }
}

static void compare(const struct offsets *o, const struct model *m,
                    uint32_t first_seed)
{
    if (offsets_low(o) != model_low(m) ||
        offsets_in_flight(o) != model_in_flight(m) ||
        (int64_t)offsets_span(o) != m->high - model_low(m)) {
        fail_msg("seed %u: low %lld, model %lld", first_seed,
                 (long long)offsets_low(o), (long long)model_low(m));
    }
}

static void test_agrees_with_model(void **state)
{
    (void)state;
    for (uint32_t first_seed = 1; first_seed <= 60; first_seed++) {
        static struct model m;
        struct offsets o;
        uint32_t seed = first_seed * 2654435761U;
        struct err e = {0};

        memset(&m, 0, sizeof(m));
        m.first = next_random(&seed) % 500;
        m.high = m.first + 1;
        m.state[m.first] = IN_FLIGHT;
        offsets_init(&o);
        assert_int_equal(offsets_deliver(&o, m.first, &e), 0);
        for (int step = 0; step < 3000; step++) {
            /* lean towards delivery in odd runs: wide windows, growth */
            if (next_random(&seed) % 8 < 3 + first_seed % 3) {
                deliver_one(&o, &m, &seed);
            } else {
                finish_one(&o, &m, &seed);
            }
            if (step % 7 == 0) {
                compare(&o, &m, first_seed);
            }
        }
        for (int64_t at = m.first; at < m.high; at++) {
            (void)offsets_done(&o, at);
        }
        assert_int_equal(offsets_low(&o), m.high);
        assert_int_equal(offsets_in_flight(&o), 0);
        offsets_free(&o);
    }
}

static void test_commits_only_what_moved(void **state)
{
    struct offsets o;
    struct err e = {0};

    (void)state;
    offsets_init(&o);
    assert_false(offsets_is_dirty(&o));
    for (int64_t at = 10; at < 13; at++) {
        assert_int_equal(offsets_deliver(&o, at, &e), 0);
    }
    assert_false(offsets_is_dirty(&o));
    assert_true(offsets_done(&o, 11));
    assert_false(offsets_is_dirty(&o));
    assert_true(offsets_done(&o, 10));
    assert_true(offsets_is_dirty(&o));
    assert_int_equal(offsets_low(&o), 12);
    offsets_set_committed(&o, 12);
    assert_false(offsets_is_dirty(&o));
    assert_true(offsets_done(&o, 12));
    assert_true(offsets_is_dirty(&o));
    offsets_free(&o);
}

static void test_done_twice_or_never_delivered(void **state)
{
    struct offsets o;
    struct err e = {0};

    (void)state;
    offsets_init(&o);
    assert_false(offsets_done(&o, 0));
    assert_int_equal(offsets_deliver(&o, 5, &e), 0);
    assert_int_equal(offsets_deliver(&o, 8, &e), 0);
    assert_false(offsets_done(&o, 4));
    assert_false(offsets_done(&o, 6)); /* in the gap */
    assert_false(offsets_done(&o, 9));
    assert_true(offsets_done(&o, 5));
    assert_false(offsets_done(&o, 5));
    assert_int_equal(offsets_low(&o), 8);
    offsets_free(&o);
}

static void test_going_back_is_told(void **state)
{
    struct offsets o;
    struct err e = {0};

    (void)state;
    offsets_init(&o);
    assert_int_equal(offsets_deliver(&o, 100, &e), 0);
    assert_int_equal(offsets_deliver(&o, 100, &e), -1);
    assert_int_equal(e.kind, ERR_INPUT);
    assert_int_equal(offsets_deliver(&o, 0, &e), -1);
    assert_int_equal(e.kind, ERR_INPUT);
    assert_int_equal(offsets_in_flight(&o), 1);
    offsets_free(&o);
}

static void test_span_is_bounded(void **state)
{
    struct offsets o;
    struct err e = {0};

    (void)state;
    offsets_init(&o);
    for (int64_t at = 0; at < OFFSETS_SPAN_MAX; at++) {
        assert_int_equal(offsets_deliver(&o, at, &e), 0);
    }
    assert_int_equal(offsets_deliver(&o, OFFSETS_SPAN_MAX, &e), -1);
    assert_int_equal(e.kind, ERR_LIMIT);
    assert_int_equal(offsets_span(&o), OFFSETS_SPAN_MAX);
    assert_true(offsets_done(&o, 1));
    assert_int_equal(offsets_deliver(&o, OFFSETS_SPAN_MAX, &e), -1);
    assert_true(offsets_done(&o, 0));
    assert_int_equal(offsets_deliver(&o, OFFSETS_SPAN_MAX, &e), 0);
    offsets_free(&o);
}

static void test_wide_gap_with_nothing_in_flight(void **state)
{
    const int64_t far = INT64_C(1) << 40;
    struct offsets o;
    struct err e = {0};

    (void)state;
    offsets_init(&o);
    assert_int_equal(offsets_deliver(&o, 3, &e), 0);
    assert_int_equal(offsets_deliver(&o, far, &e), -1);
    assert_int_equal(e.kind, ERR_LIMIT);
    assert_true(offsets_done(&o, 3));
    assert_int_equal(offsets_deliver(&o, far, &e), 0);
    assert_int_equal(offsets_low(&o), far);
    assert_true(offsets_is_dirty(&o)); /* the gap itself may be committed */
    assert_true(offsets_done(&o, far));
    assert_int_equal(offsets_low(&o), far + 1);
    offsets_free(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agrees_with_model),
        cmocka_unit_test(test_commits_only_what_moved),
        cmocka_unit_test(test_done_twice_or_never_delivered),
        cmocka_unit_test(test_going_back_is_told),
        cmocka_unit_test(test_span_is_bounded),
        cmocka_unit_test(test_wide_gap_with_nothing_in_flight),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
