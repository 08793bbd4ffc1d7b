/* SPDX-License-Identifier: MIT */
/* absent.h - for tests: a kernel that lacks some calls. */
#pragma once

/* From here on, in this process and its children, the calls from first to
 * last answer ENOSYS. 0, or -1 with errno. */
int absent_calls(unsigned first, unsigned last);
/* A sandbox around us has the one listener that the kernel allows. */
int absent_listener(void);
