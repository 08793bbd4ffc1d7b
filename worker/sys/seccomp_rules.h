/* SPDX-License-Identifier: MIT */
/* seccomp_rules.h - the rows of seccomp_rules.c. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "sys/seccomp.h"

/* Who may: one bit per profile (seccomp.h). What only others may is unknown. */
enum {
    SECCOMP_FOR_PROGRAM = 1 << SECCOMP_PROGRAM,
    SECCOMP_FOR_COMPILER = 1 << SECCOMP_COMPILER,
    SECCOMP_FOR_ALL = (1 << SECCOMP_PROFILES) - 1,
};

/* Passed when (arg & mask) == value. */
struct seccomp_test {
    unsigned arg;
    uint64_t mask;
    uint64_t value;
};

/* Allowed when all its tests pass. Rows of one call stand together and are
 * alternatives; when none holds, the call answers EPERM. A test without a mask
 * is not there; the first always is. */
struct seccomp_row {
    const char *name;
    unsigned profiles; /* SECCOMP_FOR_... */
    struct seccomp_test tests[2];
};

/* Names that are only compared by number need one string for many. */
struct seccomp_group {
    const char *reason;
    const char *const *names; /* NULL-terminated */
    unsigned profiles;        /* SECCOMP_FOR_... */
};

extern const struct seccomp_group seccomp_allowed[];
extern const size_t seccomp_allowed_count;
extern const struct seccomp_row seccomp_conditional[];
extern const size_t seccomp_conditional_count;
extern const struct seccomp_group seccomp_forbidden[];
extern const size_t seccomp_forbidden_count;
/* Whoever makes one ends its job. */
extern const struct seccomp_group seccomp_ending[];
extern const size_t seccomp_ending_count;
