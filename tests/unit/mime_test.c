/* SPDX-License-Identifier: MIT */
/* mime_test.c - is a file's type guessed from its name, else from its bytes? */
#include "wire/mime.h"

#include <string.h>

#include "lib/unit.h"

static const struct {
    const char *path;
    const char *content;
    const char *type;
} rows[] = {
    {"a.png", NULL, "image/png"},
    {"dir.d/plot.SVG", "x", "image/svg+xml"},
    {"data.tar.gz", "\x1f\x8b", "application/gzip"},
    {"a.csv", "a,b\n", "text/csv"},
    {"a.jsonx", "text", "text/plain"},
    {"README", "text \xc3\xa9\n", "text/plain"},
    {"README", "", "text/plain"},
    {"README", NULL, "application/octet-stream"},
    {"core", "\xff\xfe", "application/octet-stream"},
    {"a.png/core", "\xff\xfe", "application/octet-stream"},
    {".json", "\xff", "application/octet-stream"},
    {"dir/.json", "\xff", "application/octet-stream"},
    {"a.", "x", "text/plain"},
    {"", "x", "text/plain"},
};

static void types_are_guessed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *type =
            mime_type(view_of(rows[i].path), view_of(rows[i].content));

        if (strcmp(type, rows[i].type) != 0) {
            fail_msg("%s: %s, wanted %s", rows[i].path, type, rows[i].type);
        }
    }
}

/* Looking at the beginning only must not cut a character in two. */
static void long_text_is_text(void **state)
{
    static char text[3 * 4000];

    (void)state;
    for (size_t shift = 0; shift < 3; shift++) {
        for (size_t i = shift; i + 3 <= sizeof(text); i += 3) {
            memcpy(text + i, "\xe2\x82\xac", 3);
        }
        memset(text, 'x', shift);
        assert_string_equal(
            mime_type(view_of("x"),
                      (struct view){text, sizeof(text) - 3 + shift}),
            "text/plain");
    }
    text[4000] = 0;
    assert_string_equal(
        mime_type(view_of("x"), (struct view){text, sizeof(text)}),
        "application/octet-stream");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_are_guessed),
        cmocka_unit_test(long_text_is_text),
    };

    return cmocka_run_group_tests_name("mime", tests, NULL, NULL);
}
