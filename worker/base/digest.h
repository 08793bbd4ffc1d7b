/* SPDX-License-Identifier: MIT */
/* digest.h - SHA-256 as lower-case hexadecimal text, by libcrypto. */
#pragma once

#include <stddef.h>

#include "base/base.h"
#include "base/buf.h"

#define DIGEST_HEX_LEN 64

struct digest; /* EVP_MD_CTX behind it */

struct digest *digest_new(void) MUST_USE;
void digest_add(struct digest *d, const void *data, size_t len);
/* The parts are told apart: ("ab","c") differs from ("a","bc"). */
void digest_add_part(struct digest *d, struct view part);
/* Writes 64 digits and NUL, and frees. */
void digest_hex(struct digest *d, char out[DIGEST_HEX_LEN + 1]);
