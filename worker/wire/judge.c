/* SPDX-License-Identifier: MIT */
/* judge.c - see judge.h. Runs in the engine. */
#include "wire/judge.h"

#include <string.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

/* Takes a line off the front, without what does not count at its end; empty
 * lines for ever when there is nothing more. */
static struct view take_line(struct view *rest)
{
    const char *end =
        rest->len > 0 ? memchr(rest->data, '\n', rest->len) : NULL;
    struct view line = {rest->data,
                        end ? (size_t)(end - rest->data) : rest->len};
    size_t taken = end ? line.len + 1 : line.len;

    while (line.len > 0 && is_space(line.data[line.len - 1])) {
        line.len--;
    }
    if (taken > 0) {
        rest->data += taken;
        rest->len -= taken;
    }
    return line;
}

bool judge_same(struct view got, struct view expected)
{
    while (got.len > 0 || expected.len > 0) {
        struct view ours = take_line(&got);
        struct view theirs = take_line(&expected);

        if (ours.len != theirs.len ||
            (ours.len > 0 && memcmp(ours.data, theirs.data, ours.len) != 0)) {
            return false;
        }
    }
    return true;
}
