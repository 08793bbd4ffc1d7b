/* SPDX-License-Identifier: MIT */
/* dead_choice.c - which dead letters the command line means. See dead.h. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/times.h"
#include "bin/dead.h"

#define NS_PER_MS UINT64_C(1000000)

static bool read_position(const char *text, struct dead_position *out)
{
    const char *colon = strchr(text, ':');
    AUTO_FREE char *first = NULL;
    uint64_t partition = 0;
    uint64_t offset = 0;

    if (!colon) {
        return false;
    }
    first = xstrndup(text, (size_t)(colon - text));
    if (str_parse_u64(first, &partition, NULL) < 0 ||
        str_parse_u64(colon + 1, &offset, NULL) < 0 || partition > INT32_MAX ||
        offset >= INT64_MAX) {
        return false;
    }
    *out = (struct dead_position){(int32_t)partition, (int64_t)offset};
    return true;
}

struct dead_position dead_position_of(const struct dead *d, const char *text)
{
    struct dead_position position;

    if (!read_position(text, &position)) {
        cli_usage_error(d->spec,
                        "'%s' is no position; write PARTITION:OFFSET, as in "
                        "3:17",
                        text);
    }
    return position;
}

static uint64_t read_time(const struct dead *d, const char *option,
                          const char *text)
{
    uint64_t unix_ms = 0;
    struct err e = {0};

    if (text &&
        times_parse_past(text, clock_unix_ns() / NS_PER_MS, &unix_ms, &e) < 0) {
        cli_usage_error(d->spec, "--%s: %s", option, e.msg);
    }
    return unix_ms;
}

void dead_choose(struct dead *d)
{
    struct letter_filter *filter = &d->options.filter;

    filter->since_unix_ms = read_time(d, "since", d->options.since);
    filter->until_unix_ms = read_time(d, "until", d->options.until);
    if (d->options.since && d->options.until &&
        filter->since_unix_ms >= filter->until_unix_ms) {
        cli_usage_error(d->spec, "--since %s is not before --until %s",
                        d->options.since, d->options.until);
    }
    d->positions = xcalloc(d->cli.args.count, sizeof(*d->positions));
    for (size_t i = 1; i < d->cli.args.count; i++) {
        d->positions[d->count++] = dead_position_of(d, d->cli.args.items[i]);
    }
}

/* A topic that is missing, or closed to us, says so itself. */
static NORETURN void die_of(const struct err *e)
{
    cli_die(CLI_EXIT_FAILED, "%s%s", e->msg,
            e->kind == ERR_RETRY
                ? "; is Kafka there? --brokers ADDR names another"
                : "");
}

static bool is_meant(const struct dead *d, const struct dead_letter *letter)
{
    return letter_filter_takes(&d->options.filter, &letter->says,
                               &letter->identity, letter->timestamp_ms,
                               d->cli.config.topics_prefix);
}

void dead_each(struct dead *d,
               void (*do_one)(struct dead *d, const struct dead_letter *letter,
                              void *arg),
               void *arg)
{
    struct dead_reader *reader = NULL;
    struct dead_letter letter;
    struct err e = {0};
    int got = 0;

    if (dead_reader_open(&d->cli.config, d->positions, d->count, &reader, &e) <
        0) {
        die_of(&e);
    }
    while ((d->options.limit == 0 || d->seen < d->options.limit) &&
           !ferror(stdout) &&
           (got = dead_reader_next(reader, &letter, &e)) > 0) {
        if (is_meant(d, &letter)) {
            d->seen++;
            do_one(d, &letter, arg);
        }
    }
    if (got < 0) {
        die_of(&e);
    }
    dead_reader_close(reader);
}
