/* SPDX-License-Identifier: MIT */
/* run_stream_test.c - what a person sees of a job's chunks and result. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bin/run_stream.h"

#define JOB_ID "job-1"

struct fixture {
    struct run_stream stream;
    struct job job;
    struct result result;
    FILE *files[2];
    char *texts[2];
    size_t lens[2];
    uint64_t now;
};

static void setup(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    job_init(&f->job);
    f->job.job_id = view_of(JOB_ID);
    f->job.limits.present = true;
    f->job.limits.stdout_bytes = 20;
    result_init(&f->result);
    f->result.attempt = 1;
    for (size_t i = 0; i < 2; i++) {
        f->files[i] = open_memstream(&f->texts[i], &f->lens[i]);
        assert_non_null(f->files[i]);
    }
    run_stream_init(&f->stream, &f->job, f->files[0], f->files[1]);
}

static void teardown(struct fixture *f)
{
    run_stream_done(&f->stream);
    for (size_t i = 0; i < 2; i++) {
        (void)fclose(f->files[i]);
        free(f->texts[i]);
    }
}

static void give(struct fixture *f, const struct chunk *chunk)
{
    AUTO_BUF struct buf bytes;
    struct err e = {0};

    buf_init(&bytes, 4096);
    if (chunk_encode(chunk, &bytes, &e) < 0) {
        fail_msg("%s", e.msg);
    }
    run_stream_take(&f->stream, buf_view(&bytes));
}

static struct chunk chunk_of(uint64_t seq, enum chunk_stream which,
                             uint64_t offset, const char *data)
{
    struct chunk chunk;

    chunk_init(&chunk);
    chunk.job_id = view_of(JOB_ID);
    chunk.attempt = 1;
    chunk.seq = seq;
    chunk.stream = (int)which;
    chunk.offset = offset;
    chunk.data = view_of(data);
    return chunk;
}

static void out(struct fixture *f, uint64_t seq, uint64_t offset,
                const char *data)
{
    struct chunk chunk = chunk_of(seq, CHUNK_STDOUT, offset, data);

    chunk.timestamp_unix_nano = f->now;
    give(f, &chunk);
}

static void end(struct fixture *f, uint64_t seq)
{
    struct chunk chunk = chunk_of(seq, CHUNK_CONTROL, 0, "");

    chunk.last = true;
    give(f, &chunk);
}

static void ends_with(struct fixture *f, const char *text, uint64_t total,
                      bool is_cut)
{
    f->result.stdout_ = view_of(text);
    f->result.stdout_bytes_total = total;
    f->result.stdout_truncated = is_cut;
}

static void assert_shown(struct fixture *f, const char *text)
{
    (void)fflush(f->files[0]);
    assert_string_equal(f->texts[0], text);
}

/* ------------------------------------------------------------------------- */

static void test_both_streams_as_they_come(void **state)
{
    struct fixture f;
    struct chunk err = chunk_of(1, CHUNK_STDERR, 0, "oh");

    (void)state;
    setup(&f);
    ends_with(&f, "onetwo", 6, false);
    f.result.stderr_ = view_of("oh");
    f.result.stderr_bytes_total = 2;
    out(&f, 0, 0, "one");
    assert_shown(&f, "one");
    assert_false(run_stream_is_complete(&f.stream, &f.result));
    give(&f, &err);
    out(&f, 2, 3, "two");
    assert_true(run_stream_is_complete(&f.stream, &f.result));
    run_stream_finish(&f.stream, &f.result);
    assert_shown(&f, "onetwo");
    assert_string_equal(f.texts[1], "oh");
    teardown(&f);
}

static void test_other_jobs_and_rubbish_are_nothing(void **state)
{
    struct fixture f;
    struct chunk other = chunk_of(0, CHUNK_STDOUT, 0, "theirs");

    (void)state;
    setup(&f);
    other.job_id = view_of("job-2");
    give(&f, &other);
    run_stream_take(&f.stream, view_of("\xc1 rubbish"));
    run_stream_take(&f.stream, (struct view){"", 0});
    assert_false(f.stream.has_chunks);
    assert_shown(&f, "");
    teardown(&f);
}

static void test_without_chunks_the_result_is_shown(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    ends_with(&f, "all of it", 9, false);
    assert_false(run_stream_is_complete(&f.stream, &f.result));
    run_stream_finish(&f.stream, &f.result);
    assert_shown(&f, "all of it");
    teardown(&f);
}

static void test_a_job_that_never_ran_is_complete(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    assert_true(run_stream_is_complete(&f.stream, &f.result));
    run_stream_finish(&f.stream, &f.result);
    assert_shown(&f, "");
    teardown(&f);
}

static void test_a_hole_is_filled_by_the_result(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    out(&f, 0, 0, "ab");
    out(&f, 1, 5, "fg"); /* "cde" could not be sent */
    assert_shown(&f, "ab");
    end(&f, 2);
    ends_with(&f, "abcdefgh", 8, false);
    assert_true(run_stream_is_complete(&f.stream, &f.result));
    run_stream_finish(&f.stream, &f.result);
    assert_shown(&f, "abcdefgh");
    assert_int_equal(f.stream.pipes[0].lost, 0);
    teardown(&f);
}

static void test_a_hole_that_no_result_can_fill(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    out(&f, 0, 0, "ab");
    out(&f, 1, 5, "0123456789");
    assert_shown(&f, "ab");
    out(&f, 2, 15, "0123456789"); /* more than a result of 20 bytes has */
    assert_shown(&f, "ab01234567890123456789");
    assert_int_equal(f.stream.pipes[0].lost, 3);
    out(&f, 3, 25, "end");
    assert_shown(&f, "ab01234567890123456789end");
    teardown(&f);
}

static void test_the_end_is_lost_and_the_result_cut(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    out(&f, 0, 0, "ab");
    out(&f, 1, 4, "ef");
    ends_with(&f, "[head and tail]", 100, true);
    assert_false(run_stream_is_complete(&f.stream, &f.result));
    run_stream_finish(&f.stream, &f.result);
    assert_shown(&f, "abef");
    assert_int_equal(f.stream.pipes[0].lost, 2 + 94);
    teardown(&f);
}

static void test_a_cut_result_is_better_than_nothing(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    ends_with(&f, "[head and tail]", 100, true);
    run_stream_finish(&f.stream, &f.result);
    assert_shown(&f, "[head and tail]");
    teardown(&f);
}

static void test_a_second_run_repeats_nothing(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    out(&f, 0, 0, "abc");
    out(&f, 1, 3, "def");
    assert_false(f.stream.has_said_again);
    out(&f, 0, 0, "abc"); /* a record that was written twice */
    assert_false(f.stream.has_said_again);
    f.now++;
    out(&f, 0, 0, "abcd"); /* its worker died; another one, other pieces */
    assert_true(f.stream.has_said_again);
    assert_shown(&f, "abcdef");
    out(&f, 1, 4, "efgh");
    assert_shown(&f, "abcdefgh");
    teardown(&f);
}

static void test_a_second_run_fills_the_hole_of_the_first(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    out(&f, 0, 4, "ef");
    out(&f, 1, 2, "cd");
    out(&f, 2, 7, "h");
    assert_shown(&f, "");
    f.now++;
    out(&f, 0, 0, "abc");
    assert_shown(&f, "abcdef");
    out(&f, 1, 9, "j"); /* the list's end is where it should be */
    out(&f, 2, 6, "g-i");
    assert_shown(&f, "abcdefg-ij");
    teardown(&f);
}

static void test_the_end_of_another_attempt_is_not_ours(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    out(&f, 0, 0, "ab");
    end(&f, 1);
    ends_with(&f, "abcd", 4, false);
    f.result.attempt = 2;
    assert_false(run_stream_is_complete(&f.stream, &f.result));
    teardown(&f);
}

static void test_offsets_that_are_lies(void **state)
{
    struct fixture f;
    struct chunk absent = chunk_of(1, CHUNK_STDOUT, RECORD_NO_UINT, "x");

    (void)state;
    setup(&f);
    out(&f, 0, UINT64_MAX - 1, "abc");
    give(&f, &absent);
    assert_shown(&f, "");
    out(&f, 2, 0, "abc");
    assert_shown(&f, "abc");
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_streams_as_they_come),
        cmocka_unit_test(test_other_jobs_and_rubbish_are_nothing),
        cmocka_unit_test(test_without_chunks_the_result_is_shown),
        cmocka_unit_test(test_a_job_that_never_ran_is_complete),
        cmocka_unit_test(test_a_hole_is_filled_by_the_result),
        cmocka_unit_test(test_a_hole_that_no_result_can_fill),
        cmocka_unit_test(test_the_end_is_lost_and_the_result_cut),
        cmocka_unit_test(test_a_cut_result_is_better_than_nothing),
        cmocka_unit_test(test_a_second_run_repeats_nothing),
        cmocka_unit_test(test_a_second_run_fills_the_hole_of_the_first),
        cmocka_unit_test(test_the_end_of_another_attempt_is_not_ours),
        cmocka_unit_test(test_offsets_that_are_lies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
