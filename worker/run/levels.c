/* SPDX-License-Identifier: MIT */
/* levels.c - see levels.h. Runs in the engine and in `forkyard check`. Pure:
 * what the host has is told to it. */
#include "run/levels.h"

#include <stdio.h>
#include <string.h>

#include "sys/cgroup.h"
#include "wire/job.h"

static bool has_memory(const struct levels_host *host)
{
    return host->controllers & CGROUP_MEMORY;
}
static bool has_pids(const struct levels_host *host)
{
    return host->controllers & CGROUP_PIDS;
}
static bool has_cpu(const struct levels_host *host)
{
    return host->controllers & CGROUP_CPU;
}
static bool has_landlock(const struct levels_host *host)
{
    return host->landlock > 0;
}
static bool has_own_uids(const struct levels_host *host)
{
    return host->has_own_uids;
}

#define CGROUP_REMEDY "delegate a cgroup with memory, pids and cpu"

/* Those of one remedy stand together. */
static const struct levels_layer layers[] = {
    {"memory cgroup", CGROUP_REMEDY, has_memory},
    {"pids cgroup", CGROUP_REMEDY, has_pids},
    {"cpu cgroup", CGROUP_REMEDY, has_cpu},
    {"Landlock", "add landlock to the kernel's lsm= list", has_landlock},
    {"a user id per slot", "start the worker as root", has_own_uids},
};
_Static_assert(ARRAY_LEN(layers) == LEVELS_LAYERS, "all layers");

size_t levels_missing(const struct levels_host *host,
                      const struct levels_layer *out[LEVELS_LAYERS])
{
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_LEN(layers); i++) {
        if (!layers[i].is_there(host)) {
            out[count++] = &layers[i];
        }
    }
    return count;
}

static void add(char *text, size_t size, const char *between, const char *word)
{
    size_t len = strlen(text);

    (void)snprintf(text + len, size - len, "%s%s", len ? between : "", word);
}

int levels_check(int security_level, const struct levels_host *host,
                 struct err *e)
{
    const struct levels_layer *missing[LEVELS_LAYERS];
    char names[120] = "";
    char remedies[150] = "";

    if (security_level != JOB_SECURITY_ISOLATED) {
        return 0;
    }
    size_t count = levels_missing(host, missing);
    for (size_t i = 0; i < count; i++) {
        add(names, sizeof(names), ", ", missing[i]->name);
        if (i == 0 || missing[i]->remedy != missing[i - 1]->remedy) {
            add(remedies, sizeof(remedies), "; ", missing[i]->remedy);
        }
    }
    if (count == 0) {
        return 0;
    }
    return err_set(e, ERR_SYSTEM, "security_level: isolated: missing %s; %s",
                   names, remedies);
}
