/* SPDX-License-Identifier: MIT */
/* main.c - the CRC-32 of stdin. Runs in a box of the demo. Never writes but to
 * stdout. */
#include <inttypes.h>
#include <stdio.h>

#define POLYNOMIAL 0xedb88320U

int main(void)
{
    uint32_t crc = UINT32_MAX;
    unsigned long bytes = 0;

    for (int c = getchar(); c != EOF; c = getchar()) {
        crc ^= (uint32_t)c;
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (POLYNOMIAL & -(crc & 1));
        }
        bytes++;
    }
    (void)printf("%lu bytes, crc32 %08" PRIx32 "\n", bytes, ~crc);
    return 0;
}
