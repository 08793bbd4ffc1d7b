/* SPDX-License-Identifier: MIT */
/* letter_fuzz.c - dead letters with any headers: pairs of name and value, each
 * with its length in a byte before it. */
#include "roundtrip.h"

#include <string.h>

#include "base/shown.h"
#include "wire/letter.h"
#include "wire/letter_filter.h"

static const uint8_t *take(const uint8_t *at, const uint8_t *end,
                           struct view *out)
{
    size_t len = at < end ? *at++ : 0;

    if (len > (size_t)(end - at)) {
        len = (size_t)(end - at);
    }
    *out = (struct view){(const char *)at, len};
    return at + len;
}

/* A terminal gets text, whatever came, and no more than it has room for. */
static void check_shown(struct view value)
{
    char out[101];
    size_t len = shown_text(value, sizeof(out) - 1, out);

    if (len >= sizeof(out) || strlen(out) != len || memchr(out, '\033', len) ||
        !view_is_text((struct view){out, len})) {
        abort();
    }
}

static void check_filter(const struct letter *letter)
{
    const struct job_identity nobody = {0};
    const struct letter_filter all = {0};
    const struct letter_filter one = {.job = "j", .topic = "t"};

    if (!letter_filter_takes(&all, letter, &nobody, letter->offset, "p.") ||
        letter_filter_takes(&one, letter, &nobody, letter->offset, "p.")) {
        abort();
    }
    if (letter_is_of_jobs(letter, "p.jobs.") &&
        (letter->topic.len < 8 ||
         memchr(letter->topic.data, '\0', letter->topic.len))) {
        abort();
    }
}

static void check(const struct letter *letter, const char *name)
{
    if (letter->partition < -1 || letter->offset < -1 || letter->attempt < -1 ||
        (letter_keeps(name) && !strncmp(name, LETTER_PREFIX, 13))) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = data + size;
    struct letter letter;

    letter_init(&letter);
    while (data < end) {
        struct view name;
        struct view value;
        char text[256];

        data = take(data, end, &name);
        data = take(data, end, &value);
        memcpy(text, name.data, name.len);
        text[name.len] = '\0';
        letter_take(&letter, text, value);
        check(&letter, text);
        check_shown(value);
        check_filter(&letter);
    }
    return 0;
}
