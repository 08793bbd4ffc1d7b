/* SPDX-License-Identifier: MIT */
/* main.c - in how many ways n queens leave each other alone. Runs in a box of
 * the demo. Never reads anything but its argument. */
#include <stdio.h>
#include <stdlib.h>

/* A bit per column, and per diagonal as it leaves the rows above. */
static int ways(unsigned all, unsigned columns, unsigned left, unsigned right)
{
    int count = 0;

    if (columns == all) {
        return 1;
    }
    for (unsigned free_columns = all & ~(columns | left | right); free_columns;
         free_columns &= free_columns - 1) {
        unsigned here = free_columns & -free_columns;
        count +=
            ways(all, columns | here, (left | here) << 1, (right | here) >> 1);
    }
    return count;
}

int main(int argc, char **argv)
{
    int n = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 8;

    (void)printf("%d queens: %d ways\n", n, ways((1U << n) - 1, 0, 0, 0));
    return 0;
}
