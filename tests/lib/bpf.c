/* SPDX-License-Identifier: MIT */
/* bpf.c - see bpf.h. The part of classic BPF that the kernel lets a seccomp
 * filter have and that filters here use; tests only. */
#include "lib/bpf.h"

#include <stdbool.h>
#include <string.h>

#include "lib/unit.h"

static uint32_t load(const struct seccomp_data *data, uint32_t offset)
{
    uint32_t word = 0;

    assert_true(offset % 4 == 0 && offset + 4 <= sizeof(*data));
    memcpy(&word, (const char *)data + offset, sizeof(word));
    return word;
}

static size_t jump(const struct sock_filter *in, uint32_t a)
{
    bool is_met = false;

    switch (in->code & 0xf0) {
    case BPF_JA:
        return in->k;
    case BPF_JEQ:
        is_met = a == in->k;
        break;
    case BPF_JGE:
        is_met = a >= in->k;
        break;
    case BPF_JGT:
        is_met = a > in->k;
        break;
    case BPF_JSET:
        is_met = (a & in->k) != 0;
        break;
    default:
        fail_msg("jump %x", in->code);
    }
    return is_met ? in->jt : in->jf;
}

uint32_t bpf_run(const struct sock_filter *code, size_t count,
                 const struct seccomp_data *data, size_t *out_steps)
{
    uint32_t a = 0;
    size_t steps = 0;
    size_t i = 0;

    while (code[i].code != (BPF_RET | BPF_K)) {
        if (code[i].code == (BPF_LD | BPF_W | BPF_ABS)) {
            a = load(data, code[i].k);
        } else if (code[i].code == (BPF_ALU | BPF_AND | BPF_K)) {
            a &= code[i].k;
        } else {
            assert_int_equal(BPF_CLASS(code[i].code), BPF_JMP);
            i += jump(&code[i], a);
        }
        i++;
        steps++;
        if (i >= count) {
            fail_msg("beyond the end, at %zu of %zu", i, count);
        }
    }
    if (out_steps) {
        *out_steps = steps + 1;
    }
    return code[i].k;
}
