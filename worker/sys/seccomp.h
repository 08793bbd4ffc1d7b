/* SPDX-License-Identifier: MIT */
/* seccomp.h - the system call list of a box, compiled once, loaded per job.
 *
 * An allow list: what is not named answers ENOSYS, so that programs take the
 * same fallback as on an older kernel; what must not be is named and answers
 * EPERM. The few calls that no job can have a use for end the job, and so do
 * foreign architectures and x32: they wait for box init, which tells the call
 * and ends the box (seccomp_listen.h). The list is in seccomp_rules.c, how it
 * becomes a short program in seccomp_bpf.c. */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"

/* A box gets one of these lists. */
enum seccomp_profile {
    SECCOMP_PROGRAM,  /* whatever a job runs: interpreters start anything */
    SECCOMP_COMPILER, /* what makes a program of a job's files */
    SECCOMP_PROFILES
};

/* As the result's isolation block names it. */
const char *seccomp_profile_name(uint32_t profile);

struct seccomp_program {
    struct sock_filter *code; /* owned; free with seccomp_done */
    size_t count;
};

struct seccomp_seen; /* seccomp_learn.h */

struct seccomp_set {
    struct seccomp_program programs[SECCOMP_PROFILES];
    /* Where init notes what is refused, and refuses it not; borrowed. NULL in
     * every worker. */
    struct seccomp_seen *seen;
};

/* One that ended a job. */
struct seccomp_call {
    uint32_t arch; /* AUDIT_ARCH_... */
    int32_t number;
};

/* For this machine and its boxes: calls that end a job wait for a listener;
 * with `seen`, so do all that are refused. Uses libseccomp: call it before the
 * launcher is forked. To be freed either way. */
int seccomp_compile(struct seccomp_seen *seen, struct seccomp_set *out,
                    struct err *e) MUST_USE;
void seccomp_set_done(struct seccomp_set *set);
/* One, for an AUDIT_ARCH_...; x86_64 and aarch64, the rest is an error. Calls
 * that end a job kill the process. */
int seccomp_compile_for(uint32_t audit_arch, uint32_t profile,
                        struct seccomp_program *out, struct err *e) MUST_USE;
void seccomp_done(struct seccomp_program *program);
/* Sets no_new_privs and loads the program. *out_listener_fd: where the calls
 * come that end the job, close-on-exec; -1 when a filter further up has one
 * already, which the kernel allows once: then they kill their process, and the
 * program's code is changed to do so. -1 with errno. Safe after clone. */
int seccomp_apply(const struct seccomp_program *program,
                  int *out_listener_fd) MUST_USE;

/* What a profile says to a call of this machine, whatever its arguments. */
enum seccomp_answer {
    SECCOMP_ANSWER_UNKNOWN, /* ENOSYS */
    SECCOMP_ANSWER_ALLOWED,
    SECCOMP_ANSWER_FORBIDDEN, /* EPERM */
    SECCOMP_ANSWER_ENDS,      /* the job */
    SECCOMP_ANSWER_ARGUMENTS, /* some are allowed, others EPERM */
};
int seccomp_answer(uint32_t profile, int32_t number, enum seccomp_answer *out,
                   struct err *e) MUST_USE;

/* Of an architecture that is not this machine's; x32 is one. Pure. */
bool seccomp_call_is_foreign(uint32_t arch, int32_t number);
/* Like "bpf", of another architecture "i386:fork", without a name "x32:999".
 * Uses libseccomp. */
void seccomp_call_name(const struct seccomp_call *call, char *dst,
                       size_t dst_size);
/* Of this machine. */
void seccomp_number_name(int32_t number, char *dst, size_t dst_size);
