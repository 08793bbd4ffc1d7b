/* SPDX-License-Identifier: MIT */
/* backlog_test.c - who may begin, and who stands behind whom? Works here have
 * no message and are never run. */
#include "lib/unit.h"

#include <string.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/str.h"
#include "run/backlog.h"

#define NS_PER_MS 1000000U
#define WORKS     8

static uv_loop_t loop;
static struct backlog *backlog;
static struct work works[WORKS];
static unsigned told; /* on_ready calls */

static void on_ready(void *arg)
{
    (void)arg;
    told++;
}

static int setup(void **state)
{
    (void)state;
    told = 0;
    memset(works, 0, sizeof(works));
    assert_int_equal(uv_loop_init(&loop), 0);
    backlog = backlog_open(&loop, on_ready, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    backlog_close(backlog);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    return 0;
}

static struct work *keyed(size_t i, const char *tenant, const char *key)
{
    works[i].job.tenant_id = tenant ? view_of(tenant) : (struct view){0};
    works[i].job.ordering_key = view_of(key);
    return &works[i];
}

static void without_a_key_at_once(void **state)
{
    (void)state;
    assert_true(backlog_enter(backlog, &works[0]));
    assert_true(backlog_enter(backlog, &works[1]));
    assert_null(works[0].turn);
    backlog_leave(backlog, &works[0]);
    backlog_leave(backlog, &works[1]);
}

static void one_at_a_time_in_the_order_they_came(void **state)
{
    (void)state;
    assert_true(backlog_enter(backlog, keyed(0, "a", "k")));
    for (size_t i = 1; i < 4; i++) {
        assert_false(backlog_enter(backlog, keyed(i, "a", "k")));
    }
    assert_int_equal(backlog_count(backlog), 3);
    assert_null(backlog_next(backlog));
    for (size_t i = 1; i < 4; i++) {
        backlog_leave(backlog, &works[i - 1]);
        assert_ptr_equal(backlog_next(backlog), &works[i]);
        assert_null(backlog_next(backlog));
        /* it has its turn: asked once more, it goes on */
        assert_true(backlog_enter(backlog, &works[i]));
    }
    backlog_leave(backlog, &works[3]);
    assert_int_equal(backlog_count(backlog), 0);
    assert_true(backlog_enter(backlog, keyed(4, "a", "k")));
    backlog_leave(backlog, &works[4]);
}

/* "ab" + "c" is not "a" + "bc"; none is not the empty tenant's neighbour. */
static void other_keys_go_past(void **state)
{
    (void)state;
    assert_true(backlog_enter(backlog, keyed(0, "ab", "c")));
    assert_true(backlog_enter(backlog, keyed(1, "a", "bc")));
    assert_true(backlog_enter(backlog, keyed(2, "a", "c")));
    assert_true(backlog_enter(backlog, keyed(3, NULL, "c")));
    assert_false(backlog_enter(backlog, keyed(4, NULL, "c")));
    for (size_t i = 0; i < 4; i++) {
        backlog_leave(backlog, &works[i]);
    }
    assert_ptr_equal(backlog_next(backlog), &works[4]);
    backlog_leave(backlog, &works[4]);
}

static void another_attempt_keeps_the_turn(void **state)
{
    (void)state;
    assert_true(backlog_enter(backlog, keyed(0, "a", "k")));
    assert_false(backlog_enter(backlog, keyed(1, "a", "k")));
    backlog_replace(&works[0], keyed(2, "a", "k"));
    backlog_leave(backlog, &works[0]);
    assert_null(backlog_next(backlog));
    assert_true(backlog_enter(backlog, &works[2]));
    backlog_leave(backlog, &works[2]);
    assert_ptr_equal(backlog_next(backlog), &works[1]);
    backlog_leave(backlog, &works[1]);
}

static uint64_t now_ms(void)
{
    return clock_unix_ns() / NS_PER_MS;
}

static void when_its_time_has_come(void **state)
{
    const uint64_t begin = now_ms();

    (void)state;
    backlog_wait(backlog, &works[0], begin + 60);
    backlog_wait(backlog, &works[1], begin + 20);
    assert_null(backlog_next(backlog));
    while (told < 1) {
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
    assert_true(now_ms() >= begin + 20);
    assert_ptr_equal(backlog_next(backlog), &works[1]);
    while (told < 2) {
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
    assert_true(now_ms() >= begin + 60);
    assert_ptr_equal(backlog_next(backlog), &works[0]);
    assert_int_equal(backlog_count(backlog), 0);
}

static void all_are_given_out_at_the_end(void **state)
{
    unsigned seen = 0;
    struct work *w = NULL;

    (void)state;
    assert_true(backlog_enter(backlog, keyed(0, "a", "k")));
    assert_false(backlog_enter(backlog, keyed(1, "a", "k")));
    assert_false(backlog_enter(backlog, keyed(2, "a", "k")));
    backlog_wait(backlog, &works[3], now_ms() + 100000);
    backlog_wait(backlog, &works[4], now_ms() + 200000);
    backlog_leave(backlog, &works[0]); /* 1 is ready now */
    while ((w = backlog_take(backlog, NULL)) != NULL) {
        seen |= 1U << (w - works);
        backlog_leave(backlog, w);
    }
    assert_int_equal(seen, 0x1e);
    assert_int_equal(backlog_count(backlog), 0);
}

static void has_a_bound(void **state)
{
    (void)state;
    works[1].msg.value.len = 64U << 20;
    assert_true(backlog_enter(backlog, keyed(0, "a", "k")));
    assert_false(backlog_is_full(backlog));
    assert_false(backlog_enter(backlog, keyed(1, "a", "k")));
    assert_true(backlog_is_full(backlog));
    backlog_leave(backlog, &works[0]);
    assert_ptr_equal(backlog_next(backlog), &works[1]);
    assert_false(backlog_is_full(backlog));
    backlog_leave(backlog, &works[1]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_a_key_at_once),
        TEST(one_at_a_time_in_the_order_they_came),
        TEST(other_keys_go_past),
        TEST(another_attempt_keeps_the_turn),
        TEST(when_its_time_has_come),
        TEST(all_are_given_out_at_the_end),
        TEST(has_a_bound),
    };

    return cmocka_run_group_tests_name("backlog", tests, NULL, NULL);
}
