/* SPDX-License-Identifier: MIT */
/* mpk_json_fuzz.c - both directions: the input as msgpack, and as JSON. */
#include "roundtrip.h"

#include "wire/mpk_json.h"

static void from_msgpack(const uint8_t *data, size_t size)
{
    struct buf b;
    struct err e = {.msg = ""};
    json_t *json = NULL;
    int rc = mpk_json_from(data, size, &json, &e);

    roundtrip_check_error(rc, &e);
    if (rc < 0) {
        return;
    }
    buf_init(&b, ROUNDTRIP_MAX_BYTES);
    rc = mpk_json_to(json, &b, &e);
    roundtrip_check_error(rc, &e);
    if (rc == 0 && mpk_check(b.data, b.len, NULL, &e) < 0) {
        roundtrip_stop("what was written is not msgpack", &e);
    }
    buf_done(&b);
    json_decref(json);
}

static void from_json(const uint8_t *data, size_t size)
{
    json_t *json = json_loadb((const char *)data, size,
                              JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    struct buf b;
    struct err e = {.msg = ""};
    int rc;

    if (json == NULL) {
        return;
    }
    buf_init(&b, ROUNDTRIP_MAX_BYTES);
    rc = mpk_json_to(json, &b, &e);
    roundtrip_check_error(rc, &e);
    buf_done(&b);
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    from_msgpack(data, size);
    from_json(data, size);
    return 0;
}
