/* SPDX-License-Identifier: MIT */
/* offsets_set_test.c - the text of a finished set: as written down, damaged in
 * every way, and at its bound. V=1 shows how many records fit. */
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "lib/unit.h"

#include "base/base64.h"
#include "base/mem.h"
#include "wire/offsets_set.h"

#define ROOM                                                                   \
    3045 /* bytes for runs in 4096 characters, frame at its longest            \
          */

static struct offsets_set set_of(int64_t low, struct offsets_run *runs,
                                 size_t count)
{
    return (struct offsets_set){.low = low,
                                .epoch_first = -1,
                                .epoch_last = -1,
                                .runs = runs,
                                .count = count};
}

static void same_set(const struct offsets_set *a, const struct offsets_set *b)
{
    assert_int_equal(a->low, b->low);
    assert_int_equal(a->epoch_first, b->epoch_first);
    assert_int_equal(a->epoch_last, b->epoch_last);
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->runs, b->runs, a->count * sizeof(*a->runs));
}

static size_t check_roundtrip(const struct offsets_set *set)
{
    char text[OFFSETS_TEXT_MAX + 1];
    size_t len = offsets_set_encode(set, OFFSETS_TEXT_MAX, text);
    struct offsets_set again;
    struct err e = {0};

    if (len == 0) {
        return 0;
    }
    assert_true(len <= OFFSETS_TEXT_MAX);
    assert_int_equal(strlen(text), len);
    for (size_t i = 0; i < len; i++) {
        assert_true(text[i] > ' ' && text[i] < 127);
    }
    if (offsets_set_decode(text, len, set->low, &again, &e) < 0) {
        fail_msg("%s", e.msg);
    }
    same_set(set, &again);
    offsets_set_done(&again);
    return len;
}

/* --- as written down ------------------------------------------------------ */

/* Other versions and other programs read these: they never change. */
static void test_golden(void **state)
{
    struct offsets_run one[] = {{101, 140}};
    struct offsets_run many[] = {{11, 12}, {13, 14}, {15, 16}, {17, 18},
                                 {19, 20}, {21, 22}, {23, 24}, {25, 26}};
    struct offsets_run first[] = {{7, 30}};
    struct {
        struct offsets_set set;
        const char *text;
    } rows[] = {
        {set_of(100, one, ARRAY_LEN(one)), "fy1.AWQAAAEnqj0noQ=="},
        {set_of(10, many, ARRAY_LEN(many)), "fy1.AgoAAKqq1FEGnA=="},
        {set_of(7, first, ARRAY_LEN(first)), "fy1.AQcAAAAXS20r0Q=="},
        {set_of(INT64_C(1) << 40, NULL, 0), ""},
        {set_of(100, one, ARRAY_LEN(one)), "fy1.AWQGAgEnjNKsEw=="},
    };

    (void)state;
    rows[4].set.epoch_first = 5;
    rows[4].set.epoch_last = 7;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[OFFSETS_TEXT_MAX + 1];

        (void)offsets_set_encode(&rows[i].set, OFFSETS_TEXT_MAX, text);
        assert_string_equal(text, rows[i].text);
        (void)check_roundtrip(&rows[i].set);
    }
}

static void test_empty_text_is_an_empty_set(void **state)
{
    struct offsets_set set;
    struct err e = {0};

    (void)state;
    assert_int_equal(offsets_set_decode("", 0, 5, &set, &e), 0);
    assert_int_equal(set.count, 0);
    assert_int_equal(set.low, 5);
    offsets_set_done(&set);
}

/* --- not believed --------------------------------------------------------- */

static void refused(const char *text, size_t len, int64_t low, const char *why)
{
    struct offsets_set set = {.low = 4711};
    struct err e = {0};

    if (offsets_set_decode(text, len, low, &set, &e) != -1) {
        fail_msg("taken: %.60s", text);
    }
    assert_int_equal(e.kind, ERR_INPUT);
    if (strcmp(e.msg, why) != 0) {
        fail_msg("'%s' instead of '%s' for %.60s", e.msg, why, text);
    }
    assert_int_equal(set.low, 4711);
}

static void test_texts_of_others(void **state)
{
    static const struct {
        const char *text;
        const char *why;
    } rows[] = {
        {"x", "not written by Forkyard"},
        {"f", "not written by Forkyard"},
        {"commited by console", "not written by Forkyard"},
        {"bAAAAAAAAAA=", "not written by Forkyard"},
        {"fy", "of another version of Forkyard"},
        {"fy1", "of another version of Forkyard"},
        {"fy2.AWQAAAEnqj0noQ==", "of another version of Forkyard"},
        {"fy10.AWQAAAEnqj0noQ==", "of another version of Forkyard"},
        {"fy1.", "cut short"},
        {"fy1.AWQAAA==", "cut short"},
        {"fy1.AWQAAAEnqj0noQ=", "cut short, or not base64"},
        {"fy1.AWQAAAEnqj0noR==", "cut short, or not base64"},
        {"fy1.AWQAAAEn qj0noQ==", "cut short, or not base64"},
        {"fy1.AWQAAAEnqj0noQ==\n", "cut short, or not base64"},
        {"fy1.AWQAAAEnqj0n", "damaged or cut short: wrong checksum"},
        {"fy1.AWQAAAEoqj0noQ==", "damaged or cut short: wrong checksum"},
    };
    char huge[OFFSETS_TEXT_MAX + 4];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        refused(rows[i].text, strlen(rows[i].text), 100, rows[i].why);
    }
    refused("fy1.AWQAAAEnqj0noQ==", 20, 101, "of offset 100, committed is 101");
    memset(huge, 'A', sizeof(huge));
    memcpy(huge, "fy1.", 4);
    refused(huge, sizeof(huge), 100, "longer than 4096");
}

/* Any one character changed, any end cut off. */
static void test_any_damage(void **state)
{
    static const char good[] = "fy1.AWQGAgEnjNKsEw==";
    struct offsets_set set;
    struct err e = {0};

    (void)state;
    assert_int_equal(offsets_set_decode(good, sizeof(good) - 1, 100, &set, &e),
                     0);
    offsets_set_done(&set);
    for (size_t i = 0; i < sizeof(good) - 1; i++) {
        for (int byte = 0; byte < 256; byte++) {
            char bad[sizeof(good)];

            memcpy(bad, good, sizeof(good));
            bad[i] = (char)byte;
            if (bad[i] != good[i] &&
                offsets_set_decode(bad, sizeof(good) - 1, 100, &set, &e) == 0) {
                fail_msg("taken: %s", bad);
            }
        }
        if (i > 0 && offsets_set_decode(good, i, 100, &set, &e) == 0) {
            fail_msg("taken: the first %zu of %s", i, good);
        }
    }
}

/* Bytes with a right checksum: what a wrong program could write. */
static size_t seal(const uint8_t *bytes, size_t len,
                   char text[OFFSETS_TEXT_MAX + 1])
{
    uint8_t raw[64];
    uLong crc = crc32(0, bytes, (uInt)len);

    memcpy(raw, bytes, len);
    for (size_t i = 0; i < 4; i++) {
        raw[len + i] = (uint8_t)(crc >> (24 - 8 * i));
    }
    memcpy(text, "fy1.", 4);
    return 4 + base64_encode(raw, len + 4, text + 4);
}

static void test_nonsense_with_a_checksum(void **state)
{
#define LONG 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff
    static const struct {
        size_t len;
        uint8_t bytes[40];
    } rows[] = {
        {4, {1, 100, 0, 0}},             /* no run */
        {5, {1, 100, 0, 0, 5}},          /* half a run */
        {6, {1, 100, 0, 0, 5, 0}},       /* an empty run */
        {8, {1, 100, 0, 0, 5, 5, 0, 5}}, /* two that touch */
        {6, {1, 100, 0, 0, 5, 0x80}},    /* a number without end */
        {10, {1, 100, 0, 0, 1, 0x80, 0x80, 0x80, 0x80, 1}}, /* too wide */
        {15, {1, 100, 0, 0, 1, LONG, 1}}, /* more than 63 bits */
        {4, {2, 100, 0, 0}},              /* no bit */
        {6, {2, 100, 0, 0, 0, 0}},        /* none set */
        {6, {0, 100, 0, 0, 5, 5}},        /* a kind there is not */
        {6, {3, 100, 0, 0, 5, 5}},
        {6, {255, 100, 0, 0, 5, 5}},
        {1, {1}},
        {2, {1, 100}},
        {3, {1, 100, 0}},
        {6, {1, 100, 0, 1, 5, 5}}, /* later than an unknown epoch */
        {10, {1, 100, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 5, 5}}, /* no epoch */
        {14, {1, 100, 1, 0xff, 0xff, 0xff, 0xff, 0x0f, 5, 5}},
        {10, {1, 100, 2, 0xff, 0xff, 0xff, 0xff, 0x07, 5, 5}},
        {14, {1, LONG, 0, 0, 5, 5}}, /* low past all bounds */
    };
#undef LONG
    char text[OFFSETS_TEXT_MAX + 1];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t len = seal(rows[i].bytes, rows[i].len, text);

        text[len] = '\0';
        refused(text, len, 100, "not a finished set, for all its checksum");
    }
}

/* --- the bound ------------------------------------------------------------ */

static uint32_t next_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* Offsets [0, span) of which those are unfinished that the function says; the
 * first always is. Returns how many, and the set in *out. */
static uint64_t build(uint64_t span, bool (*is_open)(uint64_t at, void *arg),
                      void *arg, struct offsets_run *runs,
                      struct offsets_set *out)
{
    const int64_t low = INT64_MAX / 2; /* numbers as long as they get */
    uint64_t open = 0;

    *out = set_of(low, runs, 0);
    for (uint64_t at = 0; at < span; at++) {
        int64_t offset = low + (int64_t)at;

        if (at == 0 || is_open(at, arg)) {
            open++;
        } else if (out->count > 0 && runs[out->count - 1].to == offset) {
            runs[out->count - 1].to++;
        } else {
            runs[out->count++] = (struct offsets_run){offset, offset + 1};
        }
    }
    out->epoch_first = 1 << 29;
    out->epoch_last = 1 << 30;
    return open;
}

struct pattern {
    uint64_t every; /* unfinished: the last `width` of every so many */
    uint64_t width;
    uint32_t percent; /* and so many of the rest, by chance */
    uint32_t seed;
};

static bool by_pattern(uint64_t at, void *arg)
{
    struct pattern *p = arg;

    return at % p->every >= p->every - p->width ||
           next_random(&p->seed) % 100 < p->percent;
}

/* Whatever fits by the rule, fits. Periods around the lengths at which a
 * number takes another byte are the ones that could be wrong. */
static void test_the_rule_keeps_its_word(void **state)
{
    static const uint64_t everies[] = {2,     3,     7,     8,    16,   127,
                                       128,   129,   130,   256,  1000, 16383,
                                       16384, 16385, 16386, 30000};
    static const uint64_t widths[] = {0, 1, 2, 64, 127, 128, 129};
    static const uint64_t spans[] = {1,     2,     9,     1000,   24359, 24360,
                                     24361, 24368, 60000, 200000, 600000};
    struct offsets_run *runs = xcalloc(400000, sizeof(*runs));
    size_t fitted = 0;
    size_t not_fitted = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(everies) * ARRAY_LEN(widths); i++) {
        for (size_t s = 0; s < ARRAY_LEN(spans); s++) {
            struct pattern p = {
                everies[i / ARRAY_LEN(widths)], widths[i % ARRAY_LEN(widths)],
                i % 3 == 0 ? (uint32_t)i % 40 : 0, (uint32_t)i + 1};
            struct offsets_set set;
            uint64_t open = 0;

            if (p.width >= p.every) {
                continue;
            }
            open = build(spans[s], by_pattern, &p, runs, &set);
            if (!offsets_set_fits(spans[s], open, OFFSETS_TEXT_MAX)) {
                not_fitted++;
            } else if (set.count > 0 && check_roundtrip(&set) == 0) {
                fail_msg("span %llu, every %llu, width %llu: does not fit",
                         (unsigned long long)spans[s],
                         (unsigned long long)p.every,
                         (unsigned long long)p.width);
            } else {
                fitted++;
            }
        }
    }
    assert_true(fitted > 300);
    assert_true(not_fitted > 100);
    free(runs);
}

/* The worst bitmap that fits, to the byte, and one more. */
static void test_the_last_byte(void **state)
{
    struct offsets_run *runs = xcalloc((size_t)ROOM * 8, sizeof(*runs));
    struct pattern p = {2, 1, 0, 1};
    struct offsets_set set;

    (void)state;
    assert_true(offsets_set_fits(ROOM * 8, ROOM * 4, OFFSETS_TEXT_MAX));
    assert_false(offsets_set_fits(ROOM * 8 + 1, ROOM * 4, OFFSETS_TEXT_MAX));
    (void)build(ROOM * 8, by_pattern, &p, runs, &set);
    assert_int_equal(check_roundtrip(&set), OFFSETS_TEXT_MAX);
    (void)build(ROOM * 8 + 1, by_pattern, &p, runs, &set);
    assert_int_equal(check_roundtrip(&set), 0);
    free(runs);
}

static uint64_t most_span(uint64_t open)
{
    uint64_t from = 1;
    uint64_t to = OFFSETS_SPAN_MAX + 1;

    while (from + 1 < to) {
        uint64_t middle = from + (to - from) / 2;

        if (offsets_set_fits(middle, open < middle ? open : middle,
                             OFFSETS_TEXT_MAX)) {
            from = middle;
        } else {
            to = middle;
        }
    }
    return from;
}

/* Where refusal begins, by the number in flight: one that is stuck, the slots
 * of a machine, and ever more. */
static void test_where_refusal_begins(void **state)
{
    static const struct {
        uint64_t open;
        uint64_t span;
    } rows[] = {
        {1, OFFSETS_SPAN_MAX}, {64, OFFSETS_SPAN_MAX}, {758, OFFSETS_SPAN_MAX},
        {759, 12582911},       {1000, 704511},         {1014, 129151},
        {1500, 24360},         {4096, 24360},          {24360, 24360},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t span = most_span(rows[i].open);

        printf("# %llu unfinished: reading stops at %llu finished beyond\n",
               (unsigned long long)rows[i].open,
               (unsigned long long)(span - rows[i].open));
        assert_int_equal(span, rows[i].span);
    }
}

static bool by_chance(uint64_t at, void *arg)
{
    struct pattern *p = arg;

    (void)at;
    return next_random(&p->seed) % p->every < p->width;
}

/* What a commit costs when so many of so many are unfinished, by chance. */
static void test_how_long_texts_are(void **state)
{
    static const struct {
        uint64_t span;
        uint64_t open; /* about */
        size_t at_most;
    } rows[] = {
        {100, 8, 64},         {1000, 64, 256},    {10000, 64, 320},
        {1000000, 1, 48},     {1000000, 64, 400}, {1000000, 700, 3600},
        {20000, 10000, 3500},
    };
    struct offsets_run *runs = xcalloc(1000000, sizeof(*runs));

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct pattern p = {rows[i].span, rows[i].open, 0, 7};
        struct offsets_set set;
        uint64_t open = build(rows[i].span, by_chance, &p, runs, &set);
        size_t len = check_roundtrip(&set);

        printf("# %llu of %llu unfinished: %zu characters\n",
               (unsigned long long)open, (unsigned long long)rows[i].span, len);
        assert_in_range(len, 20, rows[i].at_most);
    }
    free(runs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_empty_text_is_an_empty_set),
        cmocka_unit_test(test_texts_of_others),
        cmocka_unit_test(test_any_damage),
        cmocka_unit_test(test_nonsense_with_a_checksum),
        cmocka_unit_test(test_the_rule_keeps_its_word),
        cmocka_unit_test(test_the_last_byte),
        cmocka_unit_test(test_where_refusal_begins),
        cmocka_unit_test(test_how_long_texts_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
