/* SPDX-License-Identifier: MIT */
/* dead_print.c - see dead_print.h. What is printed was sent by strangers: a
 * terminal is never shown what is not text. */
#include "bin/dead_print.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/shown.h"
#include "base/times.h"
#include "bin/cli.h"
#include "wire/letter_problem.h"
#include "wire/mpk_json.h"

#define WORDS_MAX 120 /* of a message, in the table */

static const char *or_dash(const char *text)
{
    return text[0] ? text : "-";
}

static void print_field(struct view text, size_t max, int width)
{
    AUTO_FREE char *out = xmalloc(max + 1);

    (void)shown_line(text, max, out);
    (void)printf("%-*s  ", width, or_dash(out));
}

static void print_attempt(int64_t attempt)
{
    char text[24] = "-"; /* not told */

    if (attempt > 0) {
        (void)snprintf(text, sizeof(text), "%" PRId64, attempt);
    }
    (void)printf("%-7s  ", text);
}

void dead_print_row(const struct dead_letter *l, bool with_header)
{
    char place[48];
    char when[TIMES_SIZE];
    char words[WORDS_MAX + 1];

    if (with_header) {
        (void)printf("%s%-10s  %-20s  %-15s  %-6s  %-36s  %-12s  %-7s  %s%s\n",
                     cli_color(stdout, 'b'), "POSITION", "WHEN", "REASON",
                     "STAGE", "JOB", "TENANT", "ATTEMPT", "WHAT",
                     cli_color(stdout, '0'));
    }
    (void)snprintf(place, sizeof(place), "%" PRId32 ":%" PRId64, l->partition,
                   l->offset);
    (void)printf("%-10s  %-20s  %s", place, times_format(l->timestamp_ms, when),
                 cli_color(stdout, 'r'));
    print_field(l->says.reason, 60, 15);
    (void)fputs(cli_color(stdout, '0'), stdout);
    print_field(l->says.stage, 20, 6);
    print_field(l->identity.job_id, JOB_ID_MAX_BYTES, 36);
    print_field(l->identity.tenant_id, JOB_ID_MAX_BYTES, 12);
    print_attempt(l->says.attempt);
    (void)shown_line(l->says.words, sizeof(words) - 1, words);
    (void)printf("%s\n", or_dash(words));
}

/* --- JSON ----------------------------------------------------------------- */

/* Text, or null. Bytes that are no UTF-8 are told as mpk_json tells them. */
static json_t *json_of(struct view text)
{
    return text.data ? mpk_json_bytes(text) : json_null();
}

static json_t *json_of_number(int64_t number)
{
    return number < 0 ? json_null() : json_integer(number);
}

/* A header may be there more than once: its value is a list, then. */
static void add_header(json_t *object, const char *name, struct view value)
{
    size_t len = strlen(name);
    AUTO_FREE char *key = xmalloc(len + 1);
    json_t *before = NULL;
    json_t *list = NULL;

    (void)shown_text((struct view){name, len}, len, key);
    before = json_object_get(object, key);
    if (!before) {
        (void)json_object_set_new(object, key, json_of(value));
        return;
    }
    if (json_is_array(before)) {
        (void)json_array_append_new(before, json_of(value));
        return;
    }
    list = json_array();
    (void)json_array_append(list, before);
    (void)json_array_append_new(list, json_of(value));
    (void)json_object_set_new(object, key, list);
}

static json_t *json_of_headers(const struct dead_letter *l)
{
    json_t *object = json_object();
    const char *name = NULL;
    struct view value;

    for (size_t i = 0; dead_letter_header(l, i, &name, &value); i++) {
        add_header(object, name, value);
    }
    return object;
}

static json_t *json_of_problem(const struct dead_letter *l,
                               const struct config *config)
{
    struct err e;

    return letter_problem(config, l->value, &e) < 0 ? json_string(e.msg)
                                                    : json_null();
}

/* null when it is no msgpack. */
static json_t *json_of_job(const struct dead_letter *l)
{
    json_t *job = NULL;
    struct err e;

    if (mpk_json_from(l->value.data, l->value.len, &job, &e) < 0) {
        return json_null();
    }
    return job;
}

void dead_print_json(const struct dead_letter *l, const struct config *config)
{
    json_t *object = json_object();
    const struct {
        const char *name;
        json_t *value;
    } fields[] = {
        {"partition", json_integer(l->partition)},
        {"offset", json_integer(l->offset)},
        {"timestamp_unix_ms", json_of_number(l->timestamp_ms)},
        {"job_id", json_of(l->identity.job_id)},
        {"tenant_id", json_of(l->identity.tenant_id)},
        {"attempt", json_of_number(l->says.attempt)},
        {"stage", json_of(l->says.stage)},
        {"reason", json_of(l->says.reason)},
        {"message", json_of(l->says.words)},
        {"worker_id", json_of(l->says.worker_id)},
        {"topic", json_of(l->says.topic)},
        {"topic_partition", json_of_number(l->says.partition)},
        {"topic_offset", json_of_number(l->says.offset)},
        {"key", json_of(l->key)},
        {"size_bytes", json_integer((json_int_t)l->value.len)},
        {"redriven_from", json_of(l->says.redriven)},
        {"headers", config ? json_of_headers(l) : NULL},
        {"job", config ? json_of_job(l) : NULL},
        {"problem", config ? json_of_problem(l, config) : NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (fields[i].value) {
            (void)json_object_set_new(object, fields[i].name, fields[i].value);
        }
    }
    (void)json_dumpf(object, stdout, JSON_COMPACT);
    (void)fputc('\n', stdout);
    json_decref(object);
}

/* --- everything ----------------------------------------------------------- */

static void print_shown(const char *indent, struct view text)
{
    AUTO_FREE char *out = xmalloc(text.len + 1);

    (void)shown_text(text, text.len, out);
    (void)printf("%s%s", indent, out);
}

static void print_headers(const struct dead_letter *l)
{
    const char *name = NULL;
    struct view value;

    for (size_t i = 0; dead_letter_header(l, i, &name, &value); i++) {
        print_shown("  ", view_of(name));
        print_shown(": ", value);
        (void)putchar('\n');
    }
}

static void print_lines(const char *text)
{
    while (*text) {
        size_t len = strcspn(text, "\n");

        print_shown("", (struct view){text, len});
        (void)putchar('\n');
        text += len + (text[len] == '\n');
    }
}

static void print_job(const struct dead_letter *l)
{
    json_t *job = NULL;
    char *text = NULL;
    struct err e;

    if (mpk_json_from(l->value.data, l->value.len, &job, &e) < 0) {
        (void)printf("%zu bytes that are no msgpack; --raw writes them\n",
                     l->value.len);
        return;
    }
    text = json_dumps(job, JSON_INDENT(2) | JSON_ENCODE_ANY);
    if (text) {
        print_lines(text);
    }
    free(text);
    json_decref(job);
}

static void print_problem(const struct dead_letter *l,
                          const struct config *config)
{
    struct err e;

    if (letter_problem(config, l->value, &e) < 0) {
        (void)printf("%sa worker would not run it:%s ", cli_color(stdout, 'r'),
                     cli_color(stdout, '0'));
        print_shown("", view_of(e.msg));
        (void)putchar('\n');
    } else {
        (void)printf("%sa worker would run it%s\n", cli_color(stdout, 'g'),
                     cli_color(stdout, '0'));
    }
}

void dead_print_whole(const struct dead_letter *l, const struct config *config,
                      bool is_further)
{
    char when[TIMES_SIZE];

    (void)printf("%s%sdead letter %" PRId32 ":%" PRId64 "%s, %s\n",
                 is_further ? "\n" : "", cli_color(stdout, 'b'), l->partition,
                 l->offset, cli_color(stdout, '0'),
                 times_format(l->timestamp_ms, when));
    print_headers(l);
    print_job(l);
    print_problem(l, config);
}

void dead_print_one(struct dead *d, const struct dead_letter *letter, void *arg)
{
    (void)arg;
    if (d->cli.json) {
        dead_print_json(letter, NULL);
    } else {
        dead_print_row(letter, d->seen == 1);
    }
}
