/* SPDX-License-Identifier: MIT */
/* offsets_set.c - a finished set as text: see offsets_set.h. Runs in the
 * engine, with each commit and each partition that is assigned, and in dev,
 * which counts what waits. It believes nothing that it reads. */
#include "wire/offsets_set.h"

#include <inttypes.h>
#include <string.h>
#include <zlib.h>

#include "base/base64.h"
#include "base/mem.h"

#define PREFIX     "fy1."
#define PREFIX_LEN 4
/* Any version of ours begins like this. */
#define FAMILY "fy"

#define CRC_LEN       4
#define VARINT_MAX    9 /* bytes of 63 bits */
#define EPOCH_MAX_LEN 5
/* Without the runs: kind, low, two epochs, CRC. */
#define FRAME_MAX (1 + VARINT_MAX + 2 * EPOCH_MAX_LEN + CRC_LEN)
#define RAW_MAX   ((OFFSETS_TEXT_MAX - PREFIX_LEN) / 4 * 3)

enum kind { KIND_RUNS = 1, KIND_BITMAP = 2 };

/* --- writing ------------------------------------------------------------- */

/* Counts past the end too, so that "too long" is one comparison at the end. */
struct writer {
    uint8_t *data;
    size_t len;
    size_t max;
};

static void put_byte(struct writer *w, uint8_t byte)
{
    if (w->len < w->max) {
        w->data[w->len] = byte;
    }
    w->len++;
}

static void put_number(struct writer *w, uint64_t value)
{
    for (; value >= 128; value >>= 7) {
        put_byte(w, (uint8_t)(value | 128));
    }
    put_byte(w, (uint8_t)value);
}

static void put_frame(struct writer *w, enum kind kind,
                      const struct offsets_set *set)
{
    bool is_known = set->epoch_first >= 0 && set->epoch_last >= 0;

    put_byte(w, (uint8_t)kind);
    put_number(w, (uint64_t)set->low);
    put_number(w, is_known ? (uint64_t)set->epoch_first + 1 : 0);
    put_number(w,
               is_known ? (uint64_t)(set->epoch_last - set->epoch_first) : 0);
}

static void put_runs(struct writer *w, const struct offsets_set *set)
{
    int64_t at = set->low;

    for (size_t i = 0; i < set->count && w->len <= w->max; i++) {
        put_number(w, (uint64_t)(set->runs[i].from - at));
        put_number(w, (uint64_t)(set->runs[i].to - set->runs[i].from));
        at = set->runs[i].to;
    }
}

static void put_bitmap(struct writer *w, const struct offsets_set *set)
{
    uint64_t bits = (uint64_t)(set->runs[set->count - 1].to - set->low);
    size_t bytes = (size_t)(bits + 7) / 8;

    if (w->len > w->max || bytes > w->max - w->len) {
        w->len = w->max + 1;
        return;
    }
    memset(w->data + w->len, 0, bytes);
    for (size_t i = 0; i < set->count; i++) {
        for (int64_t at = set->runs[i].from; at < set->runs[i].to; at++) {
            uint64_t bit = (uint64_t)(at - set->low);

            w->data[w->len + bit / 8] |= (uint8_t)(1U << (bit & 7));
        }
    }
    w->len += bytes;
}

static void put_crc(struct writer *w)
{
    uLong crc = crc32(0, w->data, (uInt)w->len);

    for (int shift = 24; shift >= 0; shift -= 8) {
        put_byte(w, (uint8_t)(crc >> shift));
    }
}

/* One of the two ways to write it; more than w->max when it does not fit. */
static size_t write_as(enum kind kind, const struct offsets_set *set,
                       struct writer *w)
{
    put_frame(w, kind, set);
    if (kind == KIND_RUNS) {
        put_runs(w, set);
    } else {
        put_bitmap(w, set);
    }
    return w->len;
}

/* Bytes before base64 that `max` characters leave for frame and runs. */
static size_t raw_room(size_t max)
{
    size_t room = max > PREFIX_LEN ? (max - PREFIX_LEN) / 4 * 3 : 0;

    room = room > RAW_MAX ? RAW_MAX : room;
    return room > CRC_LEN ? room - CRC_LEN : 0;
}

size_t offsets_set_encode(const struct offsets_set *set, size_t max,
                          char text[OFFSETS_TEXT_MAX + 1])
{
    uint8_t raw[2][RAW_MAX];
    struct writer runs = {raw[0], 0, raw_room(max)};
    struct writer bitmap = {raw[1], 0, raw_room(max)};
    struct writer *best = &runs;
    size_t len = 0;

    text[0] = '\0';
    if (set->count == 0) {
        return 0;
    }
    if (write_as(KIND_BITMAP, set, &bitmap) < write_as(KIND_RUNS, set, &runs)) {
        best = &bitmap;
    }
    if (best->len > best->max) {
        return 0;
    }
    best->max += CRC_LEN;
    put_crc(best);
    memcpy(text, PREFIX, PREFIX_LEN);
    len = PREFIX_LEN + base64_encode(best->data, best->len, text + PREFIX_LEN);
    text[len] = '\0';
    return len;
}

bool offsets_set_fits(uint64_t span, uint64_t open, size_t max)
{
    size_t room = raw_room(max);
    uint64_t payload = 0;
    uint64_t runs = open + 1; /* finished ones, at most */
    uint64_t bytes = 0;

    if (span > OFFSETS_SPAN_MAX || room < FRAME_MAX) {
        return false;
    }
    payload = room - (FRAME_MAX - CRC_LEN);
    if ((span + 7) / 8 <= payload) {
        return true;
    }
    /* Run lengths: a byte for each, and another one for each that is longer
     * than 7, 14, 21 bits can say. Finished runs cannot be long and many;
     * unfinished ones take no more bytes than they have offsets, but the
     * first, which may be 0. */
    bytes = open + 1 + runs;
    for (unsigned bits = 7; bits < 28; bits += 7) {
        uint64_t longer = span >> bits;

        bytes += longer < runs ? longer : runs;
    }
    return bytes <= payload;
}

/* --- reading ------------------------------------------------------------- */

struct reader {
    const uint8_t *at;
    const uint8_t *end;
};

/* False at the end, or for more than 63 bits. */
static bool get_number(struct reader *r, uint64_t *out)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 7 * VARINT_MAX && r->at < r->end;
         shift += 7) {
        uint8_t byte = *r->at++;

        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) {
            *out = value;
            return true;
        }
    }
    return false;
}

static bool get_epochs(struct reader *r, struct offsets_set *set)
{
    uint64_t first = 0;
    uint64_t later = 0;

    if (!get_number(r, &first) || !get_number(r, &later) ||
        first > (uint64_t)INT32_MAX + 1 || later > INT32_MAX ||
        (first == 0 && later != 0) || first + later > (uint64_t)INT32_MAX + 1) {
        return false;
    }
    set->epoch_first = (int32_t)((int64_t)first - 1);
    set->epoch_last = (int32_t)((int64_t)(first + later) - 1);
    return true;
}

static void add_run(struct offsets_set *set, uint64_t from, uint64_t len)
{
    set->runs[set->count].from = set->low + (int64_t)from;
    set->runs[set->count].to = set->low + (int64_t)(from + len);
    set->count++;
}

static bool get_runs(struct reader *r, struct offsets_set *set)
{
    uint64_t at = 0;

    /* two numbers of at least a byte for each run */
    set->runs = xcalloc((size_t)(r->end - r->at) / 2 + 1, sizeof(*set->runs));
    while (r->at < r->end) {
        uint64_t open = 0;
        uint64_t done = 0;

        if (!get_number(r, &open) || !get_number(r, &done) || done == 0 ||
            (open == 0 && set->count > 0) || open > OFFSETS_SPAN_MAX ||
            done > OFFSETS_SPAN_MAX || at + open + done > OFFSETS_SPAN_MAX) {
            return false;
        }
        add_run(set, at + open, done);
        at += open + done;
    }
    return set->count > 0;
}

static bool get_bitmap(struct reader *r, struct offsets_set *set)
{
    uint64_t bits = (uint64_t)(r->end - r->at) * 8;
    uint64_t from = 0;

    /* bits that alternate make the most runs */
    set->runs = xcalloc((size_t)bits / 2 + 1, sizeof(*set->runs));
    for (uint64_t at = 0; at <= bits; at++) {
        bool is_set = at < bits && (r->at[at / 8] >> (at & 7) & 1) != 0;

        if (is_set) {
            continue;
        }
        if (at > from) {
            add_run(set, from, at - from);
        }
        from = at + 1;
    }
    return set->count > 0;
}

static bool get_set(struct reader *r, struct offsets_set *set)
{
    uint8_t kind = *r->at++;
    uint64_t low = 0;

    if (!get_number(r, &low) || low > INT64_MAX - OFFSETS_SPAN_MAX ||
        !get_epochs(r, set)) {
        return false;
    }
    set->low = (int64_t)low;
    switch (kind) {
    case KIND_RUNS:
        return get_runs(r, set);
    case KIND_BITMAP:
        return get_bitmap(r, set);
    default:
        return false;
    }
}

static int check_prefix(const char *text, size_t len, struct err *e)
{
    if (len > OFFSETS_TEXT_MAX) {
        return err_set(e, ERR_INPUT, "longer than %d", OFFSETS_TEXT_MAX);
    }
    if (len < sizeof(FAMILY) - 1 || memcmp(text, FAMILY, sizeof(FAMILY) - 1)) {
        return err_set(e, ERR_INPUT, "not written by Forkyard");
    }
    if (len < PREFIX_LEN || memcmp(text, PREFIX, PREFIX_LEN)) {
        return err_set(e, ERR_INPUT, "of another version of Forkyard");
    }
    return 0;
}

/* The bytes behind the prefix, without the CRC they were checked by. */
static int check_bytes(const char *text, size_t len, uint8_t raw[RAW_MAX],
                       struct reader *out, struct err *e)
{
    char again[OFFSETS_TEXT_MAX];
    size_t count = 0;
    uint32_t crc = 0;

    /* Written again, because the last digit has bits that say nothing. */
    if (base64_decode(text + PREFIX_LEN, len - PREFIX_LEN, raw, &count) < 0 ||
        base64_encode(raw, count, again) != len - PREFIX_LEN ||
        memcmp(again, text + PREFIX_LEN, len - PREFIX_LEN) != 0) {
        return err_set(e, ERR_INPUT, "cut short, or not base64");
    }
    if (count <= CRC_LEN) {
        return err_set(e, ERR_INPUT, "cut short");
    }
    count -= CRC_LEN;
    for (size_t i = 0; i < CRC_LEN; i++) {
        crc = crc << 8 | raw[count + i];
    }
    if (crc != crc32(0, raw, (uInt)count)) {
        return err_set(e, ERR_INPUT, "damaged or cut short: wrong checksum");
    }
    out->at = raw;
    out->end = raw + count;
    return 0;
}

int offsets_set_decode(const char *text, size_t len, int64_t low,
                       struct offsets_set *out, struct err *e)
{
    struct offsets_set set = {.low = low, .epoch_first = -1, .epoch_last = -1};
    uint8_t raw[RAW_MAX];
    struct reader r = {raw, raw};

    if (len == 0) {
        *out = set;
        return 0;
    }
    if (check_prefix(text, len, e) < 0 ||
        check_bytes(text, len, raw, &r, e) < 0) {
        return -1;
    }
    if (!get_set(&r, &set)) {
        offsets_set_done(&set);
        return err_set(e, ERR_INPUT,
                       "not a finished set, for all its checksum");
    }
    if (set.low != low) {
        int64_t other = set.low;

        offsets_set_done(&set);
        return err_set(e, ERR_INPUT,
                       "of offset %" PRId64 ", committed is %" PRId64, other,
                       low);
    }
    *out = set;
    return 0;
}

void offsets_set_done(struct offsets_set *set)
{
    free(set->runs);
    set->runs = NULL;
    set->count = 0;
}
