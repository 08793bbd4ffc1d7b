/* SPDX-License-Identifier: MIT */
/* ending_test.c - results as exit codes and words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bin/ending.h"

static struct result with_status(enum status status)
{
    struct result r;

    result_init(&r);
    r.status = (int)status;
    return r;
}

static void reason_is(const struct result *r, const char *wanted)
{
    char text[200];

    ending_reason(r, text, sizeof(text));
    assert_string_equal(text, wanted);
}

static void success(void **state)
{
    struct result r = with_status(STATUS_SUCCESS);

    (void)state;
    assert_int_equal(ending_exit_code(&r), 0);
    reason_is(&r, "");
}

static void own_exit_code(void **state)
{
    struct result r = with_status(STATUS_NONZERO_EXIT);

    (void)state;
    r.exit_code = 3;
    assert_int_equal(ending_exit_code(&r), 3);
    reason_is(&r, "exit code 3");
}

static void own_signal(void **state)
{
    struct result r = with_status(STATUS_SIGNALLED);

    (void)state;
    r.signal.present = true;
    r.signal.number = 11;
    r.signal.name = view_of("SIGSEGV");
    assert_int_equal(ending_exit_code(&r), 139);
    reason_is(&r, "signal SIGSEGV");
}

static void time_limit(void **state)
{
    struct result r = with_status(STATUS_TIME_LIMIT_EXCEEDED);

    (void)state;
    r.signal.present = true;
    r.signal.number = 9;
    r.termination.present = true;
    r.termination.limit = STATUS_LIMIT_WALL_TIME;
    r.termination.limit_value = 1500;
    assert_int_equal(ending_exit_code(&r), ENDING_EXIT_TIME_LIMIT);
    reason_is(&r, "wall time limit of 1.5 s");
}

static void memory_limit(void **state)
{
    struct result r = with_status(STATUS_MEMORY_LIMIT_EXCEEDED);

    (void)state;
    r.signal.present = true;
    r.signal.number = 9;
    r.termination.present = true;
    r.termination.limit = STATUS_LIMIT_MEMORY;
    r.termination.limit_value = 64 * 1024 * 1024;
    assert_int_equal(ending_exit_code(&r), 137);
    reason_is(&r, "memory limit of 64.0 MiB");
}

static void limit_without_exit_code(void **state)
{
    struct result r = with_status(STATUS_DISK_LIMIT_EXCEEDED);

    (void)state;
    assert_int_equal(ending_exit_code(&r), 1);
}

static void security(void **state)
{
    struct result r = with_status(STATUS_SECURITY_VIOLATION);

    (void)state;
    r.termination.present = true;
    r.termination.limit = RECORD_NO_ENUM;
    r.termination.syscall = view_of("ptrace");
    reason_is(&r, "system call ptrace");
}

static void not_run(void **state)
{
    static const enum status ours[] = {
        STATUS_SETUP_ERROR, STATUS_REJECTED, STATUS_VALIDATION_ERROR,
        STATUS_WORKER_LOST, STATUS_EXPIRED,  STATUS_INTERNAL_ERROR,
    };

    (void)state;
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        struct result r = with_status(ours[i]);

        r.error.present = true;
        r.error.message = view_of("why");
        assert_int_equal(ending_exit_code(&r), ENDING_EXIT_OURS);
        reason_is(&r, "why");
    }
}

static void no_status_at_all(void **state)
{
    struct result r;

    (void)state;
    result_init(&r);
    assert_int_equal(ending_exit_code(&r), ENDING_EXIT_OURS);
}

static void time_it_ran(void **state)
{
    struct result r = with_status(STATUS_SUCCESS);
    char text[32];

    (void)state;
    ending_time(&r, text, sizeof(text));
    assert_string_equal(text, "-");
    r.usage.present = true;
    r.usage.wall_us = 12000;
    ending_time(&r, text, sizeof(text));
    assert_string_equal(text, "12 ms");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(success),
        cmocka_unit_test(own_exit_code),
        cmocka_unit_test(own_signal),
        cmocka_unit_test(time_limit),
        cmocka_unit_test(memory_limit),
        cmocka_unit_test(limit_without_exit_code),
        cmocka_unit_test(security),
        cmocka_unit_test(not_run),
        cmocka_unit_test(no_status_at_all),
        cmocka_unit_test(time_it_ran),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
