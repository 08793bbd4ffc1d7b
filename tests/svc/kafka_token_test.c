/* SPDX-License-Identifier: MIT */
/* kafka_token_test.c - what a token says of itself, and a file that has none.
 * A broker that checks tokens: tests/kafka/security.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../lib/mock_broker.h"
#include "svc/kafka_conf.h"
#include "svc/kafka_token.h"

/* {"sub":"fleet?>","exp":1700000000.5}, without padding and with - and _ */
#define CLAIMS    "eyJzdWIiOiJmbGVldD8-IiwiZXhwIjoxNzAwMDAwMDAwLjV9"
#define EXPIRES   1700000000500
#define NO_EXPIRY "eyJzdWIiOiJhIn0"
#define NO_OWNER  "eyJleHAiOjF9"

static void test_claims(void **state)
{
    char subject[KAFKA_TOKEN_SUBJECT_MAX] = "";
    int64_t expires_ms = 0;
    struct err e = {0};

    (void)state;
    assert_int_equal(
        kafka_token_read("e30." CLAIMS ".c2ln", &expires_ms, subject, &e), 0);
    assert_int_equal(expires_ms, EXPIRES);
    assert_string_equal(subject, "fleet?>");
    assert_int_equal(
        kafka_token_read("e30." NO_OWNER ".", &expires_ms, subject, &e), 0);
    assert_int_equal(expires_ms, 1000);
    assert_string_equal(subject, "unknown");
}

static void test_no_token(void **state)
{
    static const struct {
        const char *token;
        const char *words;
    } cases[] = {
        {"", "no JWT"},
        {"opaque", "no JWT"},
        {"e30.e30", "no JWT"},
        {"e30." CLAIMS ".c2ln.x", "no JWT"},
        {"e30.!!!!.c2ln", "no JWT"},
        {"e30.e3.c2ln", "no JWT"},
        {"e30.WzFd.c2ln", "when it expires"}, /* a list */
        {"e30." NO_EXPIRY ".c2ln", "when it expires"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char subject[KAFKA_TOKEN_SUBJECT_MAX] = "";
        int64_t expires_ms = 0;
        struct err e = {0};

        assert_int_equal(
            kafka_token_read(cases[i].token, &expires_ms, subject, &e), -1);
        if (!strstr(e.msg, cases[i].words)) {
            fail_msg("'%s' does not say '%s'", e.msg, cases[i].words);
        }
    }
}

/* What the client complains of, in its own thread's time. */
static void on_error(rd_kafka_t *rk, int code, const char *text, void *opaque)
{
    (void)rk;
    if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION) {
        (void)snprintf(opaque, 256, "%s", text);
    }
}

static void complain_of(const char *content, char text[256])
{
    static const struct kafka_conf_row rows[] = {{NULL, NULL}};
    char path[] = "/tmp/fy-token.XXXXXX";
    int fd = mkstemp(path);
    rd_kafka_conf_t *conf = NULL;
    rd_kafka_t *rk = NULL;
    struct config config;
    struct err e = {0};

    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    close(fd);
    config_init(&config);
    mock_broker_set(&config, "kafka.bootstrap.servers", "127.0.0.1:1");
    mock_broker_set(&config, "kafka.security.protocol", "sasl_plaintext");
    mock_broker_set(&config, "kafka.sasl.mechanisms", "OAUTHBEARER");
    mock_broker_set(&config, "kafka." KAFKA_TOKEN_FILE, path);
    if (kafka_conf_new(&config, rows, &conf, &e) < 0) {
        fail_msg("%s", e.msg);
    }
    rd_kafka_conf_set_error_cb(conf, on_error);
    if (kafka_conf_client(conf, RD_KAFKA_PRODUCER, text, &rk, &e) < 0) {
        fail_msg("%s", e.msg);
    }
    for (int i = 0; i < 100 && !text[0]; i++) {
        (void)rd_kafka_poll(rk, 100);
    }
    kafka_conf_destroy(rk);
    config_done(&config);
    (void)unlink(path);
}

static void test_file_is_told(void **state)
{
    static const struct {
        const char *content;
        const char *words;
    } cases[] = {
        {"", "empty"},
        {" \n", "empty"},
        {"opaque\n", "no JWT"},
        {"e30." CLAIMS ".c2ln\n", "expired"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[256] = "";

        complain_of(cases[i].content, text);
        if (!strstr(text, cases[i].words) ||
            !strstr(text, "kafka.sasl.oauthbearer.token.file: /tmp/")) {
            fail_msg("'%s' does not say '%s'", text, cases[i].words);
        }
        assert_null(strstr(text, CLAIMS));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_no_token),
        cmocka_unit_test(test_file_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
