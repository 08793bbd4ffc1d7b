/* SPDX-License-Identifier: MIT */
/* config.h - the settings of one process, from flags, environment, one YAML
 * file and defaults, in that order of precedence. Pure data once loaded. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/base.h"
#include "base/err.h"
#include "wire/config_table.h"

/* A librdkafka property, from the section `kafka:` or FORKYARD_KAFKA_A_B_C
 * (a.b.c). Passed on as it is; librdkafka judges it. */
struct config_kafka {
    char *name;
    char *value;
};

struct config {
#define CONFIG_TEXT(c, dotted, def, doc)           char *c;
#define CONFIG_UINT(c, dotted, def, min, max, doc) uint64_t c;
#define CONFIG_FLAG(c, dotted, def, doc)           bool c;
    CONFIG_ROWS(CONFIG_TEXT, CONFIG_UINT, CONFIG_UINT, CONFIG_UINT, CONFIG_FLAG)
#undef CONFIG_TEXT
#undef CONFIG_UINT
#undef CONFIG_FLAG
    struct config_kafka *kafka;
    size_t kafka_count;
};

/* Defaults only. */
void config_init(struct config *c);
/* The same settings in memory of its own. */
void config_copy(struct config *c, const struct config *from);
void config_done(struct config *c);

/* One setting by its dotted name ("worker.slots", "kafka.bootstrap.servers").
 * ERR_INPUT names the setting, the value, and what is allowed. */
int config_set(struct config *c, const char *dotted, const char *value,
               struct err *e) MUST_USE;
/* YAML; an unknown key is ERR_INPUT with its line, and the nearest name. */
int config_load_file(struct config *c, const char *path,
                     struct err *e) MUST_USE;
/* Every FORKYARD_... variable in envp; an unknown one is ERR_INPUT, except
 * FORKYARD_CONFIG (the file). */
int config_load_env(struct config *c, char **envp, struct err *e) MUST_USE;
/* NULL when not set. */
const char *config_kafka_get(const struct config *c, const char *name);

/* Is its value one that nobody else may see? Such a setting comes from the file
 * or the environment, never from a command line. */
bool config_is_secret(const char *dotted);

/* One line per setting: for `forkyard check`. Secret values show as ***. */
void config_print(const struct config *c, bool json, FILE *to);
/* The commented sample file; every line of it is a default. */
void config_print_sample(FILE *to);
/* "  worker.slots  FORKYARD_WORKER_SLOTS  0  boxes at ...": for --help. */
void config_print_help(FILE *to);
