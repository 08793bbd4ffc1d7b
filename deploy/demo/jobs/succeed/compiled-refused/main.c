/* SPDX-License-Identifier: MIT */
/* main.c - asks for two things that no box gives. Runs in a box of the demo.
 * Never succeeds at them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>

#define TARGET "/workspace" /* only boxes have it */

int main(void)
{
    int is_mounted = mount("none", TARGET, "tmpfs", 0, NULL) == 0;
    const char *mount_says = is_mounted ? "done" : strerror(errno);
    int is_traced = ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
    const char *ptrace_says = is_traced ? "done" : strerror(errno);

    (void)printf("mount: %s, ptrace: %s\n", mount_says, ptrace_says);
    return is_mounted || is_traced;
}
