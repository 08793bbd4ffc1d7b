/* SPDX-License-Identifier: MIT */
/* chunk_test.c - pieces of output. */
#include "packed.h"

#include "wire/chunk.h"

static void make(struct chunk *c)
{
    chunk_init(c);
    c->job_id = view_of("j");
    c->attempt = 1;
    c->seq = 0;
    c->stream = CHUNK_STDERR;
}

static void test_round_trip(void **state)
{
    struct packed p;
    struct chunk in;
    struct chunk out;

    (void)state;
    make(&in);
    in.data = (struct view){"\0\xff", 2};
    in.offset = 0;
    in.last = true;
    packed_init(&p);
    assert_int_equal(chunk_encode(&in, &p.bytes, &p.e), 0);
    assert_int_equal(
        chunk_decode(p.bytes.data, p.bytes.len, &p.arena, &out, &p.e), 0);
    assert_int_equal(chunk_validate(&out, &p.e), 0);
    assert_int_equal(out.stream, CHUNK_STDERR);
    assert_int_equal(out.seq, 0);
    assert_int_equal(out.offset, 0);
    assert_int_equal(out.data.len, 2);
    assert_true(out.last);
    packed_done(&p);
}

static void test_refusals(void **state)
{
    static const struct {
        const char *json;
        const char *says;
    } rows[] = {
        {"{'v': 2, 'job_id': 'j', 'seq': 0, 'stream': 'stdout'}",
         "v: only version 1"},
        {"{'v': 1, 'job_id': 'a b', 'seq': 0, 'stream': 'stdout'}",
         "job_id: is missing or is not an id"},
        {"{'v': 1, 'job_id': 'j', 'seq': 0, 'stream': 'stdout',"
         " 'attempt': 0}",
         "attempt: counts from 1"},
        {"{'v': 1, 'job_id': 'j', 'stream': 'stdout'}", "seq: is missing"},
        {"{'v': 1, 'job_id': 'j', 'seq': 0}", "stream: is missing"},
        {"{'v': 1, 'job_id': 'j', 'seq': 0, 'stream': 'stdlog'}",
         "stream: \"stdlog\" is not one of"},
        {"{'v': 1, 'job_id': 'j', 'seq': -1, 'stream': 'stdout'}",
         "seq: -1 is negative"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct packed p;
        struct chunk out;

        packed_json(&p, rows[i].json);
        if (chunk_decode(p.bytes.data, p.bytes.len, &p.arena, &out, &p.e) ==
            0) {
            assert_int_equal(chunk_validate(&out, &p.e), -1);
        }
        assert_says(&p.e, rows[i].says);
        packed_done(&p);
    }
}

static void test_a_chunk_without_stream_is_not_valid(void **state)
{
    struct chunk c;
    struct err e = {.msg = ""};

    (void)state;
    make(&c);
    c.stream = RECORD_NO_ENUM;
    assert_int_equal(chunk_validate(&c, &e), -1);
    assert_says(&e, "stream: is missing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_a_chunk_without_stream_is_not_valid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
