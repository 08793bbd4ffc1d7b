/* SPDX-License-Identifier: MIT */
/* dead_purge.c - `forkyard dead purge`: dead letters are deleted for good, in
 * each partition from the oldest on, for that is all that Kafka can do. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "bin/dead.h"
#include "svc/dead_delete.h"

#define NS_PER_MS UINT64_C(1000000)

struct purge {
    struct dead_range *ranges; /* one for each partition */
    size_t count;
    bool is_done;
};

static void check(const struct dead *d)
{
    const struct dead_options *o = &d->options;
    bool is_by_place = d->count > 0 || o->before.count > 0;
    bool is_by_time = o->all || o->older_than_ms > 0;

    if (!is_by_place && !is_by_time) {
        cli_usage_error(d->spec, "say which: PARTITION:OFFSET and all before "
                                 "it, --before PARTITION:OFFSET, --older-than "
                                 "DURATION, or --all");
    }
    if (is_by_place && is_by_time) {
        cli_usage_error(d->spec, "say PARTITION:OFFSET, or --all and "
                                 "--older-than, not both");
    }
}

static NORETURN void die_of_no_record(const struct dead *d,
                                      const struct dead_range *has,
                                      int64_t offset)
{
    const char *prefix = d->cli.config.topics_prefix;

    if (has->low >= has->before) {
        cli_die(CLI_EXIT_FAILED,
                "%sdead has no record %" PRId32 ":%" PRId64
                "; partition %" PRId32 " is empty",
                prefix, has->partition, offset, has->partition);
    }
    cli_die(CLI_EXIT_FAILED,
            "%sdead has no record %" PRId32 ":%" PRId64 "; partition %" PRId32
            " has %" PRId64 " to %" PRId64,
            prefix, has->partition, offset, has->partition, has->low,
            has->before - 1);
}

/* Of a partition that is named more than once the most counts. */
static void raise_to(const struct dead *d, struct dead_range *wanted,
                     const struct purge *p, struct dead_position at)
{
    if ((size_t)at.partition >= p->count) {
        cli_die(CLI_EXIT_FAILED, "%sdead has partitions 0 to %zu",
                d->cli.config.topics_prefix, p->count - 1);
    }
    if (at.offset < p->ranges[at.partition].low ||
        at.offset > p->ranges[at.partition].before) {
        die_of_no_record(d, &p->ranges[at.partition], at.offset - 1);
    }
    if (wanted[at.partition].before < at.offset) {
        wanted[at.partition].before = at.offset;
    }
}

static void choose_by_place(const struct dead *d, struct purge *p)
{
    struct dead_range *wanted = xcalloc(p->count, sizeof(*wanted));

    for (size_t i = 0; i < p->count; i++) {
        wanted[i] = p->ranges[i];
        wanted[i].before = wanted[i].low;
    }
    for (size_t i = 0; i < d->options.before.count; i++) {
        raise_to(d, wanted, p, dead_position_of(d, d->options.before.items[i]));
    }
    for (size_t i = 0; i < d->count; i++) {
        struct dead_position at = d->positions[i];

        at.offset++; /* itself as well */
        raise_to(d, wanted, p, at);
    }
    free(p->ranges);
    p->ranges = wanted;
}

static void choose(const struct dead *d, struct purge *p)
{
    uint64_t older_than_ms = d->options.older_than_ms;
    uint64_t now_ms = clock_unix_ns() / NS_PER_MS;
    struct err e = {0};

    for (size_t i = 0; i < d->options.before.count; i++) {
        (void)dead_position_of(d, d->options.before.items[i]);
    }
    if (older_than_ms >= now_ms) {
        cli_usage_error(d->spec, "--older-than: there was no Kafka then");
    }
    if (dead_delete_ranges(&d->cli.config,
                           older_than_ms > 0 ? now_ms - older_than_ms : 0,
                           &p->ranges, &p->count, &e) < 0) {
        cli_die(CLI_EXIT_FAILED, "%s", e.msg);
    }
    if (d->count > 0 || d->options.before.count > 0) {
        choose_by_place(d, p);
    }
}

/* Marks of transactions have offsets, too: no more letters than that. */
static void say_range(const struct dead *d, const struct purge *p,
                      const struct dead_range *range)
{
    int64_t most = range->before - range->low;
    json_t *object = NULL;

    if (!d->cli.json) {
        cli_say("%s: %" PRId32 ":%" PRId64 " to %" PRId32 ":%" PRId64
                ", %" PRId64 " letter(s) at most",
                p->is_done ? "deleted" : "would be deleted", range->partition,
                range->low, range->partition, range->before - 1, most);
        return;
    }
    object = json_pack("{s:i, s:I, s:I, s:I, s:b}", "partition",
                       (int)range->partition, "first", (json_int_t)range->low,
                       "before", (json_int_t)range->before, "letters_at_most",
                       (json_int_t)most, "deleted", p->is_done);
    (void)json_dumpf(object, stdout, JSON_COMPACT);
    (void)fputc('\n', stdout);
    json_decref(object);
}

/* How many partitions are concerned. */
static size_t say_ranges(const struct dead *d, const struct purge *p)
{
    size_t told = 0;

    for (size_t i = 0; i < p->count; i++) {
        if (p->ranges[i].low < p->ranges[i].before) {
            say_range(d, p, &p->ranges[i]);
            told++;
        }
    }
    return told;
}

/* A person may say yes at the last moment; a program says it before. */
static bool is_confirmed(void)
{
    char answer[16] = "";

    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        cli_say("nothing is deleted; --yes does it");
        return false;
    }
    (void)fputs("Delete them for good? [y/N] ", stderr);
    if (fgets(answer, sizeof(answer), stdin) &&
        (answer[0] == 'y' || answer[0] == 'Y')) {
        return true;
    }
    cli_say("nothing is deleted");
    return false;
}

/* The exit code. */
static int delete_them(const struct dead *d, struct purge *p)
{
    struct err e = {0};

    if (dead_delete(&d->cli.config, p->ranges, p->count, &e) < 0) {
        cli_say("%s", e.msg);
        return CLI_EXIT_FAILED;
    }
    p->is_done = true;
    if (say_ranges(d, p) == 0) {
        cli_say("nothing is there to delete");
    }
    return 0;
}

int dead_purge(struct dead *d)
{
    struct purge p = {0};
    int rc = 0;

    check(d);
    choose(d, &p);
    if (d->options.yes && !d->options.dry_run) {
        rc = delete_them(d, &p);
    } else if (say_ranges(d, &p) == 0) {
        cli_say("nothing is there to delete");
    } else if (!d->options.dry_run) {
        rc = is_confirmed() ? delete_them(d, &p) : CLI_EXIT_FAILED;
    }
    free(p.ranges);
    return rc;
}
