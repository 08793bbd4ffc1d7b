/* SPDX-License-Identifier: MIT */
/* times.h - points in time, as people write them (RFC 3339). Pure. */
#pragma once

#include <stdint.h>

#include "base/base.h"
#include "base/err.h"

#define TIMES_SIZE 32

/* "2026-11-26T22:40:16Z", with a fraction, or an offset such as +01:00 in
 * place of Z: UNIX time in ms. ERR_INPUT: it is none, or before 1970. */
int times_parse(const char *text, uint64_t *out_unix_ms,
                struct err *e) MUST_USE;
/* That, or a duration ("90m", "7d") before now_unix_ms. */
int times_parse_past(const char *text, uint64_t now_unix_ms,
                     uint64_t *out_unix_ms, struct err *e) MUST_USE;
/* UTC, whole seconds; "-" when it is no year of four digits. Returns out. */
const char *times_format(int64_t unix_ms, char out[TIMES_SIZE]);
