/* SPDX-License-Identifier: MIT */
/* mime.h - a media type for a file, from its name, else from its bytes. A
 * guess for whoever shows it: nothing here decides anything. */
#pragma once

#include "base/buf.h"

/* content absent: not known. Static text, never NULL. */
const char *mime_type(struct view path, struct view content);
