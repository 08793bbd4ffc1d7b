/* SPDX-License-Identifier: MIT */
/* runtimes.c - see runtimes.h. Runs in the engine and in `forkyard check`. */
#include "run/runtimes.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Boxes see /usr (and /bin, /lib as links or binds of the host's): nothing
 * else can be an interpreter. */
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
};

static struct runtimes_row found[ARRAY_LEN(rows)];
static char labels[ARRAY_LEN(rows)][32];
static bool is_probed;

static const char *probe(const struct runtime *row)
{
    if (!row->interpreters[0]) {
        return "the job's own file";
    }
    for (size_t i = 0; i < ARRAY_LEN(row->interpreters); i++) {
        if (row->interpreters[i] && access(row->interpreters[i], X_OK) == 0) {
            return row->interpreters[i];
        }
    }
    return NULL;
}

void runtimes_probe(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        (void)snprintf(labels[i], sizeof(labels[i]), "%s%s%s", rows[i].name,
                       rows[i].version ? " " : "",
                       rows[i].version ? rows[i].version : "");
        found[i].name = labels[i];
        found[i].path = probe(&rows[i]);
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

static bool is_version(const struct runtime *row, struct view version)
{
    if (version.len == 0) {
        return row->version == NULL;
    }
    return row->version && view_is(version, row->version);
}

static int unknown(struct view language, bool is_known, struct view version,
                   struct err *e)
{
    if (is_known) {
        return err_set(e, ERR_INPUT,
                       "language_version: %.*s has no version "
                       "\"%.*s\" on this worker",
                       VIEW_ARG(language), VIEW_ARG(version));
    }
    return err_set(e, ERR_INPUT,
                   "language: \"%.*s\" is not one of python, "
                   "shell, node, binary",
                   VIEW_ARG(language));
}

int runtimes_find(struct view language, struct view version,
                  const struct runtime **out, const char **out_path,
                  struct err *e)
{
    bool is_known = false;

    if (!is_probed) {
        runtimes_probe();
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!view_is(language, rows[i].name)) {
            continue;
        }
        is_known = true;
        if (!is_version(&rows[i], version)) {
            continue;
        }
        if (!found[i].path) {
            return err_set(e, ERR_SYSTEM,
                           "language: %s is not installed on "
                           "this worker (looked for %s)",
                           labels[i], rows[i].interpreters[0]);
        }
        *out = &rows[i];
        *out_path = rows[i].interpreters[0] ? found[i].path : NULL;
        return 0;
    }
    return unknown(language, is_known, version, e);
}
