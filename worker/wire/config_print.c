/* SPDX-License-Identifier: MIT */
/* config_print.c - settings for people: as they are in force, as --help, as
 * the sample file. Any subcommand; prints, and never prints a secret. */
#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "wire/config_row.h"

#define HIDDEN      "***"
#define WRAP_COLUMN 78U

static const struct {
    const char *unit;
    uint64_t factor;
} size_units[] =
    {
        {"GiB", 1024U * 1024U * 1024U},
        {"MiB", 1024U * 1024U},
        {"KiB", 1024U},
},
  time_units[] = {
      {"h", 3600U * 1000U},
      {"m", 60U * 1000U},
      {"s", 1000U},
};

/* Any property with one of these in its name is a secret, or says where one
 * is. Better one hidden too many. */
static const char *const secret_words[] = {
    "password", "secret", "token",  "ssl.key",    "keystore",
    "sasl.",    "jaas",   "passwd", "credential",
};

static bool is_secret(const char *name)
{
    /* "sasl.mechanisms" and "sasl.mechanism": needed to find mistakes. */
    if (str_starts(name, "sasl.mechanism")) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(secret_words); i++) {
        if (strstr(name, secret_words[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* A copy to be freed. What stands before the @ of a URL is hidden too. */
static char *shown_value(const char *name, const char *value)
{
    const char *scheme_end = strstr(value, "://");
    const char *at = scheme_end != NULL ? strrchr(scheme_end, '@') : NULL;
    size_t head;
    char *shown;

    if (is_secret(name)) {
        return xstrdup(value[0] != '\0' ? HIDDEN : "");
    }
    if (at == NULL) {
        return xstrdup(value);
    }
    head = (size_t)(scheme_end - value) + 3;
    shown = xmalloc(head + strlen(HIDDEN) + strlen(at) + 1);
    memcpy(shown, value, head);
    memcpy(shown + head, HIDDEN, strlen(HIDDEN));
    memcpy(shown + head + strlen(HIDDEN), at, strlen(at) + 1);
    return shown;
}

void config_row_format(const struct config_row *row, uint64_t value,
                       char out[CONFIG_VALUE_MAX])
{
    const char *unit = row->type == CONFIG_TYPE_TIME ? "ms" : "";
    uint64_t factor = 1;

    if (row->type == CONFIG_TYPE_BOOL) {
        (void)str_copy(out, CONFIG_VALUE_MAX, value != 0 ? "true" : "false");
        return;
    }
    for (size_t i = 0; value != 0 && factor == 1 && i < ARRAY_LEN(size_units);
         i++) {
        if (row->type == CONFIG_TYPE_SIZE &&
            value % size_units[i].factor == 0) {
            unit = size_units[i].unit;
            factor = size_units[i].factor;
        }
        if (row->type == CONFIG_TYPE_TIME &&
            value % time_units[i].factor == 0) {
            unit = time_units[i].unit;
            factor = time_units[i].factor;
        }
    }
    (void)snprintf(out, CONFIG_VALUE_MAX, "%" PRIu64 "%s", value / factor,
                   unit);
}

static const void *member(const struct config *c, const struct config_row *row)
{
    return (const char *)c + row->offset;
}

static uint64_t number_of(const struct config *c, const struct config_row *row)
{
    if (row->type == CONFIG_TYPE_BOOL) {
        return *(const bool *)member(c, row) ? 1 : 0;
    }
    return *(const uint64_t *)member(c, row);
}

static void print_text_line(FILE *to, const char *name, const char *value)
{
    fprintf(to, "%-36s %s\n", name, value);
}

static void print_text(const struct config *c, FILE *to)
{
    char value[CONFIG_VALUE_MAX];

    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];

        if (row->type == CONFIG_TYPE_TEXT) {
            AUTO_FREE char *shown =
                shown_value(row->dotted, *(char *const *)member(c, row));

            print_text_line(to, row->dotted, shown);
        } else {
            config_row_format(row, number_of(c, row), value);
            print_text_line(to, row->dotted, value);
        }
    }
    for (size_t i = 0; i < c->kafka_count; i++) {
        AUTO_FREE char *shown =
            shown_value(c->kafka[i].name, c->kafka[i].value);

        fprintf(to, "kafka.%-30s %s\n", c->kafka[i].name, shown);
    }
}

static void add_text(json_t *object, const char *dotted, const char *name,
                     const char *value)
{
    AUTO_FREE char *shown = shown_value(name, value);
    json_t *text = json_string(shown);

    /* NULL when it is no UTF-8: the environment may hold any bytes. */
    (void)json_object_set_new(object, dotted,
                              text != NULL ? text : json_string("(binary)"));
}

static json_t *number_json(const struct config *c, const struct config_row *row)
{
    if (row->type == CONFIG_TYPE_BOOL) {
        return json_boolean(number_of(c, row) != 0);
    }
    return json_integer((json_int_t)number_of(c, row));
}

/* One object, dotted names; sizes in bytes, times in milliseconds. */
static void print_json(const struct config *c, FILE *to)
{
    json_t *object = json_object();
    char dotted[CONFIG_NAME_MAX + 8];

    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];

        if (row->type == CONFIG_TYPE_TEXT) {
            add_text(object, row->dotted, row->dotted,
                     *(char *const *)member(c, row));
        } else {
            (void)json_object_set_new(object, row->dotted, number_json(c, row));
        }
    }
    for (size_t i = 0; i < c->kafka_count; i++) {
        (void)snprintf(dotted, sizeof(dotted), "kafka.%s", c->kafka[i].name);
        add_text(object, dotted, c->kafka[i].name, c->kafka[i].value);
    }
    (void)json_dumpf(object, to, JSON_COMPACT);
    fputc('\n', to);
    json_decref(object);
}

void config_print(const struct config *c, bool json, FILE *to)
{
    if (json) {
        print_json(c, to);
    } else {
        print_text(c, to);
    }
}

static void default_of(const struct config_row *row, char out[CONFIG_VALUE_MAX])
{
    if (row->type == CONFIG_TYPE_TEXT) {
        (void)str_copy(out, CONFIG_VALUE_MAX,
                       row->def_text[0] != '\0' ? row->def_text : "\"\"");
    } else {
        config_row_format(row, row->def, out);
    }
}

void config_print_help(FILE *to)
{
    char value[CONFIG_VALUE_MAX];
    char env[CONFIG_NAME_MAX];

    for (size_t i = 0; i < config_row_count; i++) {
        config_row_env(&config_rows[i], env);
        default_of(&config_rows[i], value);
        fprintf(to, "  %-34s %-43s %-12s %s\n", config_rows[i].dotted, env,
                value, config_rows[i].doc);
    }
    fputs("  kafka.<property>                   FORKYARD_KAFKA_<PROPERTY>"
          "                                any property of librdkafka\n",
          to);
}

/* Words at most up to the wrap column, each line behind the prefix. */
static void print_wrapped(FILE *to, int indent, const char *text)
{
    size_t column = 0;

    while (*text != '\0') {
        size_t len = strcspn(text, " ");

        if (column > 0 && column + 1 + len > WRAP_COLUMN) {
            fputc('\n', to);
            column = 0;
        }
        if (column == 0) {
            column = (size_t)fprintf(to, "%*s#", indent, "");
        }
        column += (size_t)fprintf(to, " %.*s", (int)len, text);
        text += len;
        text += strspn(text, " ");
    }
    fputc('\n', to);
}

/* Prints the headings of this row that the one before it did not share, and
 * answers how deep the row stands. */
static int print_sections(FILE *to, const char *dotted, const char *previous)
{
    size_t same = 0;
    size_t start = 0;
    int depth = 0;

    for (size_t i = 0; dotted[i] != '\0' && dotted[i] == previous[i]; i++) {
        if (dotted[i] == '.') {
            same = i + 1;
        }
    }
    for (size_t i = 0; dotted[i] != '\0'; i++) {
        if (dotted[i] != '.') {
            continue;
        }
        if (i >= same) {
            fprintf(to, "\n%*s%.*s:\n", depth * 2, "", (int)(i - start),
                    dotted + start);
        }
        start = i + 1;
        depth++;
    }
    return depth;
}

static void print_sample_row(FILE *to, const struct config_row *row,
                             const char *previous)
{
    int indent = print_sections(to, row->dotted, previous) * 2;
    const char *last = strrchr(row->dotted, '.');
    char value[CONFIG_VALUE_MAX];
    char least[CONFIG_VALUE_MAX];
    char most[CONFIG_VALUE_MAX];
    char text[512];

    if (row->type == CONFIG_TYPE_TEXT || row->type == CONFIG_TYPE_BOOL) {
        (void)str_copy(text, sizeof(text), row->doc);
    } else {
        config_row_format(row, row->min, least);
        config_row_format(row, row->max, most);
        (void)snprintf(text, sizeof(text), "%s (%s to %s)", row->doc, least,
                       most);
    }
    print_wrapped(to, indent, text);
    default_of(row, value);
    fprintf(to, "%*s#%s: %s\n", indent, "",
            last != NULL ? last + 1 : row->dotted, value);
}

void config_print_sample(FILE *to)
{
    const char *previous = "";

    fputs("# Forkyard: every setting with its default.\n"
          "# Each is also FORKYARD_<SECTION>_<NAME> in the environment and\n"
          "# --set section.name=value as a flag; a flag goes before the\n"
          "# environment, that before this file, this before the default.\n"
          "# Times: 250ms 30s 5m 2h. Sizes: 4096 64KiB 1GiB.\n",
          to);
    for (size_t i = 0; i < config_row_count; i++) {
        print_sample_row(to, &config_rows[i], previous);
        previous = config_rows[i].dotted;
    }
    fputs("\n# Any property of librdkafka, by its own name.\n"
          "kafka:\n"
          "  #bootstrap.servers: localhost:9092\n",
          to);
}
