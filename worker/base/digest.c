/* SPDX-License-Identifier: MIT */
/* digest.c - see digest.h. */
#include "base/digest.h"

#include <openssl/evp.h>
#include <stdint.h>

struct digest *digest_new(void)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1) {
        abort(); /* no memory, or a libcrypto without SHA-256 */
    }
    return (struct digest *)ctx;
}

void digest_add(struct digest *d, const void *data, size_t len)
{
    (void)EVP_DigestUpdate((EVP_MD_CTX *)d, data, len);
}

void digest_add_part(struct digest *d, struct view part)
{
    uint64_t len = part.len;

    digest_add(d, &len, sizeof(len));
    digest_add(d, part.data, part.len);
}

void digest_hex(struct digest *d, char out[DIGEST_HEX_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char raw[32];

    (void)EVP_DigestFinal_ex((EVP_MD_CTX *)d, raw, NULL);
    EVP_MD_CTX_free((EVP_MD_CTX *)d);
    for (size_t i = 0; i < sizeof(raw); i++) {
        out[2 * i] = digits[raw[i] >> 4];
        out[2 * i + 1] = digits[raw[i] & 15];
    }
    out[DIGEST_HEX_LEN] = 0;
}
