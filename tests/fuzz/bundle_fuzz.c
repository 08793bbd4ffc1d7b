/* SPDX-License-Identifier: MIT */
/* bundle_fuzz.c - Bytes as box init would get them from a launcher gone wrong.
 */
#include <stddef.h>
#include <stdint.h>

#include "wire/bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bundle_reader r;
    struct bundle_file file;
    struct bundle_wanted wanted;
    struct bundle_fetch fetch;

    if (bundle_open(&r, data, size) < 0) {
        return 0;
    }
    for (uint32_t i = 0; i < r.head.argc + r.head.envc + 1; i++) {
        if (!bundle_next_string(&r)) {
            return 0;
        }
    }
    for (uint32_t i = 0; i < r.head.file_count; i++) {
        if (bundle_next_file(&r, &file) < 0) {
            return 0;
        }
    }
    if (bundle_next_wanted(&r, &wanted) < 0) {
        return 0;
    }
    for (uint64_t i = 0; i < wanted.fetch_count; i++) {
        if (bundle_next_fetch(&r, &fetch) < 0) {
            return 0;
        }
    }
    return 0;
}
