/* SPDX-License-Identifier: MIT */
/* backlog.c - see backlog.h. */
#include "run/backlog.h"

#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "base/mem.h"
#include "run/timed.h"

/* Held in memory at most, with their messages. */
#define HELD_MAX       10000U
#define HELD_MAX_BYTES 67108864U

/* A key whose turn somebody has. */
struct backlog_key {
    UT_hash_handle hh;
    struct work *behind; /* in the order they came */
    size_t len;
    char text[];
};

struct backlog {
    struct timed *timed;
    struct backlog_key *keys;
    struct work *ready; /* may begin, when there is a slot */
    size_t count;
    size_t bytes;
    void (*on_ready)(void *arg);
    void *arg;
};

static size_t size_of(const struct work *w)
{
    return sizeof(*w) + w->msg.value.len + w->arena.used;
}

static void hold(struct backlog *b, const struct work *w)
{
    b->count++;
    b->bytes += size_of(w);
}

static void let_go(struct backlog *b, const struct work *w)
{
    b->count--;
    b->bytes -= size_of(w);
}

static void make_ready(struct backlog *b, struct work *w)
{
    DL_APPEND(b->ready, w);
}

static void on_due(void *thing, void *arg)
{
    struct backlog *b = arg;

    make_ready(b, thing);
    b->on_ready(b->arg);
}

struct backlog *backlog_open(uv_loop_t *loop, void (*on_ready)(void *arg),
                             void *arg)
{
    struct backlog *b = xcalloc(1, sizeof(*b));

    b->timed = timed_open(loop, on_due, b);
    b->on_ready = on_ready;
    b->arg = arg;
    return b;
}

void backlog_wait(struct backlog *b, struct work *w, uint64_t due_unix_ms)
{
    hold(b, w);
    timed_add(b->timed, due_unix_ms, w);
}

void backlog_ready(struct backlog *b, struct work *w)
{
    hold(b, w);
    make_ready(b, w);
}

/* ---- turns --------------------------------------------------------------- */

static struct view key_of(const struct work *w)
{
    return w->job.session_id.data ? w->job.session_id : w->job.ordering_key;
}

/* The tenant's id has no NUL in it. */
static struct backlog_key *key_new(const struct work *w)
{
    struct view tenant = w->job.tenant_id;
    struct view key = key_of(w);
    size_t len = tenant.len + 1 + key.len;
    struct backlog_key *k = xcalloc(1, sizeof(*k) + len);

    k->len = len;
    memcpy(k->text, tenant.data ? tenant.data : "", tenant.len);
    memcpy(k->text + tenant.len + 1, key.data, key.len);
    return k;
}

bool backlog_enter(struct backlog *b, struct work *w)
{
    struct backlog_key *found = NULL;
    struct backlog_key *k = NULL;

    if (w->turn || !key_of(w).data) {
        return true;
    }
    k = key_new(w);
    HASH_FIND(hh, b->keys, k->text, k->len, found);
    if (found) {
        free(k);
        hold(b, w);
        DL_APPEND(found->behind, w);
        return false;
    }
    HASH_ADD(hh, b->keys, text, k->len, k);
    w->turn = k;
    return true;
}

void backlog_leave(struct backlog *b, struct work *w)
{
    struct backlog_key *k = w->turn;
    struct work *next = k ? k->behind : NULL;

    w->turn = NULL;
    if (next) {
        DL_DELETE(k->behind, next);
        next->turn = k;
        make_ready(b, next);
    } else if (k) {
        HASH_DEL(b->keys, k);
        free(k);
    }
}

void backlog_replace(struct work *old, struct work *w)
{
    w->turn = old->turn;
    old->turn = NULL;
}

/* ---- what is held -------------------------------------------------------- */

struct work *backlog_next(struct backlog *b)
{
    struct work *w = b->ready;

    if (w) {
        DL_DELETE(b->ready, w);
        let_go(b, w);
    }
    return w;
}

bool backlog_is_full(const struct backlog *b)
{
    return b->count >= HELD_MAX || b->bytes >= HELD_MAX_BYTES;
}

size_t backlog_count(const struct backlog *b)
{
    return b->count;
}

static struct work *take_of(struct work **list,
                            bool (*is_meant)(const void *work))
{
    struct work *w = NULL;

    DL_FOREACH(*list, w)
    {
        if (!is_meant || is_meant(w)) {
            DL_DELETE(*list, w);
            return w;
        }
    }
    return NULL;
}

static struct work *take_behind(struct backlog *b,
                                bool (*is_meant)(const void *work))
{
    struct work *w = NULL;

    for (struct backlog_key *k = b->keys; k && !w; k = k->hh.next) {
        w = take_of(&k->behind, is_meant);
    }
    return w;
}

struct work *backlog_take(struct backlog *b, bool (*is_meant)(const void *work))
{
    /* Those behind first: nobody is to have a turn because of us. */
    struct work *w = take_behind(b, is_meant);

    w = w ? w : take_of(&b->ready, is_meant);
    w = w ? w : timed_take(b->timed, is_meant);
    if (w) {
        let_go(b, w);
    }
    return w;
}

void backlog_close(struct backlog *b)
{
    timed_close(b->timed);
    free(b);
}
