/* SPDX-License-Identifier: MIT */
/* program.c - see program.h. Runs in the engine. */
#include "run/program.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "wire/bundle.h"

#define WORKSPACE "/workspace/"
/* Arguments are the job's, or its files; the few that are made here are paths
 * and numbers. */
#define ARGV_MAX  ((size_t)JOB_MAX_ARGS + JOB_MAX_FILES + 64)
#define TEXTS_MAX 65536u
/* What a virtual machine needs besides its heap. */
#define HEAP_BESIDES (UINT64_C(256) << 20)

/* ---- arguments ----------------------------------------------------------- */

struct words {
    struct buf list; /* of struct view */
    struct arena texts;
};

static void words_init(struct words *w)
{
    buf_init(&w->list, ARGV_MAX * sizeof(struct view));
    arena_init(&w->texts, TEXTS_MAX);
}

static void words_done(struct words *w)
{
    buf_done(&w->list);
    arena_done(&w->texts);
}

static int add(struct words *w, struct view word, struct err *e)
{
    return buf_append(&w->list, &word, sizeof(word), e);
}

static int add_all(struct words *w, const struct view *words, size_t count,
                   struct err *e)
{
    return count == 0 ? 0
                      : buf_append(&w->list, words, count * sizeof(*words), e);
}

static PRINTF_LIKE(3, 4) int add_text(struct words *w, struct err *e,
                                      const char *fmt, ...)
{
    char text[sizeof(WORKSPACE) + JOB_PATH_MAX_BYTES];
    va_list ap;

    va_start(ap, fmt);
    int len = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    char *kept = arena_alloc(&w->texts, sizeof(text));
    if (len < 0 || (size_t)len >= sizeof(text) || !kept) {
        return err_set(e, ERR_LIMIT, "no room for an argument of %d bytes",
                       len);
    }
    memcpy(kept, text, (size_t)len + 1);
    return add(w, (struct view){kept, (size_t)len}, e);
}

/* Half of a small box, all but a little of a large one. */
static uint64_t heap_bytes(uint64_t memory_bytes)
{
    return memory_bytes > 2 * HEAP_BESIDES ? memory_bytes - HEAP_BESIDES
                                           : memory_bytes / 2;
}

static int add_flags(struct words *w, const char *const *flags, size_t count,
                     const struct job_limits *limits, struct err *e)
{
    for (size_t i = 0; i < count && flags[i]; i++) {
        const char *heap = strstr(flags[i], RUNTIMES_HEAP);
        int status =
            heap ? add_text(w, e, "%.*s%" PRIu64 "k", (int)(heap - flags[i]),
                            flags[i], heap_bytes(limits->memory_bytes) / 1024)
                 : add(w, view_of(flags[i]), e);

        if (status < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- the run ------------------------------------------------------------- */

static struct view entry_of(const struct program *p)
{
    return p->job->entrypoint.data ? p->job->entrypoint
                                   : view_of(p->found->row->code_file);
}

/* com/x/Main.java is the class com.x.Main. */
static int add_class(struct words *w, struct view path, struct err *e)
{
    static const char ending[] = ".java";
    size_t len = sizeof(ending) - 1;
    char name[JOB_PATH_MAX_BYTES + 1];

    if (path.len > 2 && memcmp(path.data, "./", 2) == 0) {
        path = (struct view){path.data + 2, path.len - 2};
    }
    if (path.len > len && path.len <= JOB_PATH_MAX_BYTES &&
        memcmp(path.data + path.len - len, ending, len) == 0) {
        path.len -= len;
    }
    memcpy(name, path.data, path.len);
    name[path.len] = 0;
    for (char *at = name; *at; at++) {
        *at = *at == '/' ? '.' : *at;
    }
    return add_text(w, e, "%s", name);
}

static int add_run(struct words *w, const struct program *p, struct err *e)
{
    const struct runtime *row = p->found->row;

    if (p->found->interpreter &&
        (add(w, view_of(p->found->interpreter), e) < 0 ||
         add_flags(w, row->flags, ARRAY_LEN(row->flags), p->limits, e) < 0)) {
        return -1;
    }
    int status = 0;
    if (row->compile && row->compile->is_class) {
        status = add_class(w, entry_of(p), e);
    } else if (row->compile) {
        status = add_text(w, e, WORKSPACE "%s", row->compile->product);
    } else {
        status = add_text(w, e, WORKSPACE "%.*s", VIEW_ARG(entry_of(p)));
    }
    return status < 0 ? -1 : add_all(w, p->job->args, p->job->args_count, e);
}

/* ---- the compiler -------------------------------------------------------- */

static bool ends_with(struct view path, const char *ending)
{
    size_t len = strlen(ending);

    return path.len > len &&
           memcmp(path.data + path.len - len, ending, len) == 0;
}

static bool is_source(struct view path, const struct runtimes_compile *how)
{
    for (size_t i = 0; i < ARRAY_LEN(how->sources) && how->sources[i]; i++) {
        if (ends_with(path, how->sources[i])) {
            return true;
        }
    }
    return false;
}

/* With its slash; empty: none. */
static struct view folder_of(struct view path)
{
    size_t len = path.len;

    while (len > 0 && path.data[len - 1] != '/') {
        len--;
    }
    return (struct view){path.data, len};
}

/* As the compiler will name it in its messages. */
static int add_source(struct words *w, struct view path, struct err *e)
{
    return path.data[0] == '-' ? add_text(w, e, "./%.*s", VIEW_ARG(path))
                               : add(w, path, e);
}

static bool has_file(const struct job *job, const char *path)
{
    for (size_t i = 0; path && i < job->files_count; i++) {
        if (view_is(job->files[i].path, path)) {
            return true;
        }
    }
    return false;
}

static int add_sources(struct words *w, const struct program *p, struct err *e)
{
    const struct runtimes_compile *how = p->found->row->compile;
    const struct job *job = p->job;
    struct view entry = entry_of(p);
    struct view folder = folder_of(entry);

    if (has_file(job, how->project)) { /* it says itself what is in it */
        return add_text(w, e, "./%.*s", VIEW_ARG(folder));
    }
    if (add_source(w, entry, e) < 0) {
        return -1;
    }
    for (size_t i = 0; i < job->files_count; i++) {
        struct view path = job->files[i].path;

        if (view_eq(path, entry) || !is_source(path, how) ||
            (how->is_flat && !view_eq(folder_of(path), folder))) {
            continue;
        }
        if (add_source(w, path, e) < 0) {
            return -1;
        }
    }
    return 0;
}

/* A bare name is looked for as a shell would, in the box. */
static int add_own_compiler(struct words *w, const struct job *job,
                            struct err *e)
{
    const struct view *argv = job->compile.argv;

    if (!memchr(argv[0].data, '/', argv[0].len) &&
        add(w, view_of("/usr/bin/env"), e) < 0) {
        return -1;
    }
    return add_all(w, argv, job->compile.argv_count, e);
}

static int add_compiler(struct words *w, const struct program *p, struct err *e)
{
    const struct runtimes_compile *how = p->found->row->compile;

    if (p->job->compile.present) {
        return add_own_compiler(w, p->job, e);
    }
    if (add(w, view_of(p->found->compiler), e) < 0 ||
        add_flags(w, how->flags, ARRAY_LEN(how->flags), p->limits, e) < 0 ||
        add_sources(w, p, e) < 0) {
        return -1;
    }
    return add_flags(w, how->after, ARRAY_LEN(how->after), p->limits, e);
}

/* ---- environment, directory ---------------------------------------------- */

static const char *const base_env[] = {
    "PATH=/usr/local/bin:/usr/bin:/bin",
    "HOME=/workspace",
    "USER=job",
    "LANG=C.UTF-8",
    "TMPDIR=/tmp",
};

static bool is_set_by_job(const struct job *job, const char *pair)
{
    size_t len = (size_t)(strchr(pair, '=') - pair);

    for (size_t i = 0; i < job->env_count; i++) {
        if (job->env[i].key.len == len &&
            memcmp(job->env[i].key.data, pair, len) == 0) {
            return true;
        }
    }
    return false;
}

static int put_pair(struct buf *b, const struct record_pair *pair,
                    struct err *e)
{
    size_t len = pair->key.len + 1 + pair->value.len;
    AUTO_FREE char *text = xmalloc(len + 1);

    (void)snprintf(text, len + 1, "%.*s=%.*s", VIEW_ARG(pair->key),
                   VIEW_ARG(pair->value));
    return bundle_string(b, (struct view){text, len}, e);
}

/* Puts the defaults the job does not override; counts only when b is NULL. */
static int put_defaults(struct buf *b, const struct job *job,
                        const char *const *pairs, size_t count,
                        uint32_t *in_out_count, struct err *e)
{
    for (size_t i = 0; i < count && pairs[i]; i++) {
        if (is_set_by_job(job, pairs[i])) {
            continue;
        }
        *in_out_count += 1;
        if (b && bundle_string(b, view_of(pairs[i]), e) < 0) {
            return -1;
        }
    }
    return 0;
}

static int put_env(struct buf *b, const struct program *p, uint32_t *out_count,
                   struct err *e)
{
    const struct runtime *rt = p->found->row;
    const struct job *job = p->job;

    *out_count = 0;
    if (put_defaults(b, job, base_env, ARRAY_LEN(base_env), out_count, e) < 0 ||
        put_defaults(b, job, rt->env, ARRAY_LEN(rt->env), out_count, e) < 0) {
        return -1;
    }
    if (p->is_compiler && rt->compile &&
        put_defaults(b, job, rt->compile->env, ARRAY_LEN(rt->compile->env),
                     out_count, e) < 0) {
        return -1;
    }
    for (size_t i = 0; b && i < job->env_count; i++) {
        if (put_pair(b, &job->env[i], e) < 0) {
            return -1;
        }
    }
    *out_count += (uint32_t)job->env_count;
    return 0;
}

/* A compiler works where the files are. */
static int put_cwd(struct buf *b, const struct program *p, struct err *e)
{
    char path[sizeof(WORKSPACE) + JOB_PATH_MAX_BYTES];
    struct view cwd = p->is_compiler ? view_of("") : p->job->cwd;
    bool is_absolute = cwd.len > 0 && cwd.data[0] == '/';

    (void)snprintf(path, sizeof(path), "%s%.*s", is_absolute ? "" : WORKSPACE,
                   VIEW_ARG(cwd));
    return bundle_string(b, view_of(path), e);
}

/* ---- all of it ----------------------------------------------------------- */

static int put_words(const struct words *w, const struct program *p,
                     uint32_t file_count, struct buf *b, struct err *e)
{
    const struct view *argv = (const void *)w->list.data;
    size_t argc = w->list.len / sizeof(*argv);
    uint32_t envc = 0;

    (void)put_env(NULL, p, &envc, e);
    if (bundle_begin(b, (uint32_t)argc, envc, file_count, e) < 0) {
        return -1;
    }
    for (size_t i = 0; i < argc; i++) {
        if (bundle_string(b, argv[i], e) < 0) {
            return -1;
        }
    }
    if (put_env(b, p, &envc, e) < 0) {
        return -1;
    }
    return put_cwd(b, p, e);
}

int program_put(const struct program *p, uint32_t file_count, struct buf *b,
                struct err *e)
{
    struct words w;

    words_init(&w);
    int status = p->is_compiler ? add_compiler(&w, p, e) : add_run(&w, p, e);
    if (status == 0) {
        status = put_words(&w, p, file_count, b, e);
    }
    words_done(&w);
    return status;
}

static int put_file(struct buf *b, struct view path, struct view content,
                    unsigned mode, struct err *e)
{
    AUTO_FREE char *name = view_dup(path);
    const struct bundle_file file = {name, mode, content};

    return bundle_file(b, &file, e);
}

uint32_t program_count_files(const struct job *job)
{
    return (uint32_t)job->files_count + (job->code.data ? 1 : 0);
}

int program_put_files(const struct program *p, struct buf *b, struct err *e)
{
    const struct job *job = p->job;
    const struct runtime *rt = p->found->row;

    for (size_t i = 0; i < job->files_count; i++) {
        const struct job_file *f = &job->files[i];
        bool is_entry = view_eq(f->path, job->entrypoint);
        unsigned mode = is_entry ? rt->code_mode : 0644;

        if (f->mode != RECORD_NO_UINT) {
            mode = (unsigned)f->mode;
        }
        if (put_file(b, f->path, f->content, mode, e) < 0) {
            return -1;
        }
    }
    if (!job->code.data) {
        return 0;
    }
    return put_file(b, view_of(rt->code_file), job->code, rt->code_mode, e);
}
