/* SPDX-License-Identifier: MIT */
/* check_levels.c - see check_levels.h. */
#include "bin/check_levels.h"

#include <stdio.h>

#include "bin/cli.h"
#include "run/levels.h"
#include "sys/hostcheck.h"

static const char trusted[] =
    "granted by settings to named manifests, and this version runs none";

static size_t look(const struct config *config,
                   const struct levels_layer *out[LEVELS_LAYERS])
{
    const struct hostcheck_spec spec = {.cgroup = config->box_cgroup,
                                        .cgroup_parent =
                                            config->box_cgroup_parent};
    struct hostcheck_layers found;

    hostcheck_layers(&spec, &found);
    const struct levels_host host = {.has_own_uids = found.is_root,
                                     .controllers = found.controllers,
                                     .landlock = found.landlock};
    return levels_missing(&host, out);
}

static void print(bool is_there, const char *name, const char *words)
{
    (void)printf(
        "  %s%-8s%s %-13s %s\n", cli_color(stdout, is_there ? 'g' : 'y'),
        is_there ? "ok" : "without", cli_color(stdout, '0'), name, words);
}

void check_levels_print(const struct config *config, bool has_boxes)
{
    const struct levels_layer *missing[LEVELS_LAYERS];
    size_t count = look(config, missing);

    print(has_boxes, "sandboxed",
          has_boxes ? "each result says what was in force"
                    : "nor any other: see what is MISSING");
    print(has_boxes && count == 0, "isolated",
          count ? "its jobs end with setup_error; it takes" : "all layers");
    for (size_t i = 0; i < count; i++) {
        (void)printf("  %-8s %-13s %s -> %s\n", "", "", missing[i]->name,
                     missing[i]->remedy);
    }
    print(false, "trusted", trusted);
}

json_t *check_levels_json(const struct config *config, bool has_boxes)
{
    const struct levels_layer *missing[LEVELS_LAYERS];
    size_t count = look(config, missing);
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(list, json_pack("{s:s, s:s}", "name",
                                                    missing[i]->name, "remedy",
                                                    missing[i]->remedy));
    }
    return json_pack("[{s:s, s:b}, {s:s, s:b, s:o}, {s:s, s:b, s:s}]", "name",
                     "sandboxed", "ok", has_boxes, "name", "isolated", "ok",
                     has_boxes && count == 0, "missing", list, "name",
                     "trusted", "ok", 0, "reason", trusted);
}
