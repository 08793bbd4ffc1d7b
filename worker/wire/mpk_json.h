/* SPDX-License-Identifier: MIT */
/* mpk_json.h - messages for people: msgpack to JSON and back.
 *
 * Bytes (msgpack bin) become text when they are UTF-8 without NUL, otherwise
 * {"base64": "..."}. The way back knows that object as bytes. */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "wire/mpk.h"

/* A new reference in *out. Keys that are no text become text; extension types
 * become {"ext": type, "base64": "..."}; NaN and infinities become null. */
int mpk_json_from(const void *data, size_t len, json_t **out,
                  struct err *e) MUST_USE;

/* A new reference: text, or {"base64": "..."}; NULL: no memory. */
json_t *mpk_json_bytes(struct view bytes);

/* Appends the msgpack of a JSON value nested at most MPK_MAX_DEPTH deep. */
int mpk_json_to(const json_t *json, struct buf *b, struct err *e) MUST_USE;
