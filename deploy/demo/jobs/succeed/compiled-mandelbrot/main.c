/* SPDX-License-Identifier: MIT */
/* main.c - the Mandelbrot set in characters. Runs in a box of the demo. Never
 * reads anything. */
#include <stdio.h>

#define ROWS    11
#define COLUMNS 40
#define STEPS   60

static int is_inside(double x, double y)
{
    double re = 0;
    double im = 0;

    for (int i = 0; i < STEPS; i++) {
        double next = re * re - im * im + x;
        im = 2 * re * im + y;
        re = next;
        if (re * re + im * im > 4) {
            return 0;
        }
    }
    return 1;
}

int main(void)
{
    (void)printf("%d x %d characters\n", COLUMNS, ROWS);
    for (int row = 0; row < ROWS; row++) {
        for (int column = 0; column < COLUMNS; column++) {
            double x = -2.1 + 2.8 * column / (COLUMNS - 1);
            double y = -1.0 + 2.0 * row / (ROWS - 1);
            (void)putchar(is_inside(x, y) ? '#' : '.');
        }
        (void)putchar('\n');
    }
    return 0;
}
