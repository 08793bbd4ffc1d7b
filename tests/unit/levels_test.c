/* SPDX-License-Identifier: MIT */
/* levels_test.c - Which hosts can give which security level, and what are the
 * others told to do? */
#include "lib/unit.h"

#include <string.h>

#include "run/levels.h"
#include "sys/cgroup.h"
#include "wire/job.h"

#define CGROUPS (CGROUP_MEMORY | CGROUP_PIDS | CGROUP_CPU)

static const struct {
    struct levels_host host;
    size_t missing;
    const char *words;
} rows[] = {
    {{true, CGROUPS, 7}, 0, NULL},
    {{true, CGROUPS | CGROUP_CPUACCT, 2}, 0, NULL},
    {{false, CGROUPS, 7},
     1,
     "missing a user id per slot; start the worker as root"},
    {{true, CGROUPS, 0},
     1,
     "missing Landlock; add landlock to the kernel's lsm= list"},
    {{true, CGROUP_MEMORY | CGROUP_PIDS, 7},
     1,
     "missing cpu cgroup; delegate a cgroup with memory, pids and cpu"},
    {{true, CGROUP_MEMORY | CGROUP_CPU, 7}, 1, "missing pids cgroup; "},
    {{true, CGROUP_PIDS | CGROUP_CPU, 7}, 1, "missing memory cgroup; "},
    {{true, CGROUP_CPUACCT, 7},
     3,
     "missing memory cgroup, pids cgroup, cpu cgroup; delegate a cgroup with "
     "memory, pids and cpu"},
    {{false, 0, 0},
     5,
     "missing memory cgroup, pids cgroup, cpu cgroup, Landlock, a user id per "
     "slot; delegate a cgroup with memory, pids and cpu; add landlock to the "
     "kernel's lsm= list; start the worker as root"},
};

static void isolated_takes_all_layers(void **state)
{
    const struct levels_layer *missing[LEVELS_LAYERS];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err e = {.msg = ""};
        int status = levels_check(JOB_SECURITY_ISOLATED, &rows[i].host, &e);

        assert_int_equal(levels_missing(&rows[i].host, missing),
                         rows[i].missing);
        assert_int_equal(status, rows[i].missing ? -1 : 0);
        if (rows[i].words && !strstr(e.msg, rows[i].words)) {
            fail_msg("row %zu: \"%s\"", i, e.msg);
        }
        assert_true(status == 0 || e.kind == ERR_SYSTEM);
    }
}

static void sandboxed_takes_what_there_is(void **state)
{
    struct err e = {.msg = ""};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(
            levels_check(JOB_SECURITY_SANDBOXED, &rows[i].host, &e), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(isolated_takes_all_layers),
        cmocka_unit_test(sandboxed_takes_what_there_is),
    };

    return cmocka_run_group_tests_name("levels", tests, NULL, NULL);
}
