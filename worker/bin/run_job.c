/* SPDX-License-Identifier: MIT */
/* run_job.c - the command line of `forkyard run` as a job: see run_job.h.
 *
 * Reads the files it is told to read; sends nothing. */
#include "bin/run_job.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"

#define LIMIT_NAME_MAX 64
#define FILES_MAX      1000
#define ARENA_MAX      (64 * 1024 * 1024)
#define MODE_PLAIN     0644
#define MODE_PROGRAM   0755

static const struct {
    const char *extension;
    const char *language;
} extensions[] = {
    {".py", "python"}, {".sh", "shell"}, {".bash", "shell"}, {".js", "node"},
    {".mjs", "node"},  {".cjs", "node"}, {".c", "c"},        {".cpp", "cpp"},
    {".cc", "cpp"},    {".cxx", "cpp"},  {".go", "go"},      {".rs", "rust"},
    {".java", "java"},
};

/* What people type for a language that has another name on the wire. */
static const struct {
    const char *typed;
    const char *language;
    const char *version;
} aliases[] = {
    {"bash", "shell", "bash"}, {"sh", "shell", NULL},
    {"py", "python", NULL},    {"python3", "python", NULL},
    {"js", "node", NULL},      {"javascript", "node", NULL},
    {"nodejs", "node", NULL},  {"c++", "cpp", NULL},
    {"golang", "go", NULL},    {"rs", "rust", NULL},
};

static void set_language(struct job *job, const char *typed)
{
    job->language = view_of(typed);
    for (size_t i = 0; i < ARRAY_LEN(aliases); i++) {
        if (!strcmp(typed, aliases[i].typed)) {
            job->language = view_of(aliases[i].language);
            job->language_version = view_of(aliases[i].version);
        }
    }
}

static const char *language_of_name(const char *path)
{
    const char *dot = strrchr(path, '.');

    for (size_t i = 0; dot && i < ARRAY_LEN(extensions); i++) {
        if (!strcmp(dot, extensions[i].extension)) {
            return extensions[i].language;
        }
    }
    return NULL;
}

/* An ELF file or a script with "#!" says itself how it is run. */
static const char *language_of_bytes(const struct buf *b)
{
    bool is_elf = b->len >= 4 && !memcmp(b->data, "\177ELF", 4);
    bool is_script = b->len >= 2 && !memcmp(b->data, "#!", 2);

    return is_elf || is_script ? "binary" : NULL;
}

static const char *extension_of(const char *language)
{
    for (size_t i = 0; i < ARRAY_LEN(extensions); i++) {
        if (!strcmp(language, extensions[i].language)) {
            return extensions[i].extension;
        }
    }
    return "";
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static int read_bytes(struct run_job *run, const char *path, uint64_t max,
                      struct view *out, struct err *e)
{
    struct buf *b = &run->bytes[run->bytes_count];
    bool is_stdin = !strcmp(path, "-");

    buf_init(b, max);
    run->bytes_count++;
    if (fd_read_file(is_stdin ? "/dev/stdin" : path, b, e) < 0) {
        /* of a file the error has the name */
        return is_stdin ? err_wrap(e, "stdin") : -1;
    }
    *out = buf_view(b);
    if (!out->data) {
        *out = view_of("");
    }
    return 0;
}

static int take_pairs(struct run_job *run, const struct cli_list *list,
                      const char *what, struct record_pair **out,
                      size_t *out_count, struct err *e)
{
    struct record_pair *pairs;

    if (list->count == 0) {
        return 0;
    }
    pairs = arena_alloc(&run->arena, list->count * sizeof(*pairs));
    if (!pairs) {
        return err_set(e, ERR_LIMIT, "%s: too many", what);
    }
    for (size_t i = 0; i < list->count; i++) {
        const char *text = list->items[i];
        const char *equals = strchr(text, '=');

        if (!equals || equals == text) {
            return err_set(e, ERR_INPUT, "%s %s: write it as NAME=VALUE", what,
                           text);
        }
        pairs[i].key = (struct view){text, (size_t)(equals - text)};
        pairs[i].value = view_of(equals + 1);
    }
    *out = pairs;
    *out_count = list->count;
    return 0;
}

static bool ends_with(const char *name, const char *suffix)
{
    size_t len = strlen(name);
    size_t suffix_len = strlen(suffix);

    return len >= suffix_len && !strcmp(name + len - suffix_len, suffix);
}

/* "wall_time_ms" is also known as "wall_time": the value carries a unit. */
static bool is_limit(const char *field, const char *name, size_t len)
{
    static const char *const units[] = {"", "_ms", "_bytes"};

    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (ends_with(field, units[i]) &&
            strlen(field) - strlen(units[i]) == len &&
            !strncmp(field, name, len)) {
            return true;
        }
    }
    return false;
}

static int parse_limit(const char *field, const char *value, uint64_t *out,
                       struct err *e)
{
    if (ends_with(field, "_ms")) {
        return str_parse_duration_ms(value, out, e);
    }
    if (ends_with(field, "_bytes")) {
        return str_parse_size(value, out, e);
    }
    return str_parse_u64(value, out, e);
}

/* The shortest way to write a limit: without its unit. */
static void stem_of(const char *field, char *dst, size_t dst_size)
{
    (void)str_copy(dst, dst_size, field);
    if (ends_with(dst, "_ms") || ends_with(dst, "_bytes")) {
        *strrchr(dst, '_') = '\0';
    }
}

static int unknown_limit(const char *text, size_t len, struct err *e)
{
    char stems[RECORD_MAX_FIELDS][LIMIT_NAME_MAX];
    const char *names[RECORD_MAX_FIELDS];
    char name[LIMIT_NAME_MAX];
    const char *near;

    for (size_t i = 0; i < job_limits_record.count; i++) {
        stem_of(job_limits_record.fields[i].name, stems[i], LIMIT_NAME_MAX);
        names[i] = stems[i];
    }
    (void)snprintf(name, sizeof(name), "%.*s", (int)len, text);
    near = cli_nearest(name, names, job_limits_record.count);
    return err_set(e, ERR_INPUT, "--limit %s: no such limit%s%s", name,
                   near ? "; did you mean " : "", near ? near : "");
}

static int take_limit(struct job_limits *limits, const char *text,
                      struct err *e)
{
    size_t len = strcspn(text, "=");

    if (text[len] != '=') {
        return err_set(e, ERR_INPUT, "--limit %s: write it as name=value",
                       text);
    }
    for (size_t i = 0; i < job_limits_record.count; i++) {
        const struct record_field *f = &job_limits_record.fields[i];

        if (is_limit(f->name, text, len)) {
            uint64_t *at = (uint64_t *)(void *)((char *)limits + f->offset);

            limits->present = true;
            if (parse_limit(f->name, text + len + 1, at, e) < 0) {
                return err_wrap(e, "--limit %.*s", (int)len, text);
            }
            return 0;
        }
    }
    return unknown_limit(text, len, e);
}

static int take_limits(struct run_job *run, const struct run_options *options,
                       struct err *e)
{
    struct job_limits *limits = &run->job.limits;

    for (size_t i = 0; i < options->limits.count; i++) {
        if (take_limit(limits, options->limits.items[i], e) < 0) {
            return -1;
        }
    }
    if (options->time_ms) {
        limits->present = true;
        limits->wall_time_ms = options->time_ms;
    }
    if (options->memory_bytes) {
        limits->present = true;
        limits->memory_bytes = options->memory_bytes;
    }
    return 0;
}

/* PATH[=NAME] */
static int take_file(struct run_job *run, const char *text, uint64_t max,
                     struct job_file *file, struct err *e)
{
    const char *equals = strrchr(text, '=');
    size_t len = equals ? (size_t)(equals - text) : strlen(text);
    AUTO_FREE char *path = xstrndup(text, len);

    file->present = true;
    file->mode = access(path, X_OK) == 0 ? MODE_PROGRAM : MODE_PLAIN;
    file->path = view_of(equals ? equals + 1 : base_name(text));
    return read_bytes(run, path, max, &file->content, e);
}

/* The program among its files instead of in the field `code`. */
static int take_files(struct run_job *run, const struct run_options *options,
                      const char *program, const struct config *config,
                      struct err *e)
{
    struct job *job = &run->job;
    size_t count = options->files.count + 1;
    struct job_file *files = arena_alloc(&run->arena, count * sizeof(*files));
    char *name = arena_alloc(&run->arena, JOB_PATH_MAX_BYTES);

    if (!files || !name) {
        return err_set(e, ERR_LIMIT, "--file: too many");
    }
    if (program && strcmp(program, "-") != 0) {
        (void)str_copy(name, JOB_PATH_MAX_BYTES, base_name(program));
    } else {
        char *language = view_dup(job->language);

        (void)snprintf(name, JOB_PATH_MAX_BYTES, "main%s",
                       extension_of(language));
        free(language);
    }
    files[0] = (struct job_file){.present = true,
                                 .path = view_of(name),
                                 .content = job->code,
                                 .mode = MODE_PROGRAM};
    for (size_t i = 1; i < count; i++) {
        if (take_file(run, options->files.items[i - 1], config->job_max_bytes,
                      &files[i], e) < 0) {
            return -1;
        }
    }
    job->files = files;
    job->files_count = count;
    job->entrypoint = view_of(name);
    job->code = (struct view){NULL, 0};
    return 0;
}

static int take_program(struct run_job *run, const struct run_options *options,
                        const char *program, const struct config *config,
                        struct err *e)
{
    const char *language = options->language;

    if (program) {
        if (read_bytes(run, program, config->job_max_bytes, &run->job.code, e) <
            0) {
            return -1;
        }
        language = language ? language : language_of_name(program);
        language = language ? language : language_of_bytes(&run->bytes[0]);
    } else {
        run->job.code = view_of(options->code);
    }
    if (!language) {
        return err_set(e, ERR_INPUT,
                       "which language? name it with -l (python, shell, node, "
                       "c, cpp, go, rust, java, binary)");
    }
    set_language(&run->job, language);
    return 0;
}

static int take_args(struct run_job *run, const struct cli_list *args,
                     struct err *e)
{
    struct view *views;

    if (args->count == 0) {
        return 0;
    }
    views = arena_alloc(&run->arena, args->count * sizeof(*views));
    if (!views) {
        return err_set(e, ERR_LIMIT, "too many arguments");
    }
    for (size_t i = 0; i < args->count; i++) {
        views[i] = view_of(args->items[i]);
    }
    run->job.args = views;
    run->job.args_count = args->count;
    return 0;
}

/* A Java class is public in a file of its own name only. */
static bool needs_its_name(const struct job *job, const char *program)
{
    return program && strcmp(program, "-") != 0 &&
           view_is(job->language, "java");
}

int run_job_init(struct run_job *run, const struct run_options *options,
                 const char *program, const struct cli_list *args,
                 const struct config *config, struct err *e)
{
    struct job *job = &run->job;

    *run = (struct run_job){0};
    job_init(job);
    arena_init(&run->arena, ARENA_MAX);
    /* the program, stdin, and the files */
    run->bytes = xcalloc(options->files.count + 2, sizeof(*run->bytes));
    if (options->files.count > FILES_MAX) {
        return err_set(e, ERR_LIMIT, "--file: at most %d", FILES_MAX);
    }
    if (fy_id_new(run->id) < 0) {
        return err_set(e, ERR_SYSTEM, "no random bytes for a job_id");
    }
    job->job_id = view_of(run->id);
    job->tenant_id = view_of(options->tenant);
    job->created_unix_nano = clock_unix_ns();
    if (take_program(run, options, program, config, e) < 0 ||
        take_args(run, args, e) < 0 || take_limits(run, options, e) < 0 ||
        take_pairs(run, &options->env, "--env", &job->env, &job->env_count, e) <
            0 ||
        take_pairs(run, &options->labels, "--label", &job->labels,
                   &job->labels_count, e) < 0) {
        return -1;
    }
    if (options->stdin_path &&
        read_bytes(run, options->stdin_path, config->job_max_bytes,
                   &job->stdin_, e) < 0) {
        return -1;
    }
    if (options->files.count == 0 && !needs_its_name(job, program) &&
        job->code.len <= config->job_code_max_bytes) {
        return 0;
    }
    return take_files(run, options, program, config, e);
}

void run_job_done(struct run_job *run)
{
    for (size_t i = 0; i < run->bytes_count; i++) {
        buf_done(&run->bytes[i]);
    }
    free(run->bytes);
    arena_done(&run->arena);
}
