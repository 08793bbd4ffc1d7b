/* SPDX-License-Identifier: MIT */
/* forkmap.h - what of our memory a child gets at fork. */
#pragma once

#include "base/base.h"
#include "base/err.h"

/* From here on our children are born without the shared libraries, except the
 * C library: box init calls nothing else, and every mapping costs at each clone
 * and again when the box ends. proc_fd: a directory /proc. For a process that
 * never execs by fork alone and whose children call only the C library and
 * what is linked into the program. */
int forkmap_drop_libraries(int proc_fd, struct err *e) MUST_USE;
