/* SPDX-License-Identifier: MIT */
/* attack.h - what the attack_*.c programs share. Each is a table of attacks on
 * what all boxes of a machine have in common; tests/sys/attack_test.c runs one
 * of them in a box and says how it must end.
 *
 *   PROGRAM NAME MS TOKEN    goes on for MS milliseconds where it could go on
 *                            for ever; TOKEN is for others to find it by
 *
 * "up" is printed before anything else, "told N" where a number is to be
 * looked at. Exit 0: all that can be had was had. Exit 1: refused. Others are
 * the attack's own. Static programs of plain libc. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ATTACK_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ATTACK_MIB          (UINT64_C(1) << 20)
/* No attack takes more than this from a machine that does not stop it. */
#define ATTACK_MAX_BYTES (256 * ATTACK_MIB)
/* An attack that could not be made as meant: nothing was shown. */
#define ATTACK_BROKEN 99
#define UNUSED_HERE   __attribute__((unused))
#define ENDLESS       __attribute__((noreturn))

struct attack {
    const char *name;
    int (*run)(void);
};

static uint64_t attack_until_us;
static char **attack_argv;

static uint64_t now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

UNUSED_HERE static bool goes_on(void)
{
    return now_us() < attack_until_us;
}

/* Keeps what it has for as long as the attack is to last. */
UNUSED_HERE static void hold(void)
{
    while (goes_on()) {
        const struct timespec moment = {0, 5000000};

        (void)nanosleep(&moment, NULL);
    }
}

/* Not stdio: many processes, and output that may be closed. */
UNUSED_HERE static void tell(uint64_t number)
{
    char line[40];
    int len =
        snprintf(line, sizeof(line), "told %llu\n", (unsigned long long)number);

    (void)!write(STDOUT_FILENO, line, (size_t)len);
}

UNUSED_HERE ENDLESS static void sleep_for_ever(void)
{
    for (;;) {
        (void)pause();
    }
}

UNUSED_HERE static int attack_main(int argc, char **argv,
                                   const struct attack *attacks, size_t count)
{
    const char *until = getenv("ATTACK_UNTIL"); /* of one that starts itself */

    if (argc < 4) {
        (void)fprintf(stderr, "%s NAME MS TOKEN\n", argv[0]);
        return ATTACK_BROKEN;
    }
    attack_argv = argv;
    attack_until_us = until ? strtoull(until, NULL, 10)
                            : now_us() + strtoull(argv[2], NULL, 10) * 1000;
    if (!until) {
        (void)!write(STDOUT_FILENO, "up\n", 3);
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(attacks[i].name, argv[1]) == 0) {
            return attacks[i].run();
        }
    }
    return ATTACK_BROKEN;
}
