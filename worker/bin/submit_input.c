/* SPDX-License-Identifier: MIT */
/* submit_input.c - JSON, JSON Lines or msgpack in, jobs out.
 *
 * Runs in `forkyard submit`. Pure: sends nothing, prints nothing. */
#include "bin/submit_input.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "lib/fy_error.h"
#include "lib/fy_job.h"
#include "wire/mpk.h"

#define WHERE_MAX 64

struct reader {
    submit_input_fn fn;
    void *arg;
};

static void take_json_job(const struct reader *r, json_t *json,
                          const char *where)
{
    struct fy_job *job = NULL;
    struct err e = {0};

    if (fy_job_from_tree(json, &job, &e) < 0) {
        r->fn(NULL, where, &e, r->arg);
        return;
    }
    r->fn(job, where, NULL, r->arg);
    fy_job_free(job);
}

/* One JSON value that began on this line: a job, or a list of jobs. */
static void take_json(const struct reader *r, json_t *json, size_t line)
{
    char where[WHERE_MAX];

    if (!json_is_array(json)) {
        (void)snprintf(where, sizeof(where), "line %zu", line);
        take_json_job(r, json, where);
        return;
    }
    for (size_t i = 0; i < json_array_size(json); i++) {
        (void)snprintf(where, sizeof(where), "line %zu, job %zu", line, i + 1);
        take_json_job(r, json_array_get(json, i), where);
    }
}

static void refuse_json(const struct reader *r, size_t line,
                        const json_error_t *error)
{
    char where[WHERE_MAX];
    struct err e = {0};
    size_t error_line = line + (size_t)(error->line > 1 ? error->line - 1 : 0);

    (void)snprintf(where, sizeof(where), "line %zu", error_line);
    (void)err_set(&e, ERR_INPUT, "not JSON: %s (column %d)", error->text,
                  error->column);
    r->fn(NULL, where, &e, r->arg);
}

static size_t skip_space(struct view input, size_t at, size_t *line)
{
    while (at < input.len && isspace((unsigned char)input.data[at])) {
        *line += input.data[at] == '\n';
        at++;
    }
    return at;
}

static size_t line_end(struct view input, size_t at)
{
    const char *end = memchr(input.data + at, '\n', input.len - at);

    return end ? (size_t)(end - input.data) : input.len;
}

static size_t count_lines(const char *data, size_t len)
{
    size_t lines = 0;

    for (size_t i = 0; i < len; i++) {
        lines += data[i] == '\n';
    }
    return lines;
}

/* Each line by itself when that is possible, so that a bad line costs only
 * that line; else a value that spans lines. */
static void read_json(const struct reader *r, struct view input)
{
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
    size_t line = 1;
    size_t at = skip_space(input, 0, &line);
    bool is_lines = false;

    while (at < input.len) {
        size_t len = line_end(input, at) - at;
        json_error_t error;
        json_t *json = json_loadb(input.data + at, len, flags, &error);

        if (json) {
            is_lines = true;
        } else if (!is_lines) {
            json = json_loadb(input.data + at, input.len - at,
                              flags | JSON_DISABLE_EOF_CHECK, &error);
            len = json ? (size_t)error.position : len;
        }
        if (json) {
            take_json(r, json, line);
        } else {
            refuse_json(r, line, &error);
            if (!is_lines && error.line > 1) {
                return; /* inside a value of many lines: nothing to go on */
            }
        }
        json_decref(json);
        line += count_lines(input.data + at, len);
        at = skip_space(input, at + len, &line);
    }
}

static void take_msgpack(const struct reader *r, struct view message,
                         const char *where)
{
    struct fy_job *job = NULL;
    struct fy_error error;
    struct err e = {0};

    if (fy_job_from_msgpack(message.data, message.len, &job, &error) < 0) {
        (void)fy_error_get(&error, &e);
        r->fn(NULL, where, &e, r->arg);
        return;
    }
    r->fn(job, where, NULL, r->arg);
    fy_job_free(job);
}

static void read_msgpack(const struct reader *r, struct view input)
{
    size_t at = 0;

    for (size_t number = 1; at < input.len; number++) {
        size_t len = mpk_value_len(input.data + at, input.len - at);
        char where[WHERE_MAX];
        struct err e = {0};

        (void)snprintf(where, sizeof(where), "message %zu", number);
        if (len == 0) {
            (void)err_set(&e, ERR_INPUT, "neither JSON nor whole msgpack");
            r->fn(NULL, where, &e, r->arg);
            return;
        }
        take_msgpack(r, (struct view){input.data + at, len}, where);
        at += len;
    }
}

void submit_input_read(struct view input, submit_input_fn fn, void *arg)
{
    struct reader r = {fn, arg};
    size_t line = 1;
    size_t at = skip_space(input, 0, &line);
    /* A job as msgpack is a map: 0x80 to 0x8f, 0xde or 0xdf, which no JSON
     * text begins with. */
    if (at < input.len && (unsigned char)input.data[0] >= 0x80 &&
        (unsigned char)input.data[0] != 0xef) {
        read_msgpack(&r, input);
    } else if (at < input.len) {
        read_json(&r, input);
    }
}
