/* SPDX-License-Identifier: MIT */
/* offsets_set_fuzz.c - a finished set from any metadata, as it is and behind a
 * right checksum, without which no made-up bytes would come further than it. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/base64.h"
#include "base/mem.h"
#include "wire/offsets.h"

#define SEALED_MAX 4000 /* bytes: some too long for a text, most not */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void stop_unless(bool is_true)
{
    if (!is_true) {
        abort();
    }
}

static void check_set(const struct offsets_set *set, int64_t low)
{
    int64_t end = low - 1;

    stop_unless(set->low == low);
    stop_unless(set->epoch_first >= -1 && set->epoch_last >= set->epoch_first);
    for (size_t i = 0; i < set->count; i++) {
        stop_unless(set->runs[i].from > end || (i == 0 && end < low));
        stop_unless(set->runs[i].from >= low);
        stop_unless(set->runs[i].to > set->runs[i].from);
        end = set->runs[i].to;
    }
    stop_unless(set->count == 0 || end - low <= OFFSETS_SPAN_MAX);
}

/* What is read is written so that it reads the same again. It may be longer
 * then only if it was not written by us: then it may not fit. */
static void check_again(const struct offsets_set *set)
{
    char text[OFFSETS_TEXT_MAX + 1];
    size_t len = offsets_set_encode(set, OFFSETS_TEXT_MAX, text);
    struct offsets_set again;
    struct err e = {.msg = ""};

    if (len == 0) {
        return;
    }
    stop_unless(offsets_set_decode(text, len, set->low, &again, &e) == 0);
    stop_unless(again.count == set->count &&
                again.epoch_first == set->epoch_first &&
                again.epoch_last == set->epoch_last);
    stop_unless(set->count == 0 || !memcmp(again.runs, set->runs,
                                           set->count * sizeof(*set->runs)));
    offsets_set_done(&again);
}

/* A tracker that begins with it goes on to the end of it and past it. */
static void check_tracker(const char *text, size_t len, int64_t low)
{
    struct offsets_ticket ticket;
    struct offsets_commit commit;
    struct offsets o;
    struct err e = {.msg = ""};

    offsets_init(&o);
    (void)!offsets_restore(&o, low, text, len, &e);
    for (int64_t at = low; at < low + 300; at += 1 + at % 3) {
        stop_unless(offsets_can_take(&o));
        if (offsets_take(&o, at, 0, 0, &ticket) == OFFSETS_TAKEN &&
            at % 2 == 0) {
            stop_unless(offsets_mark_done(&o, ticket));
        }
    }
    offsets_commit_begin(&o, &commit);
    stop_unless(commit.offset >= low);
    offsets_free(&o);
}

static void check_text(const char *text, size_t len, int64_t low)
{
    struct offsets_set set;
    struct err e = {.msg = ""};

    if (offsets_set_decode(text, len, low, &set, &e) == 0) {
        check_set(&set, low);
        check_again(&set);
        offsets_set_done(&set);
        check_tracker(text, len, low);
    } else {
        stop_unless(e.kind == ERR_INPUT && e.msg[0] != '\0');
    }
}

/* "fy1.", the bytes, their checksum; low as the bytes themselves have it. */
static void check_sealed(const uint8_t *data, size_t size)
{
    AUTO_FREE uint8_t *raw = xmalloc(size + 4);
    AUTO_FREE char *text = xmalloc(4 + BASE64_LEN(size + 4));
    uLong crc = crc32(0, data, (uInt)size);
    uint64_t low = 0;

    memcpy(raw, data, size);
    for (size_t i = 0; i < 4; i++) {
        raw[size + i] = (uint8_t)(crc >> (24 - 8 * i));
    }
    for (size_t i = 1; i < size && i < 10; i++) {
        low |= (uint64_t)(data[i] & 127) << (7 * (i - 1));
        if (data[i] < 128) {
            break;
        }
    }
    memcpy(text, "fy1.", 4);
    check_text(text, 4 + base64_encode(raw, size + 4, text + 4), (int64_t)low);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char good[] = "fy1.AWQGAgEnjNKsEw==";

    check_text((const char *)data, size, 100);
    if (size > 0 && size <= SEALED_MAX) {
        check_sealed(data, size);
    }
    /* a good text with some of its bytes exchanged */
    if (size > 0 && size < sizeof(good)) {
        char text[sizeof(good)];

        memcpy(text, good, sizeof(good));
        memcpy(text + data[0] % (sizeof(good) - size), data, size);
        check_text(text, sizeof(good) - 1, 100);
    }
    return 0;
}
