/* SPDX-License-Identifier: MIT */
/* base64.c - see base64.h. */
#include "base/base64.h"

#include <string.h>

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t base64_encode(const void *bytes, size_t len, char *dst)
{
    const uint8_t *p = bytes;
    size_t out = 0;

    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        uint32_t group = (uint32_t)p[i] << 16;

        group |= left > 1 ? (uint32_t)p[i + 1] << 8 : 0;
        group |= left > 2 ? (uint32_t)p[i + 2] : 0;
        dst[out++] = base64_digits[group >> 18];
        dst[out++] = base64_digits[group >> 12 & 63];
        dst[out++] = left > 1 ? base64_digits[group >> 6 & 63] : '=';
        dst[out++] = left > 2 ? base64_digits[group & 63] : '=';
    }
    return out;
}

/* Value of a digit, -1 when it is none. */
static int digit_value(char digit)
{
    const char *at = digit != '\0' ? strchr(base64_digits, digit) : NULL;

    return at != NULL ? (int)(at - base64_digits) : -1;
}

int base64_decode(const char *text, size_t len, uint8_t *dst, size_t *out_len)
{
    size_t pad = 0;
    size_t out = 0;
    uint32_t group = 0;

    if (len % 4 != 0) {
        return -1;
    }
    while (pad < 2 && pad < len && text[len - 1 - pad] == '=') {
        pad++;
    }
    for (size_t i = 0; i < len; i++) {
        int value = i < len - pad ? digit_value(text[i]) : 0;

        if (value < 0) {
            return -1;
        }
        group = group << 6 | (uint32_t)value;
        if (i % 4 == 3) {
            dst[out++] = (uint8_t)(group >> 16);
            dst[out++] = (uint8_t)(group >> 8);
            dst[out++] = (uint8_t)group;
            group = 0;
        }
    }
    *out_len = out - pad;
    return 0;
}
