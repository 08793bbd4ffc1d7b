/* SPDX-License-Identifier: MIT */
/* fy_id.c - names for jobs that have none. Runs in any program. */
#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/clock.h"
#include "lib/forkyard.h"

static int random_bytes(unsigned char *out, size_t len)
{
    ssize_t got;

    /* So few come whole, or not at all. */
    do {
        got = getrandom(out, len, 0);
    } while (got < 0 && errno == EINTR);
    return got == (ssize_t)len ? 0 : -1;
}

int fy_id_new(char out[FY_ID_SIZE])
{
    unsigned char b[16];
    uint64_t ms = clock_unix_ns() / 1000000;

    if (random_bytes(b, sizeof(b)) < 0) {
        return -1;
    }
    for (int i = 0; i < 6; i++) {
        b[i] = (unsigned char)(ms >> (8 * (5 - i)));
    }
    b[6] = (unsigned char)(0x70 | (b[6] & 0x0f)); /* version 7 */
    b[8] = (unsigned char)(0x80 | (b[8] & 0x3f)); /* RFC 9562 variant */
    (void)snprintf(out, FY_ID_SIZE,
                   "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
                   "%02x%02x%02x%02x%02x%02x",
                   b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9],
                   b[10], b[11], b[12], b[13], b[14], b[15]);
    return 0;
}
