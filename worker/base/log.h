/* SPDX-License-Identifier: MIT */
/* log.h - one line per event on stderr, as key=value text or JSON.
 *
 *     log_info("job finished", "job_id=%s status=%s", id, status);
 *
 * The format holds space-separated key=%x pairs; a value ends at the next
 * " key=" . Keeps errno. One write() per line, so lines of several processes
 * do not mix. Not for a child between clone and exec. */
#pragma once

#include <stdbool.h>

#include "base/base.h"
#include "base/err.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

void log_set_level(enum log_level level);
void log_set_json(bool on);
/* Shown in every line as worker=...; copied, cut at 63 characters. */
void log_set_name(const char *name);
int log_level_parse(const char *s, enum log_level *out, struct err *e) MUST_USE;
bool log_enabled(enum log_level level);

/* fields may be NULL. */
void log_line(enum log_level level, const char *event, const char *fields, ...)
    PRINTF_LIKE(3, 4);

#define log_debug(event, ...) log_line(LOG_DEBUG, event, __VA_ARGS__)
#define log_info(event, ...)  log_line(LOG_INFO, event, __VA_ARGS__)
#define log_warn(event, ...)  log_line(LOG_WARN, event, __VA_ARGS__)
#define log_error(event, ...) log_line(LOG_ERROR, event, __VA_ARGS__)
