/* SPDX-License-Identifier: MIT */
/* config_file.c - the YAML file of settings. Every subcommand reads at most
 * one, as the user who started it. Takes mappings and single values only;
 * never follows anchors, tags or includes. */
#include <stdbool.h>
#include <string.h>
#include <yaml.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/str.h"
#include "wire/config_row.h"

/* A file with every setting and its comments has about 20 KiB. */
#define FILE_MAX_BYTES (1024U * 1024U)
/* The rows use three; librdkafka's names may be split at any dot. */
#define DEPTH_MAX 12U
/* Bounds the check for duplicates; there are a tenth as many settings. */
#define KEYS_MAX 512U

struct loader {
    struct config *config;
    const char *path;
    yaml_parser_t parser;
    char name[CONFIG_NAME_MAX]; /* dotted, of the key being read */
    size_t name_len;
    uint64_t seen[KEYS_MAX]; /* hashes of the settings met so far */
    size_t seen_count;
};

static int at_line(const struct loader *l, size_t line, struct err *e)
{
    return err_wrap(e, "%s:%zu", l->path, line + 1);
}

/* The caller deletes the event. */
static int next_event(struct loader *l, yaml_event_t *event, struct err *e)
{
    if (yaml_parser_parse(&l->parser, event)) {
        return 0;
    }
    (void)err_set(e, ERR_INPUT, "%s",
                  l->parser.problem != NULL ? l->parser.problem : "not YAML");
    return at_line(l, l->parser.problem_mark.line, e);
}

static size_t line_of(const yaml_event_t *event)
{
    return event->start_mark.line;
}

static const char *scalar(const yaml_event_t *event)
{
    return (const char *)event->data.scalar.value;
}

/* FNV-1a: two settings that meet in 64 bits are not to be expected. */
static int note_key(struct loader *l, struct err *e)
{
    uint64_t hash = 14695981039346656037U;

    for (size_t i = 0; i < l->name_len; i++) {
        hash = (hash ^ (unsigned char)l->name[i]) * 1099511628211U;
    }
    for (size_t i = 0; i < l->seen_count; i++) {
        if (l->seen[i] == hash) {
            return err_set(e, ERR_INPUT, "'%s' is set twice", l->name);
        }
    }
    if (l->seen_count == KEYS_MAX) {
        return err_set(e, ERR_LIMIT, "more than %u settings", KEYS_MAX);
    }
    l->seen[l->seen_count++] = hash;
    return 0;
}

static int push_key(struct loader *l, const yaml_event_t *event, struct err *e)
{
    const char *dot = l->name_len > 0 ? "." : "";
    int n;

    if (event->type != YAML_SCALAR_EVENT) {
        return err_set(e, ERR_INPUT, "a name is expected here");
    }
    if (strlen(scalar(event)) != event->data.scalar.length) {
        return err_set(e, ERR_INPUT, "NUL in a name");
    }
    n = snprintf(l->name + l->name_len, sizeof(l->name) - l->name_len, "%s%s",
                 dot, scalar(event));
    if (n < 0 || (size_t)n >= sizeof(l->name) - l->name_len) {
        return err_set(e, ERR_INPUT, "name too long: '%.60s'", scalar(event));
    }
    l->name_len += (size_t)n;
    return 0;
}

static void pop_key(struct loader *l, size_t name_len)
{
    l->name_len = name_len;
    l->name[name_len] = '\0';
}

/* "worker:" with nothing below it, as in the sample with all lines still
 * commented out. */
static bool is_section(const char *name)
{
    size_t len = strlen(name);

    if (strcmp(name, "kafka") == 0) {
        return true;
    }
    for (size_t i = 0; i < config_row_count; i++) {
        if (str_starts(config_rows[i].dotted, name) &&
            config_rows[i].dotted[len] == '.') {
            return true;
        }
    }
    return false;
}

static int set_scalar(struct loader *l, const yaml_event_t *event,
                      struct err *e)
{
    if (event->data.scalar.length == 0 && is_section(l->name)) {
        return 0;
    }
    if (strlen(scalar(event)) != event->data.scalar.length) {
        return err_set(e, ERR_INPUT, "%s: NUL in the value", l->name);
    }
    if (note_key(l, e) < 0) {
        return -1;
    }
    return config_set(l->config, l->name, scalar(event), e);
}

static int read_mapping(struct loader *l, size_t depth, struct err *e);

static int read_value(struct loader *l, size_t depth, struct err *e)
{
    yaml_event_t event;
    size_t line;
    int rc;

    if (next_event(l, &event, e) < 0) {
        return -1;
    }
    line = line_of(&event);
    if (event.type == YAML_MAPPING_START_EVENT) {
        yaml_event_delete(&event);
        if (depth == DEPTH_MAX) {
            (void)err_set(e, ERR_LIMIT, "nested too deep");
            return at_line(l, line, e);
        }
        return read_mapping(l, depth + 1, e);
    }
    if (event.type == YAML_SCALAR_EVENT) {
        rc = set_scalar(l, &event, e);
    } else {
        rc = err_set(e, ERR_INPUT, "%s: must be one value, not a list or alias",
                     l->name);
    }
    yaml_event_delete(&event);
    return rc < 0 ? at_line(l, line, e) : 0;
}

/* After its start, to its end. The depth is bounded by read_value(). */
static int read_mapping(struct loader *l, size_t depth, struct err *e)
{
    size_t name_len = l->name_len;

    for (;;) {
        yaml_event_t event;
        size_t line;
        int rc;

        if (next_event(l, &event, e) < 0) {
            return -1;
        }
        if (event.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&event);
            return 0;
        }
        line = line_of(&event);
        rc = push_key(l, &event, e);
        yaml_event_delete(&event);
        if (rc < 0) {
            return at_line(l, line, e);
        }
        if (read_value(l, depth, e) < 0) {
            return -1;
        }
        pop_key(l, name_len);
    }
}

/* One document, a mapping or empty. */
static int read_stream(struct loader *l, struct err *e)
{
    bool has_document = false;

    for (;;) {
        yaml_event_t event;
        yaml_event_type_t type;
        size_t line;
        bool is_empty;

        if (next_event(l, &event, e) < 0) {
            return -1;
        }
        type = event.type;
        line = line_of(&event);
        is_empty = type == YAML_SCALAR_EVENT && event.data.scalar.length == 0;
        yaml_event_delete(&event);
        if (type == YAML_STREAM_END_EVENT) {
            return 0;
        }
        if (type == YAML_STREAM_START_EVENT ||
            type == YAML_DOCUMENT_END_EVENT || is_empty) {
            continue;
        }
        if (type == YAML_DOCUMENT_START_EVENT && !has_document) {
            has_document = true;
            continue;
        }
        if (type != YAML_MAPPING_START_EVENT) {
            (void)err_set(e, ERR_INPUT,
                          "expected one document of `section:` lines");
            return at_line(l, line, e);
        }
        if (read_mapping(l, 1, e) < 0) {
            return -1;
        }
    }
}

int config_load_file(struct config *c, const char *path, struct err *e)
{
    AUTO_BUF struct buf text;
    struct loader l = {.config = c, .path = path};
    int rc;

    buf_init(&text, FILE_MAX_BYTES);
    if (fd_read_file(path, &text, e) < 0) {
        return -1;
    }
    if (!yaml_parser_initialize(&l.parser)) {
        return err_set(e, ERR_LIMIT, "%s: no memory for the YAML parser", path);
    }
    yaml_parser_set_input_string(
        &l.parser, (const unsigned char *)buf_view(&text).data, text.len);
    rc = read_stream(&l, e);
    yaml_parser_delete(&l.parser);
    return rc;
}
