/* SPDX-License-Identifier: MIT */
/* ready_test.c - when is a worker ready, and what does it say when it is not?
 * Facts and time are made up. */
#include "lib/unit.h"

#include <jansson.h>
#include <string.h>

#include "base/base.h"
#include "run/ready.h"

static struct config config;
static struct guard guard;
static struct ready ready;
static struct ready_facts facts;

static int setup(void **state)
{
    (void)state;
    config_init(&config);
    guard_init(&guard, &config);
    ready = (struct ready){0};
    facts = (struct ready_facts){
        .is_broker_known = true,
        .is_broker_reachable = true,
        .broker_error = "",
        .is_member = true,
        .consumer_error = "",
        .results_error = "",
        .partitions = 3,
        .unpublished_max = 8,
        .guard = &guard,
    };
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    config_done(&config);
    return 0;
}

static const struct ready_part *judge(enum ready_name name)
{
    ready_judge(&ready, &facts, 5);
    return &ready.parts[name];
}

static void all_well_is_ready(void **state)
{
    (void)state;
    (void)judge(READY_WORKER);
    assert_true(ready_is(&ready));
    assert_string_equal(ready.parts[READY_CONSUMER].reason, "3 partitions");
}

static void nothing_judged_is_not_ready(void **state)
{
    (void)state;
    assert_false(ready_is(&ready));
}

/* Each makes its own part unready, and no other. */
static void only(enum ready_name name, const char *reason)
{
    const struct ready_part *part = judge(name);

    assert_false(part->is_ready);
    if (!strstr(part->reason, reason)) {
        fail_msg("'%s' lacks '%s'", part->reason, reason);
    }
    assert_false(ready_is(&ready));
    for (size_t i = 0; i < READY_PARTS; i++) {
        assert_true(i == name || ready.parts[i].is_ready);
    }
}

static void a_drain(void **state)
{
    (void)state;
    facts.is_draining = true;
    only(READY_WORKER, "draining");
}

static void no_launcher(void **state)
{
    (void)state;
    facts.is_launcher_lost = true;
    only(READY_LAUNCHER, "the launcher is gone");
}

static void no_broker_yet(void **state)
{
    (void)state;
    facts.is_broker_known = false;
    only(READY_BROKER, "no answer yet");
}

static void no_broker_any_more(void **state)
{
    (void)state;
    facts.is_broker_reachable = false;
    facts.broker_error = "3/3 brokers are down";
    only(READY_BROKER, "no answer: 3/3 brokers are down");
}

static void no_member(void **state)
{
    (void)state;
    facts.is_member = false;
    facts.partitions = 0;
    only(READY_CONSUMER, "not in its group yet");
}

static void a_member_without_partitions_is_ready(void **state)
{
    (void)state;
    facts.partitions = 0;
    assert_true(judge(READY_CONSUMER)->is_ready);
    assert_non_null(strstr(ready.parts[READY_CONSUMER].reason, "idle"));
}

static void results_pile_up(void **state)
{
    (void)state;
    facts.unpublished = 7;
    assert_true(judge(READY_RESULTS)->is_ready);
    facts.unpublished = 8;
    only(READY_RESULTS, "8 of 8 wait");
}

static void results_are_refused(void **state)
{
    (void)state;
    facts.unpublished = 1;
    facts.results_error = "results: not authorised (grant it)";
    only(READY_RESULTS, "1 of 8 wait for the broker: results: not authorised "
                        "(grant it)");
}

/* A member of its group, with nothing to read. */
static void jobs_are_refused(void **state)
{
    (void)state;
    facts.partitions = 0;
    facts.consumer_error = "jobs.low: unknown topic (make it)";
    only(READY_CONSUMER, "jobs.low: unknown topic (make it)");
}

static void a_tripped_guard(void **state)
{
    struct guard_gauge *gauge = &guard.gauges[GUARD_MEMORY];

    (void)state;
    gauge->value = 91.25;
    gauge->state = GUARD_RISING; /* jobs are taken still */
    assert_true(judge(READY_GUARD)->is_ready);
    gauge->state = GUARD_TRIPPED;
    only(READY_GUARD, "memory in use: 91.2%");
    only(READY_GUARD, "guard.memory_percent");
    gauge->state = GUARD_FALLING; /* none are taken yet */
    only(READY_GUARD, "memory in use");
}

static void since_is_of_the_change(void **state)
{
    (void)state;
    ready_judge(&ready, &facts, 10);
    ready_judge(&ready, &facts, 20);
    facts.is_member = false;
    ready_judge(&ready, &facts, 30);
    ready_judge(&ready, &facts, 40);
    assert_int_equal(ready.parts[READY_BROKER].since_unix_ns, 10);
    assert_int_equal(ready.parts[READY_CONSUMER].since_unix_ns, 30);
    facts.is_member = true;
    ready_judge(&ready, &facts, 50);
    assert_int_equal(ready.parts[READY_CONSUMER].since_unix_ns, 50);
}

static void it_is_told_as_json(void **state)
{
    struct err e = {0};
    AUTO_BUF struct buf text;
    json_t *all;
    json_t *part;

    (void)state;
    buf_init(&text, 65536);
    facts.is_broker_reachable = false;
    facts.broker_error = "it said \"no\"";
    ready_judge(&ready, &facts, UINT64_C(1795693256933204016));
    assert_int_equal(ready_print(&ready, &text, &e), 0);
    all = json_loadb((const char *)text.data, text.len, 0, NULL);
    assert_non_null(all);
    assert_true(json_is_false(json_object_get(all, "ready")));
    part = json_object_get(json_object_get(all, "parts"), "broker");
    assert_string_equal(json_string_value(json_object_get(part, "reason")),
                        "no answer: it said \"no\"");
    assert_string_equal(json_string_value(json_object_get(part, "since")),
                        "2026-11-26T11:40:56.933Z");
    assert_int_equal(json_object_size(json_object_get(all, "parts")),
                     READY_PARTS);
    json_decref(all);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_well_is_ready),
        TEST(nothing_judged_is_not_ready),
        TEST(a_drain),
        TEST(no_launcher),
        TEST(no_broker_yet),
        TEST(no_broker_any_more),
        TEST(no_member),
        TEST(a_member_without_partitions_is_ready),
        TEST(results_pile_up),
        TEST(results_are_refused),
        TEST(jobs_are_refused),
        TEST(a_tripped_guard),
        TEST(since_is_of_the_change),
        TEST(it_is_told_as_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
