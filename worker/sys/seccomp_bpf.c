/* SPDX-License-Identifier: MIT */
/* seccomp_bpf.c - see seccomp_bpf.h. Runs in the worker at boot.
 *
 * Consecutive numbers with one answer are a run. Runs are gathered in blocks:
 * a block has one answer for all but a few single numbers, each of which takes
 * one comparison where two would be needed to split the run around it. Over
 * the blocks stands a balanced tree of `is the number at least`.
 *
 * Jumps go forward only, by 255 at most. So the program is written from its
 * last instruction to its first: wherever a jump leads is already there, and
 * its distance is known. */
#include "sys/seccomp_bpf.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>

#include "base/mem.h"

#define X32_FIRST UINT32_C(0x40000000)
/* A tracer writes -1 for "no call"; the kernel then answers ENOSYS. */
#define NO_CALL UINT32_C(0xffffffff)

/* More singles make fewer instructions, and more of them for one call. */
#define SINGLES_MAX 4
#define RUNS_MAX    (SECCOMP_BPF_CALLS + 4)
#define ANSWERS_MAX (SECCOMP_BPF_ROW + SECCOMP_BPF_ROWS)
#define JUMP_MAX    255

#define DATA_LOW(index)                                                        \
    ((uint32_t)(offsetof(struct seccomp_data, args) + 8 * (index)))
#define DATA_HIGH(index) (DATA_LOW(index) + 4)

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "halves of arguments are expected in little-endian order"
#endif

struct run {
    uint32_t first; /* number */
    uint8_t answer;
};

struct block {
    size_t first_run;
    size_t end_run;
    uint8_t answer; /* of all but the singles */
};

struct builder {
    const struct seccomp_bpf_spec *spec;
    struct sock_filter backward[BPF_MAXINSNS]; /* last instruction first */
    size_t count;
    const char *failed;     /* why there is no program, or NULL */
    size_t at[ANSWERS_MAX]; /* where an answer is given */
    struct run runs[RUNS_MAX];
    size_t run_count;
    struct block blocks[RUNS_MAX];
    size_t block_count;
};

/* --- instructions ----------------------------------------------------------
 */

/* Puts one in front of those that are there; tells its place. */
static size_t put(struct builder *b, unsigned code, uint32_t k)
{
    if (b->count == ARRAY_LEN(b->backward)) {
        b->failed = "too many instructions";
        return 0;
    }
    b->backward[b->count] = (struct sock_filter){(uint16_t)code, 0, 0, k};
    return b->count++;
}

/* The target, or a jump to it near the instruction that comes next but one. */
static size_t in_reach(struct builder *b, size_t target)
{
    if (b->count - target < JUMP_MAX) {
        return target;
    }
    return put(b, BPF_JMP | BPF_JA, (uint32_t)(b->count - target - 1));
}

static size_t put_jump(struct builder *b, unsigned test, uint32_t k, size_t yes,
                       size_t no)
{
    yes = in_reach(b, yes);
    no = in_reach(b, no);
    size_t place = put(b, BPF_JMP | test | BPF_K, k);
    size_t yes_by = place - yes - 1;
    size_t no_by = place - no - 1;

    if (yes_by > JUMP_MAX || no_by > JUMP_MAX) {
        b->failed = "a jump does not reach";
        return 0;
    }
    b->backward[place].jt = (uint8_t)yes_by;
    b->backward[place].jf = (uint8_t)no_by;
    return place;
}

static size_t put_load(struct builder *b, uint32_t offset)
{
    return put(b, BPF_LD | BPF_W | BPF_ABS, offset);
}

/* --- answers ---------------------------------------------------------------
 */

static void put_returns(struct builder *b)
{
    static const uint32_t actions[] = {
        [SECCOMP_BPF_KILL] = SECCOMP_RET_KILL_PROCESS,
        [SECCOMP_BPF_EPERM] = SECCOMP_RET_ERRNO | EPERM,
        [SECCOMP_BPF_ENOSYS] = SECCOMP_RET_ERRNO | ENOSYS,
        [SECCOMP_BPF_ALLOW] = SECCOMP_RET_ALLOW,
    };

    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        b->at[i] = put(b, BPF_RET | BPF_K, actions[i]);
    }
}

/* One half of an argument. */
static size_t put_half(struct builder *b, uint32_t offset, uint32_t mask,
                       uint32_t value, size_t yes, size_t no)
{
    if (mask == 0 && value == 0) {
        return yes;
    }
    (void)put_jump(b, BPF_JEQ, value, yes, no);
    if (mask != UINT32_MAX) {
        (void)put(b, BPF_ALU | BPF_AND | BPF_K, mask);
    }
    return put_load(b, offset);
}

static size_t put_test(struct builder *b, const struct seccomp_test *test,
                       size_t yes, size_t no)
{
    if (test->arg > 5 || (test->value & ~test->mask) != 0) {
        b->failed = "a test that cannot be met";
        return 0;
    }
    yes = put_half(b, DATA_HIGH(test->arg), (uint32_t)(test->mask >> 32),
                   (uint32_t)(test->value >> 32), yes, no);
    return put_half(b, DATA_LOW(test->arg), (uint32_t)test->mask,
                    (uint32_t)test->value, yes, no);
}

/* Looks at the lower half of one argument, as it is, and at nothing else. */
static bool is_plain(const struct seccomp_row *row)
{
    return row->tests[0].mask == UINT32_MAX && row->tests[1].mask == 0;
}

/* The next alternative begins with the load this one ends with: once will do.
 * Nothing else leads there yet. */
static size_t drop_same_load(struct builder *b, const struct seccomp_row *row,
                             size_t next)
{
    const struct sock_filter *load = &b->backward[next];

    if (!is_plain(row) || next + 1 != b->count ||
        load->code != (BPF_LD | BPF_W | BPF_ABS) ||
        load->k != DATA_LOW(row->tests[0].arg)) {
        return next;
    }
    b->count--;
    return next - 1;
}

static bool is_same_call(const struct builder *b, size_t i, size_t j)
{
    return strcmp(b->spec->rows[i].name, b->spec->rows[j].name) == 0;
}

/* From the last row to the first: each goes on to the one behind it, the last
 * of a call to EPERM: the call is there, what was asked of it is not. */
static void put_rows(struct builder *b)
{
    size_t next = 0;

    for (size_t i = b->spec->row_count; i-- > 0;) {
        const struct seccomp_row *row = &b->spec->rows[i];
        size_t yes = b->at[SECCOMP_BPF_ALLOW];

        if (i + 1 == b->spec->row_count || !is_same_call(b, i, i + 1)) {
            next = b->at[SECCOMP_BPF_EPERM];
        } else {
            next = drop_same_load(b, row, next);
        }
        if (row->tests[1].mask != 0) {
            yes = put_test(b, &row->tests[1], yes, next);
        }
        next = put_test(b, &row->tests[0], yes, next);
        b->at[SECCOMP_BPF_ROW + i] = next;
    }
}

/* --- runs and blocks -------------------------------------------------------
 */

static void add_run(struct builder *b, uint32_t first, uint8_t answer)
{
    if (b->run_count > 0 && b->runs[b->run_count - 1].answer == answer) {
        return;
    }
    b->runs[b->run_count++] = (struct run){first, answer};
}

static void find_runs(struct builder *b)
{
    for (uint32_t i = 0; i < SECCOMP_BPF_CALLS; i++) {
        add_run(b, i, b->spec->answers[i]);
    }
    add_run(b, SECCOMP_BPF_CALLS, SECCOMP_BPF_ENOSYS);
    if (b->spec->has_x32) {
        add_run(b, X32_FIRST, SECCOMP_BPF_KILL);
        add_run(b, NO_CALL, SECCOMP_BPF_ENOSYS);
    }
}

static bool is_single(const struct builder *b, size_t i)
{
    return i + 1 < b->run_count && b->runs[i + 1].first == b->runs[i].first + 1;
}

/* Tries all blocks that begin with a run and have this answer. cost[i] is what
 * the runs from i on take at least. */
static void try_blocks(const struct builder *b, size_t first, uint8_t answer,
                       size_t *cost, struct block *best)
{
    size_t singles = 0;

    for (size_t i = first; i < b->run_count; i++) {
        if (b->runs[i].answer != answer) {
            singles++;
            if (!is_single(b, i) || singles > SINGLES_MAX) {
                return;
            }
        }
        if (cost[i + 1] + singles + 1 < cost[first]) {
            cost[first] = cost[i + 1] + singles + 1;
            *best = (struct block){first, i + 1, answer};
        }
    }
}

/* The split with the fewest comparisons, whatever the tree above looks like: a
 * block costs its singles and one branch of the tree. */
static void find_blocks(struct builder *b)
{
    AUTO_FREE size_t *cost = xcalloc(RUNS_MAX + 1, sizeof(*cost));
    AUTO_FREE struct block *best = xcalloc(RUNS_MAX, sizeof(*best));

    for (size_t i = b->run_count; i-- > 0;) {
        size_t near = i + 2 < b->run_count ? i + 2 : b->run_count;

        cost[i] = SIZE_MAX;
        for (size_t j = i; j < near; j++) {
            try_blocks(b, i, b->runs[j].answer, cost, &best[i]);
        }
    }
    for (size_t i = 0; i < b->run_count; i = best[i].end_run) {
        b->blocks[b->block_count++] = best[i];
    }
}

/* --- the tree --------------------------------------------------------------
 */

static size_t put_block(struct builder *b, const struct block *block)
{
    size_t next = b->at[block->answer];

    for (size_t i = block->end_run; i-- > block->first_run;) {
        const struct run *run = &b->runs[i];

        if (run->answer != block->answer) {
            next = put_jump(b, BPF_JEQ, run->first, b->at[run->answer], next);
        }
    }
    return next;
}

static size_t put_tree(struct builder *b, size_t first, size_t end)
{
    if (end - first == 1) {
        return put_block(b, &b->blocks[first]);
    }
    size_t middle = first + (end - first) / 2;
    size_t at_least = put_tree(b, middle, end);
    size_t below = put_tree(b, first, middle);

    return put_jump(b, BPF_JGE, b->runs[b->blocks[middle].first_run].first,
                    at_least, below);
}

static void put_program(struct builder *b)
{
    put_returns(b);
    put_rows(b);
    find_runs(b);
    find_blocks(b);
    size_t tree = put_tree(b, 0, b->block_count);

    /* What is put here must be what runs next: a table with one answer for
     * all has no tree to fall into. */
    if (tree + 1 != b->count) {
        (void)put_jump(b, BPF_JGE, 0, tree, tree);
    }
    size_t number = put_load(b, offsetof(struct seccomp_data, nr));
    (void)put_jump(b, BPF_JEQ, b->spec->audit_arch, number,
                   b->at[SECCOMP_BPF_KILL]);
    (void)put_load(b, offsetof(struct seccomp_data, arch));
}

static int check(const struct seccomp_bpf_spec *spec, struct err *e)
{
    if (spec->row_count > SECCOMP_BPF_ROWS) {
        return err_set(e, ERR_BUG, "seccomp: more than %d conditional rows",
                       SECCOMP_BPF_ROWS);
    }
    for (size_t i = 0; i < spec->row_count; i++) {
        if (spec->rows[i].tests[0].mask == 0) {
            return err_set(e, ERR_BUG, "seccomp: row %zu tests nothing", i);
        }
    }
    for (size_t i = 0; i < SECCOMP_BPF_CALLS; i++) {
        if (spec->answers[i] >= SECCOMP_BPF_ROW + spec->row_count) {
            return err_set(e, ERR_BUG, "seccomp: call %zu has no answer", i);
        }
    }
    return 0;
}

int seccomp_bpf_build(const struct seccomp_bpf_spec *spec,
                      struct sock_filter **out_code, size_t *out_count,
                      struct err *e)
{
    AUTO_FREE struct builder *b = xcalloc(1, sizeof(*b));

    if (check(spec, e) < 0) {
        return -1;
    }
    b->spec = spec;
    put_program(b);
    if (b->failed) {
        return err_set(e, ERR_BUG, "seccomp: no program: %s", b->failed);
    }
    struct sock_filter *code = xcalloc(b->count, sizeof(*code));
    for (size_t i = 0; i < b->count; i++) {
        code[i] = b->backward[b->count - 1 - i];
    }
    *out_code = code;
    *out_count = b->count;
    return 0;
}
