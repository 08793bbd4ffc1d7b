/* SPDX-License-Identifier: MIT */
/* bpf.h - what a filter program answers, without loading it. */
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>

/* Fails the test for a program the kernel would not take: an instruction it
 * does not know, a jump or a load beyond the end. out_steps may be NULL. */
uint32_t bpf_run(const struct sock_filter *code, size_t count,
                 const struct seccomp_data *data, size_t *out_steps);
