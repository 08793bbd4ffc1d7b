/* SPDX-License-Identifier: MIT */
/* shown.h - text of strangers, made fit for a terminal. */
#pragma once

#include <stddef.h>

#include "base/buf.h"

/* At most max_bytes of it, no half character, into out[max_bytes + 1]. What
 * is no UTF-8, moves the cursor, or turns the direction of what follows,
 * becomes '?'. Returns the length. */
size_t shown_text(struct view text, size_t max_bytes, char *out);
/* The same of its first line. */
size_t shown_line(struct view text, size_t max_bytes, char *out);
