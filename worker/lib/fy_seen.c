/* SPDX-License-Identifier: MIT */
/* fy_seen.c - texts already seen: see fy_seen.h. Pure. */
#include "lib/fy_seen.h"

#include <string.h>
#include <uthash.h>

#include "base/mem.h"

struct fy_seen {
    UT_hash_handle hh;
    char id[];
};

bool fy_seen_add(struct fy_seen **set, struct view id)
{
    struct fy_seen *entry = NULL;

    HASH_FIND(hh, *set, id.data, id.len, entry);
    if (entry) {
        return false;
    }
    entry = xcalloc(1, sizeof(*entry) + id.len + 1);
    if (id.len) {
        memcpy(entry->id, id.data, id.len);
    }
    HASH_ADD_KEYPTR(hh, *set, entry->id, id.len, entry);
    return true;
}

void fy_seen_free(struct fy_seen **set)
{
    struct fy_seen *entry;
    struct fy_seen *next;

    HASH_ITER(hh, *set, entry, next)
    {
        HASH_DEL(*set, entry);
        free(entry);
    }
}
