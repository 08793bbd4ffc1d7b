/* SPDX-License-Identifier: MIT */
/* judge.h - whether what a program wrote is what was expected, as online
 * judges see it: line by line, byte by byte, but white space at the end of a
 * line and empty lines at the end do not count. Pure. */
#pragma once

#include <stdbool.h>

#include "base/buf.h"

/* Lines end at '\n'. White space is space, tab, '\r', '\v' and '\f'. That at
 * the beginning or in the middle of a line counts, as empty lines between
 * others do. */
bool judge_same(struct view got, struct view expected);
