/* SPDX-License-Identifier: MIT */
/* snapshot_test.c - measurements in a result: what is known is there, what is
 * not is absent, what others add is kept. */
#include "packed.h"

#include <math.h>

#include "base/fd.h"
#include "wire/result.h"
#include "wire/snapshot.h"

static struct view bytes_of(struct packed *p)
{
    return buf_view(&p->bytes);
}

static void test_nothing_known_is_an_empty_map(void **state)
{
    struct snapshot_host host;
    struct snapshot_process process;
    struct packed p;

    (void)state;
    packed_init(&p);
    snapshot_host_init(&host);
    assert_int_equal(snapshot_host_encode(&host, &p.bytes, &p.e), 0);
    assert_view(bytes_of(&p), "\x80");
    buf_clear(&p.bytes);
    snapshot_process_init(&process);
    assert_int_equal(snapshot_process_encode(&process, &p.bytes, &p.e), 0);
    assert_view(bytes_of(&p), "\x80");
    packed_done(&p);
}

static void test_zero_is_known(void **state)
{
    struct snapshot_host host;
    struct packed p;

    (void)state;
    packed_init(&p);
    snapshot_host_init(&host);
    host.zombies = 0;
    host.load_1m = 0;
    assert_int_equal(snapshot_host_encode(&host, &p.bytes, &p.e), 0);
    snapshot_host_init(&host);
    assert_int_equal(record_decode(&snapshot_host_record, p.bytes.data,
                                   p.bytes.len, &p.arena, &host, &p.e),
                     0);
    assert_int_equal(host.zombies, 0);
    assert_true(host.load_1m == 0.0);
    assert_true(isnan(host.load_5m));
    assert_true(host.processes == RECORD_NO_UINT);
    packed_done(&p);
}

/* Made by Python's msgpack, with a key that is not ours. */
static void test_a_result_keeps_all_keys(void **state)
{
    struct snapshot_host host;
    struct snapshot_process process;
    struct result result;
    struct packed p;
    const msgpack_object *list;
    struct mpk_doc doc;

    (void)state;
    packed_init(&p);
    assert_int_equal(
        fd_read_file("schemas/golden/result-snapshots.msgpack", &p.bytes, &p.e),
        0);
    assert_int_equal(
        result_decode(p.bytes.data, p.bytes.len, &p.arena, &result, &p.e), 0);
    assert_int_equal(
        record_decode(&snapshot_host_record, result.telemetry_after.data,
                      result.telemetry_after.len, &p.arena, &host, &p.e),
        0);
    assert_true(host.cpu_percent == 97.25);
    assert_true(host.guard_tripped);
    assert_int_equal(host.jobs_running, 7);
    assert_int_equal(
        record_decode(&snapshot_process_record, result.process_after.data,
                      result.process_after.len, &p.arena, &process, &p.e),
        0);
    assert_int_equal(process.engine.open_files, 87);
    assert_true(process.launcher.open_files == RECORD_NO_UINT);
    assert_int_equal(process.box.pid, 5000);
    assert_int_equal(mpk_open(result.telemetry_after.data,
                              result.telemetry_after.len, NULL, &doc, &p.e),
                     0);
    list = mpk_get(&doc.root, "forkyard.later");
    assert_non_null(list);
    assert_int_equal(list->type, MSGPACK_OBJECT_ARRAY);
    mpk_close(&doc);
    packed_done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_known_is_an_empty_map),
        cmocka_unit_test(test_zero_is_known),
        cmocka_unit_test(test_a_result_keeps_all_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
