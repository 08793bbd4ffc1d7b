/* SPDX-License-Identifier: MIT */
/* cancel_test.c - whom a cancel may name. */
#include "packed.h"

#include "wire/cancel.h"

static int judge(struct packed *p, const char *json, struct cancel *out)
{
    packed_json(p, json);
    if (cancel_decode(p->bytes.data, p->bytes.len, &p->arena, out, &p->e) < 0) {
        return -1;
    }
    return cancel_validate(out, &p->e);
}

#define HEAD "{'v': 1, 'cancel_id': 'c', "

static void test_good_targets(void **state)
{
    static const char *const rows[] = {
        HEAD "'target': {'job_id': 'j'}}",
        HEAD "'target': {'session_id': 's'}}",
        HEAD "'target': {'tenant_id': 't'}}",
        HEAD "'target': {'labels': {'a': 'b'}}}",
        HEAD "'target': {'tenant_id': 't', 'labels': {'a': 'b'}}}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct packed p;
        struct cancel cancel;

        if (judge(&p, rows[i], &cancel) < 0) {
            fail_msg("%s: %s", rows[i], p.e.msg);
        }
        assert_int_equal(cancel.mode, CANCEL_GRACEFUL);
        assert_int_equal(cancel.outcome, RECORD_NO_ENUM);
        packed_done(&p);
    }
}

static void test_bad_targets(void **state)
{
    static const struct {
        const char *json;
        const char *says;
    } rows[] = {
        {"{'v': 1, 'target': {'job_id': 'j'}}", "cancel_id: is missing"},
        {"{'v': 1, 'cancel_id': '/', 'target': {'job_id': 'j'}}",
         "cancel_id: is missing or is not an id"},
        {"{'v': 2, 'cancel_id': 'c', 'target': {'job_id': 'j'}}",
         "v: only version 1"},
        {HEAD "'mode': 'kill'}", "target: is missing"},
        {HEAD "'target': {}}", "target: must have exactly one"},
        {HEAD "'target': {'labels': {}}}", "target: must have exactly one"},
        {HEAD "'target': {'job_id': 'j', 'tenant_id': 't'}}",
         "target: must have exactly one"},
        {HEAD "'target': {'job_id': 'a b'}}", "target.job_id: is not an id"},
        {HEAD "'target': {'session_id': 's', 'labels': {'a': 'b'}}}",
         "target.labels: go with tenant_id"},
        {HEAD "'target': {'job_id': 'j'}, 'mode': 'soft'}",
         "mode: \"soft\" is not one of graceful or kill"},
        {HEAD "'target': {'job_id': 'j'}, 'grace_ms': 'now'}",
         "grace_ms: must be a whole number, not text"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct packed p;
        struct cancel cancel;

        if (judge(&p, rows[i].json, &cancel) == 0) {
            fail_msg("accepted: %s", rows[i].json);
        }
        assert_says(&p.e, rows[i].says);
        packed_done(&p);
    }
}

static void
test_the_acknowledgement_is_the_request_with_an_outcome(void **state)
{
    struct packed p;
    struct packed ack;
    struct cancel cancel;
    struct cancel out;

    (void)state;
    assert_int_equal(
        judge(&p, HEAD "'target': {'job_id': 'j'}, 'mode': 'kill'}", &cancel),
        0);
    cancel.outcome = CANCEL_RUNNING;
    packed_init(&ack);
    assert_int_equal(cancel_encode(&cancel, &ack.bytes, &ack.e), 0);
    assert_int_equal(
        cancel_decode(ack.bytes.data, ack.bytes.len, &ack.arena, &out, &ack.e),
        0);
    assert_int_equal(out.outcome, CANCEL_RUNNING);
    assert_int_equal(out.mode, CANCEL_KILL);
    assert_view(out.target.job_id, "j");
    packed_done(&ack);
    packed_done(&p);
}

static void test_init(void **state)
{
    struct cancel cancel;

    (void)state;
    cancel_init(&cancel);
    assert_int_equal(cancel.v, 1);
    assert_int_equal(cancel.mode, RECORD_NO_ENUM);
    assert_false(cancel.target.present);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_targets),
        cmocka_unit_test(test_bad_targets),
        cmocka_unit_test(
            test_the_acknowledgement_is_the_request_with_an_outcome),
        cmocka_unit_test(test_init),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
