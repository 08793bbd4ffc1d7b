/* SPDX-License-Identifier: MIT */
/* record.c - what all message tables share: absent values, names, the walk.
 * Decoding is in record_decode.c, encoding in record_encode.c. Pure; runs
 * wherever a message is read or written. */
#include "wire/record.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Members that hold nothing when all their bytes are zero need no row. */
static void set_absent(const struct record_field *field, char *member)
{
    static const uint64_t no_uint = RECORD_NO_UINT;
    static const int64_t no_int = RECORD_NO_INT;
    static const double no_double = NAN;
    static const int no_enum = RECORD_NO_ENUM;

    if (field->type == RECORD_UINT) {
        memcpy(member, &no_uint, sizeof(no_uint));
    } else if (field->type == RECORD_INT) {
        memcpy(member, &no_int, sizeof(no_int));
    } else if (field->type == RECORD_DOUBLE) {
        memcpy(member, &no_double, sizeof(no_double));
    } else if (field->type == RECORD_ENUM) {
        memcpy(member, &no_enum, sizeof(no_enum));
    } else if (field->type == RECORD_OBJECT) {
        record_init(field->record, member);
    }
}

void record_init(const struct record *record, void *out)
{
    memset(out, 0, record->size);
    for (size_t i = 0; i < record->count; i++) {
        const struct record_field *field = &record->fields[i];

        set_absent(field, (char *)out + field->offset);
    }
}

const char *record_enum_name(const struct record_enum *names, int value)
{
    if (value < 0 || (size_t)value >= names->count) {
        return "unknown";
    }
    return names->names[value];
}

int record_enum_find(const struct record_enum *names, struct view name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (view_is(name, names->names[i])) {
            return (int)i;
        }
    }
    return RECORD_NO_ENUM;
}

static void walk(const struct record *record, const char *above,
                 record_walk_fn fn, void *arg)
{
    for (size_t i = 0; i < record->count; i++) {
        const struct record_field *field = &record->fields[i];
        bool is_list = field->type == RECORD_OBJECTS;
        char path[256];

        (void)snprintf(path, sizeof(path), "%s%s%s", above,
                       above[0] != '\0' ? "." : "", field->name);
        fn(path, field, arg);
        if (field->record != NULL) {
            size_t len = strlen(path);

            (void)snprintf(path + len, sizeof(path) - len, "%s",
                           is_list ? "[]" : "");
            walk(field->record, path, fn, arg);
        }
    }
}

void record_walk(const struct record *record, record_walk_fn fn, void *arg)
{
    walk(record, "", fn, arg);
}
