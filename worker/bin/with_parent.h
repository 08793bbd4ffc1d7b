/* SPDX-License-Identifier: MIT */
/* with_parent.h - `forkyard with-parent`: a child that ends with its parent. */
#pragma once

/* with-parent PID -- CMD...: becomes CMD, killed when its parent PID ends. */
int with_parent_main(int argc, char **argv);
