/* SPDX-License-Identifier: MIT */
/* dev_watch.h - has the embedded broker dropped a job nobody finished?
 *
 * The embedded broker keeps 5 MiB per partition and drops the oldest records
 * without a word. This watch compares the low watermark of every jobs
 * partition with what the worker group has committed.
 *
 * Happy path: dev_watch_check() every few seconds, from any one thread.
 *
 * Failures: a broker that does not answer is ERR_RETRY; nothing is concluded.
 * A partition is called lost only when the group's commit is still behind the
 * low watermark of the check before: commits trail finished jobs by a
 * moment. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "wire/config.h"

struct dev_watch;

struct dev_watch_report {
    uint64_t lost;    /* jobs dropped before they were finished */
    uint64_t waiting; /* jobs not finished */
    char where[256];  /* topic and partition of the first loss */
};

/* Watches prefix + "jobs." + queue for each queue of topics.queues. */
int dev_watch_open(const struct config *config, struct dev_watch **out,
                   struct err *e) MUST_USE;
/* Blocks, at most a few seconds. is_final: no worker runs any more, so that
 * commits trail nothing. */
int dev_watch_check(struct dev_watch *watch, bool is_final,
                    struct dev_watch_report *out, struct err *e) MUST_USE;
void dev_watch_close(struct dev_watch *watch); /* accepts NULL */
