/* SPDX-License-Identifier: MIT */
/* result_test.c - results as the engine writes and readers read them. */
#include "packed.h"

#include "wire/result.h"

#define SHA "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void make(struct result *r)
{
    result_init(r);
    r->job_id = view_of("j");
    r->attempt = 1;
    r->status = STATUS_SUCCESS;
    r->success = true;
}

static void round_trip(const struct result *in, struct packed *p,
                       struct result *out)
{
    packed_init(p);
    if (result_encode(in, &p->bytes, &p->e) < 0 ||
        result_decode(p->bytes.data, p->bytes.len, &p->arena, out, &p->e) < 0) {
        fail_msg("%s", p->e.msg);
    }
}

static void test_little_is_little(void **state)
{
    struct packed p;
    struct result in;
    struct result out;

    (void)state;
    make(&in);
    round_trip(&in, &p, &out);
    assert_int_equal(out.status, STATUS_SUCCESS);
    assert_true(out.exit_code == RECORD_NO_INT);
    assert_null(out.stdout_.data);
    assert_false(out.usage.present);
    assert_false(out.isolation.present);
    assert_int_equal(result_validate(&out, &p.e), 0);
    assert_true(p.bytes.len < 120);
    packed_done(&p);
}

static void test_facts_are_told_when_they_are_false(void **state)
{
    struct packed p;
    struct result in;
    struct mpk_doc doc;
    const msgpack_object *isolation;

    (void)state;
    make(&in);
    in.isolation.present = true;
    packed_init(&p);
    assert_int_equal(result_encode(&in, &p.bytes, &p.e), 0);
    assert_int_equal(mpk_open(p.bytes.data, p.bytes.len, NULL, &doc, &p.e), 0);
    isolation = mpk_get(&doc.root, "isolation");
    assert_false(mpk_get(&doc.root, "stdout_truncated")->via.boolean);
    assert_false(mpk_get(isolation, "net_ns")->via.boolean);
    assert_int_equal(mpk_get(isolation, "capabilities")->via.array.size, 0);
    mpk_close(&doc);
    packed_done(&p);
}

static void test_zero_is_not_absent(void **state)
{
    struct packed p;
    struct result in;
    struct result out;

    (void)state;
    make(&in);
    in.exit_code = 0;
    in.stdout_ = view_of("");
    in.usage.present = true;
    in.usage.page_faults_major = 0;
    in.stdout_bytes_total = 0;
    round_trip(&in, &p, &out);
    assert_int_equal(out.exit_code, 0);
    assert_non_null(out.stdout_.data);
    assert_int_equal(out.usage.page_faults_major, 0);
    assert_true(out.usage.wall_us == RECORD_NO_UINT);
    assert_int_equal(out.stdout_bytes_total, 0);
    packed_done(&p);
}

static void test_output_is_kept_byte_by_byte(void **state)
{
    struct packed p;
    struct result in;
    struct result out;
    char all[256];

    (void)state;
    for (size_t i = 0; i < sizeof(all); i++) {
        all[i] = (char)i;
    }
    make(&in);
    in.stderr_ = (struct view){all, sizeof(all)};
    in.error.present = true;
    in.error.message = (struct view){all, sizeof(all)};
    round_trip(&in, &p, &out);
    assert_int_equal(out.stderr_.len, sizeof(all));
    assert_memory_equal(out.stderr_.data, all, sizeof(all));
    assert_int_equal(out.error.message.len, sizeof(all));
    packed_done(&p);
}

static void test_lists_and_objects(void **state)
{
    struct packed p;
    struct result in;
    struct result out;
    struct view warnings[] = {view_of("one"), view_of("two")};
    struct record_pair labels[] = {{view_of("k"), view_of("v")}};
    struct result_artifact artifact;

    (void)state;
    make(&in);
    memset(&artifact, 0, sizeof(artifact));
    artifact.name = view_of("plot");
    artifact.size_bytes = 3;
    artifact.data = view_of("\x81\xa1k\x01");
    in.artifacts = &artifact;
    in.artifacts_count = 1;
    in.warnings = warnings;
    in.warnings_count = 2;
    in.labels = labels;
    in.labels_count = 1;
    in.termination.present = true;
    in.termination.by = STATUS_BY_RLIMIT;
    in.termination.limit = STATUS_LIMIT_CPU_TIME;
    in.termination.limit_value = 1000;
    in.source.present = true;
    in.source.topic = view_of("forkyard.jobs.high");
    in.source.partition = 0;
    in.source.offset = 0;
    round_trip(&in, &p, &out);
    assert_int_equal(out.artifacts_count, 1);
    assert_int_equal(out.artifacts[0].data.len, 4);
    assert_view(out.warnings[1], "two");
    assert_view(out.labels[0].key, "k");
    assert_int_equal(out.termination.by, STATUS_BY_RLIMIT);
    assert_true(out.termination.measured_value == RECORD_NO_UINT);
    assert_int_equal(out.source.partition, 0);
    packed_done(&p);
}

static void test_decoding_refuses(void **state)
{
    static const struct {
        const char *json;
        const char *says;
    } rows[] = {
        {"{}", "v: is missing"},
        {"{'v': 1, 'job_id': 'j', 'state': 'finished', 'success': true,"
         " 'stdout_truncated': false, 'stderr_truncated': false}",
         "status: is missing"},
        {"{'status': 'fine'}", "status: \"fine\" is not one of success"},
        {"{'signal': {'name': 'SIGKILL'}}", "signal.number: is missing"},
        {"{'isolation': {'cgroup': 'v3'}}",
         "isolation.cgroup: \"v3\" is not one of none, v1 or v2"},
        {"{'results': [{'metadata': {}}]}", "results[0].data: is missing"},
        {"{'labels': {'a': 1}}", "labels.a: must be text"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct packed p;
        struct result out;

        packed_json(&p, rows[i].json);
        assert_int_equal(
            result_decode(p.bytes.data, p.bytes.len, &p.arena, &out, &p.e), -1);
        assert_says(&p.e, rows[i].says);
        packed_done(&p);
    }
}

static void assert_invalid(const struct result *r, const char *says)
{
    struct err e = {.msg = ""};

    assert_int_equal(result_validate(r, &e), -1);
    assert_says(&e, says);
}

static void test_validating_refuses(void **state)
{
    struct result_file file;
    struct result r;
    struct err e = {.msg = ""};

    (void)state;
    make(&r);
    r.code_sha256 = view_of(SHA);
    assert_int_equal(result_validate(&r, &e), 0);
    r.code_sha256 = view_of("E3B0");
    assert_invalid(&r, "code_sha256: must be 64");
    make(&r);
    r.success = false;
    assert_invalid(&r, "success: must be true exactly when");
    make(&r);
    r.status = STATUS_NONZERO_EXIT;
    assert_invalid(&r, "success: must be true exactly when");
    make(&r);
    r.attempt = 0;
    assert_invalid(&r, "attempt: counts from 1");
    make(&r);
    r.v = 2;
    assert_invalid(&r, "v: only version 1");
    make(&r);
    r.job_id = view_of("");
    assert_invalid(&r, "job_id: ");
    make(&r);
    r.status = RECORD_NO_ENUM;
    assert_invalid(&r, "status: is missing");
    make(&r);
    memset(&file, 0, sizeof(file));
    file.sha256 = view_of("x");
    r.files = &file;
    r.files_count = 1;
    assert_invalid(&r, "files[0].sha256: must be 64");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_little_is_little),
        cmocka_unit_test(test_facts_are_told_when_they_are_false),
        cmocka_unit_test(test_zero_is_not_absent),
        cmocka_unit_test(test_output_is_kept_byte_by_byte),
        cmocka_unit_test(test_lists_and_objects),
        cmocka_unit_test(test_decoding_refuses),
        cmocka_unit_test(test_validating_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
