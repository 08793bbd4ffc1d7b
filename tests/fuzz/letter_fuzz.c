/* SPDX-License-Identifier: MIT */
/* letter_fuzz.c - dead letters with any headers: pairs of name and value, each
 * with its length in a byte before it. */
#include "roundtrip.h"

#include <string.h>

#include "wire/letter.h"

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
    }
    return 0;
}
