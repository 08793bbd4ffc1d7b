/* SPDX-License-Identifier: MIT */
/* audit_fuzz.c - audit records from any bytes. */
#include "roundtrip.h"

#include "wire/audit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct audit audit;
    struct err e = {.msg = ""};
    int rc;

    arena_init(&arena, ROUNDTRIP_MAX_BYTES);
    rc = audit_decode(data, size, &arena, &audit, &e);
    roundtrip_check_error(rc, &e);
    if (rc == 0) {
        rc = audit_validate(&audit, &e);
        roundtrip_check_error(rc, &e);
        roundtrip(&audit_record, &audit);
    }
    arena_done(&arena);
    return 0;
}
