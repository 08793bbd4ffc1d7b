/* SPDX-License-Identifier: MIT */
/* log_none.c - base/log.h for a library: it says nothing. Takes the place of
 * base/log.c in libforkyard, and is in no program. What a user of the library
 * should know is in errors and in fy_client_trouble(). */
#include "base/log.h"

bool log_enabled(enum log_level level)
{
    (void)level;
    return false;
}

void log_line(enum log_level level, const char *event, const char *fields, ...)
{
    (void)level;
    (void)event;
    (void)fields;
}
