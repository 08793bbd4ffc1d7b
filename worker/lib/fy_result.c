/* SPDX-License-Identifier: MIT */
/* fy_result.c - a result, by its fields. Runs in any program; pure. */
#include "lib/fy_result.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "wire/mpk.h"
#include "wire/mpk_json.h"

#define ARENA_MAX (256 * 1024 * 1024)
#define STEP_MAX  128 /* one step of a path */

struct fy_result {
    char *bytes;
    size_t len;
    struct arena arena;   /* lists of the record */
    struct result record; /* views into bytes */
    bool is_open;
    struct mpk_doc doc; /* for paths; when is_open */
    struct arena texts; /* copies with an end */
    char *id;
    char *reason;
    char *json;
};

void fy_result_free(struct fy_result *result)
{
    if (!result) {
        return;
    }
    if (result->is_open) {
        mpk_close(&result->doc);
    }
    arena_done(&result->arena);
    arena_done(&result->texts);
    free(result->id);
    free(result->reason);
    free(result->json);
    free(result->bytes);
    free(result);
}

int fy_result_new(struct view bytes, struct fy_result **out, struct err *e)
{
    struct fy_result *result;

    if (!bytes.data) {
        return err_set(e, ERR_INPUT, "a record without a value");
    }
    result = xcalloc(1, sizeof(*result));
    result->bytes = view_dup(bytes);
    result->len = bytes.len;
    arena_init(&result->arena, ARENA_MAX);
    arena_init(&result->texts, ARENA_MAX);
    if (result_decode(result->bytes, result->len, &result->arena,
                      &result->record, e) < 0) {
        fy_result_free(result);
        return -1;
    }
    result->id = view_dup(result->record.job_id);
    result->reason = view_dup(result->record.status_reason);
    *out = result;
    return 0;
}

const struct result *fy_result_record(const struct fy_result *result)
{
    return &result->record;
}

const char *fy_result_job_id(const struct fy_result *result)
{
    return result->id ? result->id : "";
}

const char *fy_result_status(const struct fy_result *result)
{
    const char *name = record_enum_name(&status_enum, result->record.status);

    return name ? name : "";
}

int fy_result_is_success(const struct fy_result *result)
{
    return result->record.status == STATUS_SUCCESS;
}

const char *fy_result_reason(const struct fy_result *result)
{
    return result->reason ? result->reason : "";
}

int fy_result_exit_code(const struct fy_result *result, int *out)
{
    if (result->record.exit_code == RECORD_NO_INT) {
        return 0;
    }
    *out = (int)result->record.exit_code;
    return 1;
}

static const void *bytes_of(struct view bytes, size_t *out_len)
{
    *out_len = bytes.len;
    return bytes.data;
}

const void *fy_result_stdout(const struct fy_result *result, size_t *out_len)
{
    return bytes_of(result->record.stdout_, out_len);
}

const void *fy_result_stderr(const struct fy_result *result, size_t *out_len)
{
    return bytes_of(result->record.stderr_, out_len);
}

const void *fy_result_msgpack(const struct fy_result *result, size_t *out_len)
{
    *out_len = result->len;
    return result->bytes;
}

/* --- any field ----------------------------------------------------------- */

static const msgpack_object *step(const msgpack_object *o, const char *name)
{
    uint64_t at;

    if (o->type != MSGPACK_OBJECT_ARRAY) {
        return mpk_get(o, name);
    }
    if (str_parse_u64(name, &at, NULL) < 0 || at >= o->via.array.size) {
        return NULL;
    }
    return &o->via.array.ptr[at];
}

static const msgpack_object *find(struct fy_result *result, const char *path)
{
    const msgpack_object *o = &result->doc.root;

    if (!result->is_open) {
        if (mpk_open(result->bytes, result->len, NULL, &result->doc, NULL) <
            0) {
            return NULL;
        }
        result->is_open = true;
    }
    while (o && *path) {
        char name[STEP_MAX];
        size_t len = strcspn(path, ".");

        if (len >= sizeof(name)) {
            return NULL;
        }
        memcpy(name, path, len);
        name[len] = '\0';
        o = step(o, name);
        path += len + (path[len] == '.');
    }
    return o;
}

const char *fy_result_text(struct fy_result *result, const char *path)
{
    const msgpack_object *o = find(result, path);
    struct view text = o ? mpk_text(o) : (struct view){NULL, 0};
    char *copy = text.data ? arena_alloc(&result->texts, text.len + 1) : NULL;

    if (copy) {
        memcpy(copy, text.data, text.len);
    }
    return copy;
}

const void *fy_result_bytes(struct fy_result *result, const char *path,
                            size_t *out_len)
{
    const msgpack_object *o = find(result, path);

    if (o && o->type == MSGPACK_OBJECT_BIN) {
        return bytes_of((struct view){o->via.bin.ptr, o->via.bin.size},
                        out_len);
    }
    return bytes_of(o ? mpk_text(o) : (struct view){NULL, 0}, out_len);
}

int fy_result_uint(struct fy_result *result, const char *path, uint64_t *out)
{
    const msgpack_object *o = find(result, path);

    if (!o || o->type != MSGPACK_OBJECT_POSITIVE_INTEGER) {
        return 0;
    }
    *out = o->via.u64;
    return 1;
}

const char *fy_result_json(struct fy_result *result)
{
    json_t *json = NULL;

    if (!result->json &&
        mpk_json_from(result->bytes, result->len, &json, NULL) == 0) {
        result->json = json_dumps(json, JSON_COMPACT | JSON_ENSURE_ASCII);
        json_decref(json);
    }
    return result->json;
}
