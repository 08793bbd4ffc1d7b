/* SPDX-License-Identifier: MIT */
/* event_test.c - telemetry events and their attributes. */
#include "packed.h"

#include <math.h>

#include "wire/event.h"

static void make(struct event *event)
{
    event_init(event);
    event->event_id = view_of("w:1");
    event->type = view_of("job.started");
    event->timestamp_unix_nano = 1;
}

static int put(struct buf *b, struct err *e)
{
    const struct event_attribute attributes[] = {
        EVENT_ATTR_TEXT("text", view_of("t")),
        EVENT_ATTR_TEXT("absent", view_of(NULL)),
        EVENT_ATTR_TEXT("bytes", ((struct view){"\xff", 1})),
        EVENT_ATTR_UINT("uint", UINT64_MAX),
        EVENT_ATTR_INT("int", -1),
        EVENT_ATTR_DOUBLE("double", 0.5),
        EVENT_ATTR_DOUBLE("unknown", NAN),
        EVENT_ATTR_BOOL("bool", true),
    };

    return event_put_attributes(attributes, ARRAY_LEN(attributes), b, e);
}

static void test_attributes_round_trip(void **state)
{
    struct packed p;
    struct event in;
    struct event out;
    struct buf b;
    struct mpk_doc doc;

    (void)state;
    packed_init(&p);
    buf_init(&b, 1000);
    make(&in);
    assert_int_equal(put(&b, &p.e), 0);
    in.attributes = buf_view(&b);
    assert_int_equal(event_encode(&in, &p.bytes, &p.e), 0);
    assert_int_equal(
        event_decode(p.bytes.data, p.bytes.len, &p.arena, &out, &p.e), 0);
    assert_int_equal(event_validate(&out, &p.e), 0);
    assert_int_equal(out.severity, EVENT_INFO);
    assert_int_equal(
        mpk_open(out.attributes.data, out.attributes.len, NULL, &doc, &p.e), 0);
    assert_int_equal(doc.root.via.map.size, 6);
    assert_view(mpk_text(mpk_get(&doc.root, "text")), "t");
    assert_int_equal(mpk_get(&doc.root, "bytes")->type, MSGPACK_OBJECT_BIN);
    assert_int_equal(mpk_get(&doc.root, "uint")->via.u64, UINT64_MAX);
    assert_int_equal(mpk_get(&doc.root, "int")->via.i64, -1);
    assert_true(mpk_get(&doc.root, "bool")->via.boolean);
    mpk_close(&doc);
    buf_done(&b);
    packed_done(&p);
}

static void test_attributes_stop_at_the_maximum(void **state)
{
    struct err e = {.msg = ""};

    (void)state;
    for (size_t max = 0; max < 50; max += 5) {
        struct buf b;

        buf_init(&b, max);
        assert_int_equal(put(&b, &e), -1);
        assert_int_equal(e.kind, ERR_LIMIT);
        buf_done(&b);
    }
}

static void assert_invalid(const struct event *event, const char *says)
{
    struct err e = {.msg = ""};

    assert_int_equal(event_validate(event, &e), -1);
    assert_says(&e, says);
}

static void test_refusals(void **state)
{
    struct event event;

    (void)state;
    make(&event);
    event.v = 2;
    assert_invalid(&event, "v: only version 1");
    make(&event);
    event.event_id = view_of("");
    assert_invalid(&event, "event_id: is missing");
    make(&event);
    event.type = view_of(NULL);
    assert_invalid(&event, "type: is missing");
    make(&event);
    event.timestamp_unix_nano = RECORD_NO_UINT;
    assert_invalid(&event, "timestamp_unix_nano: is missing");
}

static void test_decoding_refuses(void **state)
{
    static const struct {
        const char *json;
        const char *says;
    } rows[] = {
        {"{'v': 1}", "event_id: is missing"},
        {"{'severity': 'fatal'}", "severity: \"fatal\" is not one of"},
        {"{'attributes': []}", "attributes: must be a map, not a list"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct packed p;
        struct event out;

        packed_json(&p, rows[i].json);
        assert_int_equal(
            event_decode(p.bytes.data, p.bytes.len, &p.arena, &out, &p.e), -1);
        assert_says(&p.e, rows[i].says);
        packed_done(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attributes_round_trip),
        cmocka_unit_test(test_attributes_stop_at_the_maximum),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_decoding_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
