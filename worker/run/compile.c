/* SPDX-License-Identifier: MIT */
/* compile.c - see compile.h. Runs in the engine. What the stage's box sends is
 * read like any collection; that it becomes the files of the next box gives it
 * no more than the job had already. */
#include "run/compile.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "run/collector.h"
#include "run/program.h"
#include "run/report.h"
#include "wire/collection.h"

/* ---- before -------------------------------------------------------------- */

/* All that is in the workspace goes on: the job's own files too. */
static void want_all(const struct job *job, const struct config *config,
                     struct plan *out)
{
    uint64_t room = config->compile_max_bytes + job->code.len;

    for (size_t i = 0; i < job->files_count; i++) {
        room += job->files[i].content.len + job->files[i].path.len +
                sizeof(struct collection_head);
    }
    out->wanted = (struct bundle_wanted){
        .room_bytes = room,
        .found_bytes = room,
        .max_found = out->limits.max_inodes,
        .folder = ".",
    };
    out->collection_bytes = returns_max_bytes(&out->wanted);
}

int compile_plan(const struct job *job, const struct config *config,
                 const struct plan *run, struct plan *out, struct err *e)
{
    const struct program program = {
        .job = job,
        .found = &run->found,
        .limits = &out->limits,
        .is_compiler = true,
    };

    memset(out, 0, sizeof(*out));
    buf_init(&out->bundle, run->bundle.max);
    out->found = run->found;
    /* A command of the job's own may be anything. */
    out->profile = job->compile.present ? run->profile : SECCOMP_COMPILER;
    out->security_level = run->security_level;
    out->grace_ms = run->grace_ms;
    out->limits = job->compile.limits;
    runtimes_compile_limits(run->found.row, config, &out->limits);
    plan_set_limits(out, out->limits.disk_bytes);
    want_all(job, config, out);
    if (program_put(&program, program_count_files(job), &out->bundle, e) < 0 ||
        program_put_files(&program, &out->bundle, e) < 0) {
        return -1;
    }
    return bundle_wanted(&out->bundle, &out->wanted, e);
}

/* ---- after: the files ---------------------------------------------------- */

static const struct {
    enum collection_left_kind kind;
    const char *words;
} lost_words[] = {
    {COLLECTION_LEFT_MANY, "there are too many, or too large ones"},
    {COLLECTION_LEFT_UNSEEN, "there are too many"},
    {COLLECTION_LEFT_DEEP, "some lie too deep"},
    {COLLECTION_LEFT_LONG, "some have too long a path"},
    {COLLECTION_LEFT_UNREADABLE, "some cannot be read"},
};

static int lost(const char *why, const struct config *config, struct err *e)
{
    return err_set(e, ERR_LIMIT,
                   "not all files can go to the run: %s (compile.max_bytes is "
                   "%" PRIu64 ")",
                   why, config->compile_max_bytes);
}

static void warn_of_links(const struct collection_left *left,
                          struct compile *out)
{
    uint64_t count = left->counts[COLLECTION_LEFT_LINK] +
                     left->counts[COLLECTION_LEFT_SPECIAL];

    if (count > 0) {
        (void)snprintf(out->warning, sizeof(out->warning),
                       "compile: %" PRIu64 " links and other entries that are "
                       "no files did not go to the run",
                       count);
    }
}

/* How many there are; -1 when one of them would be missing. */
static int64_t count_files(const struct executor_end *end,
                           const struct plan *stage,
                           const struct config *config, struct compile *out,
                           struct err *e)
{
    struct collection_reader reader;
    struct collection_entry entry;
    int64_t count = 0;
    int status;

    collection_open(&reader, end->collection, 0, stage->wanted.max_found);
    while ((status = collection_next(&reader, &entry)) == 1) {
        if (entry.head.state != COLLECTION_WHOLE) {
            return lost("they are too large", config, e);
        }
        count++;
    }
    if (status < 0) {
        return err_set(e, ERR_SYSTEM, "its files could not be brought back");
    }
    for (size_t i = 0; i < ARRAY_LEN(lost_words); i++) {
        if (reader.left.counts[lost_words[i].kind] > 0) {
            return lost(lost_words[i].words, config, e);
        }
    }
    warn_of_links(&reader.left, out);
    return count;
}

static int put_found(struct buf *b, const struct collection_entry *entry,
                     struct err *e)
{
    AUTO_FREE char *path = view_dup(entry->path);
    const struct bundle_file file = {path, entry->head.mode, entry->content};

    return bundle_file(b, &file, e);
}

static int put_all_found(struct buf *b, const struct executor_end *end,
                         const struct plan *stage, struct err *e)
{
    struct collection_reader reader;
    struct collection_entry entry;

    collection_open(&reader, end->collection, 0, stage->wanted.max_found);
    while (collection_next(&reader, &entry) == 1) {
        if (put_found(b, &entry, e) < 0) {
            return -1;
        }
    }
    return 0;
}

static int hand_over(const struct job *job, const struct config *config,
                     const struct executor_end *end, const struct plan *stage,
                     struct plan *run, struct compile *out, struct err *e)
{
    const struct program program = {
        .job = job, .found = &run->found, .limits = &run->limits};
    size_t max = run->bundle.max + end->collection.len;
    int64_t count = count_files(end, stage, config, out, e);

    if (count < 0) {
        return -1;
    }
    buf_done(&run->bundle);
    buf_init(&run->bundle, max);
    if (program_put(&program, (uint32_t)count, &run->bundle, e) < 0 ||
        put_all_found(&run->bundle, end, stage, e) < 0) {
        return -1;
    }
    return returns_put(&run->bundle, job, &run->wanted, e);
}

/* ---- after: the verdict -------------------------------------------------- */

static void keep_output(struct collector *from, struct buf *to, bool *truncated)
{
    struct view text = collector_text(from);

    buf_init(to, text.len);
    (void)!buf_append(to, text.data, text.len, NULL); /* its maximum is that */
    *truncated = collector_is_truncated(from);
}

/* What is ours stays what it is; all else is the compiler's. */
static void blame_compiler(struct verdict *v, const char *why)
{
    char reason[sizeof(v->reason)];

    if (v->status == STATUS_SETUP_ERROR || v->status == STATUS_INTERNAL_ERROR) {
        return;
    }
    (void)snprintf(reason, sizeof(reason), "compile: %.*s",
                   (int)sizeof(reason) - 16, why);
    memcpy(v->reason, reason, sizeof(reason));
    v->status = STATUS_COMPILE_ERROR;
}

void compile_take(const struct job *job, const struct config *config,
                  const struct executor_end *end, const struct plan *stage,
                  struct plan *run, struct compile *out)
{
    const struct verdict_facts facts = {
        .ended = end->ended,
        .plan = stage,
        .stop = end->stop,
        .stdout_total = end->out->total,
        .stderr_total = end->err->total,
    };
    struct err e = {.msg = ""};

    memset(out, 0, sizeof(*out));
    out->is_done = true;
    verdict_make(&facts, &out->verdict);
    out->status = out->verdict.status;
    keep_output(end->out, &out->out, &out->out_truncated);
    keep_output(end->err, &out->err, &out->err_truncated);
    report_usage(end->ended, &out->usage);
    if (out->verdict.status != STATUS_SUCCESS) {
        blame_compiler(&out->verdict, out->verdict.reason);
        return;
    }
    if (hand_over(job, config, end, stage, run, out, &e) < 0) {
        blame_compiler(&out->verdict, e.msg);
        out->status = out->verdict.status;
        return;
    }
    out->success = true;
}

void compile_report(const struct compile *c, struct result *out)
{
    struct result_compile *to = &out->compile;

    if (!c->is_done) {
        return;
    }
    to->present = true;
    to->success = c->success;
    to->status = (int)c->status;
    if (c->verdict.has_exit_code) {
        to->exit_code = c->verdict.exit_code;
    }
    to->stdout_ = buf_view(&c->out);
    to->stderr_ = buf_view(&c->err);
    to->stdout_truncated = c->out_truncated;
    to->stderr_truncated = c->err_truncated;
    to->usage = c->usage;
    to->duration_us = c->usage.wall_us;
}

void compile_done(struct compile *c)
{
    buf_done(&c->out);
    buf_done(&c->err);
}
