/* SPDX-License-Identifier: MIT */
/* offsets_test.c - the tracker's edges, one by one; what holds for every
 * sequence is offsets_model_test's part. */
#include <string.h>

#include "lib/unit.h"

#include "wire/offsets.h"

#define NO_EPOCH (-1)

static struct offsets_ticket take(struct offsets *o, int64_t offset)
{
    struct offsets_ticket ticket = {-1, 0};

    assert_int_equal(offsets_take(o, offset, NO_EPOCH, 0, &ticket),
                     OFFSETS_TAKEN);
    assert_int_equal(ticket.offset, offset);
    return ticket;
}

static enum offsets_taken try_take(struct offsets *o, int64_t offset,
                                   int32_t epoch)
{
    struct offsets_ticket ticket;

    return offsets_take(o, offset, epoch, 0, &ticket);
}

/* A ticket of a record in flight that was never rewound. */
static bool finish(struct offsets *o, int64_t offset)
{
    return offsets_mark_done(o, (struct offsets_ticket){offset, 0});
}

static void commit(struct offsets *o, struct offsets_commit *out)
{
    offsets_commit_begin(o, out);
    offsets_commit_end(o, true);
}

/* A tracker that begins where a commit ended. */
static void restart(struct offsets *o, const struct offsets_commit *from)
{
    struct err e = {0};

    offsets_init(o);
    if (offsets_restore(o, from->offset, from->text, from->text_len, &e) < 0) {
        fail_msg("%s", e.msg);
    }
}

/* ------------------------------------------------------------------------- */

static void test_commits_only_what_changed(void **state)
{
    struct offsets_commit c;
    struct offsets o;

    (void)state;
    offsets_init(&o);
    assert_false(offsets_is_dirty(&o));
    assert_int_equal(offsets_span(&o), 0);
    for (int64_t at = 10; at < 13; at++) {
        (void)take(&o, at);
    }
    assert_false(offsets_is_dirty(&o));
    /* the watermark stays, and there is something to tell */
    assert_true(finish(&o, 11));
    assert_true(offsets_is_dirty(&o));
    assert_int_equal(offsets_low(&o), 10);
    commit(&o, &c);
    assert_int_equal(c.offset, 10);
    assert_true(c.text_len > 0);
    assert_int_equal(strlen(c.text), c.text_len);
    assert_false(offsets_is_dirty(&o));
    assert_true(finish(&o, 10));
    assert_int_equal(offsets_low(&o), 12);
    assert_true(offsets_is_dirty(&o));
    commit(&o, &c);
    assert_int_equal(c.offset, 12);
    assert_int_equal(c.text_len, 0);
    assert_false(offsets_is_dirty(&o));
    assert_true(finish(&o, 12));
    assert_true(offsets_is_dirty(&o));
    offsets_free(&o);
}

static void test_commit_refused_or_overtaken(void **state)
{
    struct offsets_commit c;
    struct offsets o;

    (void)state;
    offsets_init(&o);
    (void)take(&o, 0);
    (void)take(&o, 1);
    /* an answer to nobody's commit */
    assert_true(finish(&o, 0));
    offsets_commit_end(&o, true);
    assert_true(offsets_is_dirty(&o));
    offsets_commit_begin(&o, &c);
    offsets_commit_end(&o, false);
    assert_true(offsets_is_dirty(&o));
    /* finished while the commit was under way: not told yet */
    offsets_commit_begin(&o, &c);
    assert_true(finish(&o, 1));
    offsets_commit_end(&o, true);
    assert_true(offsets_is_dirty(&o));
    commit(&o, &c);
    assert_int_equal(c.offset, 2);
    assert_false(offsets_is_dirty(&o));
    offsets_free(&o);
}

static void test_done_twice_or_never_taken(void **state)
{
    struct offsets o;

    (void)state;
    offsets_init(&o);
    assert_false(finish(&o, 0));
    (void)take(&o, 5);
    (void)take(&o, 8);
    assert_false(finish(&o, 4));
    assert_false(finish(&o, 6)); /* in the gap */
    assert_false(finish(&o, 9));
    assert_false(offsets_mark_done(&o, (struct offsets_ticket){5, 1}));
    assert_true(finish(&o, 5));
    assert_false(finish(&o, 5));
    assert_int_equal(offsets_low(&o), 8);
    offsets_free(&o);
}

static void test_restart_skips_the_finished(void **state)
{
    struct offsets_commit c;
    struct offsets o;

    (void)state;
    offsets_init(&o);
    for (int64_t at = 100; at < 110; at++) {
        (void)take(&o, at);
    }
    for (int64_t at = 103; at < 108; at++) {
        assert_true(finish(&o, at));
    }
    assert_true(finish(&o, 100));
    commit(&o, &c);
    offsets_free(&o);
    assert_int_equal(c.offset, 101);

    restart(&o, &c);
    assert_int_equal(offsets_low(&o), 101);
    assert_false(offsets_is_dirty(&o));
    assert_int_equal(try_take(&o, 101, NO_EPOCH), OFFSETS_TAKEN);
    assert_int_equal(try_take(&o, 102, NO_EPOCH), OFFSETS_TAKEN);
    for (int64_t at = 103; at < 108; at++) {
        assert_int_equal(try_take(&o, at, NO_EPOCH), OFFSETS_KNOWN);
    }
    assert_int_equal(try_take(&o, 108, NO_EPOCH), OFFSETS_TAKEN);
    assert_int_equal(offsets_in_flight(&o), 3);
    assert_true(finish(&o, 101));
    assert_true(finish(&o, 102));
    assert_int_equal(offsets_low(&o), 108);
    offsets_free(&o);
}

/* What is known and not read yet is neither passed nor forgotten. */
static void test_second_restart_before_all_is_read(void **state)
{
    struct offsets_commit c;
    struct offsets o;

    (void)state;
    offsets_init(&o);
    for (int64_t at = 0; at < 40; at++) {
        (void)take(&o, at);
    }
    for (int64_t at = 1; at < 40; at++) {
        assert_true(at == 20 || finish(&o, at));
    }
    commit(&o, &c);
    offsets_free(&o);

    restart(&o, &c);
    for (int64_t at = 0; at < 5; at++) {
        (void)try_take(&o, at, NO_EPOCH);
    }
    assert_true(finish(&o, 0));
    assert_int_equal(offsets_low(&o), 5);
    commit(&o, &c);
    offsets_free(&o);

    restart(&o, &c);
    for (int64_t at = 5; at < 40; at++) {
        assert_int_equal(try_take(&o, at, NO_EPOCH),
                         at == 20 ? OFFSETS_TAKEN : OFFSETS_KNOWN);
    }
    assert_int_equal(try_take(&o, 40, NO_EPOCH), OFFSETS_TAKEN);
    offsets_free(&o);
}

/* A long run of which one half was passed and the other not yet is one run. */
static void test_run_known_and_read_in_part(void **state)
{
    struct offsets_commit whole;
    struct offsets_commit half;
    struct offsets o;

    (void)state;
    offsets_init(&o);
    for (int64_t at = 0; at < 200; at++) {
        (void)take(&o, at);
        assert_true(at == 0 || finish(&o, at));
    }
    commit(&o, &whole);
    offsets_free(&o);
    restart(&o, &whole);
    for (int64_t at = 0; at < 100; at++) {
        (void)try_take(&o, at, NO_EPOCH);
    }
    commit(&o, &half);
    assert_string_equal(half.text, whole.text);
    offsets_free(&o);
}

static void test_metadata_not_believed(void **state)
{
    static const char text[] = "written by somebody else";
    struct err e = {0};
    struct offsets o;

    (void)state;
    offsets_init(&o);
    assert_int_equal(offsets_restore(&o, 7, text, strlen(text), &e), -1);
    assert_int_equal(e.kind, ERR_INPUT);
    assert_string_equal(e.msg, "not written by Forkyard");
    assert_int_equal(offsets_low(&o), 7);
    assert_false(offsets_is_dirty(&o));
    assert_int_equal(try_take(&o, 7, NO_EPOCH), OFFSETS_TAKEN);
    offsets_free(&o);
}

/* Compaction or retention took what the group had committed up to. */
static void test_starts_past_the_committed(void **state)
{
    struct err e = {0};
    struct offsets o;

    (void)state;
    offsets_init(&o);
    assert_int_equal(offsets_restore(&o, 7, "", 0, &e), 0);
    (void)take(&o, 50);
    assert_int_equal(offsets_low(&o), 50);
    assert_true(offsets_is_dirty(&o));
    offsets_free(&o);
}

/* A set of records that leaders 3 to 4 wrote: low, then 4 finished ones. */
static void restart_with_epochs(struct offsets *o)
{
    struct offsets_commit c;

    offsets_init(o);
    for (int64_t at = 0; at < 5; at++) {
        assert_int_equal(try_take(o, at, at < 3 ? 3 : 4), OFFSETS_TAKEN);
        assert_true(at == 0 || finish(o, at));
    }
    commit(o, &c);
    assert_int_equal(c.epoch, 3);
    offsets_free(o);
    restart(o, &c);
}

static void test_another_leaders_record_is_another_record(void **state)
{
    static const int32_t others[] = {2, 5};
    struct offsets o;

    (void)state;
    restart_with_epochs(&o);
    assert_int_equal(try_take(&o, 0, 3), OFFSETS_TAKEN);
    assert_int_equal(try_take(&o, 1, 3), OFFSETS_KNOWN);
    assert_int_equal(try_take(&o, 2, 4), OFFSETS_KNOWN);
    assert_int_equal(try_take(&o, 3, NO_EPOCH), OFFSETS_KNOWN);
    offsets_free(&o);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        restart_with_epochs(&o);
        assert_int_equal(try_take(&o, 0, 3), OFFSETS_TAKEN);
        assert_int_equal(try_take(&o, 1, others[i]), OFFSETS_TAKEN);
        /* and what comes after it is not what was known either */
        assert_int_equal(try_take(&o, 2, 4), OFFSETS_TAKEN);
        assert_int_equal(offsets_in_flight(&o), 3);
        offsets_free(&o);
    }
}

static void test_epochs_survive_a_second_restart(void **state)
{
    struct offsets_commit c;
    struct offsets o;

    (void)state;
    restart_with_epochs(&o);
    assert_int_equal(try_take(&o, 0, 3), OFFSETS_TAKEN);
    assert_int_equal(try_take(&o, 1, 3), OFFSETS_KNOWN);
    commit(&o, &c);
    assert_int_equal(c.epoch, 3);
    offsets_free(&o);
    restart(&o, &c);
    assert_int_equal(o.known.epoch_first, 3);
    assert_int_equal(o.known.epoch_last, 4);
    offsets_free(&o);
}

static void test_rewind_keeps_what_is_before(void **state)
{
    struct offsets_ticket old[10];
    struct offsets_ticket again;
    struct offsets o;

    (void)state;
    offsets_init(&o);
    for (int64_t at = 0; at < 10; at++) {
        old[at] = take(&o, 100 + at);
    }
    assert_int_equal(try_take(&o, 105, NO_EPOCH), OFFSETS_BACK);
    assert_int_equal(offsets_in_flight(&o), 10);
    offsets_rewind(&o, 105);
    assert_int_equal(offsets_in_flight(&o), 5);
    again = take(&o, 105);
    /* the record that was 105 before is not this one */
    assert_false(offsets_mark_done(&o, old[5]));
    assert_false(offsets_mark_done(&o, old[7]));
    assert_true(offsets_mark_done(&o, again));
    /* and 105 is not passed by forgetting what runs before it */
    assert_int_equal(offsets_low(&o), 100);
    for (size_t i = 0; i < 5; i++) {
        assert_true(offsets_mark_done(&o, old[i]));
    }
    assert_int_equal(offsets_low(&o), 106);
    offsets_free(&o);
}

static void test_rewind_past_the_watermark(void **state)
{
    struct offsets_commit c;
    struct offsets o;

    (void)state;
    offsets_init(&o);
    (void)take(&o, 1000);
    assert_true(finish(&o, 1000));
    commit(&o, &c);
    assert_int_equal(try_take(&o, 0, NO_EPOCH), OFFSETS_BACK);
    offsets_rewind(&o, 0);
    /* the group must not stay at 1001: a restart would skip the new ones */
    assert_int_equal(offsets_low(&o), 0);
    assert_true(offsets_is_dirty(&o));
    (void)take(&o, 0);
    commit(&o, &c);
    assert_int_equal(c.offset, 0);
    offsets_free(&o);
}

static void test_rewind_forgets_what_was_known(void **state)
{
    struct offsets o;

    (void)state;
    restart_with_epochs(&o);
    assert_int_equal(try_take(&o, 0, 3), OFFSETS_TAKEN);
    offsets_rewind(&o, 0);
    assert_int_equal(try_take(&o, 0, 3), OFFSETS_TAKEN);
    assert_int_equal(try_take(&o, 1, 3), OFFSETS_TAKEN);
    offsets_free(&o);
}

static void test_holder(void **state)
{
    struct offsets_holder holder;
    struct offsets_ticket first;
    struct offsets_ticket second;
    struct offsets o;

    (void)state;
    offsets_init(&o);
    assert_false(offsets_holder(&o, &holder));
    assert_int_equal(offsets_take(&o, 5, NO_EPOCH, 1000, &first),
                     OFFSETS_TAKEN);
    assert_int_equal(offsets_take(&o, 6, NO_EPOCH, 2000, &second),
                     OFFSETS_TAKEN);
    assert_true(offsets_holder(&o, &holder));
    assert_int_equal(holder.ticket.offset, 5);
    assert_int_equal(holder.since_ms, 1000);
    assert_int_equal(holder.passed, 0);
    assert_false(holder.is_started);
    assert_true(offsets_mark_started(&o, first, 1500));
    assert_false(offsets_mark_started(&o, first, 1600));
    assert_false(offsets_mark_started(&o, (struct offsets_ticket){7, 0}, 1));
    (void)take(&o, 9);
    assert_true(finish(&o, 6));
    assert_true(offsets_holder(&o, &holder));
    assert_int_equal(holder.ticket.offset, 5);
    assert_int_equal(holder.since_ms, 1500);
    assert_true(holder.is_started);
    assert_int_equal(holder.passed, 3); /* 6, and the gap 7, 8 */
    assert_true(offsets_mark_done(&o, holder.ticket));
    assert_true(offsets_holder(&o, &holder));
    assert_int_equal(holder.ticket.offset, 9);
    assert_false(holder.is_started);
    offsets_free(&o);
}

static void test_sideline(void **state)
{
    struct offsets_holder holder;
    struct offsets_commit c;
    struct offsets o;

    (void)state;
    offsets_init(&o);
    (void)take(&o, 0);
    for (int64_t at = 1; at < 50; at++) {
        (void)take(&o, at);
        assert_true(finish(&o, at));
    }
    assert_true(offsets_holder(&o, &holder));
    assert_int_equal(holder.passed, 49);
    assert_true(offsets_sideline(&o, holder.ticket));
    assert_int_equal(o.sidelined, 1);
    assert_int_equal(offsets_low(&o), 50);
    commit(&o, &c);
    assert_int_equal(c.offset, 50);
    /* its own end comes later and changes nothing */
    assert_false(offsets_mark_done(&o, holder.ticket));
    assert_false(offsets_sideline(&o, holder.ticket));
    assert_int_equal(o.sidelined, 1);
    assert_false(offsets_is_dirty(&o));
    offsets_free(&o);
}

/* One that never ends, and more behind it than any bitmap holds. */
static void test_one_stuck_record_stops_nothing(void **state)
{
    struct offsets_commit c;
    struct offsets o;

    (void)state;
    offsets_init(&o);
    (void)take(&o, 0);
    for (int64_t at = 1; at <= 1000000; at++) {
        if (!offsets_can_take(&o)) {
            fail_msg("stopped at %lld", (long long)at);
        }
        (void)take(&o, at);
        assert_true(finish(&o, at));
    }
    commit(&o, &c);
    assert_int_equal(c.offset, 0);
    assert_true(c.text_len < 40);
    assert_true(o.capacity <= 64); /* memory is of those in flight */
    offsets_free(&o);
    restart(&o, &c);
    for (int64_t at = 0; at <= 1000000; at++) {
        assert_int_equal(try_take(&o, at, NO_EPOCH),
                         at == 0 ? OFFSETS_TAKEN : OFFSETS_KNOWN);
    }
    assert_int_equal(try_take(&o, 1000001, NO_EPOCH), OFFSETS_TAKEN);
    offsets_free(&o);
}

static void test_refuses_at_the_bound_and_goes_on(void **state)
{
    struct offsets_commit c;
    struct offsets o;
    int64_t next = 0;

    (void)state;
    offsets_init(&o);
    while (offsets_can_take(&o)) {
        (void)take(&o, next++);
    }
    assert_true(next > 20000);
    assert_int_equal(try_take(&o, next, NO_EPOCH), OFFSETS_FULL);
    assert_int_equal(offsets_in_flight(&o), next);
    /* the worst that can finish now still fits */
    for (int64_t at = 1; at < next; at += 2) {
        assert_true(finish(&o, at));
    }
    commit(&o, &c);
    assert_true(c.text_len > (OFFSETS_TEXT_MAX - OFFSETS_ONCE_TEXT) * 9 / 10);
    assert_true(c.text_len <= OFFSETS_TEXT_MAX);
    assert_false(offsets_can_take(&o));
    assert_true(finish(&o, 0));
    assert_true(offsets_can_take(&o));
    (void)take(&o, next);
    offsets_free(&o);
}

/* Which one of `count` in flight ends next, in ways that make long texts. */
static size_t every_other(size_t count, size_t step)
{
    return (step * 2 + 1) % count;
}

static size_t newest(size_t count, size_t step)
{
    (void)step;
    return count - 1;
}

static size_t by_chance(size_t count, size_t step)
{
    return (size_t)((step * 2654435761U) >> 7) % count;
}

static size_t oldest_last(size_t count, size_t step)
{
    return count == 1 ? 0 : 1 + step % (count - 1);
}

/* As many in flight as may be, however many that is, and gaps between them:
 * there is always a text that says all of it. */
static size_t keep_full(size_t in_flight, int64_t gap,
                        size_t (*choose)(size_t count, size_t step))
{
    size_t longest = 0;
    struct offsets_commit c;
    struct offsets o;
    int64_t next = 0;

    offsets_init(&o);
    for (size_t step = 0; step < 40000; step++) {
        struct offsets_ticket ticket;

        while (offsets_in_flight(&o) < in_flight && offsets_can_take(&o) &&
               offsets_take(&o, next, NO_EPOCH, 0, &ticket) == OFFSETS_TAKEN) {
            next += 1 + gap;
        }
        ticket.offset =
            o.entries[o.first + choose(offsets_in_flight(&o), step)].offset;
        assert_true(finish(&o, ticket.offset));
        if (step % 512 == 0 || (step > 24000 && step < 24100)) {
            commit(&o, &c);
            if (c.text_len == 0 && offsets_span(&o) > offsets_in_flight(&o)) {
                fail_msg("%zu in flight, step %zu: does not fit", in_flight,
                         step);
            }
            longest = c.text_len > longest ? c.text_len : longest;
        }
    }
    offsets_free(&o);
    return longest;
}

static void test_every_commit_fits(void **state)
{
    static const size_t numbers[] = {1, 16, 700, 1000, 4096, 30000};
    static size_t (*const chooses[])(size_t, size_t) = {every_other, newest,
                                                        by_chance, oldest_last};
    size_t longest = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        for (size_t k = 0; k < ARRAY_LEN(chooses); k++) {
            for (int64_t gap = 0; gap < 2; gap++) {
                size_t len = keep_full(numbers[i], gap, chooses[k]);

                longest = len > longest ? len : longest;
            }
        }
    }
    assert_in_range(longest, (OFFSETS_TEXT_MAX - OFFSETS_ONCE_TEXT) * 98 / 100,
                    OFFSETS_TEXT_MAX - OFFSETS_ONCE_TEXT);
}

static void test_gap_that_does_not_fit(void **state)
{
    const int64_t far = INT64_C(1) << 40;
    struct offsets o;

    (void)state;
    offsets_init(&o);
    (void)take(&o, 3);
    assert_true(offsets_can_take(&o));
    assert_int_equal(try_take(&o, far, NO_EPOCH), OFFSETS_FULL);
    assert_int_equal(offsets_in_flight(&o), 1);
    assert_int_equal(offsets_span(&o), 1);
    assert_true(finish(&o, 3));
    (void)take(&o, far);
    assert_int_equal(offsets_low(&o), far);
    assert_true(offsets_is_dirty(&o)); /* the gap itself may be committed */
    assert_true(finish(&o, far));
    assert_int_equal(offsets_low(&o), far + 1);
    offsets_free(&o);
}

/* The broker's offset.metadata.max.bytes may be less than 4096. */
static void test_a_broker_that_takes_less(void **state)
{
    static const size_t maxima[] = {0, 10, 64, 512};
    struct offsets_commit c;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(maxima); i++) {
        struct offsets o;
        int64_t next = 0;

        offsets_init(&o);
        for (; next < 6000; next++) {
            (void)take(&o, next);
        }
        for (int64_t at = 1; at < next; at += 2) {
            assert_true(finish(&o, at));
        }
        offsets_set_text_max(&o, maxima[i]);
        commit(&o, &c);
        assert_int_equal(c.text_len, 0); /* left out, not cut */
        assert_false(offsets_can_take(&o));
        for (int64_t at = 0; at < next; at += 2) {
            assert_true(finish(&o, at));
        }
        /* never for ever: with nothing in flight there is always room */
        assert_true(offsets_can_take(&o));
        (void)take(&o, next);
        commit(&o, &c);
        assert_true(c.text_len <= maxima[i]);
        offsets_free(&o);
    }
}

/* A set that would fit and is too loose to be kept up: not taken over. */
static void test_set_that_cannot_be_kept(void **state)
{
    struct offsets_run run = {30000, 30001};
    struct offsets_set set = {.low = 0,
                              .epoch_first = -1,
                              .epoch_last = -1,
                              .runs = &run,
                              .count = 1};
    char text[OFFSETS_TEXT_MAX + 1];
    size_t len = offsets_set_encode(&set, OFFSETS_TEXT_MAX, text);
    struct err e = {0};
    struct offsets o;

    (void)state;
    assert_true(len > 0);
    offsets_init(&o);
    assert_int_equal(offsets_restore(&o, 0, text, len, &e), -1);
    assert_string_equal(e.msg, "more than may be kept");
    assert_int_equal(try_take(&o, 0, NO_EPOCH), OFFSETS_TAKEN);
    offsets_free(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commits_only_what_changed),
        cmocka_unit_test(test_commit_refused_or_overtaken),
        cmocka_unit_test(test_done_twice_or_never_taken),
        cmocka_unit_test(test_restart_skips_the_finished),
        cmocka_unit_test(test_second_restart_before_all_is_read),
        cmocka_unit_test(test_run_known_and_read_in_part),
        cmocka_unit_test(test_metadata_not_believed),
        cmocka_unit_test(test_starts_past_the_committed),
        cmocka_unit_test(test_another_leaders_record_is_another_record),
        cmocka_unit_test(test_epochs_survive_a_second_restart),
        cmocka_unit_test(test_rewind_keeps_what_is_before),
        cmocka_unit_test(test_rewind_past_the_watermark),
        cmocka_unit_test(test_rewind_forgets_what_was_known),
        cmocka_unit_test(test_holder),
        cmocka_unit_test(test_sideline),
        cmocka_unit_test(test_one_stuck_record_stops_nothing),
        cmocka_unit_test(test_refuses_at_the_bound_and_goes_on),
        cmocka_unit_test(test_every_commit_fits),
        cmocka_unit_test(test_gap_that_does_not_fit),
        cmocka_unit_test(test_a_broker_that_takes_less),
        cmocka_unit_test(test_set_that_cannot_be_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
