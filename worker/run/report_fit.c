/* SPDX-License-Identifier: MIT */
/* report_fit.c - a result that is larger than may be published gets smaller,
 * and says so. Runs in the engine; see report_encode in report.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "run/report.h"

/* An output with less than this is not worth cutting. */
#define OUTPUT_MIN_BYTES 1024

/* The largest piece that can still be given up. */
struct piece {
    size_t len;
    struct view *content; /* of a file or an artifact; NULL: an output */
    struct view *output;
    bool *truncated;
};

static void consider_content(struct piece *best, struct view *content,
                             bool *truncated)
{
    if (content->data && content->len > best->len) {
        *best = (struct piece){content->len, content, NULL, truncated};
    }
}

/* An output is only halved, and tells how a job went: of two pieces of one
 * size it stays. */
static void consider_output(struct piece *best, struct view *output,
                            bool *truncated)
{
    if (output->len >= OUTPUT_MIN_BYTES && output->len > best->len) {
        *best = (struct piece){output->len, NULL, output, truncated};
    }
}

static struct piece largest(struct result *r)
{
    struct piece best = {0, NULL, NULL, NULL};

    for (size_t i = 0; i < r->artifacts_count; i++) {
        consider_content(&best, &r->artifacts[i].content, NULL);
    }
    for (size_t i = 0; i < r->files_count; i++) {
        consider_content(&best, &r->files[i].content, &r->files[i].truncated);
    }
    consider_output(&best, &r->compile.stdout_, &r->compile.stdout_truncated);
    consider_output(&best, &r->compile.stderr_, &r->compile.stderr_truncated);
    consider_output(&best, &r->stdout_, &r->stdout_truncated);
    consider_output(&best, &r->stderr_, &r->stderr_truncated);
    return best;
}

/* Gives up so many bytes, the largest pieces first; fewer when there is nothing
 * more. Returns how many. */
static uint64_t give_up(struct result *r, uint64_t bytes, uint64_t *contents)
{
    uint64_t given = 0;

    while (given < bytes) {
        struct piece piece = largest(r);

        if (piece.len == 0) {
            break;
        }
        if (piece.truncated) {
            *piece.truncated = true;
        }
        if (piece.content) {
            given += piece.len;
            *piece.content = (struct view){NULL, 0};
            *contents += 1;
        } else {
            piece.output->len /= 2;
            given += piece.len - piece.output->len;
        }
    }
    return given;
}

/* What can be given up of it, at most. */
static uint64_t sum_of_pieces(const struct result *r)
{
    uint64_t sum = r->stdout_.len + r->stderr_.len + r->compile.stdout_.len +
                   r->compile.stderr_.len;

    for (size_t i = 0; i < r->artifacts_count; i++) {
        sum += r->artifacts[i].content.len;
    }
    for (size_t i = 0; i < r->files_count; i++) {
        sum += r->files[i].content.len;
    }
    return sum;
}

/* Room for one warning after those that are there. */
static struct view *copy_warnings(const struct result *r)
{
    struct view *copy = xcalloc(r->warnings_count + 1, sizeof(*copy));

    if (r->warnings_count > 0) {
        memcpy(copy, r->warnings, r->warnings_count * sizeof(*copy));
    }
    return copy;
}

/* Encoded it was too large: by how much, or by more than the buffer holds. */
static uint64_t excess_of(const struct result *r, const struct buf *b,
                          int status, uint64_t max_bytes)
{
    uint64_t sum = status == 0 ? b->len : sum_of_pieces(r);

    return sum > max_bytes ? sum - max_bytes : 1;
}

static void tell(struct result *r, struct view *warnings, size_t count,
                 const char *text)
{
    warnings[count] = view_of(text);
    r->warnings = warnings;
    r->warnings_count = count + 1;
}

/* status: of the encoding before, which is in the buffer when it was 0. */
static int encode_smaller(struct result *r, uint64_t max_bytes, int status,
                          struct buf *b, struct err *e)
{
    AUTO_FREE struct view *warnings = copy_warnings(r);
    size_t count = r->warnings_count;
    uint64_t contents = 0;
    char text[160];

    while (give_up(r, excess_of(r, b, status, max_bytes), &contents) > 0) {
        if (contents > 0) {
            (void)snprintf(text, sizeof(text),
                           "files, artifacts: %" PRIu64 " contents are not "
                           "here: the result may have %" PRIu64 " bytes",
                           contents, max_bytes);
            tell(r, warnings, count, text);
        }
        buf_clear(b);
        status = result_encode(r, b, e);
        if (status == 0 && b->len <= max_bytes) {
            r->warnings_count = 0; /* they end with us */
            return 0;
        }
        if (status < 0 && e->kind != ERR_LIMIT) {
            return -1;
        }
    }
    return err_set(e, ERR_LIMIT,
                   "result.max_bytes: the result is larger than %" PRIu64
                   " bytes even without output and files",
                   max_bytes);
}

int report_encode(struct result *result, const struct report_worker *worker,
                  struct buf *b, struct err *e)
{
    buf_clear(b);
    int status = result_encode(result, b, e);

    if (status == 0 && b->len <= worker->result_max_bytes) {
        return 0;
    }
    if (status < 0 && e->kind != ERR_LIMIT) {
        return -1;
    }
    return encode_smaller(result, worker->result_max_bytes, status, b, e);
}
