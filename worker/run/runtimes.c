/* SPDX-License-Identifier: MIT */
/* runtimes.c - see runtimes.h. Runs in the engine and in `forkyard check`. */
#include "run/runtimes.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)

/* Boxes see /usr (and /bin, /lib as links or binds of the host's): nothing
 * else can be an interpreter or a compiler. */

static const struct runtimes_compile compile_c = {
    .compilers = {"/usr/bin/gcc", "/usr/bin/clang", "/usr/bin/cc"},
    .flags = {"-O2", "-I.", "-o", "main"},
    .after = {"-lm"},
    .sources = {".c"},
    .product = "main",
};

static const struct runtimes_compile compile_cpp = {
    .compilers = {"/usr/bin/g++", "/usr/bin/clang++", "/usr/bin/c++"},
    .flags = {"-O2", "-I.", "-o", "main"},
    .after = {"-lm"},
    .sources = {".cpp", ".cc", ".cxx", ".C"},
    .product = "main",
    .memory_bytes = 1024 * MIB, /* templates */
};

static const struct runtimes_compile compile_go = {
    .compilers = {"/usr/bin/go", "/usr/local/go/bin/go"},
    .flags = {"build", "-o", "main"},
    .sources = {".go"},
    .is_flat = true,
    .project = "go.mod",
    .product = "main",
    /* What it keeps beside the product lies in /tmp and goes with the box; it
     * has no network to fetch with. */
    .env = {"GOCACHE=/tmp/go-build", "GOPATH=/tmp/go", "GOTOOLCHAIN=local",
            "GOPROXY=off", "GOTELEMETRY=off", "CGO_ENABLED=0"},
    .memory_bytes = 1024 * MIB,
    .max_processes = 256, /* threads, and a process per package */
    .time_ms = 120000,    /* newer ones bring no compiled library */
};

static const struct runtimes_compile compile_rust = {
    .compilers = {"/usr/bin/rustc", "/usr/local/bin/rustc"},
    /* Without its symbols: those of its library are most of a program. */
    .flags = {"-O", "-C", "strip=symbols", "--edition", "2021", "-o", "main"},
    .product = "main",
    .memory_bytes = 1024 * MIB,
    .max_processes = 128,
};

static const struct runtimes_compile compile_java = {
    .compilers = {"/usr/bin/javac"},
    .flags = {"-J-Xmx" RUNTIMES_HEAP, "-J-XX:+UseSerialGC",
              "-J-XX:-UsePerfData", "-encoding", "UTF-8", "-d", "classes"},
    .sources = {".java"},
    .product = "classes",
    .is_class = true,
    .memory_bytes = 1024 * MIB,
    .max_processes = 128,
};

static const struct runtime rows[] = {
    {
        .name = "python",
        .interpreters = {"/usr/bin/python3", "/usr/local/bin/python3"},
        .code_file = "main.py",
        .code_mode = 0644,
        .seccomp = SECCOMP_PROGRAM,
        /* Output as it is written; no .pyc files for a tree that goes. */
        .env = {"PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1"},
    },
    {
        .name = "shell",
        .interpreters = {"/bin/sh"},
        .code_file = "main.sh",
        .code_mode = 0644,
        .seccomp = SECCOMP_PROGRAM,
    },
    {
        .name = "shell",
        .version = "bash",
        .interpreters = {"/bin/bash", "/usr/bin/bash"},
        .code_file = "main.sh",
        .code_mode = 0644,
        .seccomp = SECCOMP_PROGRAM,
    },
    {
        .name = "node",
        .interpreters = {"/usr/bin/node", "/usr/local/bin/node",
                         "/usr/bin/nodejs"},
        .code_file = "main.js",
        .code_mode = 0644,
        .seccomp = SECCOMP_PROGRAM,
    },
    {
        /* An ELF file, or a script that names its interpreter after "#!". */
        .name = "binary",
        .code_file = "main",
        .code_mode = 0755,
        .seccomp = SECCOMP_PROGRAM,
    },
    {
        .name = "c",
        .code_file = "main.c",
        .code_mode = 0644,
        .seccomp = SECCOMP_PROGRAM,
        .compile = &compile_c,
    },
    {
        .name = "cpp",
        .code_file = "main.cpp",
        .code_mode = 0644,
        .seccomp = SECCOMP_PROGRAM,
        .compile = &compile_cpp,
    },
    {
        .name = "go",
        .code_file = "main.go",
        .code_mode = 0644,
        .seccomp = SECCOMP_PROGRAM,
        .compile = &compile_go,
    },
    {
        .name = "rust",
        .code_file = "main.rs",
        .code_mode = 0644,
        .seccomp = SECCOMP_PROGRAM,
        .compile = &compile_rust,
    },
    {
        /* It sees the memory of the host, not the box's, and would size its
         * heap and its collector's threads by that. */
        .name = "java",
        .interpreters = {"/usr/bin/java"},
        .flags = {"-Xmx" RUNTIMES_HEAP, "-XX:+UseSerialGC", "-XX:-UsePerfData",
                  "-cp", "classes"},
        .code_file = "Main.java",
        .code_mode = 0644,
        .seccomp = SECCOMP_PROGRAM,
        .compile = &compile_java,
    },
};

static struct runtimes_row found[ARRAY_LEN(rows)];
static char labels[ARRAY_LEN(rows)][32];
static bool is_probed;

static const char *first_there(const char *const *paths, size_t count)
{
    for (size_t i = 0; i < count && paths[i]; i++) {
        if (access(paths[i], X_OK) == 0) {
            return paths[i];
        }
    }
    return NULL;
}

static void probe(const struct runtime *row, struct runtimes_row *out)
{
    out->is_compiled = row->compile != NULL;
    out->path = row->interpreters[0] ? first_there(row->interpreters,
                                                   ARRAY_LEN(row->interpreters))
                                     : "the job's own file";
    if (row->compile) {
        out->compiler = first_there(row->compile->compilers,
                                    ARRAY_LEN(row->compile->compilers));
    }
}

void runtimes_probe(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        (void)snprintf(labels[i], sizeof(labels[i]), "%s%s%s", rows[i].name,
                       rows[i].version ? " " : "",
                       rows[i].version ? rows[i].version : "");
        found[i].name = labels[i];
        probe(&rows[i], &found[i]);
    }
    is_probed = true;
}

const struct runtimes_row *runtimes_list(size_t *out_count)
{
    if (!is_probed) {
        runtimes_probe();
    }
    *out_count = ARRAY_LEN(rows);
    return found;
}

bool runtimes_is_there(const struct runtimes_row *row)
{
    return row->path && (row->compiler || !row->is_compiled);
}

static bool is_version(const struct runtime *row, struct view version)
{
    if (version.len == 0) {
        return row->version == NULL;
    }
    return row->version && view_is(version, row->version);
}

static int unknown_version(const struct job *job, struct err *e)
{
    return err_set(e, ERR_INPUT,
                   "language_version: %.*s has no version \"%.*s\" on this "
                   "worker",
                   VIEW_ARG(job->language), VIEW_ARG(job->language_version));
}

static int unknown_language(const struct job *job, struct err *e)
{
    char names[200] = "";
    size_t len = 0;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!rows[i].version && len < sizeof(names)) {
            len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s",
                                    len > 0 ? ", " : "", rows[i].name);
        }
    }
    return err_set(e, ERR_INPUT, "language: \"%.*s\" is not one of %s",
                   VIEW_ARG(job->language), names);
}

static int not_installed(size_t i, const char *looked_for, struct err *e)
{
    return err_set(e, ERR_SYSTEM,
                   "language: %s is not installed on this worker (looked for "
                   "%s)",
                   labels[i], looked_for);
}

static int take_row(size_t i, const struct job *job, struct runtimes_found *out,
                    struct err *e)
{
    const struct runtime *row = &rows[i];

    if (!found[i].path) {
        return not_installed(i, row->interpreters[0], e);
    }
    if (row->compile && !found[i].compiler && !job->compile.present) {
        return not_installed(i, row->compile->compilers[0], e);
    }
    *out = (struct runtimes_found){
        .row = row,
        .interpreter = row->interpreters[0] ? found[i].path : NULL,
        .compiler = found[i].compiler,
    };
    return 0;
}

int runtimes_find(const struct job *job, struct runtimes_found *out,
                  struct err *e)
{
    bool is_known = false;

    if (!is_probed) {
        runtimes_probe();
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!view_is(job->language, rows[i].name)) {
            continue;
        }
        is_known = true;
        if (is_version(&rows[i], job->language_version)) {
            return take_row(i, job, out, e);
        }
    }
    return is_known ? unknown_version(job, e) : unknown_language(job, e);
}

/* ---- limits of a compile stage ------------------------------------------- */

#define COMPILE_MEMORY_BYTES (512 * MIB)
#define COMPILE_PROCESSES    64
#define COMPILE_TIME_MS      60000
#define COMPILE_DISK_BYTES   (256 * MIB)
#define COMPILE_FILE_BYTES   (128 * MIB)
#define COMPILE_OPEN_FILES   1024

static void set_unnamed(uint64_t *member, uint64_t value, uint64_t max)
{
    if (*member == RECORD_NO_UINT) {
        *member = value < max ? value : max;
    }
}

void runtimes_compile_limits(const struct runtime *row, const struct config *c,
                             struct job_limits *l)
{
    static const struct runtimes_compile any = {.product = NULL};
    const struct runtimes_compile *how = row->compile ? row->compile : &any;
    uint64_t time_ms = how->time_ms ? how->time_ms : COMPILE_TIME_MS;

    set_unnamed(&l->memory_bytes,
                how->memory_bytes ? how->memory_bytes : COMPILE_MEMORY_BYTES,
                c->max_memory_bytes);
    set_unnamed(&l->max_processes,
                how->max_processes ? how->max_processes : COMPILE_PROCESSES,
                c->max_max_processes);
    set_unnamed(&l->wall_time_ms, time_ms, c->max_wall_time_ms);
    set_unnamed(&l->cpu_time_ms, 2 * time_ms, c->max_cpu_time_ms);
    set_unnamed(&l->disk_bytes, COMPILE_DISK_BYTES, c->max_disk_bytes);
    set_unnamed(&l->max_file_size_bytes, COMPILE_FILE_BYTES,
                c->max_max_file_size_bytes);
    set_unnamed(&l->max_open_files, COMPILE_OPEN_FILES, c->max_max_open_files);
    job_default_limits(l, c);
}
