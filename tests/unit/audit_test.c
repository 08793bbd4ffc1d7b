/* SPDX-License-Identifier: MIT */
/* audit_test.c - audit records. */
#include "packed.h"

#include "wire/audit.h"
#include "wire/job.h"

#define SHA "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void make(struct audit *audit)
{
    audit_init(audit);
    audit->seq = 0;
    audit->timestamp_unix_nano = 1;
    audit->event_type = AUDIT_FINISHED;
    audit->job_id = view_of("j");
    audit->prev_hash = view_of(SHA);
}

static void test_round_trip(void **state)
{
    struct audit_check checks[] = {
        {true, view_of("policy"), false, view_of("no")},
        {true, view_of("other"), true, view_of(NULL)},
    };
    struct packed p;
    struct audit in;
    struct audit out;

    (void)state;
    make(&in);
    in.checks = checks;
    in.checks_count = 2;
    in.usage.present = true;
    in.usage.wall_us = 5;
    packed_init(&p);
    assert_int_equal(audit_encode(&in, &p.bytes, &p.e), 0);
    assert_int_equal(
        audit_decode(p.bytes.data, p.bytes.len, &p.arena, &out, &p.e), 0);
    assert_int_equal(audit_validate(&out, &p.e), 0);
    assert_int_equal(out.seq, 0);
    assert_int_equal(out.event_type, AUDIT_FINISHED);
    assert_int_equal(out.checks_count, 2);
    assert_view(out.checks[0].detail, "no");
    assert_false(out.checks[0].passed);
    assert_true(out.checks[1].passed);
    assert_int_equal(out.usage.wall_us, 5);
    assert_view(out.prev_hash, SHA);
    packed_done(&p);
}

static void assert_invalid(const struct audit *audit, const char *says)
{
    struct err e = {.msg = ""};

    assert_int_equal(audit_validate(audit, &e), -1);
    assert_says(&e, says);
}

static void test_refusals(void **state)
{
    struct audit audit;

    (void)state;
    make(&audit);
    audit.v = 2;
    assert_invalid(&audit, "v: only version 1");
    make(&audit);
    audit.job_id = view_of(NULL);
    assert_invalid(&audit, "job_id: is missing");
    make(&audit);
    audit.event_type = RECORD_NO_ENUM;
    assert_invalid(&audit, "event_type: is missing");
    make(&audit);
    audit.prev_hash = view_of("abc");
    assert_invalid(&audit, "prev_hash: must be 64 hex digits");
    make(&audit);
    audit.args_sha256 = view_of("");
    assert_invalid(&audit, "args_sha256: must be 64 hex digits");
}

static void test_a_digest_is_64_lower_case_digits(void **state)
{
    (void)state;
    assert_true(job_is_sha256(view_of(SHA)));
    assert_false(job_is_sha256(view_of(SHA "0")));
    assert_false(job_is_sha256(view_of(NULL)));
    assert_false(job_is_sha256((struct view){
        "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
        64}));
    assert_false(job_is_sha256((struct view){
        "\0"
        "3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        64}));
}

static void test_decoding_refuses(void **state)
{
    static const struct {
        const char *json;
        const char *says;
    } rows[] = {
        {"{'v': 1}", "seq: is missing"},
        {"{'event_type': 'lost'}", "event_type: \"lost\" is not one of"},
        {"{'checks': [{'name': 'a'}]}", "checks[0].passed: is missing"},
        {"{'usage': {'wall_us': -1}}", "usage.wall_us: -1 is negative"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct packed p;
        struct audit out;

        packed_json(&p, rows[i].json);
        assert_int_equal(
            audit_decode(p.bytes.data, p.bytes.len, &p.arena, &out, &p.e), -1);
        assert_says(&p.e, rows[i].says);
        packed_done(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_a_digest_is_64_lower_case_digits),
        cmocka_unit_test(test_decoding_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
