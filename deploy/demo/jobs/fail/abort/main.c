/* SPDX-License-Identifier: MIT */
/* main.c - says why and aborts. Runs in a box of the demo. Never returns. */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    (void)fputs("cannot go on\n", stderr);
    abort();
}
