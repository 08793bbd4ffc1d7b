/* SPDX-License-Identifier: MIT */
/* main.c - asks the kernel to load a module. Runs in a box of the demo. Never
 * gets an answer. */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
    (void)puts("loading a module ...");
    (void)fflush(stdout);
    (void)syscall(SYS_finit_module, 0, "", 0);
    (void)puts("done");
    return 0;
}
