/* SPDX-License-Identifier: MIT */
/* collection_fuzz.c - Bytes as the engine would get them from an init that a
 * job had taken over. What is let through names only what lies below the
 * folder, and holds as many bytes as it says. The first two bytes say what was
 * asked for. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/collection.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int is_true)
{
    if (!is_true) {
        abort();
    }
}

/* By other means than the reader's: with a slash at both ends no part may be
 * empty, "." or "..". */
static void check_path(struct view path)
{
    char text[COLLECTION_PATH_MAX + 3] = "/";

    check(path.len > 0 && path.len <= COLLECTION_PATH_MAX);
    memcpy(text + 1, path.data, path.len);
    text[path.len + 1] = '/';
    text[path.len + 2] = 0;
    check(strlen(text) == path.len + 2);
    check(!strstr(text, "//") && !strstr(text, "/./") && !strstr(text, "/../"));
}

static unsigned touch(struct view content)
{
    unsigned sum = 0;

    for (size_t i = 0; i < content.len; i++) {
        sum += (unsigned char)content.data[i];
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct collection_reader r;
    struct collection_entry entry;
    unsigned fetches = 0;
    unsigned found = 0;
    unsigned sum = 0;
    int status;

    if (size < 2) {
        return 0;
    }
    collection_open(&r, (struct view){(const char *)data + 2, size - 2},
                    data[0], data[1]);
    while ((status = collection_next(&r, &entry)) == 1) {
        check(entry.content.len == entry.head.content_len);
        check(entry.content.len <= entry.head.size_bytes);
        sum += touch(entry.content);
        if (entry.head.kind == COLLECTION_FETCH) {
            check(entry.head.index == fetches);
            fetches++;
        } else {
            check_path(entry.path);
            found++;
        }
    }
    check(fetches <= data[0] && found <= data[1]);
    check(status < 0 || fetches == data[0]);
    return sum == UINT32_MAX ? 1 : 0; /* so that the sum is not left out */
}
