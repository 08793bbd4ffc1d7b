/* SPDX-License-Identifier: MIT */
/* fy_job.c - a job in the making. Runs in any program; pure.
 *
 * A job is a tree of JSON, because that keeps fields which this version does
 * not know, and takes any part of a job in one way. What came as msgpack stays
 * as it came until a field is set. Its encoding and what was read out of that
 * are made when they are asked for, and kept until the next change. */
#include "lib/fy_job.h"

#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "lib/fy_error.h"
#include "lib/fy_options.h"
#include "wire/mpk.h"
#include "wire/mpk_json.h"

/* job.max_bytes is the real maximum; this is that setting's. */
#define PACKED_MAX (1024 * 1024 * 1024)
#define ARENA_MAX  (256 * 1024 * 1024)

struct fy_job {
    json_t *tree; /* NULL: packed is all there is */
    struct buf packed;
    bool is_packed;
    bool is_parsed;
    struct arena arena; /* of record */
    struct job record;
    char *id;
};

static struct fy_job *new_job(void)
{
    struct fy_job *job = xcalloc(1, sizeof(*job));

    buf_init(&job->packed, PACKED_MAX);
    arena_init(&job->arena, ARENA_MAX);
    return job;
}

void fy_job_free(struct fy_job *job)
{
    if (job) {
        json_decref(job->tree);
        buf_done(&job->packed);
        arena_done(&job->arena);
        free(job->id);
        free(job);
    }
}

/* --- where jobs come from ------------------------------------------------ */

static void read_tree_id(struct fy_job *job)
{
    const char *id = json_string_value(json_object_get(job->tree, "job_id"));

    free(job->id);
    job->id = xstrdup(id ? id : "");
}

/* The tree is another one: what was made of the old is worth nothing. */
static void changed(struct fy_job *job)
{
    job->is_packed = false;
    job->is_parsed = false;
    read_tree_id(job);
}

int fy_job_from_tree(json_t *tree, struct fy_job **out, struct err *e)
{
    struct fy_job *job;
    char id[FY_ID_SIZE];

    if (!json_is_object(tree)) {
        return err_set(e, ERR_INPUT, "a job is an object: {\"language\": ...}");
    }
    /* Without random bytes fy_job_check() misses the job_id. */
    if (!json_object_get(tree, "job_id") && fy_id_new(id) == 0) {
        (void)json_object_set_new(tree, "job_id", json_string(id));
    }
    job = new_job();
    job->tree = json_incref(tree);
    changed(job);
    *out = job;
    return 0;
}

struct fy_job *fy_job_new(void)
{
    struct fy_job *job = NULL;
    json_t *tree = json_object();

    if (fy_job_from_tree(tree, &job, NULL) < 0) {
        abort(); /* no memory for an empty object */
    }
    json_decref(tree);
    return job;
}

int fy_job_from_json(const char *text, size_t len, struct fy_job **out,
                     struct fy_error *error)
{
    struct err e = {0};
    json_error_t why;
    json_t *tree =
        json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
    int rc;

    if (!tree) {
        (void)err_set(&e, ERR_INPUT, "not JSON: %s (line %d, column %d)",
                      why.text, why.line, why.column);
        return fy_error_set(error, &e);
    }
    rc = fy_job_from_tree(tree, out, &e);
    json_decref(tree);
    return rc < 0 ? fy_error_set(error, &e) : 0;
}

/* Length of the head of a map: fixmap, map 16, map 32. */
static size_t map_head_len(unsigned char first)
{
    if (first == 0xde) {
        return 3;
    }
    return first == 0xdf ? 5 : 1;
}

/* The same map with a job_id in front. */
static int add_id(struct view message, size_t pairs, struct buf *out,
                  struct err *e)
{
    size_t head_len = map_head_len((unsigned char)message.data[0]);
    char id[FY_ID_SIZE];

    if (fy_id_new(id) < 0) {
        return err_set(e, ERR_SYSTEM, "job_id: no random bytes for one");
    }
    if (mpk_put_map(out, pairs + 1, e) < 0 ||
        mpk_put_cstr(out, "job_id", e) < 0 || mpk_put_cstr(out, id, e) < 0) {
        return -1;
    }
    return buf_append(out, message.data + head_len, message.len - head_len, e);
}

static int take_msgpack(struct fy_job *job, struct view message, struct err *e)
{
    struct mpk_doc doc;
    bool needs_id;
    size_t pairs;

    if (mpk_open(message.data, message.len, NULL, &doc, e) < 0) {
        return -1;
    }
    needs_id =
        doc.root.type == MSGPACK_OBJECT_MAP && !mpk_get(&doc.root, "job_id");
    pairs = needs_id ? doc.root.via.map.size : 0;
    mpk_close(&doc);
    return needs_id ? add_id(message, pairs, &job->packed, e)
                    : buf_append(&job->packed, message.data, message.len, e);
}

static void read_packed_id(struct fy_job *job)
{
    struct mpk_doc doc;

    if (mpk_open(job->packed.data, job->packed.len, NULL, &doc, NULL) == 0) {
        const msgpack_object *id = mpk_get(&doc.root, "job_id");

        job->id = id ? view_dup(mpk_text(id)) : NULL;
        mpk_close(&doc);
    }
    if (!job->id) {
        job->id = xstrdup("");
    }
}

int fy_job_from_msgpack(const void *data, size_t len, struct fy_job **out,
                        struct fy_error *error)
{
    struct fy_job *job = new_job();
    struct err e = {0};

    if (take_msgpack(job, (struct view){data, len}, &e) < 0) {
        fy_job_free(job);
        return fy_error_set(error, &e);
    }
    job->is_packed = true;
    read_packed_id(job);
    *out = job;
    return 0;
}

/* --- fields -------------------------------------------------------------- */

/* Where a value goes. */
struct place {
    json_t *parent; /* borrowed from the tree */
    const char *leaf;
};

static const struct record_field *find_row(const struct record *record,
                                           const char *name, size_t len)
{
    const struct view wanted = {name, len};

    for (size_t i = 0; record && i < record->count; i++) {
        if (view_is(wanted, record->fields[i].name)) {
            return &record->fields[i];
        }
    }
    return NULL;
}

static const struct record_field *find_field(const char *path)
{
    const struct record *record = &job_record;

    for (;;) {
        size_t len = strcspn(path, ".");
        const struct record_field *row = find_row(record, path, len);

        if (!row || !path[len]) {
            return row;
        }
        /* below a list there are numbers, and below a map anything */
        record = row->type == RECORD_OBJECT ? row->record : NULL;
        path += len + 1;
    }
}

/* The objects on the way to a field that is known are made when missing. */
static struct place open_place(struct fy_job *job, const char *path)
{
    json_t *parent = job->tree;
    const char *dot;

    while ((dot = strchr(path, '.'))) {
        AUTO_FREE char *name = xstrndup(path, (size_t)(dot - path));
        json_t *child = json_object_get(parent, name);

        if (!json_is_object(child)) {
            child = json_object();
            (void)json_object_set_new(parent, name, child);
        }
        parent = child;
        path = dot + 1;
    }
    return (struct place){parent, path};
}

#define TYPE(type) (1U << (type))
#define ANY_TYPE   UINT32_MAX

static int find_place(struct fy_job *job, const char *path, unsigned accepts,
                      const char *what, struct place *out, struct err *e)
{
    const struct record_field *row = find_field(path);

    if (!row) {
        return err_set(e, ERR_INPUT, "%.100s: a job has no such field", path);
    }
    if (!(TYPE(row->type) & accepts)) {
        return err_set(e, ERR_INPUT, "%s: is not %s", path, what);
    }
    if (!job->tree &&
        mpk_json_from(job->packed.data, job->packed.len, &job->tree, e) < 0) {
        return -1;
    }
    if (!json_is_object(job->tree)) {
        json_decref(job->tree);
        job->tree = NULL;
        return err_set(e, ERR_INPUT, "a job is a map");
    }
    *out = open_place(job, path);
    return 0;
}

/* Takes value; NULL is a text that jansson did not take. */
static int set_value(struct fy_job *job, const char *path, unsigned accepts,
                     const char *what, json_t *value, struct err *e)
{
    struct place place;

    if (!value) {
        return err_set(e, ERR_INPUT, "%.100s: is not UTF-8 text", path);
    }
    if (find_place(job, path, accepts, what, &place, e) < 0) {
        json_decref(value);
        return -1;
    }
    (void)json_object_set_new(place.parent, place.leaf, value);
    changed(job);
    return 0;
}

/* A member of the same kind that is there, or a new one. */
static json_t *member(const struct place *place, bool is_list)
{
    json_t *found = json_object_get(place->parent, place->leaf);

    if (is_list ? json_is_array(found) : json_is_object(found)) {
        return found;
    }
    found = is_list ? json_array() : json_object();
    (void)json_object_set_new(place->parent, place->leaf, found);
    return found;
}

/* Takes value. key NULL: one more of a list. */
static int add_value(struct fy_job *job, const char *path, unsigned accepts,
                     const char *what, const char *key, json_t *value,
                     struct err *e)
{
    struct place place;

    if (!value) {
        return err_set(e, ERR_INPUT, "%.100s: is not UTF-8 text", path);
    }
    if (find_place(job, path, accepts, what, &place, e) < 0) {
        json_decref(value);
        return -1;
    }
    if (!key) {
        (void)json_array_append_new(member(&place, true), value);
    } else if (json_object_set_new(member(&place, false), key, value) < 0) {
        changed(job);
        return err_set(e, ERR_INPUT, "%s: a key that is not UTF-8 text", path);
    }
    changed(job);
    return 0;
}

static json_t *bytes_value(const void *data, size_t len)
{
    const struct view bytes = {data ? data : "", len};
    AUTO_FREE char *digits = NULL;

    if (view_is_text(bytes)) {
        return json_stringn(bytes.data, len);
    }
    digits = xmalloc(BASE64_LEN(len));
    return json_pack("{s:o}", "base64",
                     json_stringn(digits, base64_encode(data, len, digits)));
}

static int answer(int rc, const struct err *e, struct fy_error *error)
{
    return rc < 0 ? fy_error_set(error, e) : 0;
}

int fy_job_set_text(struct fy_job *job, const char *field, const char *text,
                    struct fy_error *error)
{
    struct err e = {0};

    return answer(
        set_value(job, field,
                  TYPE(RECORD_STR) | TYPE(RECORD_BIN) | TYPE(RECORD_ENUM),
                  "a text", json_string(text), &e),
        &e, error);
}

int fy_job_set_bytes(struct fy_job *job, const char *field, const void *data,
                     size_t len, struct fy_error *error)
{
    struct err e = {0};

    return answer(set_value(job, field, TYPE(RECORD_BIN), "bytes",
                            bytes_value(data, len), &e),
                  &e, error);
}

int fy_job_set_uint(struct fy_job *job, const char *field, uint64_t value,
                    struct fy_error *error)
{
    struct err e = {0};

    if (value > INT64_MAX) {
        (void)err_set(&e, ERR_LIMIT, "%.100s: is over %lld", field,
                      (long long)INT64_MAX);
        return fy_error_set(error, &e);
    }
    return answer(set_value(job, field, TYPE(RECORD_UINT) | TYPE(RECORD_INT),
                            "a number", json_integer((json_int_t)value), &e),
                  &e, error);
}

int fy_job_set_bool(struct fy_job *job, const char *field, int value,
                    struct fy_error *error)
{
    struct err e = {0};

    return answer(set_value(job, field, TYPE(RECORD_BOOL), "true or false",
                            json_boolean(value), &e),
                  &e, error);
}

int fy_job_set_json(struct fy_job *job, const char *field, const char *json,
                    struct fy_error *error)
{
    struct err e = {0};
    json_error_t why;
    json_t *value =
        json_loads(json, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);

    if (!value) {
        (void)err_set(&e, ERR_INPUT,
                      "%.100s: not JSON: %s (line %d, column %d)", field,
                      why.text, why.line, why.column);
        return fy_error_set(error, &e);
    }
    return answer(set_value(job, field, ANY_TYPE, "", value, &e), &e, error);
}

int fy_job_add_text(struct fy_job *job, const char *field, const char *text,
                    struct fy_error *error)
{
    struct err e = {0};

    return answer(add_value(job, field, TYPE(RECORD_STRS), "a list of texts",
                            NULL, json_string(text), &e),
                  &e, error);
}

int fy_job_put_text(struct fy_job *job, const char *field, const char *key,
                    const char *value, struct fy_error *error)
{
    struct err e = {0};

    return answer(add_value(job, field, TYPE(RECORD_STRMAP), "a map of texts",
                            key, json_string(value), &e),
                  &e, error);
}

int fy_job_add_file(struct fy_job *job, const char *path, const void *data,
                    size_t len, unsigned mode, struct fy_error *error)
{
    struct err e = {0};
    json_t *name = json_string(path);
    json_t *file =
        name ? json_pack("{s:o,s:o,s:I}", "path", name, "content",
                         bytes_value(data, len), "mode", (json_int_t)mode)
             : NULL;

    return answer(add_value(job, "files", TYPE(RECORD_OBJECTS),
                            "a list of files", NULL, file, &e),
                  &e, error);
}

/* --- what becomes of it -------------------------------------------------- */

static int pack(struct fy_job *job, struct err *e)
{
    if (job->is_packed) {
        return 0;
    }
    buf_clear(&job->packed);
    if (mpk_json_to(job->tree, &job->packed, e) < 0) {
        return -1;
    }
    job->is_packed = true;
    return 0;
}

static int parse(struct fy_job *job, uint64_t max_bytes, struct err *e)
{
    const struct job_decode_opts opts = {.max_bytes = max_bytes};
    struct view bytes = buf_view(&job->packed);
    struct job_identity who;
    enum job_reject_reason reason;

    if (job->is_parsed && bytes.len <= max_bytes) {
        return 0;
    }
    job->is_parsed = false;
    arena_done(&job->arena);
    arena_init(&job->arena, ARENA_MAX);
    if (job_identify(bytes.data, bytes.len, &opts, &who, &reason, e) < 0 ||
        job_decode(bytes.data, bytes.len, &opts, &job->arena, &job->record, e) <
            0) {
        return -1;
    }
    job->is_parsed = true;
    return 0;
}

int fy_job_judge(struct fy_job *job, const struct config *config,
                 const struct job **out_record, struct view *out_bytes,
                 struct err *e)
{
    if (pack(job, e) < 0 || parse(job, config->job_max_bytes, e) < 0 ||
        job_validate(&job->record, config, e) < 0) {
        return -1;
    }
    if (out_record) {
        *out_record = &job->record;
        *out_bytes = buf_view(&job->packed);
    }
    return 0;
}

int fy_job_check(struct fy_job *job, const struct fy_options *options,
                 struct fy_error *error)
{
    struct fy_options *defaults = options ? NULL : fy_options_new();
    struct err e = {0};
    int rc = fy_job_judge(job, options ? &options->config : &defaults->config,
                          NULL, NULL, &e);

    fy_options_free(defaults);
    return answer(rc, &e, error);
}

const char *fy_job_id(const struct fy_job *job)
{
    return job->id;
}

int fy_job_msgpack(struct fy_job *job, const void **out, size_t *out_len,
                   struct fy_error *error)
{
    struct err e = {0};

    if (pack(job, &e) < 0) {
        return fy_error_set(error, &e);
    }
    *out = job->packed.data;
    *out_len = job->packed.len;
    return 0;
}

int fy_job_json(struct fy_job *job, char **out, struct fy_error *error)
{
    struct err e = {0};
    json_t *json = NULL;

    if (pack(job, &e) < 0 ||
        mpk_json_from(job->packed.data, job->packed.len, &json, &e) < 0) {
        return fy_error_set(error, &e);
    }
    *out = json_dumps(json, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(json);
    return 0;
}
