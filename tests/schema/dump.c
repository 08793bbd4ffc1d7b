/* SPDX-License-Identifier: MIT */
/* dump.c - shows what the message tables know, for agreement_test.py.
 *
 *     dump paths             message, path, type, flags and names per line
 *     dump sample MESSAGE    msgpack with every member of the table set
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "messages.h"

static const char *const type_names[RECORD_TYPE_COUNT] = {
    [RECORD_STR] = "str",       [RECORD_BIN] = "bin",
    [RECORD_BOOL] = "bool",     [RECORD_INT] = "int",
    [RECORD_UINT] = "uint",     [RECORD_ENUM] = "enum",
    [RECORD_STRS] = "strs",     [RECORD_STRMAP] = "strmap",
    [RECORD_OBJECT] = "object", [RECORD_OBJECTS] = "objects",
    [RECORD_RAW] = "raw",       [RECORD_DOUBLE] = "double",
};

static void print_path(const char *path, const struct record_field *field,
                       void *arg)
{
    const char *message = arg;
    const char *type = type_names[field->type];

    if ((field->flags & RECORD_MAP) != 0) {
        type = "map";
    }
    printf("%s\t%s\t%s\t%s\t%zu\t", message, path, type,
           (field->flags & RECORD_REQUIRED) != 0 ? "required" : "optional",
           field->max);
    for (size_t i = 0; field->names != NULL && i < field->names->count; i++) {
        printf("%s%s", i > 0 ? "," : "", field->names->names[i]);
    }
    printf("\n");
}

static bool ends_with(const char *s, const char *end)
{
    size_t len = strlen(s);
    size_t end_len = strlen(end);

    return len >= end_len && strcmp(s + len - end_len, end) == 0;
}

/* A value the schema's patterns take. */
static struct view sample_text(const char *name)
{
    static const char sha[] = "e3b0c44298fc1c149afbf4c8996fb924"
                              "27ae41e4649b934ca495991b7852b855";

    if (ends_with(name, "sha256") || strcmp(name, "prev_hash") == 0) {
        return view_of(sha);
    }
    if (strcmp(name, "retry_on") == 0) {
        return view_of("worker_lost");
    }
    return view_of("text-1");
}

static void fill(const struct record *record, char *base, struct arena *arena);

static void fill_list(const struct record_field *f, char *base,
                      struct arena *arena)
{
    size_t one = 1;
    void *list = NULL;

    if (f->type == RECORD_STRS) {
        struct view *text = arena_alloc(arena, sizeof(*text));

        *text = sample_text(f->name);
        list = text;
    } else if (f->type == RECORD_STRMAP) {
        struct record_pair *pair = arena_alloc(arena, sizeof(*pair));

        pair->key = view_of("KEY");
        pair->value = view_of("value");
        list = pair;
    } else {
        list = arena_alloc(arena, f->record->size);
        fill(f->record, list, arena);
        *(bool *)list = true;
    }
    memcpy(base + f->offset, &list, sizeof(list));
    memcpy(base + f->count_offset, &one, sizeof(one));
}

static void fill_scalar(const struct record_field *f, char *member)
{
    static const char map[] = "\x81\xa1k\x01";

    switch (f->type) {
    case RECORD_STR:
        *(struct view *)member = sample_text(f->name);
        break;
    case RECORD_BIN:
        *(struct view *)member = (struct view){"\x00\xff", 2};
        break;
    case RECORD_RAW:
        *(struct view *)member = view_of(map);
        break;
    case RECORD_BOOL:
        *(bool *)member = true;
        break;
    case RECORD_INT:
        *(int64_t *)member = -1;
        break;
    case RECORD_UINT:
        /* Large enough for every minimum; modes and counts have maxima. */
        *(uint64_t *)member = strcmp(f->name, "v") == 0              ? 1
                              : strcmp(f->name, "mode") == 0         ? 0755
                              : strcmp(f->name, "max_attempts") == 0 ? 3
                                                                     : 1U << 30;
        break;
    case RECORD_DOUBLE:
        *(double *)member = 0.5;
        break;
    case RECORD_ENUM:
        *(int *)member = 0;
        break;
    case RECORD_STRS:
    case RECORD_STRMAP:
    case RECORD_OBJECT:
    case RECORD_OBJECTS:
    case RECORD_TYPE_COUNT:
    default:
        break;
    }
}

/* An open map, with all that we would write into it. */
static void fill_open(const struct record_field *f, char *member,
                      struct arena *arena)
{
    char *base = arena_alloc(arena, f->record->size);
    struct buf b;
    struct err e = {.msg = ""};
    char *bytes;

    fill(f->record, base, arena);
    buf_init(&b, 1U << 16);
    if (record_encode(f->record, base, &b, &e) < 0) {
        fprintf(stderr, "%s: %s\n", f->name, e.msg);
        exit(1);
    }
    bytes = arena_alloc(arena, b.len);
    memcpy(bytes, b.data, b.len);
    *(struct view *)member = (struct view){bytes, b.len};
    buf_done(&b);
}

static void fill(const struct record *record, char *base, struct arena *arena)
{
    record_init(record, base);
    for (size_t i = 0; i < record->count; i++) {
        const struct record_field *f = &record->fields[i];

        if (f->type == RECORD_OBJECT) {
            fill(f->record, base + f->offset, arena);
            *(bool *)(base + f->offset) = true;
        } else if (f->type == RECORD_RAW && f->record != NULL) {
            fill_open(f, base + f->offset, arena);
        } else if (f->count_offset != 0) {
            fill_list(f, base, arena);
        } else {
            fill_scalar(f, base + f->offset);
        }
    }
}

static int print_sample(const struct record *record)
{
    struct arena arena;
    struct buf b;
    struct err e = {.msg = ""};
    char *base;

    arena_init(&arena, 0);
    buf_init(&b, 1U << 20);
    base = arena_alloc(&arena, record->size);
    fill(record, base, &arena);
    if (record_encode(record, base, &b, &e) < 0) {
        fprintf(stderr, "%s\n", e.msg);
        return 1;
    }
    fwrite(b.data, 1, b.len, stdout);
    buf_done(&b);
    arena_done(&arena);
    return 0;
}

int main(int argc, char **argv)
{
    for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "%s", messages[i]->name);
        if (argc == 2 && strcmp(argv[1], "paths") == 0) {
            record_walk(messages[i], print_path, name);
        }
        if (argc == 3 && strcmp(argv[1], "sample") == 0 &&
            strcmp(argv[2], name) == 0) {
            return print_sample(messages[i]);
        }
    }
    return argc == 2 ? 0 : 2;
}
