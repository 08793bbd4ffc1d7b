/* SPDX-License-Identifier: MIT */
/* noop.c - the program that bench runs: dynamically linked, does nothing, so
 * that all that is measured is the way there and back. */
int main(void)
{
    return 0;
}
