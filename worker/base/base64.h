/* SPDX-License-Identifier: MIT */
/* base64.h - bytes as padded base64 (RFC 4648, section 4), and back. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

/* Characters that so many bytes become; no end of a string among them. */
#define BASE64_LEN(bytes) (((bytes) + 2) / 3 * 4)

/* Returns BASE64_LEN(len), for which dst has room. */
size_t base64_encode(const void *bytes, size_t len, char *dst);
/* Padded, without blanks; -1 for anything else. dst has room for 3 bytes per
 * 4 characters. */
int base64_decode(const char *text, size_t len, uint8_t *dst,
                  size_t *out_len) MUST_USE;
