/* SPDX-License-Identifier: MIT */
/* cancel_fuzz.c - cancels from any bytes. */
#include "roundtrip.h"

#include "wire/cancel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct cancel cancel;
    struct err e = {.msg = ""};
    int rc;

    arena_init(&arena, ROUNDTRIP_MAX_BYTES);
    rc = cancel_decode(data, size, &arena, &cancel, &e);
    roundtrip_check_error(rc, &e);
    if (rc == 0) {
        rc = cancel_validate(&cancel, &e);
        roundtrip_check_error(rc, &e);
        roundtrip(&cancel_record, &cancel);
    }
    arena_done(&arena);
    return 0;
}
