/* SPDX-License-Identifier: MIT */
/* with_parent.h - `forkyard with-parent`: a child that ends with its parent. */
#pragma once

/* As shells have it: the command is not there. */
#define WITH_PARENT_EXIT_NOT_FOUND 127

/* with-parent PID -- CMD...: becomes CMD, killed when its parent PID ends. Its
 * stdin must be a socket that only the parent holds the other end of, and that
 * nothing is written to. */
int with_parent_main(int argc, char **argv);
