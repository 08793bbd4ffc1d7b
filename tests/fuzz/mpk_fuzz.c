/* SPDX-License-Identifier: MIT */
/* mpk_fuzz.c - the walk against msgpack-c: what the walk takes, the library
 * takes too and holds as many bytes. */
#include "roundtrip.h"

#include "wire/mpk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mpk_doc doc;
    struct err e = {.msg = ""};
    int rc = mpk_check(data, size, NULL, &e);

    roundtrip_check_error(rc, &e);
    if (rc < 0) {
        if (mpk_value_len(data, size) > size) {
            roundtrip_stop("longer than what is there", &e);
        }
        return 0;
    }
    if (mpk_value_len(data, size) != size) {
        roundtrip_stop("the length differs", &e);
    }
    if (mpk_open(data, size, NULL, &doc, &e) < 0) {
        roundtrip_stop("msgpack-c does not take it", &e);
    }
    (void)mpk_get(&doc.root, "job_id");
    mpk_close(&doc);
    return 0;
}
