/* SPDX-License-Identifier: MIT */
/* shown.c - see shown.h. Pure. */
#include "base/shown.h"

#include <stdint.h>
#include <string.h>

#include "base/base.h"

/* Characters that a terminal, or a reader, takes for more than text. */
static const struct {
    uint32_t first;
    uint32_t last;
} not_shown[] = {
    {0x00, 0x1f},     {0x7f, 0x9f},     /* controls; 0x9b begins an escape */
    {0x200e, 0x200f}, {0x2028, 0x202e}, /* separators, directions */
    {0x2066, 0x2069},                   /* isolated directions */
};

static uint32_t code_of(const char *at, size_t len)
{
    static const uint8_t lead[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t code = (uint8_t)at[0] & lead[len];

    for (size_t i = 1; i < len; i++) {
        code = code << 6 | ((uint8_t)at[i] & 0x3f);
    }
    return code;
}

static bool is_shown(const char *at, size_t len)
{
    uint32_t code = len > 0 ? code_of(at, len) : 0;

    for (size_t i = 0; i < ARRAY_LEN(not_shown); i++) {
        if (code >= not_shown[i].first && code <= not_shown[i].last) {
            return false;
        }
    }
    return true;
}

size_t shown_text(struct view text, size_t max_bytes, char *out)
{
    size_t used = 0;

    for (size_t i = 0; i < text.len;) {
        const char *at = text.data + i;
        size_t len = view_char_len((struct view){at, text.len - i});
        bool is_good = is_shown(at, len);
        size_t room = is_good ? len : 1;

        if (used + room > max_bytes) {
            break;
        }
        memcpy(out + used, is_good ? at : "?", room);
        used += room;
        i += len > 0 ? len : 1;
    }
    out[used] = '\0';
    return used;
}

size_t shown_line(struct view text, size_t max_bytes, char *out)
{
    const char *end = text.len > 0 ? memchr(text.data, '\n', text.len) : NULL;

    if (end) {
        text.len = (size_t)(end - text.data);
    }
    return shown_text(text, max_bytes, out);
}
