/* SPDX-License-Identifier: MIT */
/* topics_test.c - the topic file, and what a plan says about a cluster. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../lib/mock_broker.h"
#include "base/fd.h"
#include "svc/topics.h"
#include "svc/topics_plan.h"

static const struct topics_spec *find(const struct topics *topics,
                                      const char *name)
{
    for (size_t i = 0; i < topics->count; i++) {
        if (!strcmp(topics->items[i].name, name)) {
            return &topics->items[i];
        }
    }
    return NULL;
}

static void test_built_in_file(void **state)
{
    static const char *const names[] = {
        "jobs.high", "jobs.default", "jobs.low", "results",  "output",
        "telemetry", "audit",        "retry.5s", "retry.1m", "retry.10m",
        "retry.1h",  "deferred",     "dead",     "control"};
    struct config config;
    struct topics topics;
    struct err e = {0};

    (void)state;
    config_init(&config);
    mock_broker_set(&config, "topics.prefix", "p.");
    if (topics_load(&config, NULL, &topics, &e) < 0) {
        fail_msg("%s", e.msg);
    }
    assert_int_equal(topics.count, ARRAY_LEN(names));
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char name[64];

        (void)snprintf(name, sizeof(name), "p.%s", names[i]);
        assert_non_null(find(&topics, name));
        assert_true(find(&topics, name)->config_count > 0);
    }
    assert_int_equal(find(&topics, "p.jobs.low")->embedded, 16);
    assert_string_equal(find(&topics, "p.control")->config[0].value, "compact");
    topics_free(&topics);
    config_done(&config);
}

static int load_text(const char *text, struct topics *out, struct err *e)
{
    struct config config;
    AUTO_FD int fd = -1;
    char path[64];
    int rc = 0;

    config_init(&config);
    assert_int_equal(fd_memfd_sealed("topics", text, strlen(text), &fd, e), 0);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    rc = topics_load(&config, path, out, e);
    config_done(&config);
    return rc;
}

static void test_file_is_read_strictly(void **state)
{
    static const struct {
        const char *text;
        const char *words;
    } cases[] = {
        {"", "one key, topics"},
        {"topics: 5\n", "one key, topics"},
        {"topics:\n  - [1]\n", "line 2"},
        {"topics:\n  - name: a\n    partitions: 1\n", "needed"},
        {"topics:\n  - name: a\n    partition: 1\n", "line 3: unknown key"},
        {"topics:\n  - name: a\n    partitions: 0\n", "line 3: a number"},
        {"topics:\n  - name: a\n    config: [x]\n", "line 3: config"},
        {"topics:\n  - {\n", "line"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct topics topics = {0};
        struct err e = {0};

        assert_int_equal(load_text(cases[i].text, &topics, &e), -1);
        assert_int_equal(e.kind, ERR_INPUT);
        if (!strstr(e.msg, cases[i].words)) {
            fail_msg("'%s' does not say '%s'", e.msg, cases[i].words);
        }
    }
}

static const char four_topics[] =
    "topics:\n"
    "  - {name: ok, partitions: 3, replication: 3}\n"
    "  - {name: gone, partitions: 3, replication: 3,\n"
    "     config: {min.insync.replicas: 2}}\n"
    "  - {name: fewer, partitions: 3, replication: 3}\n"
    "  - {name: more, partitions: 3, replication: 1}\n";

static void make_plan(struct mock_broker *mock, struct config *config,
                      struct topics *topics, struct topics_plan *plan)
{
    struct err e = {0};

    mock_broker_start(mock);
    mock_broker_config(mock, config);
    mock_broker_topic(mock, "forkyard.ok", 3);
    mock_broker_topic(mock, "forkyard.fewer", 2);
    mock_broker_topic(mock, "forkyard.more", 4);
    assert_int_equal(load_text(four_topics, topics, &e), 0);
    if (topics_plan_make(config, topics, plan, &e) < 0) {
        fail_msg("%s", e.msg);
    }
}

static void test_plan(void **state)
{
    static const enum topics_state expected[] = {TOPICS_OK, TOPICS_MISSING,
                                                 TOPICS_FEWER, TOPICS_MORE};
    struct mock_broker mock;
    struct config config;
    struct topics topics;
    struct topics_plan plan;

    (void)state;
    make_plan(&mock, &config, &topics, &plan);
    assert_int_equal(plan.count, 4);
    assert_int_equal(plan.missing, 1);
    assert_int_equal(plan.brokers, 1);
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        assert_int_equal(plan.rows[i].state, expected[i]);
        assert_int_equal(plan.rows[i].replication, 1);
    }
    assert_string_equal(topics_plan_state_name(TOPICS_MISSING), "missing");
    topics_plan_free(&plan);
    topics_free(&topics);
    config_done(&config);
    mock_broker_stop(&mock);
}

static void test_apply_needs_admin(void **state)
{
    struct mock_broker mock;
    struct config config;
    struct topics topics;
    struct topics_plan plan;
    struct err e = {0};

    (void)state;
    make_plan(&mock, &config, &topics, &plan);
    assert_int_equal(topics_plan_apply(&config, &plan, &e), -1);
    assert_int_equal(e.kind, ERR_INPUT);
    assert_non_null(strstr(e.msg, "no admin requests"));
    assert_int_equal(plan.missing, 1);
    topics_plan_free(&plan);
    topics_free(&topics);
    config_done(&config);
    mock_broker_stop(&mock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_built_in_file),
        cmocka_unit_test(test_file_is_read_strictly),
        cmocka_unit_test(test_plan),
        cmocka_unit_test(test_apply_needs_admin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
