/* SPDX-License-Identifier: MIT */
/* kafka_token.h - tokens for OAUTHBEARER from a file that somebody else keeps
 * fresh: what Kubernetes projects for a service account, or an agent fetches.
 *
 * Happy path: a client asks for a token before it connects, and again when
 * four fifths of its life are over; the file is read each time.
 * Failures: a file that is missing, no JWT or expired is told as an error of
 * authentication with the reason; the client asks again every 10 s.
 * On close: nothing; the file is open only while it is read. */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"

/* Ours, among the properties of librdkafka, because it stands beside them. */
#define KAFKA_TOKEN_FILE "sasl.oauthbearer.token.file"

int kafka_token_configure(rd_kafka_conf_t *conf, const char *path,
                          struct err *e) MUST_USE;
/* After the client was made. Does nothing for one without such a file. */
void kafka_token_start(rd_kafka_t *rk);

#define KAFKA_TOKEN_SUBJECT_MAX 256
/* Of a JWT: when it expires, and whose it is. Its signature is the broker's
 * business. */
int kafka_token_read(const char *token, int64_t *out_expires_ms,
                     char out_subject[KAFKA_TOKEN_SUBJECT_MAX],
                     struct err *e) MUST_USE;
