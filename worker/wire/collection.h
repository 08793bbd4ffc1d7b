/* SPDX-License-Identifier: MIT */
/* collection.h - the files that come back out of a box.
 *
 * Written by box init, when every other process of the box is dead, into a
 * pipe; gathered by the engine into memory of its own and read there. The
 * engine believes none of it: an init that a job had taken over could write
 * anything, but no more of it than there is room, and nothing that the reader
 * lets through can name a place outside of the box or lie about a length.
 *
 * Layout, host byte order (both ends are one program on one machine):
 *
 *     per file: struct collection_head, path bytes, content bytes
 *     at last:  a head of kind END, whose content is a struct collection_left
 *
 * A box in which there was nothing to look at writes nothing at all. Reading
 * never allocates and trusts no length. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/buf.h"

#define COLLECTION_MAGIC    0x31636666u /* "ffc1" */
#define COLLECTION_PATH_MAX 4095u       /* the kernel's, less its NUL */

enum collection_kind {
    COLLECTION_FETCH, /* the answer to the fetch of this index; no path */
    COLLECTION_FOUND, /* found below the folder; path relative to it */
    COLLECTION_END,
};

enum collection_state {
    COLLECTION_WHOLE,
    COLLECTION_CUT,        /* the first bytes, as many as were asked for */
    COLLECTION_NO_ROOM,    /* it is there, its content is not sent */
    COLLECTION_MISSING,    /* nothing is there */
    COLLECTION_NO_FILE,    /* no regular file, or a link on the way to it */
    COLLECTION_UNREADABLE, /* sys says why */
    COLLECTION_STATE_COUNT,
};

/* What a walk leaves out, and why. */
enum collection_left_kind {
    COLLECTION_LEFT_LINK,
    COLLECTION_LEFT_SPECIAL, /* fifo, socket, device */
    COLLECTION_LEFT_UNREADABLE,
    COLLECTION_LEFT_DEEP,      /* folders too deep to be looked into */
    COLLECTION_LEFT_LONG,      /* paths too long to be named */
    COLLECTION_LEFT_MANY,      /* files over the number that may be named */
    COLLECTION_LEFT_NO_FOLDER, /* 1: the folder itself is none */
    COLLECTION_LEFT_UNSEEN, /* 1: there were more entries than are looked at */
    COLLECTION_LEFT_COUNT,
};

struct collection_left {
    uint64_t counts[COLLECTION_LEFT_COUNT];
};

struct collection_head {
    uint32_t magic;
    uint32_t kind;
    uint32_t state;
    uint32_t sys;      /* errno of UNREADABLE */
    uint32_t mode;     /* permission bits */
    uint32_t path_len; /* bytes; no NUL in them, and none after them */
    uint64_t index;
    uint64_t size_bytes; /* of the file, holes included */
    uint64_t content_len;
};

struct collection_entry {
    struct collection_head head;
    struct view path;
    struct view content;
};

/* A cursor over bytes that outlive it. */
struct collection_reader {
    const uint8_t *at;
    const uint8_t *end;
    uint64_t fetches;   /* still to be answered, from next_fetch on */
    uint64_t max_found; /* still allowed */
    uint64_t next_fetch;
    struct collection_left left;
};

/* What the writer puts in front of path and content. */
void collection_head_init(struct collection_head *head,
                          enum collection_kind kind);

/* Entries come in this order, or the bytes are refused: every fetch once, by
 * its index; what was found; the end. */
void collection_open(struct collection_reader *r, struct view bytes,
                     uint64_t fetches, uint64_t max_found);
/* 1: *out is the next entry; 0: that was the end, and r->left is filled; -1:
 * the bytes break off, or lie. */
int collection_next(struct collection_reader *r,
                    struct collection_entry *out) MUST_USE;
