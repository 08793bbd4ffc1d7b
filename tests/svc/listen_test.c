/* SPDX-License-Identifier: MIT */
/* listen_test.c - which addresses may a worker listen on, and what is said
 * when it may not? */
#include "lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "base/fd.h"
#include "svc/listen.h"

static void good_addresses(void **state)
{
    static const struct {
        const char *text;
        bool is_public;
    } rows[] = {
        {"127.0.0.1:0", false},      {"127.5.0.1:9464", false},
        {"0.0.0.0:65535", true},     {"192.0.2.1:9464", true},
        {"[::1]:9464", false},       {"[::]:0", true},
        {"unix:/run/x/http", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct listen_address address;
        struct err e = {0};

        if (listen_parse(rows[i].text, &address, &e) < 0) {
            fail_msg("%s: %s", rows[i].text, e.msg);
        }
        assert_int_equal(listen_is_public(&address), rows[i].is_public);
    }
}

static void bad_addresses(void **state)
{
    static const char *const rows[] = {
        "",
        ":",
        ":9464",
        "9464",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.1:9464x",
        "127.0.0.1:0x10",
        "127.1:9464",
        "localhost:9464",
        "::1:9464",
        "[::1:9464",
        "[]:9464",
        "[:9464",
        "]:9464",
        "[127.0.0.1]:9464",
        "256.0.0.1:9464",
        "unix:",
        "unix:relative",
        "http://127.0.0.1:9464",
        "11111111111111111111111111111111111111111111111111111111:1",
        "127.0.0.1:99999999999999999999999",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct listen_address address;
        struct err e = {0};

        if (listen_parse(rows[i], &address, &e) == 0) {
            fail_msg("'%s' is taken for an address", rows[i]);
        }
        assert_int_equal(e.kind, ERR_INPUT);
    }
}

static void a_path_that_is_too_long(void **state)
{
    struct listen_address address;
    struct err e = {0};
    char text[200] = "unix:/";

    (void)state;
    memset(text + strlen(text), 'x', 120);
    assert_int_equal(listen_parse(text, &address, &e), -1);
    assert_non_null(strstr(e.msg, "107 characters"));
}

static void any_free_port_has_a_name(void **state)
{
    char name[LISTEN_NAME_MAX];
    AUTO_FD int fd = -1;
    struct err e = {0};
    unsigned port = 0;

    (void)state;
    assert_int_equal(listen_open("127.0.0.1:0", &fd, &e), 0);
    assert_int_equal(listen_name(fd, name, &e), 0);
    assert_int_equal(sscanf(name, "http://127.0.0.1:%u", &port), 1);
    assert_true(port > 0);
}

static void a_taken_port_names_the_remedy(void **state)
{
    char name[LISTEN_NAME_MAX];
    AUTO_FD int fd = -1;
    AUTO_FD int second = -1;
    struct err e = {0};

    (void)state;
    assert_int_equal(listen_open("127.0.0.1:0", &fd, &e), 0);
    assert_int_equal(listen_name(fd, name, &e), 0);
    assert_int_equal(listen_open(name + strlen("http://"), &second, &e), -1);
    assert_int_equal(e.kind, ERR_SYSTEM);
    assert_non_null(strstr(e.msg, "choose another port"));
    assert_non_null(strstr(e.msg, name + strlen("http://")));
}

static void an_address_of_nobody_here(void **state)
{
    AUTO_FD int fd = -1;
    struct err e = {0};

    (void)state;
    assert_int_equal(listen_open("192.0.2.1:0", &fd, &e), -1);
    assert_non_null(strstr(e.msg, "no interface"));
}

static void a_socket_file_left_behind_is_replaced(void **state)
{
    char text[128];
    AUTO_FD int first = -1;
    AUTO_FD int second = -1;
    AUTO_FD int third = -1;
    struct err e = {0};

    (void)state;
    (void)snprintf(text, sizeof(text), "unix:%s/http",
                   getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    assert_int_equal(listen_open(text, &first, &e), 0);
    /* one that somebody listens on is not */
    assert_int_equal(listen_open(text, &second, &e), -1);
    assert_non_null(strstr(e.msg, "another process listens there"));
    close(take_fd(&first));
    assert_int_equal(listen_open(text, &third, &e), 0);
    (void)unlink(text + strlen("unix:"));
    assert_int_equal(listen_open("unix:/nowhere/http", &second, &e), -1);
    assert_non_null(strstr(e.msg, "no such directory"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_addresses),
        cmocka_unit_test(bad_addresses),
        cmocka_unit_test(a_path_that_is_too_long),
        cmocka_unit_test(any_free_port_has_a_name),
        cmocka_unit_test(a_taken_port_names_the_remedy),
        cmocka_unit_test(an_address_of_nobody_here),
        cmocka_unit_test(a_socket_file_left_behind_is_replaced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
