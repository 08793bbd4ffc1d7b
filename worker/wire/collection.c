/* SPDX-License-Identifier: MIT */
/* collection.c - see collection.h. Box init writes, the engine reads. */
#include "wire/collection.h"

#include <stdbool.h>
#include <string.h>

void collection_head_init(struct collection_head *head,
                          enum collection_kind kind)
{
    memset(head, 0, sizeof(*head));
    head->magic = COLLECTION_MAGIC;
    head->kind = (uint32_t)kind;
}

void collection_open(struct collection_reader *r, struct view bytes,
                     uint64_t fetches, uint64_t max_found)
{
    memset(r, 0, sizeof(*r));
    r->at = (const uint8_t *)bytes.data;
    r->end = r->at + bytes.len;
    r->fetches = fetches;
    r->max_found = max_found;
}

/* A path that stays below the folder it is relative to: no empty part, no dot,
 * no "..", no NUL. */
static bool is_below(struct view path)
{
    const char *at = path.data;
    const char *end = path.data + path.len;

    if (path.len == 0 || path.len > COLLECTION_PATH_MAX ||
        memchr(path.data, 0, path.len)) {
        return false;
    }
    for (;;) {
        const char *slash = memchr(at, '/', (size_t)(end - at));
        const char *stop = slash ? slash : end;
        const struct view part = {at, (size_t)(stop - at)};

        if (part.len == 0 || view_is(part, ".") || view_is(part, "..")) {
            return false;
        }
        if (!slash) {
            return true;
        }
        at = slash + 1;
    }
}

/* How much content may come with each state. */
static bool is_content_right(const struct collection_head *head)
{
    switch ((enum collection_state)head->state) {
    case COLLECTION_WHOLE:
        return head->content_len == head->size_bytes;
    case COLLECTION_CUT:
        return head->content_len < head->size_bytes;
    case COLLECTION_NO_ROOM:
    case COLLECTION_MISSING:
    case COLLECTION_NO_FILE:
    case COLLECTION_UNREADABLE:
        return head->content_len == 0;
    case COLLECTION_STATE_COUNT:
    default:
        return false;
    }
}

static bool is_fetch_right(const struct collection_reader *r,
                           const struct collection_head *head)
{
    return r->fetches > 0 && head->index == r->next_fetch &&
           head->path_len == 0 && is_content_right(head);
}

/* A walk names files that are there, and does not cut them. */
static bool is_found_right(const struct collection_reader *r,
                           const struct collection_entry *entry)
{
    return r->fetches == 0 && r->max_found > 0 && is_below(entry->path) &&
           (entry->head.state == COLLECTION_WHOLE ||
            entry->head.state == COLLECTION_NO_ROOM) &&
           is_content_right(&entry->head);
}

static bool is_end_right(const struct collection_reader *r,
                         const struct collection_head *head)
{
    return r->fetches == 0 && head->path_len == 0 &&
           head->content_len == sizeof(r->left) && r->at == r->end;
}

static int take_entry(struct collection_reader *r, struct collection_entry *out)
{
    size_t left = (size_t)(r->end - r->at);

    if (left < sizeof(out->head)) {
        return -1;
    }
    memcpy(&out->head, r->at, sizeof(out->head));
    r->at += sizeof(out->head);
    left -= sizeof(out->head);
    if (out->head.magic != COLLECTION_MAGIC || out->head.path_len > left ||
        out->head.content_len > left - out->head.path_len) {
        return -1;
    }
    out->path = (struct view){(const char *)r->at, out->head.path_len};
    r->at += out->path.len;
    out->content =
        (struct view){(const char *)r->at, (size_t)out->head.content_len};
    r->at += out->content.len;
    return 0;
}

int collection_next(struct collection_reader *r, struct collection_entry *out)
{
    if (take_entry(r, out) < 0) {
        return -1;
    }
    switch (out->head.kind) {
    case COLLECTION_FETCH:
        if (!is_fetch_right(r, &out->head)) {
            return -1;
        }
        r->fetches--;
        r->next_fetch++;
        break;
    case COLLECTION_FOUND:
        if (!is_found_right(r, out)) {
            return -1;
        }
        r->max_found--;
        break;
    case COLLECTION_END:
        if (!is_end_right(r, &out->head)) {
            return -1;
        }
        memcpy(&r->left, out->content.data, sizeof(r->left));
        return 0;
    default:
        return -1;
    }
    out->head.mode &= 0777;
    return 1;
}
