/* SPDX-License-Identifier: MIT */
/* dead_print.c - see dead_print.h. What is printed was sent by strangers: a
 * terminal is never shown what is not text. */
#include "bin/dead_print.h"

#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "bin/cli.h"
#include "wire/mpk_json.h"

#define WORDS_MAX 60 /* of a message, in the table */

/* Printable, and cut at max; for one printf at a time each. */
static const char *shown(struct view text, size_t max, char *out)
{
    size_t len = text.len < max ? text.len : max;

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        out[i] = (char)(c < ' ' || c == 0x7f ? '?' : c);
    }
    out[len] = '\0';
    return len > 0 ? out : "-";
}

static const char *time_of(int64_t unix_ms, char out[32])
{
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm tm;

    if (unix_ms < 0 || !gmtime_r(&seconds, &tm) ||
        strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
        return "-";
    }
    return out;
}

void dead_print_row(const struct dead_letter *l, bool with_header)
{
    char place[48];
    char when[32];
    char job[JOB_ID_MAX_BYTES + 1];
    char reason[64];
    char words[WORDS_MAX + 1];

    if (with_header) {
        (void)printf("%s%-10s  %-20s  %-7s  %-20s  %-36s  %s%s\n",
                     cli_color(stdout, 'b'), "POSITION", "WHEN", "ATTEMPT",
                     "REASON", "JOB", "WHAT", cli_color(stdout, '0'));
    }
    (void)snprintf(place, sizeof(place), "%" PRId32 ":%" PRId64, l->partition,
                   l->offset);
    (void)printf(
        "%-10s  %-20s  %-7" PRId64 "  %s%-20s%s  %-36s  %s\n", place,
        time_of(l->timestamp_ms, when),
        l->says.attempt > 0 ? l->says.attempt : 1, cli_color(stdout, 'r'),
        shown(l->says.reason, sizeof(reason) - 1, reason),
        cli_color(stdout, '0'), shown(l->identity.job_id, sizeof(job) - 1, job),
        shown(l->says.words, sizeof(words) - 1, words));
}

/* --- JSON ------------------------------------------------------------------
 */

/* Text, or null. Bytes that are no UTF-8 are told as mpk_json tells them. */
static json_t *json_of(struct view text)
{
    json_t *value = text.data ? json_stringn(text.data, text.len) : NULL;

    return value ? value : json_null();
}

static json_t *json_of_number(int64_t number)
{
    return number < 0 ? json_null() : json_integer(number);
}

static json_t *json_of_headers(const struct dead_letter *l)
{
    json_t *object = json_object();
    const char *name = NULL;
    struct view value;

    for (size_t i = 0; dead_letter_header(l, i, &name, &value); i++) {
        (void)json_object_set_new(object, name, json_of(value));
    }
    return object;
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

void dead_print_json(const struct dead_letter *l, bool with_job)
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
        {"headers", with_job ? json_of_headers(l) : NULL},
        {"job", with_job ? json_of_job(l) : NULL},
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

/* --- everything ------------------------------------------------------------
 */

static void print_headers(const struct dead_letter *l)
{
    const char *name = NULL;
    struct view value;

    for (size_t i = 0; dead_letter_header(l, i, &name, &value); i++) {
        AUTO_FREE char *text = xmalloc(value.len + 1);
        AUTO_FREE char *label = xmalloc(strlen(name) + 1);
        const struct view name_view = {name, strlen(name)};

        (void)printf("  %s: %s\n", shown(name_view, name_view.len, label),
                     shown(value, value.len, text));
    }
}

static void print_job(const struct dead_letter *l)
{
    json_t *job = json_of_job(l);

    if (json_is_null(job)) {
        (void)printf("%zu bytes that are no msgpack; --raw writes them\n",
                     l->value.len);
    } else {
        (void)json_dumpf(job, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
        (void)fputc('\n', stdout);
    }
    json_decref(job);
}

void dead_print_whole(const struct dead_letter *l, bool is_further)
{
    char when[32];

    (void)printf("%s%sdead letter %" PRId32 ":%" PRId64 "%s, %s\n",
                 is_further ? "\n" : "", cli_color(stdout, 'b'), l->partition,
                 l->offset, cli_color(stdout, '0'),
                 time_of(l->timestamp_ms, when));
    print_headers(l);
    print_job(l);
}
