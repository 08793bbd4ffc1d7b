/* SPDX-License-Identifier: MIT */
/* result_fuzz.c - results from any bytes. */
#include "roundtrip.h"

#include "wire/result.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct result result;
    struct err e = {.msg = ""};
    int rc;

    arena_init(&arena, ROUNDTRIP_MAX_BYTES);
    rc = result_decode(data, size, &arena, &result, &e);
    roundtrip_check_error(rc, &e);
    if (rc == 0) {
        rc = result_validate(&result, &e);
        roundtrip_check_error(rc, &e);
        roundtrip(&result_record, &result);
    }
    arena_done(&arena);
    return 0;
}
