/* SPDX-License-Identifier: MIT */
/* chunk_fuzz.c - output chunks from any bytes. */
#include "roundtrip.h"

#include "wire/chunk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct chunk chunk;
    struct err e = {.msg = ""};
    int rc;

    arena_init(&arena, ROUNDTRIP_MAX_BYTES);
    rc = chunk_decode(data, size, &arena, &chunk, &e);
    roundtrip_check_error(rc, &e);
    if (rc == 0) {
        rc = chunk_validate(&chunk, &e);
        roundtrip_check_error(rc, &e);
        roundtrip(&chunk_record, &chunk);
    }
    arena_done(&arena);
    return 0;
}
