/* SPDX-License-Identifier: MIT */
/* client.h - the library's client as the command line tools want it: with
 * their configuration, and texts for people. */
#pragma once

#include <stdbool.h>

#include "base/base.h"
#include "base/err.h"
#include "lib/forkyard.h"
#include "wire/config.h"

/* reads: FY_READ_... is_quick: one job, and a person waits for its result:
 * asked for often, sent without idempotence. Where Kafka does not answer the
 * error names the address and a remedy. */
int client_open(struct config *config, unsigned reads, bool is_quick,
                struct fy_client **out, struct err *e) MUST_USE;
/* Waits while the local queue is full. */
int client_send(struct fy_client *client, struct fy_job *job, const char *queue,
                struct err *e) MUST_USE;
/* Waits until every job is acknowledged. */
int client_flush(struct fy_client *client, int timeout_ms,
                 struct err *e) MUST_USE;
void client_close(struct fy_client *client); /* accepts NULL */
