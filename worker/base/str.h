/* SPDX-License-Identifier: MIT */
/* str.h - numbers, durations and sizes from text; bounded copies. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"

/* Decimal digits only, the whole string. */
int str_parse_u64(const char *s, uint64_t *out, struct err *e) MUST_USE;
int str_parse_i64(const char *s, int64_t *out, struct err *e) MUST_USE;
/* "1500", "1500ms", "30s", "5m", "2h": milliseconds. A bare number is ms. */
int str_parse_duration_ms(const char *s, uint64_t *out, struct err *e) MUST_USE;
/* "4096", "64KiB", "512MiB", "1GiB" (also k, M, G, all powers of 1024). */
int str_parse_size(const char *s, uint64_t *out, struct err *e) MUST_USE;
/* true/false, yes/no, on/off, 1/0. */
int str_parse_bool(const char *s, bool *out, struct err *e) MUST_USE;

/* Copies what fits and terminates; false when the source was cut. */
bool str_copy(char *dst, size_t dst_size, const char *src);
bool str_starts(const char *s, const char *prefix);
/* "4.0 KiB", "1.5 MiB" / "12 ms", "3.4 s" for people. */
void str_format_size(uint64_t bytes, char *dst, size_t dst_size);
void str_format_us(uint64_t us, char *dst, size_t dst_size);
