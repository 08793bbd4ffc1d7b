/* SPDX-License-Identifier: MIT */
/* intake_test.c - is all taken in that a box sends, and no more than may be? */
#include "run/intake.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "lib/unit.h"

static uv_loop_t loop;
static struct intake in;
static int box_fd = -1;

static int setup(void **state)
{
    struct err e = {.msg = ""};

    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    intake_init(&in);
    if (intake_open(&in, &loop, 100000, &box_fd, &e) < 0) {
        fail_msg("%s", e.msg);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (box_fd >= 0) {
        close(take_fd(&box_fd));
    }
    intake_done(&in);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&loop), 0);
    return 0;
}

static void put(const char *text)
{
    assert_int_equal(fd_write_all(box_fd, text, strlen(text), NULL), 0);
}

static void expect_got(const char *text)
{
    assert_true(view_is(buf_view(&in.got), text));
    assert_false(in.is_over);
}

static void the_loop_reads_as_it_comes(void **state)
{
    (void)state;
    put("one ");
    (void)uv_run(&loop, UV_RUN_ONCE);
    expect_got("one ");
    put("two");
    close(take_fd(&box_fd));
    while (uv_loop_alive(&loop)) { /* until it has seen the end */
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
    expect_got("one two");
    assert_int_equal(in.fd, -1);
}

/* The loop had no turn for it before the end was told. */
static void draining_takes_the_rest(void **state)
{
    (void)state;
    put("the rest");
    close(take_fd(&box_fd));
    intake_drain(&in);
    expect_got("the rest");
}

/* A writer that lives on does not hold us. */
static void draining_waits_for_nobody(void **state)
{
    (void)state;
    put("all");
    intake_drain(&in);
    expect_got("all");
    assert_int_equal(in.fd, -1);
}

static void no_more_is_taken_than_may_be(void **state)
{
    static char text[65536 + 1];
    int flags = fcntl(box_fd, F_GETFL);

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    assert_int_equal(fcntl(box_fd, F_SETFL, flags | O_NONBLOCK), 0);
    while (in.fd >= 0) {
        (void)!write(box_fd, text, sizeof(text) - 1);
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
    assert_true(in.is_over);
    assert_true(in.got.len <= 100000);
}

/* Nothing was asked for. */
static void one_that_was_never_opened_is_empty(void **state)
{
    struct intake none;

    (void)state;
    intake_init(&none);
    intake_drain(&none);
    assert_int_equal(none.got.len, 0);
    intake_done(&none);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_loop_reads_as_it_comes),
        TEST(draining_takes_the_rest),
        TEST(draining_waits_for_nobody),
        TEST(no_more_is_taken_than_may_be),
        TEST(one_that_was_never_opened_is_empty),
    };

    return cmocka_run_group_tests_name("intake", tests, NULL, NULL);
}
