/* SPDX-License-Identifier: MIT */
/* config.c - settings by the rows of config_table.h. Every subcommand loads
 * them once, before it does anything else; they never change afterwards. Never
 * prints a secret, and never guesses what a misspelt setting meant: it says
 * which name is nearest and refuses. */
#include "wire/config.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "wire/config_row.h"

#define KAFKA_PREFIX     "kafka."
#define ENV_PREFIX       "FORKYARD_"
#define KAFKA_ENV_PREFIX "FORKYARD_KAFKA_"
/* librdkafka's longest property name has 44 characters. */
#define KAFKA_NAME_MAX 127U

#define ROW_TEXT(c, dotted, def, doc)                                          \
    {dotted, doc, CONFIG_TYPE_TEXT, offsetof(struct config, c), def, 0, 0, 0},
#define ROW_NUM(c, dotted, def, min, max, doc)                                 \
    {dotted, doc,   CONFIG_TYPE_NUM, offsetof(struct config, c),               \
     NULL,   (def), (min),           (max)},
#define ROW_SIZE(c, dotted, def, min, max, doc)                                \
    {dotted, doc,  CONFIG_TYPE_SIZE, offsetof(struct config, c), NULL, (def),  \
     (min),  (max)},
#define ROW_TIME(c, dotted, def, min, max, doc)                                \
    {dotted, doc,  CONFIG_TYPE_TIME, offsetof(struct config, c), NULL, (def),  \
     (min),  (max)},
#define ROW_BOOL(c, dotted, def, doc)                                          \
    {dotted, doc, CONFIG_TYPE_BOOL, offsetof(struct config, c), NULL, (def),   \
     0,      1},

const struct config_row config_rows[] = {
    CONFIG_ROWS(ROW_TEXT, ROW_NUM, ROW_SIZE, ROW_TIME, ROW_BOOL)};
const size_t config_row_count = ARRAY_LEN(config_rows);

/* Texts that are one of a few words; all others are free. */
static const struct {
    const char *dotted;
    const char *words; /* each followed by a space */
} choices[] = {
    {"box.cgroup", "auto v2 v1 none "},
    {"log.level", "debug info warn error "},
    {"log.format", "text json "},
};

/* In the environment, but not settings: the file, and the build's cache. */
static const char *const not_settings[] = {
    "FORKYARD_CONFIG",
    "FORKYARD_CACHE",
};

static void *member(struct config *c, const struct config_row *row)
{
    return (char *)c + row->offset;
}

static void replace_text(char **text, const char *value)
{
    char *copy = xstrdup(value); /* first: value may be *text itself */

    free(*text);
    *text = copy;
}

void config_init(struct config *c)
{
    memset(c, 0, sizeof(*c));
    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];

        if (row->type == CONFIG_TYPE_TEXT) {
            replace_text(member(c, row), row->def_text);
        } else if (row->type == CONFIG_TYPE_BOOL) {
            *(bool *)member(c, row) = row->def != 0;
        } else {
            *(uint64_t *)member(c, row) = row->def;
        }
    }
}

void config_done(struct config *c)
{
    for (size_t i = 0; i < config_row_count; i++) {
        if (config_rows[i].type == CONFIG_TYPE_TEXT) {
            free(*(char **)member(c, &config_rows[i]));
        }
    }
    for (size_t i = 0; i < c->kafka_count; i++) {
        free(c->kafka[i].name);
        free(c->kafka[i].value);
    }
    free(c->kafka);
    memset(c, 0, sizeof(*c));
}

void config_copy(struct config *c, const struct config *from)
{
    *c = *from;
    for (size_t i = 0; i < config_row_count; i++) {
        if (config_rows[i].type == CONFIG_TYPE_TEXT) {
            char **text = member(c, &config_rows[i]);

            *text = xstrdup(*text);
        }
    }
    c->kafka = xcalloc(from->kafka_count, sizeof(*c->kafka));
    for (size_t i = 0; i < from->kafka_count; i++) {
        c->kafka[i].name = xstrdup(from->kafka[i].name);
        c->kafka[i].value = xstrdup(from->kafka[i].value);
    }
}

const struct config_row *config_row_find(const char *dotted)
{
    for (size_t i = 0; i < config_row_count; i++) {
        if (strcmp(config_rows[i].dotted, dotted) == 0) {
            return &config_rows[i];
        }
    }
    return NULL;
}

/* Levenshtein's distance, one line of the table at a time. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t line[CONFIG_NAME_MAX + 1];
    size_t b_len = strlen(b);

    if (b_len > CONFIG_NAME_MAX || strlen(a) > CONFIG_NAME_MAX) {
        return SIZE_MAX;
    }
    for (size_t k = 0; k <= b_len; k++) {
        line[k] = k;
    }
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = line[0];

        line[0] = i + 1;
        for (size_t k = 0; k < b_len; k++) {
            size_t replaced = diagonal + (a[i] != b[k] ? 1 : 0);
            size_t least = line[k] < line[k + 1] ? line[k] : line[k + 1];

            diagonal = line[k + 1];
            line[k + 1] = replaced <= least ? replaced : least + 1;
        }
    }
    return line[b_len];
}

static const char *nearest_name(const char *dotted)
{
    const char *best = NULL;
    /* Further away than a third of the name is no misspelling of it. */
    size_t best_distance = strlen(dotted) / 3 + 1;

    for (size_t i = 0; i < config_row_count; i++) {
        size_t distance = edit_distance(dotted, config_rows[i].dotted);

        if (distance < best_distance) {
            best_distance = distance;
            best = config_rows[i].dotted;
        }
    }
    return best;
}

static int unknown_setting(const char *dotted, struct err *e)
{
    const char *nearest = nearest_name(dotted);

    if (nearest != NULL) {
        return err_set(e, ERR_INPUT,
                       "unknown setting '%.100s'; did you mean '%s'?", dotted,
                       nearest);
    }
    return err_set(e, ERR_INPUT,
                   "unknown setting '%.100s'; `forkyard check` lists all",
                   dotted);
}

static int kafka_set(struct config *c, const char *name, const char *value,
                     struct err *e)
{
    size_t len = strlen(name);

    if (len == 0 || len > KAFKA_NAME_MAX) {
        return err_set(e, ERR_INPUT,
                       "'kafka.%.60s' names no property: 1 to %u characters",
                       name, KAFKA_NAME_MAX);
    }
    for (size_t i = 0; i < c->kafka_count; i++) {
        if (strcmp(c->kafka[i].name, name) == 0) {
            replace_text(&c->kafka[i].value, value);
            return 0;
        }
    }
    c->kafka = xrealloc(c->kafka, (c->kafka_count + 1) * sizeof(*c->kafka));
    c->kafka[c->kafka_count].name = xstrdup(name);
    c->kafka[c->kafka_count].value = xstrdup(value);
    c->kafka_count++;
    return 0;
}

const char *config_kafka_get(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->kafka_count; i++) {
        if (strcmp(c->kafka[i].name, name) == 0) {
            return c->kafka[i].value;
        }
    }
    return NULL;
}

bool config_is_secret(const char *dotted)
{
    static const char *const words[] = {"password", "passwd",
                                        "secret",   "jaas",
                                        "key.pem",  "oauthbearer.config"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strstr(dotted, words[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static bool has_word(const char *words, const char *word)
{
    size_t len = strlen(word);
    const char *at = words;

    while (*at != '\0') {
        size_t n = strcspn(at, " ");

        if (n == len && memcmp(at, word, n) == 0) {
            return true;
        }
        at += n + 1;
    }
    return false;
}

static int check_choice(const char *dotted, const char *value, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(choices); i++) {
        if (strcmp(choices[i].dotted, dotted) == 0 &&
            !has_word(choices[i].words, value)) {
            return err_set(e, ERR_INPUT, "'%.60s' is none of: %.*s", value,
                           (int)strlen(choices[i].words) - 1, choices[i].words);
        }
    }
    return 0;
}

static int parse_number(const struct config_row *row, const char *value,
                        uint64_t *out, struct err *e)
{
    switch (row->type) {
    case CONFIG_TYPE_SIZE:
        return str_parse_size(value, out, e);
    case CONFIG_TYPE_TIME:
        return str_parse_duration_ms(value, out, e);
    case CONFIG_TYPE_NUM:
        return str_parse_u64(value, out, e);
    case CONFIG_TYPE_TEXT:
    case CONFIG_TYPE_BOOL:
        break;
    }
    return err_set(e, ERR_BUG, "no number");
}

static int set_number(struct config *c, const struct config_row *row,
                      const char *value, struct err *e)
{
    char bound[CONFIG_VALUE_MAX];
    uint64_t number;

    if (parse_number(row, value, &number, e) < 0) {
        return -1;
    }
    if (number < row->min || number > row->max) {
        bool is_over = number > row->max;

        config_row_format(row, is_over ? row->max : row->min, bound);
        return err_set(e, ERR_INPUT, "%.60s is %s of %s", value,
                       is_over ? "over the maximum" : "under the minimum",
                       bound);
    }
    *(uint64_t *)member(c, row) = number;
    return 0;
}

static int set_row(struct config *c, const struct config_row *row,
                   const char *value, struct err *e)
{
    if (row->type == CONFIG_TYPE_BOOL) {
        return str_parse_bool(value, member(c, row), e);
    }
    if (row->type != CONFIG_TYPE_TEXT) {
        return set_number(c, row, value, e);
    }
    if (check_choice(row->dotted, value, e) < 0) {
        return -1;
    }
    replace_text(member(c, row), value);
    return 0;
}

int config_set(struct config *c, const char *dotted, const char *value,
               struct err *e)
{
    const struct config_row *row;

    if (str_starts(dotted, KAFKA_PREFIX)) {
        return kafka_set(c, dotted + strlen(KAFKA_PREFIX), value, e);
    }
    row = config_row_find(dotted);
    if (row == NULL) {
        return unknown_setting(dotted, e);
    }
    if (set_row(c, row, value, e) < 0) {
        return err_wrap(e, "%s", dotted);
    }
    return 0;
}

void config_row_env(const struct config_row *row, char out[CONFIG_NAME_MAX])
{
    size_t len = strlen(ENV_PREFIX);

    memcpy(out, ENV_PREFIX, len);
    for (const char *p = row->dotted; *p != '\0' && len < CONFIG_NAME_MAX - 1;
         p++) {
        out[len++] = *p == '.' ? '_' : (char)toupper((unsigned char)*p);
    }
    out[len] = '\0';
}

/* A_B_C to a.b.c; too long a name is cut and then not known. */
static void dotted_from_env(const char *env, size_t len,
                            char out[CONFIG_NAME_MAX])
{
    size_t i = 0;

    for (; i < len && i < CONFIG_NAME_MAX - 1; i++) {
        out[i] = env[i] == '_' ? '.' : (char)tolower((unsigned char)env[i]);
    }
    out[i] = '\0';
}

static const struct config_row *row_by_env(const char *env, size_t len)
{
    char name[CONFIG_NAME_MAX];

    for (size_t i = 0; i < config_row_count; i++) {
        config_row_env(&config_rows[i], name);
        if (strlen(name) == len && memcmp(name, env, len) == 0) {
            return &config_rows[i];
        }
    }
    return NULL;
}

static bool is_ignored_env(const char *env, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(not_settings); i++) {
        if (strlen(not_settings[i]) == len &&
            memcmp(not_settings[i], env, len) == 0) {
            return true;
        }
    }
    return false;
}

static int unknown_variable(const char *env, size_t len, struct err *e)
{
    char dotted[CONFIG_NAME_MAX];
    char name[CONFIG_NAME_MAX];
    const char *nearest;

    dotted_from_env(env + strlen(ENV_PREFIX), len - strlen(ENV_PREFIX), dotted);
    nearest = nearest_name(dotted);
    if (nearest != NULL) {
        config_row_env(config_row_find(nearest), name);
        return err_set(e, ERR_INPUT,
                       "environment: unknown variable %.*s; did you mean %s?",
                       (int)len, env, name);
    }
    return err_set(e, ERR_INPUT, "environment: unknown variable %.*s", (int)len,
                   env);
}

static int set_from_env(struct config *c, const char *env, size_t len,
                        struct err *e)
{
    const size_t kafka_len = strlen(KAFKA_ENV_PREFIX);
    const char *value = env + len + 1;
    char name[CONFIG_NAME_MAX];
    const struct config_row *row;

    if (is_ignored_env(env, len)) {
        return 0;
    }
    if (len > kafka_len && str_starts(env, KAFKA_ENV_PREFIX)) {
        dotted_from_env(env + kafka_len, len - kafka_len, name);
        return kafka_set(c, name, value, e);
    }
    row = row_by_env(env, len);
    if (row == NULL) {
        return unknown_variable(env, len > 100 ? 100 : len, e);
    }
    if (set_row(c, row, value, e) < 0) {
        return err_wrap(e, "environment: %.*s", (int)len, env);
    }
    return 0;
}

int config_load_env(struct config *c, char **envp, struct err *e)
{
    for (size_t i = 0; envp[i] != NULL; i++) {
        const char *equals = strchr(envp[i], '=');

        if (equals == NULL || !str_starts(envp[i], ENV_PREFIX)) {
            continue;
        }
        if (set_from_env(c, envp[i], (size_t)(equals - envp[i]), e) < 0) {
            return -1;
        }
    }
    return 0;
}
