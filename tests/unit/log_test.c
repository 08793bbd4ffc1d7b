/* SPDX-License-Identifier: MIT */
/* log_test.c - is every event one line that a person and a parser can read,
 * whatever the values hold? */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>

#include "lib/unit.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"

#define STAMP "2026-11-21T09:00:00.123Z"

static char captured[65536];
static int saved_stderr;
static int pipe_fds[2];

/* Runs before and after each test: stderr goes to a pipe. */
static int capture_start(void **state)
{
    (void)state;
    if (fd_pipe(pipe_fds, NULL) < 0) {
        return -1;
    }
    saved_stderr = dup(STDERR_FILENO);
    clock_fake(1, 1795251600123456789U);
    log_set_name("");
    log_set_json(false);
    log_set_level(LOG_INFO);
    return dup2(pipe_fds[1], STDERR_FILENO) < 0 ? -1 : 0;
}

static int capture_stop(void **state)
{
    (void)state;
    (void)dup2(saved_stderr, STDERR_FILENO);
    (void)close(saved_stderr);
    (void)close(pipe_fds[0]);
    (void)close(pipe_fds[1]);
    clock_fake(0, 0);
    return 0;
}

static const char *line(void)
{
    ssize_t n = 0;

    if (fd_set_nonblock(pipe_fds[0], true, NULL) == 0) {
        n = read(pipe_fds[0], captured, sizeof(captured) - 1);
    }
    captured[n > 0 ? n : 0] = '\0';
    return captured;
}

static void text_lines(void **state)
{
    (void)state;
    log_info("job finished", "job_id=%s status=%s ms=%d", "a-1", "success", 5);
    assert_string_equal(line(), STAMP
                        " info  job finished job_id=a-1 status=success ms=5\n");
    log_error("no fields", NULL);
    assert_string_equal(line(), STAMP " error no fields\n");
    log_set_name("w1");
    log_warn("named", "a=%d", 1);
    assert_string_equal(line(), STAMP " warn  named worker=w1 a=1\n");
}

static void values_cannot_forge_fields(void **state)
{
    (void)state;
    log_info("x", "a=%s b=%s", "1 status=ok\nnext", "");
    assert_string_equal(line(),
                        STAMP " info  x a=\"1 status=ok\\nnext\" b=\"\"\n");
    log_info("x", "a=%s b=%s", "say \"hi\"", "back\\slash");
    assert_string_equal(line(), STAMP
                        " info  x a=\"say \\\"hi\\\"\" b=\"back\\\\slash\"\n");
}

static void a_value_may_have_words(void **state)
{
    (void)state;
    log_info("x", "text=%d of %d files left=%d", 1, 2, 3);
    assert_string_equal(line(),
                        STAMP " info  x text=\"1 of 2 files\" left=3\n");
}

static void json_lines(void **state)
{
    json_t *object;

    (void)state;
    log_set_json(true);
    log_set_name("w\"1");
    log_info("job \"done\"", "id=%s n=%d f=%.1f pair=%d/%d bad=%s", "a b\n\x01",
             -5, 2.5, 1, 2, "\xff\xc3\xa4");
    object = json_loads(line(), 0, NULL);
    assert_non_null(object);
    assert_string_equal(json_string_value(json_object_get(object, "time")),
                        STAMP);
    assert_string_equal(json_string_value(json_object_get(object, "level")),
                        "info");
    assert_string_equal(json_string_value(json_object_get(object, "event")),
                        "job \"done\"");
    assert_string_equal(json_string_value(json_object_get(object, "worker")),
                        "w\"1");
    assert_string_equal(json_string_value(json_object_get(object, "id")),
                        "a b\n\x01");
    assert_int_equal(json_integer_value(json_object_get(object, "n")), -5);
    assert_true(json_real_value(json_object_get(object, "f")) > 2.4);
    assert_string_equal(json_string_value(json_object_get(object, "pair")),
                        "1/2");
    assert_string_equal(json_string_value(json_object_get(object, "bad")),
                        "???");
    json_decref(object);
}

static void huge_values_stay_one_valid_line(void **state)
{
    static char value[20000];

    (void)state;
    log_set_json(true);
    for (size_t i = 0; i < sizeof(value) - 1; i++) {
        value[i] = i % 3 == 0 ? '"' : i % 3 == 1 ? '\x02' : 'a';
    }
    for (size_t len = 500; len < sizeof(value); len += 487) {
        json_t *object;

        log_info("big", "a=%d v=%.*s z=%d", 1, (int)len, value, 9);
        object = json_loads(line(), 0, NULL);
        assert_non_null(object);
        assert_true(strlen(captured) <= 4096);
        assert_int_equal(captured[strlen(captured) - 1], '\n');
        assert_int_equal(json_integer_value(json_object_get(object, "a")), 1);
        json_decref(object);
    }
}

static void levels_filter(void **state)
{
    enum log_level level = LOG_INFO;
    struct err e;

    (void)state;
    log_debug("hidden", NULL);
    assert_string_equal(line(), "");
    assert_int_equal(log_level_parse("WARN", &level, &e), 0);
    log_set_level(level);
    log_info("hidden", NULL);
    assert_string_equal(line(), "");
    assert_true(log_enabled(LOG_ERROR));
    assert_false(log_enabled(LOG_INFO));
    assert_int_equal(log_level_parse("loud", &level, &e), -1);
    assert_string_equal(e.msg,
                        "'loud' is no log level: debug, info, warn or error");
}

static void errno_is_kept(void **state)
{
    (void)state;
    errno = ENOENT;
    log_info("open", "a=%d", 1);
    assert_int_equal(errno, ENOENT);
    (void)close(STDERR_FILENO);
    log_info("nobody reads", NULL);
    assert_int_equal(errno, ENOENT);
}

#define WITH_CAPTURE(f)                                                        \
    cmocka_unit_test_setup_teardown(f, capture_start, capture_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CAPTURE(text_lines),
        WITH_CAPTURE(values_cannot_forge_fields),
        WITH_CAPTURE(a_value_may_have_words),
        WITH_CAPTURE(json_lines),
        WITH_CAPTURE(huge_values_stay_one_valid_line),
        WITH_CAPTURE(levels_filter),
        WITH_CAPTURE(errno_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
