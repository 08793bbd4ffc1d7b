/* SPDX-License-Identifier: MIT */
/* hostcheck_test.c - Does `forkyard check` see what this host has, and where
 * crashes of jobs go? */
#include "lib/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "lib/absent.h"
#include "sys/hostcheck.h"
#include "sys/landlock.h"

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

static void find_fact(const char *name, struct hostcheck_fact *out)
{
    const struct hostcheck_spec spec = {"none", ""};

    out->name = "";
    for (size_t i = 0; i < hostcheck_count && strcmp(out->name, name) != 0;
         i++) {
        hostcheck_probe(i, &spec, out);
    }
    assert_string_equal(out->name, name);
}

/* The last test: what is taken stays taken. */
static void knows_when_the_listener_is_taken(void **state)
{
    struct hostcheck_fact fact;

    (void)state;
    find_fact("listener", &fact);
    bool was_there = fact.is_there;
    assert_false(fact.is_required);
    assert_int_equal(absent_listener(), was_there ? 0 : -1);
    find_fact("listener", &fact);
    assert_false(fact.is_there);
    assert_string_equal(fact.detail, strerror(EBUSY));
}

static void knows_layers(void **state)
{
    const struct hostcheck_spec none = {"none", ""};
    struct hostcheck_layers layers;
    struct hostcheck_fact fact;

    (void)state;
    hostcheck_layers(&none, &layers);
    assert_int_equal(layers.is_root, geteuid() == 0);
    assert_int_equal(layers.controllers, 0);
    assert_int_equal(layers.landlock, landlock_abi());
    find_fact("landlock", &fact);
    assert_int_equal(fact.is_there, layers.landlock > 0);
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
        cmocka_unit_test(knows_layers),
        cmocka_unit_test(knows_when_the_listener_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
