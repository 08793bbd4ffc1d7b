/* SPDX-License-Identifier: MIT */
/* event_fuzz.c - telemetry events from any bytes. */
#include "roundtrip.h"

#include "wire/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct event event;
    struct err e = {.msg = ""};
    int rc;

    arena_init(&arena, ROUNDTRIP_MAX_BYTES);
    rc = event_decode(data, size, &arena, &event, &e);
    roundtrip_check_error(rc, &e);
    if (rc == 0) {
        rc = event_validate(&event, &e);
        roundtrip_check_error(rc, &e);
        roundtrip(&event_record, &event);
    }
    arena_done(&arena);
    return 0;
}
