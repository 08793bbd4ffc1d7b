/* SPDX-License-Identifier: MIT */
/* hostcheck_test.c - Does `forkyard check` see where crashes of jobs go? */
#include "lib/unit.h"

#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "sys/hostcheck.h"

static void knows_core_patterns(void **state)
{
    static const struct {
        const char *pattern;
        bool stays;
    } cases[] = {
        {"core", true},
        {"", true},
        {"/var/cores/%e@%h", true},
        {"|/usr/lib/systemd/systemd-coredump %P", true},
        {"@/run/systemd/coredump", false},
        {"@@/run/systemd/coredump", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (hostcheck_core_stays(cases[i].pattern) != cases[i].stays) {
            fail_msg("'%s'", cases[i].pattern);
        }
    }
}

static void tells_the_pattern_of_this_host(void **state)
{
    const struct hostcheck_spec spec = {"none", ""};
    struct hostcheck_fact fact = {.name = ""};
    char pattern[200];

    (void)state;
    for (size_t i = 0; i < hostcheck_count && strcmp(fact.name, "core") != 0;
         i++) {
        hostcheck_probe(i, &spec, &fact);
    }
    assert_string_equal(fact.name, "core");
    assert_true(fd_read_small(AT_FDCWD, "/proc/sys/kernel/core_pattern",
                              pattern, sizeof(pattern)) >= 0);
    pattern[strcspn(pattern, "\n")] = 0;
    assert_string_equal(fact.detail, pattern);
    assert_int_equal(fact.is_there, hostcheck_core_stays(pattern));
    assert_false(fact.is_required);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_core_patterns),
        cmocka_unit_test(tells_the_pattern_of_this_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
