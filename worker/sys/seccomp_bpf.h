/* SPDX-License-Identifier: MIT */
/* seccomp_bpf.h - the shortest program that gives each call its answer.
 *
 * Runs in the worker, once, at boot; pure: asks no library and no kernel. The
 * kernel copies, checks, converts and compiles a program anew for each box, and
 * walks it for each call number, so that its length is paid per job. Never
 * gives out a program with a jump that does not reach: it fails. */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "sys/seccomp_rules.h"

/* Above every call number of x86_64 and aarch64 (both below 600). */
#define SECCOMP_BPF_CALLS 1024

enum seccomp_bpf_answer {
    SECCOMP_BPF_ENOSYS, /* what is not named, and all numbers beyond */
    SECCOMP_BPF_ALLOW,
    SECCOMP_BPF_EPERM,
    SECCOMP_BPF_KILL,
    SECCOMP_BPF_ROW, /* ROW + i: rows[i] and those of its name behind it */
};
#define SECCOMP_BPF_ROWS 32

struct seccomp_bpf_spec {
    uint32_t audit_arch; /* any other is killed */
    bool has_x32;        /* numbers with bit 30 are x32's: killed */
    uint8_t answers[SECCOMP_BPF_CALLS];
    const struct seccomp_row *rows; /* borrowed */
    size_t row_count;
};

/* *out_code is the caller's to free. */
int seccomp_bpf_build(const struct seccomp_bpf_spec *spec,
                      struct sock_filter **out_code, size_t *out_count,
                      struct err *e) MUST_USE;
