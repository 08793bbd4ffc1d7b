/* SPDX-License-Identifier: MIT */
/* collect.h - brings files back out of a box: what the job named, and what
 * lies below a folder. Runs in box init, when every other process of the box
 * is dead and so nothing moves any more; with the job's own user id, without
 * capabilities, behind the same system call filter.
 *
 * What a job left there may be anything. Nothing is opened that is not a
 * regular file or a folder, no link is followed, nothing outside of the
 * workspace is reached, and every count has a bound. */
#pragma once

#include <stdbool.h>

#include "base/base.h"
#include "wire/bundle.h"

/* Folders inside each other that are looked into. */
#define COLLECT_DEPTH_MAX 64
/* Entries of all kinds that a walk looks at: a tenth of a second. */
#define COLLECT_SEEN_MAX 100000

/* Whether there is anything to look at: cheap, and false for most jobs.
 * wanted: the bundle's reader, after the last file. */
bool collect_is_due(int workspace_fd, const struct bundle_reader *wanted);
/* Writes a collection (wire/collection.h) to out_fd, a pipe. Stops without an
 * end when nobody reads any more. No heap, no locks: safe after clone. */
void collect_run(int workspace_fd, const struct bundle_reader *wanted,
                 int out_fd);
