/* SPDX-License-Identifier: MIT */
/* main.c - the longest Collatz chain below the number it is given. Compiled by
 * the worker, in a box of its own. */
#include <stdio.h>
#include <stdlib.h>

static unsigned chain(unsigned long n)
{
    unsigned steps = 1;

    for (; n != 1; steps++) {
        n = n % 2 ? 3 * n + 1 : n / 2;
    }
    return steps;
}

int main(int argc, char **argv)
{
    unsigned long limit = argc > 1 ? strtoul(argv[1], NULL, 10) : 10;
    unsigned long best = 1;

    for (unsigned long n = 2; n < limit; n++) {
        if (chain(n) > chain(best)) {
            best = n;
        }
    }
    printf("below %lu: %lu with %u steps\n", limit, best, chain(best));
    return 0;
}
