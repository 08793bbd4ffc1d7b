/* SPDX-License-Identifier: MIT */
/* offsets_model_test.c - the tracker against a model that has a byte per
 * offset and no cleverness, over thousands of made-up lives: records and gaps
 * are taken, started, finished in any order, commits accepted and refused,
 * metadata damaged, the worker killed and begun again from what was committed.
 *
 * Asked at every step: does the watermark pass an unfinished record? Does each
 * commit say what is finished, no more and no less? Does it ever go back? Are
 * exactly the unfinished ones run after a restart? Is each that may begin only
 * once known to have begun, in every worker after the one that began it?
 *
 * OFFSETS_LIVES=N for more of them, OFFSETS_SEED=N for others. */
#include <stdlib.h>
#include <string.h>

#include "lib/unit.h"

#include "wire/offsets.h"

#define LOG_MAX   2000
#define LIVES     2000
#define STEPS     400
#define IN_FLIGHT 48 /* of one worker, more or less */

struct world {
    /* the log: never changes during a life of the world */
    bool is_record[LOG_MAX];
    int32_t epoch[LOG_MAX];
    int64_t start; /* the first offset there is */
    /* what really happened */
    bool is_done[LOG_MAX];
    unsigned runs[LOG_MAX];
    /* what the broker has, and what it means */
    int64_t committed; /* -1: none */
    char text[OFFSETS_TEXT_MAX + 1];
    size_t text_len;
    bool is_told[LOG_MAX]; /* finished, as of that commit */
    bool is_told_begun[LOG_MAX];
    /* the worker of the moment */
    struct offsets tracker;
    int64_t next;
    bool is_known[LOG_MAX]; /* is_told, when it began */
    bool is_open[LOG_MAX];  /* taken and unfinished */
    bool is_started[LOG_MAX];
    bool is_known_begun[LOG_MAX]; /* is_told_begun, when it began */
    bool is_marked[LOG_MAX];      /* as something that begins once */
    size_t open;
    uint32_t seed;
    uint32_t first_seed;
};

/* xorshift: the same numbers on every machine, from a seed shown on failure */
static uint32_t dice(struct world *w, uint32_t sides)
{
    w->seed ^= w->seed << 13;
    w->seed ^= w->seed >> 17;
    w->seed ^= w->seed << 5;
    return w->seed % sides;
}

static void wrong(const struct world *w, const char *what, int64_t at)
{
    fail_msg("OFFSETS_SEED=%u: %s at offset %lld", w->first_seed, what,
             (long long)at);
}

/* --- the model's answers -------------------------------------------------- */

static int64_t model_low(const struct world *w)
{
    for (int64_t at = w->start; at < w->next; at++) {
        if (w->is_open[at]) {
            return at;
        }
    }
    return w->next;
}

static bool model_is_finished(const struct world *w, int64_t at)
{
    return at < w->next ? !w->is_open[at] : w->is_known[at];
}

static bool model_is_begun(const struct world *w, int64_t at)
{
    return at < w->next ? w->is_open[at] && w->is_marked[at]
                        : w->is_known_begun[at];
}

/* --- a life --------------------------------------------------------------- */

static void make_log(struct world *w)
{
    uint32_t gaps = dice(w, 3); /* none, some, a marker after each */
    uint32_t cuts = dice(w, 2) * 40;
    int32_t epoch = (int32_t)dice(w, 3) - 1; /* -1: the broker does not say */

    w->start = dice(w, 200);
    w->committed = -1;
    for (int64_t at = w->start; at < LOG_MAX; at++) {
        w->is_record[at] =
            gaps == 0 || (gaps == 1 ? dice(w, 8) != 0 : at % 2 == 0);
        if (epoch >= 0 && cuts != 0 && dice(w, cuts) == 0) {
            epoch++;
        }
        w->epoch[at] = epoch;
    }
}

/* The worker begins from what the broker has. */
static void begin(struct world *w)
{
    struct err e = {0};

    offsets_init(&w->tracker);
    memset(w->is_open, 0, sizeof(w->is_open));
    memset(w->is_started, 0, sizeof(w->is_started));
    memset(w->is_known, 0, sizeof(w->is_known));
    memset(w->is_known_begun, 0, sizeof(w->is_known_begun));
    memset(w->is_marked, 0, sizeof(w->is_marked));
    w->open = 0;
    w->next = w->start;
    if (w->committed < 0) {
        return;
    }
    w->next = w->committed;
    if (offsets_restore(&w->tracker, w->committed, w->text, w->text_len, &e) ==
        0) {
        memcpy(w->is_known, w->is_told, sizeof(w->is_known));
        memcpy(w->is_known_begun, w->is_told_begun, sizeof(w->is_known_begun));
    } else if (e.kind != ERR_INPUT || e.msg[0] == '\0') {
        wrong(w, "metadata refused without a reason", w->committed);
    }
}

static enum offsets_taken what_it_is(const struct world *w, int64_t at)
{
    if (w->is_known[at]) {
        return OFFSETS_KNOWN;
    }
    return w->is_known_begun[at] ? OFFSETS_BEGUN : OFFSETS_TAKEN;
}

static const char *const takes_for[] = {
    [OFFSETS_TAKEN] = "taken for one that was never begun",
    [OFFSETS_BEGUN] = "taken for one that has begun",
    [OFFSETS_KNOWN] = "taken for a finished one",
    [OFFSETS_FULL] = "no room",
    [OFFSETS_BACK] = "taken for one before",
};

static void take(struct world *w)
{
    enum offsets_taken got = OFFSETS_FULL;
    struct offsets_ticket ticket;
    int64_t at = w->next;

    while (at < LOG_MAX && !w->is_record[at]) {
        at++;
    }
    if (at >= LOG_MAX || w->open >= IN_FLIGHT) {
        return;
    }
    if (!offsets_can_take(&w->tracker)) {
        wrong(w, "no room for one that fits", at);
    }
    got = offsets_take(&w->tracker, at, w->epoch[at], 1, &ticket);
    if (got != what_it_is(w, at)) {
        wrong(w, takes_for[got], at);
    }
    w->next = at + 1;
    if (got != OFFSETS_KNOWN) {
        w->is_marked[at] = got == OFFSETS_BEGUN;
        w->is_open[at] = true;
        w->open++;
        w->runs[at]++;
    }
}

/* The place of one in flight, -1 when there is none. */
static int64_t some_open(struct world *w)
{
    size_t index = w->open > 0 ? dice(w, (uint32_t)w->open) : 0;

    for (int64_t at = w->start; w->open > 0 && at < w->next; at++) {
        if (w->is_open[at] && index-- == 0) {
            return at;
        }
    }
    return -1;
}

static void start(struct world *w)
{
    int64_t at = some_open(w);

    if (at >= 0) {
        struct offsets_ticket ticket = {at, 0};

        if (offsets_mark_started(&w->tracker, ticket, 2) == w->is_started[at]) {
            wrong(w, "started", at);
        }
        w->is_started[at] = true;
    }
}

/* Marks taken over count as well, until their record is finished. */
static size_t marks(const struct world *w)
{
    size_t count = 0;

    for (int64_t at = w->start; at < LOG_MAX; at++) {
        count += at < w->next ? w->is_open[at] && w->is_marked[at]
                              : w->is_known_begun[at];
    }
    return count;
}

static void mark(struct world *w)
{
    int64_t at = some_open(w);
    struct offsets_ticket ticket = {at, 0};

    if (at < 0) {
        return;
    }
    if (offsets_mark_once(&w->tracker, ticket) !=
        (w->is_marked[at] || marks(w) < OFFSETS_ONCE_MAX)) {
        wrong(w, "mark", at);
    }
    w->is_marked[at] |= marks(w) < OFFSETS_ONCE_MAX;
}

static void unmark(struct world *w)
{
    int64_t at = some_open(w);

    if (at >= 0) {
        offsets_unmark(&w->tracker, (struct offsets_ticket){at, 0});
        w->is_marked[at] &= w->is_started[at];
    }
}

/* Whoever begins such a job believes this. */
static void marked_is_told(const struct world *w)
{
    for (int64_t at = w->start; at < w->next; at++) {
        if (w->is_open[at] && w->is_marked[at] && !w->is_told_begun[at] &&
            offsets_is_marked(&w->tracker, (struct offsets_ticket){at, 0})) {
            wrong(w, "may begin, and the broker does not know", at);
        }
    }
}

static void finish(struct world *w)
{
    int64_t at = some_open(w);
    struct offsets_ticket ticket = {at, 0};

    if (at < 0) {
        return;
    }
    if (dice(w, 30) == 0 ? !offsets_sideline(&w->tracker, ticket)
                         : !offsets_mark_done(&w->tracker, ticket)) {
        wrong(w, "not in flight", at);
    }
    if (offsets_mark_done(&w->tracker, ticket)) {
        wrong(w, "done twice", at);
    }
    w->is_open[at] = false;
    w->is_started[at] = false;
    w->is_marked[at] = false;
    w->is_done[at] = true;
    w->open--;
}

/* --- commits -------------------------------------------------------------- */

static void passes_only_the_finished(const struct world *w, int64_t low)
{
    for (int64_t at = w->start; at < low; at++) {
        if (w->is_record[at] && !w->is_done[at]) {
            wrong(w, "the watermark passes an unfinished record", at);
        }
    }
}

/* What was written says the same as what was meant: all of it. */
static void says(const struct world *w, const char *text, size_t len,
                 int64_t low, bool (*is_so)(const struct world *w, int64_t at))
{
    struct offsets_set set;
    struct err e = {0};
    size_t run = 0;

    if (len > OFFSETS_TEXT_MAX ||
        offsets_set_decode(text, len, low, &set, &e) < 0) {
        wrong(w, e.msg, low);
    }
    for (int64_t at = low; at < LOG_MAX; at++) {
        bool is_set = false;

        while (run < set.count && set.runs[run].to <= at) {
            run++;
        }
        is_set = run < set.count && set.runs[run].from <= at;
        if (is_set != is_so(w, at)) {
            wrong(w, "the text is not what is so", at);
        }
    }
    offsets_set_done(&set);
}

static void says_what_is_so(const struct world *w,
                            const struct offsets_commit *c)
{
    const char *rest = c->text;
    size_t len = c->text_len;

    if (len > 0 && c->text[0] == OFFSETS_BEGUN_MARK) {
        rest = (const char *)memchr(c->text + 1, OFFSETS_BEGUN_MARK, len - 1);
        rest++;
        len -= (size_t)(rest - c->text);
        says(w, c->text + 1, (size_t)(rest - c->text) - 2, c->offset,
             model_is_begun);
    } else {
        says(w, "", 0, c->offset, model_is_begun);
    }
    says(w, rest, len, c->offset, model_is_finished);
}

static void commit(struct world *w)
{
    struct offsets_commit c;
    bool is_accepted = dice(w, 4) != 0;

    if (!offsets_is_dirty(&w->tracker)) {
        return;
    }
    offsets_commit_begin(&w->tracker, &c);
    if (c.offset != model_low(w)) {
        wrong(w, "another watermark than the model's", c.offset);
    }
    passes_only_the_finished(w, c.offset);
    says_what_is_so(w, &c);
    if (is_accepted && c.offset < w->committed) {
        wrong(w, "a commit goes back", c.offset);
    }
    /* the worker may learn of it later, or never */
    if (dice(w, 4) != 0) {
        offsets_commit_end(&w->tracker, is_accepted);
    }
    if (!is_accepted) {
        return;
    }
    w->committed = c.offset;
    w->text_len = c.text_len;
    memcpy(w->text, c.text, sizeof(w->text));
    for (int64_t at = 0; at < LOG_MAX; at++) {
        w->is_told[at] = model_is_finished(w, at);
        w->is_told_begun[at] = model_is_begun(w, at);
    }
}

/* A text that lost or changed something on its way is not believed, whatever
 * it is: all of it runs again. Other tools may have left none. */
static void damage(struct world *w)
{
    if (w->text_len == 0) {
        return;
    }
    switch (dice(w, 4)) {
    case 0:
        w->text[dice(w, (uint32_t)w->text_len)] ^= (char)(1 + dice(w, 126));
        break;
    case 1:
        w->text_len = dice(w, (uint32_t)w->text_len);
        /* what has begun is whole then, and believed */
        w->text_len =
            w->text_len > 1 && w->text[w->text_len - 1] == OFFSETS_BEGUN_MARK
                ? 0
                : w->text_len;
        break;
    case 2: /* another tool's offset with our text */
        if (w->committed > w->start) {
            w->committed--;
            break;
        }
        w->text_len = 0;
        break;
    default:
        w->text_len = 0;
        break;
    }
    memset(w->is_told, 0, sizeof(w->is_told));
    memset(w->is_told_begun, 0, sizeof(w->is_told_begun));
}

static void kill_and_restart(struct world *w)
{
    offsets_free(&w->tracker);
    if (dice(w, 4) == 0) {
        damage(w);
    }
    begin(w);
}

static void compare(const struct world *w)
{
    const struct offsets *o = &w->tracker;

    if (o->next < 0) {
        return; /* nothing taken, nothing restored */
    }
    if (offsets_low(o) != model_low(w)) {
        wrong(w, "low", offsets_low(o));
    }
    if (offsets_in_flight(o) != w->open) {
        wrong(w, "number in flight", offsets_low(o));
    }
    if ((int64_t)offsets_span(o) != w->next - model_low(w)) {
        wrong(w, "span", offsets_low(o));
    }
}

static void step(struct world *w, uint32_t lean)
{
    uint32_t what = dice(w, 100);

    if (what < lean) {
        take(w);
    } else if (what < lean + 10) {
        start(w);
    } else if (what < lean + 16) {
        mark(w);
    } else if (what < lean + 17) {
        unmark(w);
    } else if (what < 90) {
        finish(w);
    } else if (what < 99) {
        commit(w);
    } else if (dice(w, 2) == 0) {
        kill_and_restart(w);
    }
    compare(w);
    marked_is_told(w);
}

/* In the end everything is run, and told. */
static void run_out(struct world *w)
{
    int64_t last = -1;

    while (w->next != last) {
        while (w->open > 0) {
            finish(w);
        }
        last = w->next;
        take(w);
    }
    for (int64_t at = w->start; at < LOG_MAX; at++) {
        if (w->is_record[at] && (!w->is_done[at] || w->runs[at] == 0)) {
            wrong(w, "a record was never finished", at);
        }
    }
    passes_only_the_finished(w, offsets_low(&w->tracker));
}

static uint32_t number_of(const char *name, uint32_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? (uint32_t)strtoul(text, NULL, 10) : otherwise;
}

static void test_lives(void **state)
{
    static struct world w;
    uint32_t first = number_of("OFFSETS_SEED", 1);
    uint32_t lives = number_of("OFFSETS_LIVES", LIVES);

    (void)state;
    for (uint32_t i = 0; i < lives; i++) {
        uint32_t lean = 0;

        memset(&w, 0, sizeof(w));
        w.first_seed = first + i;
        w.seed = (first + i) * 2654435761U | 1U;
        lean = 20 + dice(&w, 50);
        make_log(&w);
        begin(&w);
        for (int at = 0; at < STEPS; at++) {
            step(&w, lean);
        }
        run_out(&w);
        offsets_free(&w.tracker);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
