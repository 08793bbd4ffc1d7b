/* SPDX-License-Identifier: MIT */
/* dead_sender.h - sends the jobs of dead letters again. For the command line
 * tools. Blocking; no loop. */
#pragma once

#include <stddef.h>

#include "base/base.h"
#include "base/err.h"
#include "svc/dead_letters.h"
#include "wire/config.h"

struct dead_sender;

/* The broker has not taken one, and why. Called in _send and _wait. */
typedef void (*dead_sender_failed_fn)(struct dead_position at, const char *why,
                                      void *arg);

int dead_sender_open(const struct config *config,
                     dead_sender_failed_fn on_failed, void *arg,
                     struct dead_sender **out, struct err *e) MUST_USE;
/* Where it goes, on the heap: to this queue of jobs, or (NULL) to the topic
 * that it came from. ERR_INPUT: that is no topic of jobs. */
int dead_sender_topic(const struct config *config,
                      const struct dead_letter *letter, const char *queue,
                      char **out, struct err *e) MUST_USE;
/* Its bytes and key as they came, and what letter_keeps() of its headers, to
 * dead_sender_topic(), whose failure is the only one here. Copies. */
int dead_sender_send(struct dead_sender *sender,
                     const struct dead_letter *letter, const char *queue,
                     struct err *e) MUST_USE;
/* Until the broker has taken each, or has not. */
void dead_sender_wait(struct dead_sender *sender);
size_t dead_sender_delivered(const struct dead_sender *sender);
size_t dead_sender_failed(const struct dead_sender *sender);
void dead_sender_close(struct dead_sender *sender); /* accepts NULL */
