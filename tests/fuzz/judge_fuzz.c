/* SPDX-License-Identifier: MIT */
/* judge_fuzz.c - two outputs, parted by the first byte of 0xff: are they the
 * same exactly when a slow way says so, both ways round, and is each the same
 * as itself with white space where it does not count? */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int is_true)
{
    if (!is_true) {
        abort();
    }
}

/* What counts of it, written out: each line cut and ended by '\n', no empty
 * ones at the end. At most one byte longer. */
static size_t canonical(struct view text, char *out)
{
    size_t len = 0;
    size_t kept = 0; /* up to the last line with something in it */
    size_t line = 0; /* where the current line begins */

    for (size_t i = 0; i <= text.len; i++) {
        if (i < text.len && text.data[i] != '\n') {
            out[len++] = text.data[i];
            continue;
        }
        while (len > line && out[len - 1] != 0 &&
               strchr(" \t\r\v\f", out[len - 1])) {
            len--;
        }
        if (len > line) {
            kept = len + 1;
        }
        out[len++] = '\n';
        line = len;
    }
    return kept;
}

static int is_same_slowly(struct view a, struct view b)
{
    char *of_a = malloc(a.len + 1);
    char *of_b = malloc(b.len + 1);
    size_t len = canonical(a, of_a);
    int same = len == canonical(b, of_b) && memcmp(of_a, of_b, len) == 0;

    free(of_a);
    free(of_b);
    return same;
}

static void check_with_space(struct view text)
{
    char *more = malloc(text.len + 4);

    memcpy(more, text.data, text.len);
    memcpy(more + text.len, " \r\n\t", 4);
    check(judge_same((struct view){more, text.len + 4}, text));
    free(more);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *split = size > 0 ? memchr(text, 0xff, size) : NULL;
    struct view a = {text, split ? (size_t)(split - text) : size};
    struct view b = {split ? split + 1 : text, split ? size - a.len - 1 : size};

    check(judge_same(a, b) == is_same_slowly(a, b));
    check(judge_same(b, a) == judge_same(a, b));
    check(judge_same(a, a));
    check_with_space(a);
    return 0;
}
