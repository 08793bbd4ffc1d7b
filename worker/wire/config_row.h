/* SPDX-License-Identifier: MIT */
/* config_row.h - the rows of config_table.h as data, for config*.c and tests.
 * Everybody else includes config.h. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "wire/config.h"

#define CONFIG_NAME_MAX  128
#define CONFIG_VALUE_MAX 96

enum config_type {
    CONFIG_TYPE_TEXT,
    CONFIG_TYPE_NUM,
    CONFIG_TYPE_SIZE,
    CONFIG_TYPE_TIME,
    CONFIG_TYPE_BOOL,
};

struct config_row {
    const char *dotted;
    const char *doc;
    enum config_type type;
    size_t offset; /* into struct config */
    const char *def_text;
    uint64_t def;
    uint64_t min;
    uint64_t max;
};

extern const struct config_row config_rows[];
extern const size_t config_row_count;

/* NULL when there is none. */
const struct config_row *config_row_find(const char *dotted);
/* FORKYARD_... */
void config_row_env(const struct config_row *row, char out[CONFIG_NAME_MAX]);
/* The number as it would be written in the file: "30s", "512MiB", "true". */
void config_row_format(const struct config_row *row, uint64_t value,
                       char out[CONFIG_VALUE_MAX]);
