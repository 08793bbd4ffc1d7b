/* SPDX-License-Identifier: MIT */
/* client.h - the producer's side of forkyard: jobs out, results in.
 *
 * Happy path: client_open() fixes where in the results topic we start reading,
 * then client_send() any number of jobs, client_flush() until all are durable,
 * client_next() for the results (and, when asked for, the output chunks).
 *
 * Failures: a job the broker did not acknowledge is counted by client_flush().
 *
 * Blocking; for the command line tools, never for a worker. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "wire/config.h"
#include "wire/job.h"

#define CLIENT_ID_SIZE 37 /* a UUID and its end */

struct client;

/* A UUIDv7: sorts by time of birth. */
void client_new_id(char dst[CLIENT_ID_SIZE]);

/* Output besides results only where its topic can be read: see
 * client_has_output(). */
enum client_reads {
    CLIENT_READS_NOTHING,
    CLIENT_READS_RESULTS,
    CLIENT_READS_OUTPUT_TOO,
};

/* is_quick: one job, and a person waits for its result: asked for often, sent
 * without idempotence. Where Kafka does not answer the error names the address
 * and a remedy. */
int client_open(struct config *config, enum client_reads reads, bool is_quick,
                struct client **out, struct err *e) MUST_USE;
/* A job of ours: bytes is its encoding, job what it says. Blocks while the
 * local queue is full. */
int client_send(struct client *client, const char *queue, const struct job *job,
                struct view bytes, struct err *e) MUST_USE;
/* Waits until every job is acknowledged; the number that were not, with the
 * last reason in *e. */
size_t client_flush(struct client *client, int timeout_ms, struct err *e);
/* 1 with the bytes of a result, valid until the next call; 0 at the timeout;
 * -1 when reading cannot go on. */
int client_next(struct client *client, int timeout_ms, struct view *out_value,
                struct err *e) MUST_USE;
bool client_has_output(const struct client *client);
/* Is what client_next() gave a record of the output topic? */
bool client_is_output(const struct client *client);
void client_close(struct client *client); /* accepts NULL */

/* Strings already seen. The first result of a job is the one that counts. */
struct client_seen;
/* True when it was not there; it is now. */
bool client_seen_add(struct client_seen **set, struct view id);
bool client_seen_has(struct client_seen *set, struct view id);
void client_seen_free(struct client_seen **set);
