/* SPDX-License-Identifier: MIT */
/* main.c - writes where nothing is. Runs in a box of the demo. Never ends
 * well. */
#include <stddef.h>

int main(void)
{
    volatile int *volatile nowhere = NULL; /* or the compiler sees through */

    *nowhere = 1;
    return 0;
}
