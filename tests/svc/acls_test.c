/* SPDX-License-Identifier: MIT */
/* acls_test.c - the file of roles, and a broker that has no ACLs. What a real
 * one makes of them: tests/kafka/security.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../lib/mock_broker.h"
#include "base/fd.h"
#include "svc/acls.h"
#include "svc/acls_plan.h"

static bool is_allowed(const struct acls *acls, const char *role,
                       rd_kafka_AclOperation_t operation,
                       rd_kafka_ResourceType_t resource, const char *name,
                       bool is_prefix)
{
    for (size_t i = 0; i < acls->count; i++) {
        const struct acls_spec *spec = &acls->items[i];

        if (!strcmp(spec->role, role) && spec->operation == operation &&
            spec->resource == resource && !strcmp(spec->name, name) &&
            spec->is_prefix == is_prefix) {
            return true;
        }
    }
    return false;
}

static void test_built_in_file(void **state)
{
    const rd_kafka_AclOperation_t read = RD_KAFKA_ACL_OPERATION_READ;
    const rd_kafka_AclOperation_t write = RD_KAFKA_ACL_OPERATION_WRITE;
    const rd_kafka_ResourceType_t topic = RD_KAFKA_RESOURCE_TOPIC;
    const rd_kafka_ResourceType_t group = RD_KAFKA_RESOURCE_GROUP;
    struct config config;
    struct acls acls;
    struct err e = {0};

    (void)state;
    config_init(&config);
    mock_broker_set(&config, "topics.prefix", "p.");
    mock_broker_set(&config, "topics.group", "fleet-1");
    if (acls_load(&config, NULL, &acls, &e) < 0) {
        fail_msg("%s", e.msg);
    }
    assert_true(is_allowed(&acls, "producer", write, topic, "p.jobs.", true));
    assert_true(is_allowed(&acls, "worker", read, topic, "p.jobs.", true));
    assert_true(is_allowed(&acls, "worker", read, group, "fleet-1", false));
    assert_true(is_allowed(&acls, "worker", write, topic, "p.results", false));
    assert_true(is_allowed(&acls, "worker", write, topic, "p.retry.", true));
    assert_true(is_allowed(&acls, "forwarder", read, group, "p.retry", false));
    assert_true(is_allowed(&acls, "forwarder", write, topic, "p.jobs.", true));
    assert_true(is_allowed(&acls, "worker", write,
                           RD_KAFKA_RESOURCE_TRANSACTIONAL_ID, "fleet-1.",
                           true));
    assert_true(is_allowed(&acls, "operator", RD_KAFKA_ACL_OPERATION_DELETE,
                           topic, "p.dead", false));
    assert_true(is_allowed(&acls, "reader", read, topic, "p.results", false));
    assert_true(is_allowed(&acls, "reader", read, group, "p.reader.", true));
    /* What each must not: */
    assert_false(
        is_allowed(&acls, "producer", read, topic, "p.results", false));
    assert_false(is_allowed(&acls, "worker", write, topic, "p.jobs.", true));
    assert_false(is_allowed(&acls, "worker", read, topic, "p.retry.", true));
    assert_false(is_allowed(&acls, "reader", read, group, "fleet-1", false));
    assert_true(acls_has_role(&acls, "reader"));
    assert_false(acls_has_role(&acls, "admin"));
    acls_free(&acls);
    config_done(&config);
}

static int load_text(const char *text, struct acls *out, struct err *e)
{
    struct config config;
    AUTO_FD int fd = -1;
    char path[64];
    int rc = 0;

    config_init(&config);
    assert_int_equal(fd_memfd_sealed("acls", text, strlen(text), &fd, e), 0);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    rc = acls_load(&config, path, out, e);
    config_done(&config);
    return rc;
}

static void test_file_is_read_strictly(void **state)
{
    static const struct {
        const char *text;
        const char *words;
    } cases[] = {
        {"", "one key, acls"},
        {"topics: []\n", "one key, acls"},
        {"acls:\n  - [1]\n", "acls line 2: a map"},
        {"acls:\n  - role: a\n    allow: [read]\n", "one of topic, group"},
        {"acls:\n  - {role: a, topic: b, group: c, allow: [read]}\n",
         "one of topic, group"},
        {"acls:\n  - role: a\n    topics: b\n", "line 3: unknown key"},
        {"acls:\n  - role: a\n    topic: b\n    allow: read\n", "line 4"},
        {"acls:\n  - role: a\n    topic: b\n    allow: [red]\n",
         "line 4: no operation"},
        {"acls:\n  - {\n", "line"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct acls acls = {0};
        struct err e = {0};

        assert_int_equal(load_text(cases[i].text, &acls, &e), -1);
        assert_int_equal(e.kind, ERR_INPUT);
        if (!strstr(e.msg, cases[i].words)) {
            fail_msg("'%s' does not say '%s'", e.msg, cases[i].words);
        }
    }
}

static void test_broker_without_acls(void **state)
{
    const struct acls_grant grant = {"worker", "User:fleet"};
    struct mock_broker mock;
    struct config config;
    struct acls acls;
    struct acls_plan plan;
    struct err e = {0};

    (void)state;
    mock_broker_start(&mock);
    mock_broker_config(&mock, &config);
    assert_int_equal(acls_load(&config, NULL, &acls, &e), 0);
    assert_int_equal(acls_plan_make(&config, &acls, &grant, 1, &plan, &e), -1);
    assert_int_equal(e.kind, ERR_INPUT);
    assert_non_null(strstr(e.msg, "has no ACLs"));
    acls_free(&acls);
    config_done(&config);
    mock_broker_stop(&mock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_built_in_file),
        cmocka_unit_test(test_file_is_read_strictly),
        cmocka_unit_test(test_broker_without_acls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
