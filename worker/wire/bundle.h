/* SPDX-License-Identifier: MIT */
/* bundle.h - what a payload is started with: argv, environment, working
 * directory, files.
 *
 * Written by the engine into a sealed memfd, carried by the launcher without a
 * look inside, read by the box's own init after all privilege is gone. So the
 * process that holds privilege never parses what a job brought.
 *
 * Layout, host byte order (both ends are one program on one machine):
 *
 *     struct bundle_head
 *     argc + envc strings, then cwd: u32 length, bytes, NUL
 *     per file: u32 mode, u32 path length, u64 content length,
 *               path bytes, NUL, content
 *     and, when something is to come back: u64 room, u64 bytes and u64 number
 *     of what is found, string of the folder; u64 count of fetches, for each
 *     u64 most bytes, string of the path
 *
 * Reading never allocates and trusts no length. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"

#define BUNDLE_MAGIC    0x31626666u /* "ffb1" */
#define BUNDLE_ARGS_MAX 131072u     /* the kernel's own bound is the stack */
#define BUNDLE_PATH_MAX 4096u

struct bundle_head {
    uint32_t magic;
    uint32_t argc;
    uint32_t envc;
    uint32_t file_count;
};

struct bundle_file {
    const char *path; /* terminated, relative to /workspace */
    uint32_t mode;    /* permission bits */
    struct view content;
};

/* What the box is to bring back when all of it is dead; see collection.h. */
struct bundle_wanted {
    uint64_t room_bytes;  /* all names and contents together */
    uint64_t found_bytes; /* contents of what is found, together */
    uint64_t max_found;   /* files found below the folder; 0: do not look */
    const char *folder;   /* terminated, below /workspace; ".": all of it */
    uint64_t fetch_count; /* files named one by one */
};

struct bundle_fetch {
    uint64_t max_bytes;
    const char *path; /* terminated, relative to /workspace */
};

/* Writing: begin, then strings in order, then files, then what is wanted with
 * its fetches, or nothing. */
int bundle_begin(struct buf *b, uint32_t argc, uint32_t envc,
                 uint32_t file_count, struct err *e) MUST_USE;
int bundle_string(struct buf *b, struct view s, struct err *e) MUST_USE;
int bundle_file(struct buf *b, const struct bundle_file *file,
                struct err *e) MUST_USE;

int bundle_wanted(struct buf *b, const struct bundle_wanted *wanted,
                  struct err *e) MUST_USE;
int bundle_fetch(struct buf *b, struct view path, uint64_t max_bytes,
                 struct err *e) MUST_USE;

/* Reading: a cursor over bytes that outlive it. */
struct bundle_reader {
    struct bundle_head head;
    const uint8_t *at;
    const uint8_t *end;
};

/* -1 when the bytes are not a bundle; errno is not set. Safe after clone. */
int bundle_open(struct bundle_reader *r, const void *data, size_t len);
/* The next string, terminated; NULL when the bytes end or lie. */
const char *bundle_next_string(struct bundle_reader *r);
int bundle_next_file(struct bundle_reader *r, struct bundle_file *out);
/* After the last file. A bundle that wants nothing gives zeros. */
int bundle_next_wanted(struct bundle_reader *r, struct bundle_wanted *out);
int bundle_next_fetch(struct bundle_reader *r, struct bundle_fetch *out);
