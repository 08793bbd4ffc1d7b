/* SPDX-License-Identifier: MIT */
/* fy_options.c - the settings of a client: rows of config_table.h, by their
 * names. Runs in any program; reads a file or an environment only when it is
 * given one. */
#include "lib/fy_options.h"

#include <stdlib.h>

#include "base/mem.h"
#include "lib/fy_error.h"

struct fy_options *fy_options_new(void)
{
    struct fy_options *options = xcalloc(1, sizeof(*options));

    config_init(&options->config);
    return options;
}

struct fy_options *fy_options_from(const struct config *config)
{
    struct fy_options *options = xcalloc(1, sizeof(*options));

    config_copy(&options->config, config);
    return options;
}

void fy_options_free(struct fy_options *options)
{
    if (options) {
        config_done(&options->config);
        free(options);
    }
}

int fy_options_set(struct fy_options *options, const char *name,
                   const char *value, struct fy_error *error)
{
    struct err e = {0};

    return config_set(&options->config, name, value, &e) < 0
               ? fy_error_set(error, &e)
               : 0;
}

int fy_options_load_file(struct fy_options *options, const char *path,
                         struct fy_error *error)
{
    struct err e = {0};

    return config_load_file(&options->config, path, &e) < 0
               ? fy_error_set(error, &e)
               : 0;
}

int fy_options_load_env(struct fy_options *options, char **envp,
                        struct fy_error *error)
{
    struct err e = {0};

    return config_load_env(&options->config, envp, &e) < 0
               ? fy_error_set(error, &e)
               : 0;
}
