/* SPDX-License-Identifier: MIT */
/* returns.c - see returns.h. Runs in the engine; the collection is bytes that
 * a job may have written. */
#include "run/returns.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "wire/collection.h"
#include "wire/mime.h"

/* Per entry: the structs, a digest, a longer path, a warning. */
#define ENTRY_BYTES 2048
#define WARNING_MAX 512

/* ---- before -------------------------------------------------------------- */

/* Paths of a job may hold "." parts; what a box sends does not. */
static struct view next_part(const char **at, const char *end)
{
    while (*at < end) {
        const char *slash = memchr(*at, '/', (size_t)(end - *at));
        const char *stop = slash ? slash : end;
        const struct view part = {*at, (size_t)(stop - *at)};

        *at = slash ? slash + 1 : end;
        if (!view_is(part, ".")) {
            return part;
        }
    }
    return (struct view){NULL, 0};
}

/* What of the path is below the folder of artifacts; absent: nothing. */
static struct view below_folder(struct view path)
{
    const char *at = path.data;
    const char *end = at + path.len;

    if (!view_is(next_part(&at, end), RETURNS_FOLDER)) {
        return (struct view){NULL, 0};
    }
    return at < end ? (struct view){at, (size_t)(end - at)}
                    : (struct view){NULL, 0};
}

void returns_want(const struct job *job, const struct job_limits *limits,
                  const struct config *config, struct bundle_wanted *out)
{
    *out = (struct bundle_wanted){
        .room_bytes = config->result_max_bytes,
        .found_bytes = limits->artifact_bytes,
        .max_found = limits->max_artifacts,
        .folder = RETURNS_FOLDER,
        .fetch_count = job->fetch_files_count,
    };
    if (out->max_found == 0) {
        return;
    }
    /* The job's own are found as well, and are no artifacts unless it has
     * changed them: they must not take the place of others. */
    for (size_t i = 0; i < job->files_count; i++) {
        if (below_folder(job->files[i].path).data) {
            uint64_t len = job->files[i].content.len;

            out->max_found++;
            out->found_bytes += len;
            out->room_bytes +=
                len + job->files[i].path.len + sizeof(struct collection_head);
        }
    }
}

bool returns_are_wanted(const struct bundle_wanted *wanted)
{
    return wanted->max_found > 0 || wanted->fetch_count > 0;
}

uint64_t returns_max_bytes(const struct bundle_wanted *wanted)
{
    if (!returns_are_wanted(wanted)) {
        return 0;
    }
    return wanted->room_bytes + sizeof(struct collection_left) +
           (wanted->fetch_count + 1) * sizeof(struct collection_head);
}

int returns_put(struct buf *b, const struct job *job,
                const struct bundle_wanted *wanted, struct err *e)
{
    if (!returns_are_wanted(wanted)) {
        return 0;
    }
    if (bundle_wanted(b, wanted, e) < 0) {
        return -1;
    }
    for (size_t i = 0; i < job->fetch_files_count; i++) {
        uint64_t max = job->fetch_files[i].max_bytes;

        if (bundle_fetch(b, job->fetch_files[i].path,
                         max == RECORD_NO_UINT ? UINT64_MAX : max, e) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- words --------------------------------------------------------------- */

static char *say(struct returns *r, const char *fmt, va_list ap)
{
    char text[WARNING_MAX];
    char *kept;

    (void)vsnprintf(text, sizeof(text), fmt, ap);
    kept = arena_alloc(&r->arena, strlen(text) + 1);
    if (kept) {
        memcpy(kept, text, strlen(text) + 1);
    }
    return kept;
}

static PRINTF_LIKE(2, 3) void warn(struct returns *r, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    struct view text = view_of(say(r, fmt, ap));
    va_end(ap);
    if (text.data) {
        r->warnings[r->warnings_count++] = text;
    }
}

static PRINTF_LIKE(2, 3) void fail(struct returns *r, const char *fmt, ...)
{
    va_list ap;

    if (!r->problem) {
        va_start(ap, fmt);
        r->problem = say(r, fmt, ap);
        va_end(ap);
    }
}

static struct view digest_of(struct returns *r, struct view content)
{
    char *text = arena_alloc(&r->arena, DIGEST_HEX_LEN + 1);

    if (!text) {
        return (struct view){NULL, 0};
    }
    struct digest *d = digest_new();
    digest_add(d, content.data, content.len);
    digest_hex(d, text);
    return view_of(text);
}

/* In messages: a path may be long. */
#define SHOWN(v) ((v).len > 200 ? 200 : (int)(v).len), (v).data

/* ---- fetch_files --------------------------------------------------------- */

static const char *why_absent(const struct collection_head *head)
{
    switch ((enum collection_state)head->state) {
    case COLLECTION_MISSING:
        return "no such file";
    case COLLECTION_NO_FILE:
        return "not a regular file (links are not followed)";
    case COLLECTION_UNREADABLE:
        return strerror((int)head->sys);
    case COLLECTION_WHOLE:
    case COLLECTION_CUT:
    case COLLECTION_NO_ROOM:
    case COLLECTION_STATE_COUNT:
    default:
        return NULL;
    }
}

static void add_missing(struct returns *r, const struct job_fetch *fetch,
                        const struct collection_head *head)
{
    r->files[r->files_count - 1].missing = true;
    if (fetch->optional && head->state == COLLECTION_MISSING) {
        return; /* what its absence may be */
    }
    warn(r, "fetch_files: %.*s: %s", SHOWN(fetch->path), why_absent(head));
    if (!fetch->optional) {
        fail(r, "fetch_files: %.*s: %s", SHOWN(fetch->path), why_absent(head));
    }
}

static void add_file(struct returns *r, const struct returns_facts *f,
                     const struct collection_entry *entry)
{
    const struct job_fetch *fetch = &f->job->fetch_files[entry->head.index];
    struct result_file *file = &r->files[r->files_count++];

    *file = (struct result_file){.present = true,
                                 .path = fetch->path,
                                 .mode = RECORD_NO_UINT,
                                 .size_bytes = RECORD_NO_UINT};
    if (why_absent(&entry->head)) {
        add_missing(r, fetch, &entry->head);
        return;
    }
    file->mode = entry->head.mode;
    file->size_bytes = entry->head.size_bytes;
    file->truncated = entry->head.state != COLLECTION_WHOLE;
    if (entry->head.state == COLLECTION_NO_ROOM) {
        warn(r,
             "fetch_files: %.*s: its %" PRIu64 " bytes are not here: all that "
             "comes back has to fit into result.max_bytes, %" PRIu64,
             SHOWN(fetch->path), file->size_bytes, f->wanted->room_bytes);
        return;
    }
    file->content = entry->content;
    if (!file->truncated) {
        file->sha256 = digest_of(r, entry->content);
    }
}

/* ---- artifacts ----------------------------------------------------------- */

struct placed {
    struct view path; /* below the folder, without "." parts */
    struct view content;
};

struct placed_list {
    struct placed *rows;
    size_t count;
};

static int compare_paths(struct view a, struct view b)
{
    size_t shared = a.len < b.len ? a.len : b.len;
    int order = shared > 0 ? memcmp(a.data, b.data, shared) : 0;

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_placed(const void *a, const void *b)
{
    return compare_paths(((const struct placed *)a)->path,
                         ((const struct placed *)b)->path);
}

static int compare_artifacts(const void *a, const void *b)
{
    return compare_paths(((const struct result_artifact *)a)->name,
                         ((const struct result_artifact *)b)->name);
}

static struct view without_dots(struct arena *arena, struct view path)
{
    char *text = arena_alloc(arena, path.len + 1);
    const char *at = path.data;
    size_t len = 0;

    if (!text) {
        return (struct view){NULL, 0};
    }
    for (;;) {
        struct view part = next_part(&at, path.data + path.len);

        if (!part.data) {
            return (struct view){text, len};
        }
        if (len > 0) {
            text[len++] = '/';
        }
        memcpy(text + len, part.data, part.len);
        len += part.len;
    }
}

static void list_placed(struct returns *r, const struct job *job,
                        struct placed_list *out)
{
    *out = (struct placed_list){NULL, 0};
    for (size_t i = 0; i < job->files_count; i++) {
        out->count += below_folder(job->files[i].path).data ? 1 : 0;
    }
    if (out->count == 0) {
        return;
    }
    out->rows = arena_alloc(&r->arena, out->count * sizeof(*out->rows));
    out->count = 0;
    for (size_t i = 0; out->rows && i < job->files_count; i++) {
        struct view path = below_folder(job->files[i].path);

        if (path.data) {
            out->rows[out->count++] = (struct placed){
                without_dots(&r->arena, path), job->files[i].content};
        }
    }
    if (out->rows) {
        qsort(out->rows, out->count, sizeof(*out->rows), compare_placed);
    }
}

/* The job brought it, and left it as it was. */
static bool is_old(const struct placed_list *placed,
                   const struct collection_entry *entry)
{
    const struct placed key = {.path = entry->path};
    const struct placed *found =
        placed->count ? bsearch(&key, placed->rows, placed->count, sizeof(key),
                                compare_placed)
                      : NULL;

    return found && entry->head.state == COLLECTION_WHOLE &&
           entry->content.len == found->content.len &&
           (entry->content.len == 0 ||
            memcmp(entry->content.data, found->content.data,
                   entry->content.len) == 0);
}

static struct view full_path(struct arena *arena, struct view name)
{
    static const char folder[] = "/workspace/" RETURNS_FOLDER "/";
    size_t len = sizeof(folder) - 1 + name.len;
    char *text = arena_alloc(arena, len);

    if (!text) {
        return (struct view){NULL, 0};
    }
    memcpy(text, folder, sizeof(folder) - 1);
    memcpy(text + sizeof(folder) - 1, name.data, name.len);
    return (struct view){text, len};
}

/* What is to be said of all artifacts together. */
struct tally {
    uint64_t content_bytes;
    uint64_t without_content;
    uint64_t over_number;
    uint64_t odd_names;
};

static void add_artifact(struct returns *r, const struct returns_facts *f,
                         const struct collection_entry *entry,
                         struct tally *tally)
{
    struct view content = entry->content;

    if (r->artifacts_count >= f->limits->max_artifacts) {
        tally->over_number++;
        return;
    }
    struct result_artifact *a = &r->artifacts[r->artifacts_count++];

    a->present = true;
    a->name = entry->path;
    a->path = full_path(&r->arena, entry->path);
    a->size_bytes = entry->head.size_bytes;
    tally->odd_names += view_is_text(entry->path) ? 0 : 1;
    if (entry->head.state != COLLECTION_WHOLE ||
        content.len > f->limits->artifact_bytes - tally->content_bytes) {
        tally->without_content++;
        content = (struct view){NULL, 0};
    } else {
        tally->content_bytes += content.len;
        a->content = content;
        a->sha256 = digest_of(r, content);
    }
    a->type = view_of(mime_type(entry->path, content));
}

/* ---- what was left out --------------------------------------------------- */

static const struct {
    enum collection_left_kind kind;
    const char *words; /* after the number of them */
} left_words[] = {
    {COLLECTION_LEFT_LINK, "links were not followed"},
    {COLLECTION_LEFT_SPECIAL, "entries are neither files nor folders"},
    {COLLECTION_LEFT_UNREADABLE, "files or folders cannot be read"},
    {COLLECTION_LEFT_DEEP, "folders are too deep to be looked into"},
    {COLLECTION_LEFT_LONG, "paths are too long to be named"},
};

static void tell_left(struct returns *r, const struct collection_left *left)
{
    for (size_t i = 0; i < ARRAY_LEN(left_words); i++) {
        uint64_t count = left->counts[left_words[i].kind];

        if (count > 0) {
            warn(r, RETURNS_FOLDER ": %" PRIu64 " %s", count,
                 left_words[i].words);
        }
    }
    if (left->counts[COLLECTION_LEFT_NO_FOLDER] > 0) {
        warn(r, RETURNS_FOLDER ": is not a folder");
    }
    if (left->counts[COLLECTION_LEFT_UNSEEN] > 0) {
        warn(r, RETURNS_FOLDER ": more entries than a worker looks at; the "
                               "rest was not looked at");
    }
}

static void tell_tally(struct returns *r, const struct returns_facts *f,
                       const struct tally *tally)
{
    if (tally->over_number > 0) {
        warn(r,
             RETURNS_FOLDER ": %" PRIu64 " files more than "
                            "limits.max_artifacts, %" PRIu64
                            ", or than there is room to name",
             tally->over_number, f->limits->max_artifacts);
    }
    if (tally->without_content > 0) {
        warn(r,
             RETURNS_FOLDER ": %" PRIu64 " files are named without their "
                            "content: over limits.artifact_bytes, %" PRIu64
                            ", or than there is room for",
             tally->without_content, f->limits->artifact_bytes);
    }
    if (tally->odd_names > 0) {
        warn(r,
             RETURNS_FOLDER ": %" PRIu64 " names are not UTF-8; '?' stands "
                            "for what is not",
             tally->odd_names);
    }
}

/* ---- all of it ----------------------------------------------------------- */

/* Warnings that are not about one fetch. */
#define COMMON_WARNINGS 16

static bool make_room(struct returns *r, const struct returns_facts *f)
{
    uint64_t found = f->collection.len / sizeof(struct collection_head);
    size_t fetches = f->job->fetch_files_count;

    if (found > f->wanted->max_found) {
        found = f->wanted->max_found;
    }
    arena_init(&r->arena, (size_t)(fetches + found + 32) * ENTRY_BYTES +
                              2 * f->collection.len +
                              f->job->files_count * (JOB_PATH_MAX_BYTES + 64));
    r->files = arena_alloc(&r->arena, (fetches + 1) * sizeof(*r->files));
    r->artifacts =
        arena_alloc(&r->arena, (size_t)(found + 1) * sizeof(*r->artifacts));
    r->warnings = arena_alloc(&r->arena, (fetches + COMMON_WARNINGS) *
                                             sizeof(*r->warnings));
    return r->files && r->artifacts && r->warnings;
}

/* The bytes break off: init was ended, or is not ours any more. What came
 * before is good; what did not come is not said to be missing. */
static void tell_broken(struct returns *r, const struct returns_facts *f)
{
    if (f->is_over || f->collection.len > 0 ||
        f->job->fetch_files_count > r->files_count) {
        warn(r, "not all files could be brought back out of the box");
    }
    for (size_t i = r->files_count; i < f->job->fetch_files_count; i++) {
        if (!f->job->fetch_files[i].optional) {
            fail(r, "fetch_files: %.*s: was not brought back",
                 SHOWN(f->job->fetch_files[i].path));
        }
    }
}

static void read_collection(struct returns *r, const struct returns_facts *f)
{
    struct tally tally = {0, 0, 0, 0};
    struct collection_reader reader;
    struct collection_entry entry;
    struct placed_list placed;
    int status;

    list_placed(r, f->job, &placed);
    collection_open(&reader, f->collection, f->wanted->fetch_count,
                    f->wanted->max_found);
    while ((status = collection_next(&reader, &entry)) == 1) {
        if (entry.head.kind == COLLECTION_FETCH) {
            add_file(r, f, &entry);
        } else if (!is_old(&placed, &entry)) {
            add_artifact(r, f, &entry, &tally);
        }
    }
    if (status == 0) {
        tell_left(r, &reader.left);
        tally.over_number += reader.left.counts[COLLECTION_LEFT_MANY];
    } else {
        tell_broken(r, f);
    }
    tell_tally(r, f, &tally);
    qsort(r->artifacts, r->artifacts_count, sizeof(*r->artifacts),
          compare_artifacts);
}

void returns_make(const struct returns_facts *f, struct returns *out)
{
    memset(out, 0, sizeof(*out));
    if (!make_room(out, f)) {
        out->problem = "no memory for the files that came back";
        return;
    }
    if (!f->has_run) {
        if (f->job->fetch_files_count > 0) {
            warn(out, "fetch_files: not brought back, because the box was "
                      "ended before");
        }
        return;
    }
    /* A box in which there is nothing to look at sends nothing. */
    if (f->collection.len > 0 || f->is_over || f->wanted->fetch_count > 0) {
        read_collection(out, f);
    }
}

void returns_warn(struct returns *r, const char *text)
{
    if (text[0] && r->warnings) {
        warn(r, "%s", text);
    }
}

void returns_done(struct returns *r)
{
    arena_done(&r->arena);
}
